"""What an upstream sends, parsed fast and checked for what two parsers could read differently."""

from __future__ import annotations

from typing import Any, cast

import orjson

from toolgate.core.decode import decode, fault
from toolgate.core.model import JsonObject, Refuse
from toolgate.errors import UpstreamDown

_EXACT = float(2**63)


def parse(name: str, data: bytes) -> JsonObject:
    """One JSON-RPC message. Raises UpstreamDown, naming what was found and never quoting it."""
    try:
        value: object = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise UpstreamDown(f"{name}: found text that is not JSON, expected a JSON-RPC message") from None
    if type(value) is not dict:
        raise UpstreamDown(f"{name}: found JSON that is no object, expected a JSON-RPC message")
    message = cast("JsonObject", value)
    wrong = fault(message)
    if wrong is None and _inexact(message):
        # orjson turns integers beyond 64 bits into floats; the exact parser refuses them by name.
        exact = decode(data)
        wrong = exact if isinstance(exact, Refuse) else None
    if wrong is not None:
        raise UpstreamDown(f"{name}: {wrong.detail}")
    return message


def _inexact(value: object) -> bool:
    stack: list[Any] = [value]
    while stack:
        item = stack.pop()
        kind = type(item)
        if kind is dict:
            stack.extend(item.values())
        elif kind is list:
            stack.extend(item)
        elif kind is float and abs(item) >= _EXACT:
            return True
    return False
