"""The validation ladder of one 2026-07-28 request: envelope, headers against body, version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from toolgate.core.model import JsonObject
from toolgate.protocol import headers as codec
from toolgate.protocol.messages import HEADER_MISMATCH, INVALID_PARAMS, UNSUPPORTED_VERSION
from toolgate.protocol.versions import CAPABILITIES_KEY, MODERN, VERSION_KEY


@dataclass(frozen=True, slots=True)
class Rejection:
    """The first rung that failed, as the fields of a JSON-RPC error."""

    code: int
    message: str
    data: JsonObject | None = None


def enveloped(message: JsonObject) -> bool:
    """Whether a request carries the per-request envelope of 2026-07-28."""
    params: object = message.get("params")
    return isinstance(params, dict) and "_meta" in params and VERSION_KEY in envelope(message)


def envelope(message: JsonObject) -> JsonObject:
    """The `_meta` object of a message, empty where it has none."""
    params: object = message.get("params")
    meta: object = cast("JsonObject", params).get("_meta") if isinstance(params, dict) else None
    return cast("JsonObject", meta) if isinstance(meta, dict) else {}


def climb(message: JsonObject, headers: Mapping[str, str] | None) -> Rejection | None:
    """None when every rung holds. `headers` have lower-case names; None on stdio, which has none.

    MCP 2026-07-28 basic: the required envelope pair; streamable-http: headers must match the body;
    versioning: an unsupported version is named together with the supported ones.
    """
    meta = envelope(message)
    missing = [key for key in (VERSION_KEY, CAPABILITIES_KEY) if key not in meta]
    if missing:
        return Rejection(INVALID_PARAMS, f"params._meta: expected {' and '.join(missing)}")
    version: object = meta[VERSION_KEY]
    if headers is not None:
        mismatch = header_mismatch(message, version, headers)
        if mismatch:
            return Rejection(HEADER_MISMATCH, mismatch)
    if not isinstance(version, str):
        return Rejection(INVALID_PARAMS, f"params._meta {VERSION_KEY}: expected a string")
    if not isinstance(meta[CAPABILITIES_KEY], dict):
        return Rejection(INVALID_PARAMS, f"params._meta {CAPABILITIES_KEY}: expected an object")
    return None if version == MODERN else unsupported(version)


def unsupported(version: str) -> Rejection:
    """The rejection of a per-request version not spoken here; `initialize` agrees on handshake versions."""
    data: JsonObject = {"supported": [MODERN], "requested": version[:64]}
    return Rejection(UNSUPPORTED_VERSION, "Unsupported protocol version", data)


def header_mismatch(message: JsonObject, version: object, headers: Mapping[str, str]) -> str:
    """Which routing header disagrees with the body, else empty."""
    if headers.get("mcp-protocol-version") != version:
        return "MCP-Protocol-Version: expected the protocol version of the body"
    method = message.get("method")
    if headers.get("mcp-method") != method:
        return "Mcp-Method: expected the method of the body"
    key = codec.NAMED.get(cast("str", method))
    if key is None:
        return ""
    named: object = cast("JsonObject", message["params"]).get(key)
    if named is None:
        return ""
    if codec.decode(headers.get("mcp-name")) != named:
        return f"Mcp-Name: expected the {key} of the body"
    return ""
