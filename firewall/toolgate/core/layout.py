"""Arguments laid out for a person: a line for each value, with its path, everything hidden or cut marked."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeAlias, cast

from toolgate.core.model import Finding, JsonObject
from toolgate.core.redact import stretches
from toolgate.core.shown import Kind, Row, Segment, Stretch, row_of, rows_of, spelled
from toolgate.core.texts import texts
from toolgate.core.values import value

_BARE_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z", re.ASCII)
# Of a key that long the middle is left out, wherever there are bounds.
_LONGEST_KEY: Final = 60
# No value is cut to fewer characters than this; rather, fewer values are shown.
_SHORTEST: Final = 40
_FEWEST_ROWS: Final = 3
# The first items of a list stand as near the top as the list: a list of recipients is a value of its own.
_SHORT_LIST: Final = 20
_BAR: Final = "  | "

_MASK: Final = re.compile(r"<[A-Z_]+>")
_Hidden: TypeAlias = Mapping[int, Sequence[Stretch]]


@value
class Bounds:
    """How much is shown: values, characters and rows of one value, and characters of everything.

    None is without end.
    """

    values: int | None = None
    characters: int | None = None
    rows: int | None = None
    total: int | None = None


EVERYTHING: Final = Bounds()
# What fits a screen; the console and the webhook use it.
SCREEN: Final = Bounds(values=200, characters=4000, rows=60, total=40_000)


@value
class Line:
    """One value: where it stands, and its rows. A text has quotation marks, unless it has several rows."""

    path: Row
    rows: tuple[Row, ...]


@value
class Layout:
    """Arguments as a person reads them. `whole`: nothing was left out; `hidden`: the entities masked."""

    lines: tuple[Line, ...]
    whole: bool
    hidden: frozenset[str]


@value
class _Leaf:
    """A value that holds no others, and where it stands; `number` counts the texts, keys among them."""

    path: Row
    depth: int
    value: Any
    number: int


def lay_out(
    arguments: JsonObject,
    findings: Sequence[Finding] = (),
    bounds: Bounds = EVERYTHING,
    masked: Collection[str] = (),
) -> Layout:
    """The arguments in their order. What the findings name is hidden, here and wherever it stands again.

    `masked` are the entities that stand as `<ENTITY>` in the arguments already, and become the same marks.

    Two different arguments never look the same where everything is shown. Within bounds long texts lose
    their middle, then the deepest values are left out, and a mark says so where it happens.
    """
    hidden: _Hidden = _stretches(arguments, findings, masked) if findings or masked else {}
    leaves = list(_leaves(arguments, (), 0, _Count(), hidden, None if bounds == EVERYTHING else _LONGEST_KEY))
    kept = _kept(leaves, bounds.values)
    lines = _lines(leaves, kept, hidden, bounds)
    while bounds.total is not None and _size(lines) > bounds.total:
        if (bounds.characters or bounds.total) > _SHORTEST:
            bounds = replace(bounds, characters=max(_SHORTEST, (bounds.characters or bounds.total) // 2))
        elif bounds.rows is None or bounds.rows > _FEWEST_ROWS:
            bounds = replace(bounds, rows=_FEWEST_ROWS)
        elif len(kept) > 1:
            kept = _kept(leaves, len(kept) * 3 // 4)
        else:
            break
        lines = _lines(leaves, kept, hidden, bounds)
    marks = [one for line in lines for row in (line.path, *line.rows) for one in row]
    entities = frozenset(one.text.partition(": ")[2] for one in marks if one.kind is Kind.HIDDEN)
    return Layout(tuple(lines), not any(one.kind is Kind.CUT for one in marks), entities)


def written(layout: Layout) -> list[str]:
    """The layout as rows of text: `path: value`, further rows of a text behind a bar."""
    rows: list[str] = []
    for line in layout.lines:
        first, *others = [spelled(row) for row in line.rows]
        path = spelled(line.path)
        if others:
            rows += [f"{path}:", *(f"{_BAR}{row}" for row in (first, *others))]
        else:
            rows.append(f"{path}: {first}" if path else first)
    return rows


def _stretches(arguments: JsonObject, findings: Sequence[Finding], masked: Collection[str]) -> _Hidden:
    leaves = texts(arguments)
    known = [
        Finding(found[0][1:-1], leaf, found.start(), found.end())
        for leaf, text in enumerate(leaves)
        for found in _MASK.finditer(text)
        if found[0][1:-1] in masked
    ]
    return stretches(leaves, [*findings, *known])


class _Count:
    """Numbers the texts of a value in the order of `toolgate.core.texts`."""

    def __init__(self) -> None:
        self.next = 0

    def take(self) -> int:
        """The number of the text at hand."""
        self.next += 1
        return self.next - 1


def _leaves(
    value: Any, path: Row, depth: int, count: _Count, hidden: _Hidden, longest: int | None
) -> Iterator[_Leaf]:
    if isinstance(value, dict) and value:
        for key, inner in cast("JsonObject", value).items():
            step = _step(key, hidden.get(count.take(), ()), longest, first=not path)
            yield from _leaves(inner, (*path, *step), depth + 1, count, hidden, longest)
    elif isinstance(value, list) and value:
        for index, inner in enumerate(cast("Sequence[Any]", value)):
            deeper = depth + (index >= _SHORT_LIST)
            yield from _leaves(inner, (*path, Segment(f"[{index}]")), deeper, count, hidden, longest)
    else:
        yield _Leaf(path, depth, value, count.take() if isinstance(value, str) else -1)


def _step(key: str, hidden: Sequence[Stretch], longest: int | None, *, first: bool) -> Row:
    """A key as part of a path: bare where it is a plain word, else quoted, quotation marks in it spelled."""
    if not hidden and _BARE_KEY.match(key) and (longest is None or len(key) <= longest):
        return (Segment(key if first else f".{key}"),)
    return (Segment('["'), *_quoteless(row_of(key, hidden, longest)), Segment('"]'))


def _quoteless(row: Row) -> Iterator[Segment]:
    for one in row:
        if one.kind is not Kind.SHOWN:
            yield one
            continue
        for index, part in enumerate(one.text.split('"')):
            if index:
                yield Segment("U+0022", Kind.ODD)
            yield Segment(part)


def _kept(leaves: Sequence[_Leaf], most: int | None) -> frozenset[int]:
    """Which leaves are shown: those nearest the top, so that no heap of deep values hides one above it."""
    order = sorted(range(len(leaves)), key=lambda index: leaves[index].depth)
    return frozenset(order[:most])


def _lines(leaves: Sequence[_Leaf], kept: frozenset[int], hidden: _Hidden, bounds: Bounds) -> list[Line]:
    lines: list[Line] = []
    missing = 0
    for index, leaf in enumerate(leaves):
        if index not in kept:
            missing += 1
            continue
        lines += _gap(missing)
        missing = 0
        lines.append(Line(leaf.path, _rows(leaf, hidden, bounds)))
    return [*lines, *_gap(missing)]


def _gap(missing: int) -> list[Line]:
    mark = Segment(f"{missing} values not shown", Kind.CUT)
    return [Line((), ((mark,),))] if missing else []


def _rows(leaf: _Leaf, hidden: _Hidden, bounds: Bounds) -> tuple[Row, ...]:
    if not isinstance(leaf.value, str):
        return ((Segment(json.dumps(leaf.value)),),)
    rows = rows_of(leaf.value, hidden.get(leaf.number, ()), bounds.characters, bounds.rows)
    quote = Segment('"')
    return rows if len(rows) > 1 else tuple((quote, *row, quote) for row in rows)


def _size(lines: Sequence[Line]) -> int:
    return sum(len(one.text) + 2 for line in lines for row in (line.path, *line.rows) for one in row)
