"""Other readings of a text, for what is written so that no pattern sees it, and the way back from them."""

from __future__ import annotations

import base64
import binascii
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from toolgate.detect.rules import SEPARATOR, Span

# How far around something written otherwise a reading goes, and how much of that counts.
_MARGIN: Final = 128
_COUNTS: Final = 72
_ROUNDS: Final = 3


class View:
    """A text made from another one, and where in that one each stretch of it comes from."""

    def __init__(self, parent: View | None = None) -> None:
        self._parts: list[str] = []
        self._begins: list[int] = []
        self._sources: list[tuple[int, int, bool]] = []
        self._counting: list[Span] = []
        self._parent = parent
        self.size = 0
        self.text = ""

    def copy(self, text: str, start: int, end: int) -> None:
        """Append a stretch that stands in the other text letter for letter, or with one letter for each."""
        self._add(text, start, end, whole=False)

    def put(self, text: str, start: int, end: int) -> None:
        """Append what is written for a stretch of another length: any part of it comes from all of that."""
        self._add(text, start, end, whole=True)

    def _add(self, text: str, start: int, end: int, *, whole: bool) -> None:
        if text:
            self._begins.append(self.size)
            self._sources.append((start, end, whole))
            self._parts.append(text)
            self.size += len(text)

    def count(self, start: int, end: int) -> None:
        """Say that findings within this stretch count; where nothing is said, all do."""
        self._counting.append((start, end))

    def finished(self) -> View:
        """The view with its text in one piece."""
        self.text = "".join(self._parts)
        self._parts = []
        return self

    def origin(self, start: int, end: int) -> Span | None:
        """Where in the first text a stretch comes from; None for one too near to where the reading ends."""
        if self._counting and not any(low <= start and end <= high for low, high in self._counting):
            return None
        first, last = bisect_right(self._begins, start) - 1, bisect_right(self._begins, end - 1) - 1
        low, high, whole = self._sources[first]
        begins = low if whole else low + start - self._begins[first]
        low, high, whole = self._sources[last]
        stops = high if whole else low + end - self._begins[last]
        return self._parent.origin(begins, stops) if self._parent else (begins, stops)


# Letters of other alphabets that look like ours (Unicode TR39, confusables: Cyrillic, Greek, Armenian).
_ALIKE: Final = dict(
    zip(
        "аеорсухіјѕһԁԛԝкгтпмвнАВЕКМНОРСТУХІЈЅԌοαενικρτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧսօզ",
        "aeopcyxijshdqwkrtnmbhABEKMHOPCTYXIJSGoaevikptuxABEZHIKMNOPTYXuoq",
        strict=True,
    )
)
_LOOKS: Final = frozenset(_ALIKE)
_MIXED: Final = re.compile(r"[A-Za-z0-9@._=:-][\u0370-\u058f]|[\u0370-\u058f][A-Za-z0-9@._=:-]")
# Without width or effect: joiners, marks of direction, soft hyphens, selectors, marks over a letter.
_NOTHING: Final = (
    *(0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180E, 0x3164, 0xFEFF, 0xFFA0),
    *range(0x200B, 0x2010),
    *range(0x202A, 0x202F),
    *range(0x2060, 0x2070),
    *range(0x300, 0x370),
    *range(0xFE00, 0xFE10),
)
_DASHES: Final = dict.fromkeys((*range(0x2010, 0x2016), 0x2212, 0xFE58, 0xFE63), "-")


class _Folding(NamedTuple):
    one: dict[int, str]  # one letter for one
    many: dict[str, str]  # none or several letters for one
    always: frozenset[str]


@cache
def _folding() -> _Folding:
    """The tables, made when the first text needs them: it takes some tens of milliseconds."""
    from unicodedata import decimal, normalize

    one: dict[int, str] = dict(_DASHES)
    many: dict[str, str] = {chr(code): "" for code in _NOTHING}
    many.update((chr(code), chr(code - 0xE0000)) for code in range(0xE0020, 0xE007F))  # tags: letters unseen
    for code in (*range(0xA0, 0x3100), *range(0xF900, 0x10000), *range(0x10400, 0x1FC00)):
        letter = chr(code)
        if letter in many or code in one:
            continue
        figure = decimal(letter, None)
        plain = str(figure) if figure is not None else normalize("NFKC", letter)
        if plain != letter and plain.isascii():
            if len(plain) == 1:
                one[code] = plain
            else:
                many[letter] = plain
    always = frozenset((*map(chr, one), *many))
    one.update((ord(letter), plain) for letter, plain in _ALIKE.items())
    return _Folding(one, many, always)


def folded(text: str, parent: View | None = None) -> View | None:
    """The text in plain letters and digits, without what cannot be seen; None where it is that already."""
    if text.isascii():
        return None
    table, letters = _folding(), set(text)
    if table.always.isdisjoint(letters) and (_LOOKS.isdisjoint(letters) or not _MIXED.search(text)):
        return None
    plain = text.translate(table.one)
    made, at = View(parent), 0
    breaks = "".join(letters & table.many.keys())
    for gap in re.finditer(f"[{breaks}]+", text) if breaks else ():
        start, end = gap.span()
        made.copy(plain[at:start], at, start)
        made.put("".join([table.many[letter] for letter in gap.group()]), start, end)
        at = end
    made.copy(plain[at:], at, len(text))
    return made.finished()


_ESCAPE: Final = re.compile(
    r"\\{1,8}u(?P<surrogates>[dD][89abAB][0-9A-Fa-f]{2}\\{1,8}u[dD][c-fC-F][0-9A-Fa-f]{2})|\\{1,8}u(?P<unit>[0-9A-Fa-f]{4})"
    r"|\\{1,8}(?:u\{(?P<point>[0-9A-Fa-f]{1,6})\}|U(?P<long>[0-9A-Fa-f]{8}))|\\{1,8}(?P<octal>[0-3]?[0-7]{2})"
    r"|\\{1,8}x(?P<byte>[0-9A-Fa-f]{2})|\\{1,8}(?P<sign>[/\"'@_.-])|\\{1,8}(?P<blank>[nrtbf])|(?P<percent>(?:%[0-9A-Fa-f]{2})+)"
    r"|(?P<entity>&(?:#[0-9]{1,7};?|#[xX][0-9A-Fa-f]{1,6};?|[A-Za-z]{2,8};))|(?P<colour>\x1b\[[0-9;?]{0,16}[A-Za-z])"
)
_UNIT: Final = re.compile(r"[0-9A-Fa-f]{4}")


def _escapes(text: str) -> Iterator[re.Match[str]]:
    """Everything escaped, in order; much faster than one search where there is little of it."""
    marks = [mark for mark in "\\%&\x1b" if mark in text]
    if not marks:
        return
    first = re.compile(f"[{re.escape(''.join(marks))}]") if len(marks) > 1 else None
    at = 0
    while True:
        if first is None:
            at = text.find(marks[0], at)
        else:
            found = first.search(text, at)
            at = found.start() if found else -1
        if at < 0:
            return
        escape = _ESCAPE.match(text, at)
        if escape:
            yield escape
            at = escape.end()
        else:
            at += 1


def _plain(escape: re.Match[str]) -> str:
    """What an escape stands for; itself where that is no text."""
    kind = escape.lastgroup
    given = escape.group()
    if kind == "percent":
        return unquote_to_bytes(given).decode("utf-8", "ignore") or given
    if kind == "entity":
        from html import unescape

        return unescape(given)
    if kind == "blank":
        return " "
    if kind == "colour":  # of a terminal
        return ""
    if kind == "octal":
        return chr(int(escape["octal"], 8))
    if kind == "sign":
        return given[-1]
    if kind == "surrogates":
        high, low = (int(unit, 16) for unit in _UNIT.findall(given.replace("\\", " ").replace("u", " ")))
        return chr(0x10000 + ((high - 0xD800) << 10) + low - 0xDC00)
    code = int(escape[kind or "unit"], 16)
    return chr(code) if code <= 0x10FFFF else given


def unescaped(text: str, parent: View | None = None) -> View | None:
    """The neighbourhoods of everything escaped (JSON, URL, HTML, terminal), decoded; None where none is."""
    made, at = View(parent), -1
    begins = counted = 0
    for escape in _escapes(text):
        start, end = escape.span()
        if at < 0 or start - at > 2 * _MARGIN:
            if at >= 0:
                stop, counts = _reach(text, at)
                made.copy(text[at:stop] + SEPARATOR, at, stop)
                made.count(begins, counted + counts)
            at = max(0, start - _MARGIN)
            begins = made.size + (max(0, start - at - _COUNTS) if at else 0)
        made.copy(text[at:start], at, start)
        made.put(_plain(escape), start, end)
        at, counted = end, made.size
    if at < 0:
        return None
    stop, counts = _reach(text, at)
    made.copy(text[at:stop], at, stop)
    made.count(begins, counted + counts)
    return made.finished()


_TOKEN: Final = re.compile(r"[A-Za-z0-9+/=_.~-]{128,4096}")


def _reach(text: str, at: int) -> Span:
    """Where the neighbourhood of an escape that ended here ends itself, and how much of it counts.

    What is still the same long token there belongs to it.
    """
    token = _TOKEN.match(text, at)
    return (token.end(), token.end() - at) if token else (at + _MARGIN, _COUNTS)


_RUN: Final = re.compile(
    r"(?<![A-Za-z0-9+/_-])(?:[A-Za-z0-9+/]{60,76}\r?\n){1,512}[A-Za-z0-9+/]{2,76}={0,2}"
    r"|(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{24,65536}+={0,2}"
)
_READABLE: Final = re.compile(r"[\x20-\x7e\t\r\n\u00a0-\uffff]*\Z")
_URL_SAFE: Final = str.maketrans("-_", "+/")


def decoded(text: str, parent: View | None = None) -> View | None:
    """The readable ones of all base64 in a text, one after the other; None where there is none."""
    made = View(parent)
    for run in _RUN.finditer(text):
        for found, start in _unpacked(run.group()):
            made.put(found, run.start() + start, run.end())
            made.put(SEPARATOR, run.start(), run.end())
    return made.finished() if made.size else None


def _unpacked(run: str) -> Iterator[tuple[str, int]]:
    """What a run of base64 says, or what it says behind a path or a name that stands before it."""
    starts = [0, *(sign.end() for sign in re.finditer(r"[/_-]", run))][:16]
    for start in starts:
        body = run[start:].rstrip("=").replace("\r", "").replace("\n", "").translate(_URL_SAFE)
        size = len(body)
        if size < 20 or size % 4 == 1:
            continue
        try:
            said = base64.b64decode(body + "=" * (-size % 4)).decode()
            said = said.replace("\0", "") if said[1:2] == "\0" else said  # two bytes for each letter
        except (binascii.Error, UnicodeDecodeError):
            continue
        if _READABLE.match(said):
            yield said, start
            return


def readings(text: str, *, runs: bool) -> Iterator[View]:
    """Every other reading of a text; `runs`: it has stretches long enough for base64."""
    plain = folded(text)
    if plain:
        yield plain
    escaped = unescaped(text)
    for _ in range(_ROUNDS):
        if escaped is None:
            break
        yield from _deeper(escaped, runs=runs)
        escaped = unescaped(escaped.text, escaped)
    if runs:
        blob = decoded(text)
        for _ in range(_ROUNDS):
            if blob is None:
                break
            yield from _deeper(blob, runs=False)
            blob = decoded(blob.text, blob)


def _deeper(view: View, *, runs: bool) -> Iterator[View]:
    """A reading, its folded form, and what is decoded from it."""
    yield view
    plain = folded(view.text, view)
    if plain:
        yield plain
    inner = decoded(view.text, view) if runs else unescaped(view.text, view)
    if inner:
        yield inner


SEAM: Final = 96
_JOINS: Final = "@.-_+:/="


def seams(texts: Sequence[str], labels: Sequence[int]) -> Iterator[tuple[str, int, int, int]]:
    """Where one text of a message may go on in the next: both ends together, where they meet, which texts."""
    for here, there in pairwise(labels):
        before, after = texts[here][-SEAM:], texts[there][:SEAM]
        last, first = before.rstrip()[-1:], after.lstrip()[:1]
        if last and first and (last.isalnum() or last in _JOINS) and (first.isalnum() or first in _JOINS):
            yield before + after, len(before), here, there
            if last.isdigit() and first.isdigit() and not before[-1].isspace() and not after[0].isspace():
                yield f"{before} {after}", len(before), here, there
