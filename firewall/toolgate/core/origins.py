"""Where a destination came from: the newest result of the session in which it stood."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from toolgate.core.model import JsonObject

# A card shows no more of them, and a call is not held for longer because it has many.
MOST: Final = 50


def origins(
    arguments: JsonObject, destinations: Iterable[str], read: Sequence[tuple[str, str]]
) -> dict[str, str]:
    """By place (`to[0]`) the tool whose result held this destination; empty where no result did.

    `read` are the tools and the case-folded texts of the results the session got, the newest last. Where a
    value was read says what to ask, not that it is good: whoever writes the result chooses what stands there.
    """
    found: dict[str, str] = {}
    for name in destinations:
        for place, value in _values(arguments.get(name), name):
            if len(found) == MOST:
                return found
            sought = value.casefold()
            found[place] = next((tool for tool, text in reversed(read) if sought in text), "")
    return found


def _values(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str) and value:
        yield place, value
    elif isinstance(value, list):
        items: list[Any] = [*value]
        for at, item in enumerate(items):
            yield from _values(item, f"{place}[{at}]")
