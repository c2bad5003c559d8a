"""The texts of a JSON value: cut out of its JSON in one go, numbered, and put back changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

_ONLY_JSON: Final = (
    orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS
)
# JSON never holds these two raw, so they can stand for an escaped backslash and an escaped quotation mark.
_BACKSLASH: Final = "\x01"
_QUOTE: Final = "\x02"


class Texts(list[str]):
    """Every text of a value in document order: a key before its value, keys of objects included.

    `parts` is the value's JSON cut at the quotation marks: between two texts, what stands there.
    """

    __slots__ = ("parts",)
    parts: list[str]

    def is_label(self, leaf: int) -> bool:
        """Whether this text is a key whose value is the next text."""
        return self.parts[2 * leaf + 2] == ":"

    def rewritten(self, changed: Mapping[int, str]) -> Any | None:
        """The value with some texts changed, sharing nothing with the old one; None where a key changes."""
        parts = self.parts.copy()
        for leaf, text in changed.items():
            at = 2 * leaf + 1
            if parts[at + 1].startswith(":"):
                return None  # two keys could become one
            parts[at] = orjson.dumps(text).decode()[1:-1]
        return orjson.loads('"'.join(parts))


def texts(value: Any) -> Texts:
    """The texts of a JSON value; the position in this list is `Finding.leaf`.

    Numbers, booleans and null are not texts. Raises TypeError for what a JSON decoder does not make, and
    for a lone surrogate: what cannot be written cannot be looked at.
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
    leaves.parts = parts
    return leaves


def _cut(json: str) -> Iterator[str]:
    """JSON cut at its quotation marks, the escaped ones left alone."""
    # Pairs from the left: an escape begins at a backslash, so a pair is always an escaped backslash.
    marked = json.replace("\\\\", _BACKSLASH).replace('\\"', _QUOTE)
    for part in marked.split('"'):
        yield part.replace(_QUOTE, '\\"').replace(_BACKSLASH, "\\\\")
