"""Masking what detectors found, and the numbering of the texts they look at."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias, cast

from toolgate.core.model import Finding, JsonObject
from toolgate.core.policy import Action, Actions

# Shorter texts are masked where they were found and nowhere else: they recur by chance.
SPREAD_FROM: Final = 6
# Characters compared before the search for recurrences changes from one `find` per text to one pass.
COMPARE_AT_MOST: Final = 8_000_000

_WORD: Final = re.compile(r"\w+")
_Span: TypeAlias = tuple[int, int, float, str]
_Spans: TypeAlias = dict[int, list[_Span]]


class Label(str):
    """A key whose value is a text, the next leaf: so detectors can read `password: …` out of structure."""

    __slots__ = ()


def texts(value: Any) -> list[str]:
    """Every text of a JSON value in document order: a key before its value, keys of objects included.

    The position in this list is `Finding.leaf`. Numbers, booleans and null are not texts.
    """
    leaves: list[str] = []
    _collect(value, leaves.append)
    return leaves


def _collect(value: object, add: Callable[[str], None]) -> None:
    if isinstance(value, str):
        add(value)
    elif isinstance(value, dict):
        for key, item in cast("JsonObject", value).items():
            if isinstance(item, str):
                add(Label(key))
                add(item)
            else:
                add(key)
                _collect(item, add)
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            _collect(item, add)


def redact(value: Any, findings: Iterable[Finding], actions: Actions) -> Any:
    """The value with `<ENTITY>` for everything found that the actions do not allow.

    What was found in one text is masked in every text of the value, also in its JSON-escaped form, so a
    result's serialised text and its structured content agree. Where findings overlap, the whole stretch
    becomes one mask, named by the highest score, then the greatest length. The original stays as it was;
    the same object comes back when nothing changes. Keys that become equal are numbered.
    """
    spans: _Spans = {}
    for f in findings:
        if actions.of(f.entity) is not Action.ALLOW:
            spans.setdefault(f.leaf, []).append((f.start, f.end, f.score, f.entity))
    if not spans:
        return value
    leaves = texts(value)
    _spread(spans, leaves)
    masked = {leaf: _mask(leaves[leaf], found) for leaf, found in spans.items()}
    return _rebuild(value, 0, masked)[0]


def refused(findings: Iterable[Finding], actions: Actions) -> tuple[str, ...]:
    """The entities found that may not pass at all, sorted."""
    return tuple(sorted({f.entity for f in findings if actions.of(f.entity) is Action.REFUSE}))


def counts(findings: Iterable[Finding]) -> dict[str, int]:
    """How many findings there are of each entity."""
    return dict(Counter(f.entity for f in findings))


def _spread(spans: _Spans, leaves: Sequence[str]) -> None:
    """Add a span for every place where a found text stands again."""
    found: dict[str, tuple[float, str]] = {}
    for leaf, here in spans.items():
        text = leaves[leaf]
        for start, end, score, entity in here:
            if end - start >= SPREAD_FROM:
                found[text[start:end]] = (score, entity)
    if not found:
        return
    elsewhere = range(len(leaves)) if len(spans) > 1 else [i for i in range(len(leaves)) if i not in spans]
    pool = "\n".join([leaves[i] for i in elsewhere])
    if not pool:
        return
    found.update({form: kind for text, kind in found.items() for form in _escaped(text)})
    many = len(found) * len(pool) > COMPARE_AT_MOST
    again = found if many else {text: kind for text, kind in found.items() if text in pool}
    if not again:
        return
    places = _places_of_many(again) if many else _places_of_few(again)
    for leaf in elsewhere:
        for text, start in places(leaves[leaf]):
            spans.setdefault(leaf, []).append((start, start + len(text), *again[text]))


def _escaped(text: str) -> Iterator[str]:
    """The forms a text takes inside serialised JSON, where they differ from it."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return
    yield from {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]} - {text}


def _places_of_few(known: Iterable[str]) -> Callable[[str], Iterator[tuple[str, int]]]:
    """Where each of a few texts stands as a whole word, by searching for one after the other."""

    def places(leaf: str) -> Iterator[tuple[str, int]]:
        for text in known:
            start = leaf.find(text)
            while start >= 0:
                if _whole(leaf, start, start + len(text)):
                    yield text, start
                start = leaf.find(text, start + len(text))

    return places


def _places_of_many(known: Iterable[str]) -> Callable[[str], Iterator[tuple[str, int]]]:
    """The same in one pass: every text is filed under its first word and looked up where that word stands."""
    shapes: dict[str, set[tuple[int, int]]] = {}
    texts_known = set(known)
    for text in texts_known:
        word = _WORD.search(text)
        if word:
            shapes.setdefault(word.group(), set()).add((word.start(), len(text)))

    def places(leaf: str) -> Iterator[tuple[str, int]]:
        for word in _WORD.finditer(leaf):
            for lead, length in shapes.get(word.group(), ()):
                start = word.start() - lead
                text = leaf[max(start, 0) : start + length]
                if start >= 0 and text in texts_known and _whole(leaf, start, start + length):
                    yield text, start

    return places


def _whole(leaf: str, start: int, end: int) -> bool:
    """Whether the stretch does not begin or end in the middle of a word."""
    left = start > 0 and leaf[start].isalnum() and leaf[start - 1].isalnum()
    return not (left or (leaf[end - 1].isalnum() and leaf[end : end + 1].isalnum()))


def _mask(text: str, spans: list[_Span]) -> str:
    """The text with every stretch of touching spans replaced by the name of its best one."""
    spans.sort()
    out: list[str] = []
    at, (begin, stop, score, entity) = 0, spans[0]
    best = (score, stop - begin)
    for start, end, score, name in spans[1:]:
        if start >= stop:
            out += (text[at:begin], "<", entity, ">")
            at, begin, stop, entity, best = stop, start, end, name, (score, end - start)
            continue
        if (score, end - start) > best:
            best, entity = (score, end - start), name
        stop = max(stop, end)
    out += (text[at:begin], "<", entity, ">", text[stop:])
    return "".join(out)


def _rebuild(value: object, leaf: int, masked: Mapping[int, str]) -> tuple[Any, int]:
    """The value with the masked leaves in place, and the number of the next leaf."""
    if isinstance(value, str):
        return masked.get(leaf, value), leaf + 1
    if isinstance(value, dict):
        return _rebuild_object(cast("JsonObject", value), leaf, masked)
    if not isinstance(value, list):
        return value, leaf
    old = cast("list[object]", value)
    items: list[object] = []
    changed = False
    for item in old:
        new, leaf = _rebuild(item, leaf, masked)
        changed |= new is not item
        items.append(new)
    return (items if changed else old), leaf


def _rebuild_object(value: JsonObject, leaf: int, masked: Mapping[int, str]) -> tuple[Any, int]:
    fields: JsonObject = {}
    changed = False
    for key, item in value.items():
        name = masked.get(leaf)
        new, leaf = _rebuild(item, leaf + 1, masked)
        changed |= name is not None or new is not item
        fields[key if name is None else _free(name, value, fields)] = new
    return (fields if changed else value), leaf


def _free(name: str, *taken: Mapping[str, Any]) -> str:
    """The name, numbered if a key of the old or the new object has it already."""
    number, free = 1, name
    while any(free in names for names in taken):
        number += 1
        free = f"{name} {number}"
    return free
