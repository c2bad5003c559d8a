"""The texts of a JSON value: cut out of its JSON in one go, numbered, and put back changed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from toolgate.core.values import interpreted

_ONLY_JSON: Final = (
    orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS
)
# JSON never holds these two raw, so they can stand for an escaped backslash and an escaped quotation mark.
_BACKSLASH: Final = "\x01"
_QUOTE: Final = "\x02"
# Stands for the absence of quotation marks round a number.
_BARE: Final = "\x03"
# A number that could be a card, a phone or an account; the `.0` of a whole float is no part of it.
_FIGURES: Final = re.compile(r"(?<![0-9.eE+-])-?[0-9]{9,20}(?![0-9eE]|\.[0-9]{2}|\.[1-9])")
_SHORTEST: Final = 9


@interpreted
class Texts(list[str]):
    """Every text of a value in document order: a key before its value, keys of objects included.

    `parts` is the value's JSON cut at the quotation marks: between two texts, what stands there. `numbers`
    are the leaves that are whole numbers of nine digits and more, by their digits.
    """

    __slots__ = ("numbers", "parts")
    parts: list[str]
    numbers: frozenset[int]

    def is_label(self, leaf: int) -> bool:
        """Whether this text is a key whose value is the next text."""
        return self.parts[2 * leaf + 2] == ":"

    def is_key(self, leaf: int) -> bool:
        """Whether this text is a key, whatever its value is."""
        return self.parts[2 * leaf + 2].startswith(":")

    def rewritten(self, changed: Mapping[int, str]) -> Any | None:
        """The value with some texts changed, sharing nothing with the old one; None where a key changes.

        A number that changes becomes 0: whatever wants a number there still gets one.
        """
        parts = self.parts.copy()
        for leaf in self.numbers:
            parts[2 * leaf + 1] = f"{_BARE}{0 if leaf in changed else self[leaf]}{_BARE}"
        for leaf, text in changed.items():
            if leaf in self.numbers:
                continue
            at = 2 * leaf + 1
            if parts[at + 1].startswith(":"):
                return None  # two keys could become one
            parts[at] = orjson.dumps(text).decode()[1:-1]
        json = '"'.join(parts)
        if self.numbers:
            json = json.replace(f'"{_BARE}', "").replace(f'{_BARE}"', "")
        return orjson.loads(json)


def texts(value: Any) -> Texts:
    """The texts of a JSON value; the position in this list is `Finding.leaf`.

    Short and broken numbers, booleans and null are not texts. Raises TypeError for what a JSON decoder
    does not make, and for a lone surrogate: what cannot be written cannot be looked at.
    """
    try:
        json = orjson.dumps(value, option=_ONLY_JSON).decode()
    except TypeError:
        raise TypeError("texts: found what JSON cannot say, expected a JSON value") from None
    if "\\" not in json:
        parts = json.split('"')
        leaves = Texts(parts[1::2])
    else:
        parts = list(_cut(json))
        leaves = Texts(orjson.loads(f'"{part}"') if "\\" in part else part for part in parts[1::2])
    leaves.parts, leaves.numbers = parts, _NONE
    if max(map(len, parts[::2])) >= _SHORTEST:
        return _with_numbers(leaves)
    return leaves


_NONE: Final[frozenset[int]] = frozenset()


def _with_numbers(old: Texts) -> Texts:
    """The same texts, long numbers among them."""
    leaves, parts, numbers = Texts(), list[str](), set[int]()
    for at, part in enumerate(old.parts):
        if at % 2:
            leaves.append(old[at // 2])
            parts.append(part)
            continue
        done = 0
        for found in _FIGURES.finditer(part):
            numbers.add(len(leaves))
            leaves.append(found.group())
            parts += (part[done : found.start()], found.group())
            done = found.end()
        parts.append(part[done:])
    leaves.parts, leaves.numbers = parts, frozenset(numbers)
    return leaves


def is_text(number: int | float) -> bool:
    """Whether a number of a value is one of its texts."""
    if isinstance(number, int):
        return 10**8 <= abs(number) < 10**20
    return number.is_integer() and 1e8 <= abs(number) < 1e16


def _cut(json: str) -> Iterator[str]:
    """JSON cut at its quotation marks, the escaped ones left alone."""
    # Pairs from the left: an escape begins at a backslash, so a pair is always an escaped backslash.
    marked = json.replace("\\\\", _BACKSLASH).replace('\\"', _QUOTE)
    for part in marked.split('"'):
        yield part.replace(_QUOTE, '\\"').replace(_BACKSLASH, "\\\\")
