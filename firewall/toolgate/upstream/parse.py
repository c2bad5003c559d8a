"""What an upstream sends, parsed fast and checked for what two parsers could read differently."""

from __future__ import annotations

from typing import Any, cast

import orjson

from toolgate.core.decode import INEXACT, MAX_DEPTH, as_read, exactly
from toolgate.core.model import JsonObject, Refuse
from toolgate.core.reasons import Reason
from toolgate.errors import Malformed


def parse(name: str, data: bytes) -> JsonObject:
    """One JSON-RPC message. Raises Malformed, naming what was found and never quoting it.

    A key named twice is no bypass here: what is judged is what is written on. Deep nesting and integers
    beyond 64 bits are.
    """
    try:
        value: object = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise Malformed(f"{name}: found text that is not JSON, expected a JSON-RPC message") from None
    if type(value) is not dict:
        raise Malformed(f"{name}: found JSON that is no object, expected a JSON-RPC message")
    message = cast("JsonObject", value)
    if as_read(message, data) or sound(message):
        return message
    exact = exactly(data)
    wrong = exact if isinstance(exact, Refuse) else None
    if wrong is not None and wrong.reason is not Reason.DUPLICATE_KEY:
        raise Malformed(f"{name}: {wrong.detail}")
    return message


def sound(value: object) -> bool:
    """Whether orjson read exactly what was sent, within the depth that everything else is bounded to."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH + 1):
        below: list[Any] = []
        for item in level:
            kind = type(cast("object", item))
            if kind is dict:
                below += item.values()
            elif kind is list:
                below += item
            elif kind is float and not -INEXACT < item < INEXACT:
                return False
        if not below:
            return True
        level = below
    return False
