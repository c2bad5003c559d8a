"""JSON-RPC messages as plain objects: which kind one is, and how answers are built."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, cast

from toolgate.core.model import JsonObject

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
RESOURCE_NOT_FOUND: Final = -32002  # 2025 eras only; 2026-07-28 uses -32602
HEADER_MISMATCH: Final = -32020
MISSING_CAPABILITY: Final = -32021
UNSUPPORTED_VERSION: Final = -32022
# Ours. MCP 2026-07-28 basic: -32768..-32000 is reserved, own codes stand outside.
REFUSED: Final = -31000

# The HTTP status a modern JSON-RPC error travels with (MCP 2026-07-28 streamable-http).
HTTP_STATUS: Final[dict[int, int]] = {
    PARSE_ERROR: 400,
    INVALID_REQUEST: 400,
    INVALID_PARAMS: 400,
    HEADER_MISMATCH: 400,
    MISSING_CAPABILITY: 400,
    UNSUPPORTED_VERSION: 400,
    METHOD_NOT_FOUND: 404,
}


_OBJECT_OR_NOTHING: Final = frozenset({dict, type(None)})
_IDS: Final = frozenset({int, str})


class Kind(StrEnum):
    """The three kinds of JSON-RPC message."""

    REQUEST = "request"
    NOTIFICATION = "notification"
    RESPONSE = "response"


def kind_of(message: JsonObject) -> Kind | str:
    """The kind, or one sentence saying why it is none: JSON-RPC 2.0 as narrowed by MCP."""
    if message.get("jsonrpc") != "2.0":
        return 'jsonrpc: expected "2.0"'
    if "method" in message:
        if type(message["method"]) is not str:
            return "method: expected a string"
        if type(message.get("params")) not in _OBJECT_OR_NOTHING:
            return "params: expected an object"
        if "id" not in message:
            return Kind.NOTIFICATION
        return Kind.REQUEST if type(message["id"]) in _IDS else "id: expected a string or an integer"
    if "id" not in message or type(message["id"]) not in (int, str):
        return "id: expected a string or an integer"
    if ("result" in message) == ("error" in message):
        return "expected a method, or exactly one of result and error"
    held: Any = message.get("result", message.get("error"))
    return Kind.RESPONSE if type(held) is dict else "result or error: expected an object"


def answer_of(message: JsonObject) -> JsonObject | None:
    """An answer with nothing beside its result or error; None where that is not exactly one object."""
    if type(message.get("result")) is dict and len(message) == 3 and message.get("jsonrpc") == "2.0":
        return message if "id" in message else None
    key = "error" if "error" in message else "result"
    if type(message.get(key)) is not dict or (key == "error" and "result" in message):
        return None
    if len(message) == 3 and message.get("jsonrpc") == "2.0":
        return message
    return {"jsonrpc": "2.0", "id": message["id"], key: message[key]}


_REQUEST: Final = frozenset({"jsonrpc", "id", "method", "params"})


def fields_of(message: JsonObject) -> JsonObject:
    """A request or notification without what the protocol does not know; the same object if that is all."""
    if message.keys() <= _REQUEST:
        return message
    return {key: value for key, value in message.items() if key in _REQUEST}


def members(value: object) -> JsonObject:
    """The members of a JSON object, none for anything else."""
    return cast("JsonObject", value) if isinstance(value, dict) else {}


def response(request_id: object, result: JsonObject) -> JsonObject:
    """A successful answer."""
    return {"jsonrpc": "2.0", "id": request_id, "result": result}


def error(request_id: object, code: int, message: str, data: JsonObject | None = None) -> JsonObject:
    """A failed answer."""
    body: JsonObject = {"code": code, "message": message}
    if data is not None:
        body["data"] = data
    return {"jsonrpc": "2.0", "id": request_id, "error": body}


def request(request_id: object, method: str, params: JsonObject) -> JsonObject:
    """A request."""
    return {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}


def notification(method: str, params: JsonObject) -> JsonObject:
    """A notification."""
    return {"jsonrpc": "2.0", "method": method, "params": params}


def same_id(one: object, other: object) -> bool:
    """Whether two ids are one: "7" and 7 are, as in the SDK."""
    return one == other or str(one) == str(other)
