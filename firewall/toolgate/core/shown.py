"""A stranger's text as segments: what is shown as it is, and what stands in place of something."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import groupby
from typing import Final, TypeAlias

from toolgate.core.plain import misleading
from toolgate.core.values import value

# What is ours stands between these two; a stranger's own are spelled out, so nobody can forge a mark.
OPENING: Final = "\u27e6"
CLOSING: Final = "\u27e7"
_OURS: Final = frozenset((OPENING, CLOSING))
# Where a text is hidden, and what it is: characters `start` to `end` are an entity.
Stretch: TypeAlias = tuple[int, int, str]

_NAMED: Final = {
    "\n": "line break",
    "\0": "NUL",
    "\a": "BEL",
    "\b": "BS",
    "\t": "tab",
    "\r": "CR",
    "\x1b": "ESC",
    "\x7f": "DEL",
}
# More blanks in a row than this push what follows out of sight.
_BLANKS: Final = re.compile(r" {9,}")
_EMPTY_ROWS: Final = 3
_WORD: Final = re.compile(r"[^\W\d_]{2,}")
# Alphabets with letters that look like another's.
_ALPHABETS: Final = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC"})


class Kind(StrEnum):
    """What a segment is: the author's own letters, or a mark of ours in place of something."""

    SHOWN = "shown"
    ODD = "odd"
    HIDDEN = "hidden"
    CUT = "cut"


@value
class Segment:
    """A piece of text without anything invisible or misleading in it."""

    text: str
    kind: Kind = Kind.SHOWN


Row: TypeAlias = tuple[Segment, ...]


def spelled(row: Iterable[Segment]) -> str:
    """Segments as text, each mark between the brackets that are only ours."""
    return "".join(one.text if one.kind is Kind.SHOWN else f"{OPENING}{one.text}{CLOSING}" for one in row)


def row_of(text: str, hidden: Sequence[Stretch] = (), limit: int | None = None) -> Row:
    """A text on one row; line breaks are marks."""
    return _noted(tuple(_spelt(_pieces(text, hidden, limit))))


def rows_of(
    text: str, hidden: Sequence[Stretch] = (), limit: int | None = None, most: int | None = None
) -> tuple[Row, ...]:
    """A text on as many rows as it has lines, at most `most`; of its characters about `limit` are shown."""
    rows: list[list[Segment]] = [[]]
    for piece in _pieces(text, hidden, limit):
        first, *others = piece.text.split("\n") if piece.kind is Kind.SHOWN else [piece.text]
        rows[-1].append(Segment(first, piece.kind))
        rows.extend([Segment(other)] for other in others)
    shown = [_noted(row) for row in _without_gaps([tuple(_spelt(row)) for row in rows])]
    if most is None or len(shown) <= most:
        return tuple(shown)
    head = most * 2 // 3
    left = Segment(f"{len(shown) - most} lines not shown", Kind.CUT)
    return (*shown[:head], (left,), *shown[len(shown) - most + head :])


def _pieces(text: str, hidden: Sequence[Stretch], limit: int | None) -> Iterator[Segment]:
    """The raw text between what is hidden and what is left out in its middle."""
    marks = [(start, end, Segment(f"hidden: {entity}", Kind.HIDDEN)) for start, end, entity in hidden]
    if limit is not None and len(text) > limit:
        start, end = limit * 2 // 3, len(text) - (limit - limit * 2 // 3)
        for first, last, _ in hidden:
            start = last if first < start < last else start
            end = first if first < end < last else end
        if start < end:
            marks = [mark for mark in marks if mark[1] <= start or mark[0] >= end]
            left = Segment(f"{end - start} characters not shown", Kind.CUT)
            marks = sorted([*marks, (start, end, left)], key=lambda mark: mark[:2])
    at = 0
    for start, end, mark in marks:
        yield Segment(text[at:start])
        yield mark
        at = end
    yield Segment(text[at:])


def _spelt(pieces: Iterable[Segment]) -> Iterator[Segment]:
    """The same with everything misleading in raw text as marks of its own."""
    for piece in pieces:
        if piece.kind is not Kind.SHOWN:
            yield piece
        elif piece.text:
            yield from _split(piece.text)


def _split(text: str) -> Iterator[Segment]:
    at = 0
    for blanks in _BLANKS.finditer(text):
        yield from _letters(text[at : blanks.start()])
        yield Segment(f"{len(blanks[0])} blanks", Kind.ODD)
        at = blanks.end()
    yield from _letters(text[at:])


def _letters(text: str) -> Iterator[Segment]:
    for odd, group in groupby(misleading(text), key=lambda pair: pair[1] or pair[0] in _OURS):
        letters = [letter for letter, _ in group]
        if odd:
            yield from (Segment(_name(letter), Kind.ODD) for letter in letters)
        else:
            yield Segment("".join(letters))


def _name(letter: str) -> str:
    return _NAMED.get(letter) or f"U+{ord(letter):04X}"


def _without_gaps(rows: Sequence[Row]) -> Iterator[Row]:
    """Rows with every long run of empty ones as a mark."""
    for empty, group in groupby(rows, key=lambda row: not row):
        run = list(group)
        if empty and len(run) > _EMPTY_ROWS:
            yield (Segment(f"{len(run)} empty lines", Kind.ODD),)
        else:
            yield from run


def _noted(row: Row) -> Row:
    """The row, with a remark behind it where one word mixes alphabets whose letters look alike."""
    for segment in row:
        if segment.kind is not Kind.SHOWN or segment.text.isascii():
            continue
        for word in _WORD.finditer(segment.text):
            found = {unicodedata.name(letter, "").partition(" ")[0] for letter in word[0]} & _ALPHABETS
            if len(found) > 1:
                names = " and ".join(sorted(name.capitalize() for name in found))
                return (*row, Segment(f"a word mixes {names} letters", Kind.ODD))
    return row
