"""From bytes to one JSON object that every later reader sees the same way."""

from __future__ import annotations

import json
import math
from typing import Any, cast

import orjson

from toolgate.core.model import JsonObject, Refuse
from toolgate.core.reasons import Reason

MAX_DEPTH = 64
INEXACT = 2.0**63
_MIN_INT, _MAX_INT = -(2**63), 2**64 - 1


class _Duplicate(ValueError):
    pass


class _NotANumber(ValueError):
    pass


def _object(pairs: list[tuple[str, Any]]) -> JsonObject:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _Duplicate
    return made


def _constant(_: str) -> float:
    raise _NotANumber


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)


def decode(body: bytes) -> JsonObject | Refuse:
    """The JSON object in `body`, or why there is none.

    Refused: text that is not UTF-8 or not JSON, anything but an object (JSON-RPC batches ended with
    MCP 2025-06-18), duplicate keys, NaN and infinities, integers beyond 64 bits (other parsers round
    them), nesting beyond 64 levels, lone surrogates.
    """
    try:
        value: object = orjson.loads(body)
    except orjson.JSONDecodeError:
        return exactly(body)
    if type(value) is not dict:
        return exactly(body)
    message = cast("JsonObject", value)
    # As many keys as colons: no key was named twice, so the fast parser saw what every other one sees.
    if as_read(message, body) or _keys(message) == body.count(b":"):
        return message
    return exactly(body)


def as_read(value: object, data: bytes) -> bool:
    """Whether these bytes are what the value is written as: then no other parser can see anything else.

    A key named twice, an integer that became a float and nesting too deep would all show.
    """
    return data.count(b"{") + data.count(b"[") <= MAX_DEPTH and orjson.dumps(value) == data


def _keys(value: object) -> int:
    """How many keys there are in all; -1 where only the exact parser can tell what was sent."""
    keys, level = 0, [value]
    for _ in range(MAX_DEPTH + 1):
        below: list[Any] = []
        for item in level:
            kind = type(item)  # pyright: ignore[reportUnknownVariableType] - JSON, told apart below
            if kind is dict:
                members = cast("JsonObject", item)
                keys += len(members)
                below += members.values()
            elif kind is list:
                below += cast("list[Any]", item)
            elif kind is float and not -INEXACT < cast("float", item) < INEXACT:
                return -1  # orjson makes floats of integers beyond 64 bits
        if not below:
            return keys
        level = below
    return -1


def exactly(body: bytes) -> JsonObject | Refuse:
    """The same by the exact parser, which is slower and can say what is wrong."""
    try:
        value: object = _DECODER.decode(body.decode())
    except _Duplicate:
        return Refuse(Reason.DUPLICATE_KEY, "an object names a key twice, expected every key once")
    except _NotANumber:
        return Refuse(Reason.BAD_NUMBER, "found NaN or Infinity, expected a finite number")
    except RecursionError:
        return Refuse(Reason.TOO_DEEP, f"found deeper nesting, expected at most {MAX_DEPTH} levels")
    except json.JSONDecodeError as error:
        return Refuse(Reason.NOT_JSON, f"byte {error.pos}: expected valid JSON")
    except UnicodeDecodeError as error:
        return Refuse(Reason.NOT_JSON, f"byte {error.start}: expected UTF-8")
    except ValueError:
        return Refuse(Reason.BAD_NUMBER, "found an integer of thousands of digits, expected at most 64 bits")
    if type(value) is list:
        return Refuse(Reason.MALFORMED, "found a batch, expected one JSON-RPC message")
    if type(value) is not dict:
        return Refuse(Reason.MALFORMED, f"found {_kind(value)}, expected a JSON object")
    message = cast("JsonObject", value)
    return fault(message) or message


def fault(value: object) -> Refuse | None:
    """The first thing in a parsed value that two parsers could read differently."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH + 1):
        below: list[Any] = []
        for item in level:
            kind = type(item)  # pyright: ignore[reportUnknownVariableType] - JSON, told apart below
            if kind is str:
                if not item.isascii() and _surrogate(item):
                    return Refuse(Reason.MALFORMED, "found a lone surrogate, expected valid Unicode")
            elif kind is dict:
                if not "".join(item).isascii() and _surrogate("".join(item)):
                    return Refuse(Reason.MALFORMED, "found a lone surrogate in a key, expected valid Unicode")
                below.extend(item.values())
            elif kind is list:
                below.extend(item)
            elif kind is int:
                if not _MIN_INT <= item <= _MAX_INT:
                    return Refuse(Reason.BAD_NUMBER, "found an integer beyond 64 bits")
            elif kind is float and not math.isfinite(item):
                return Refuse(Reason.BAD_NUMBER, "found a number too large for a double")
        if not below:
            return None
        level = below
    return Refuse(Reason.TOO_DEEP, f"found deeper nesting, expected at most {MAX_DEPTH} levels")


def _surrogate(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _kind(value: object) -> str:
    return _KINDS.get(type(value), "null")


_KINDS: dict[type[object], str] = {str: "a string", bool: "a boolean", int: "a number", float: "a number"}
