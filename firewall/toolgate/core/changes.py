"""Where two arguments differ, and how; never a value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

from toolgate.core.canonical import canonical
from toolgate.core.model import JsonObject


def changes(before: JsonObject, after: JsonObject) -> tuple[str, ...]:
    """One phrase per difference: `to[1]: removed`, `body: changed`, `cc: added`."""
    return tuple(_changes(before, after, ""))


def _changes(before: Any, after: Any, at: str) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        old, new = cast("JsonObject", before), cast("JsonObject", after)
        for key in old:
            where = f"{at}.{key}" if at else key
            if key in new:
                yield from _changes(old[key], new[key], where)
            else:
                yield f"{where}: removed"
        for key in new:
            if key not in old:
                yield f"{at}.{key}: added" if at else f"{key}: added"
    elif isinstance(before, list) and isinstance(after, list):
        yield from _items(cast("Sequence[Any]", before), cast("Sequence[Any]", after), at)
    elif canonical(before) != canonical(after):
        yield f"{at}: changed"


def _items(before: Sequence[Any], after: Sequence[Any], at: str) -> Iterator[str]:
    """Items taken out of a list are named one by one; any other difference is one change."""
    left, removed = list(after), list[int]()
    for number, item in enumerate(before):
        if left and canonical(left[0]) == canonical(item):
            left.pop(0)
        else:
            removed.append(number)
    if left:
        yield f"{at}: changed"
    else:
        yield from (f"{at}[{number}]: removed" for number in removed)
