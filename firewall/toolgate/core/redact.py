"""Masking what detectors found, and the numbering of the texts they look at."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias, cast

from toolgate.core.model import Finding, JsonObject
from toolgate.core.policy import Action, Actions

# Shorter texts are masked where they were found and nowhere else: they recur by chance.
SPREAD_FROM: Final = 6
# Characters compared before the search for recurrences changes from one `find` per text to one pass.
COMPARE_AT_MOST: Final = 8_000_000

# The types of JSON values without text. Types are compared, not asked about: it costs a third.
_BARE: Final = frozenset((int, float, bool, type(None)))
_kind: Final = cast("Callable[[object], type[object]]", type)
_ALLOW: Final = Action.ALLOW
_REFUSE: Final = Action.REFUSE
_WORD: Final = re.compile(r"\w+")
_Span: TypeAlias = tuple[int, int, float, str]
_Spans: TypeAlias = dict[int, list[_Span]]


class Label(str):
    """A key whose value is a text, the next leaf: so detectors can read `password: …` out of structure."""

    __slots__ = ()


def texts(value: Any) -> list[str]:
    """Every text of a JSON value in document order: a key before its value, keys of objects included.

    The position in this list is `Finding.leaf`. Numbers, booleans and null are not texts. Raises TypeError
    for what a JSON decoder does not make: a text that hides in it would not be looked at.
    """
    leaves: list[str] = []
    _collect(value, leaves)
    return leaves


# Labels by key: messages name the same few keys again and again.
_LABELS: Final[dict[str, Label]] = {}
_MOST_LABELS: Final = 4096


def _label(key: str) -> Label:
    if len(_LABELS) >= _MOST_LABELS or len(key) > 64:
        return Label(key)
    made = _LABELS[key] = Label(key)
    return made


def _collect(value: Any, leaves: list[str]) -> None:
    kind = _kind(value)
    if kind is dict:
        for key, item in value.items():
            if type(item) is str:
                leaves.append(_LABELS.get(key) or _label(key))
                leaves.append(item)
            else:
                leaves.append(key)
                if type(item) not in _BARE:
                    _collect(item, leaves)
    elif kind is list:
        for item in value:
            if type(item) is str:
                leaves.append(item)
            else:
                _collect(item, leaves)
    elif kind is str:
        leaves.append(value)
    elif kind not in _BARE:
        raise TypeError(f"texts: found {kind.__name__}, expected a JSON value")


def redact(value: Any, findings: Iterable[Finding], actions: Actions) -> Any:
    """The value with `<ENTITY>` for everything found that the actions do not allow.

    What was found in one text is masked in every text of the value, also in its JSON-escaped form, so a
    result's serialised text and its structured content agree. Where findings overlap, the whole stretch
    becomes one mask, named by the highest score, then the greatest length. The original stays as it was;
    the same object comes back when nothing changes. Keys that become equal are numbered.
    """
    spans: _Spans = {}
    action, other = actions.named.get, actions.other
    for f in findings:
        entity = f.entity
        if action(entity, other) is not _ALLOW:
            span = (f.start, f.end, f.score, entity)
            here = spans.get(f.leaf)
            if here is None:
                spans[f.leaf] = [span]
            else:
                here.append(span)
    if not spans:
        return value
    leaves = texts(value)
    _spread(spans, leaves)
    masked = {leaf: _mask(leaves[leaf], found) for leaf, found in spans.items()}
    return _rebuild(value, 0, masked)[0]


def refused(findings: Iterable[Finding], actions: Actions) -> tuple[str, ...]:
    """The entities found that may not pass at all, sorted."""
    action, other = actions.named.get, actions.other
    entities = [f.entity for f in findings if action(f.entity, other) is _REFUSE]
    return tuple(sorted(set(entities))) if entities else ()


def counts(findings: Iterable[Finding]) -> dict[str, int]:
    """How many findings there are of each entity."""
    found: dict[str, int] = {}
    for f in findings:
        found[f.entity] = found.get(f.entity, 0) + 1
    return found


def _spread(spans: _Spans, leaves: Sequence[str]) -> None:
    """Add a span for every place where a found text stands again."""
    only = -1
    lengths = list(map(len, leaves))
    if len(spans) == 1:  # what stands twice in one text was found twice
        (only,) = spans
        lengths[only] = 0
    room = max(lengths)
    found: dict[str, tuple[float, str]] = {}
    for at, here in spans.items():
        for start, end, score, entity in here:
            if SPREAD_FROM <= end - start <= room:  # a text longer than every other stands in none
                found[leaves[at][start:end]] = (score, entity)
    if not found:
        return
    elsewhere = [at for at in range(len(leaves)) if at != only]
    pool = "\n".join([leaves[at] for at in elsewhere])
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
                if start < 0 or start + length > len(leaf):
                    continue
                text = leaf[start : start + length]
                if text in texts_known and _whole(leaf, start, start + length):
                    yield text, start

    return places


def _whole(leaf: str, start: int, end: int) -> bool:
    """Whether the stretch does not begin or end in the middle of a word."""
    left = start > 0 and leaf[start].isalnum() and leaf[start - 1].isalnum()
    return not (left or (leaf[end - 1].isalnum() and leaf[end : end + 1].isalnum()))


def _mask(text: str, spans: list[_Span]) -> str:
    """The text with every stretch of touching spans replaced by the name of its best one."""
    if len(spans) > 1:
        spans.sort()
    begin, stop, score, entity = spans[0]
    out: list[str] = []
    at, size = 0, stop - begin
    for start, end, rank, name in spans[1:]:
        if start >= stop:
            out += (text[at:begin], "<", entity, ">")
            at, begin, stop, score, entity, size = stop, start, end, rank, name, end - start
            continue
        if rank > score or (rank == score and end - start > size):
            score, entity, size = rank, name, end - start
        if end > stop:
            stop = end
    out += (text[at:begin], "<", entity, ">", text[stop:])
    return "".join(out)


def _rebuild(value: Any, leaf: int, masked: Mapping[int, str]) -> tuple[Any, int]:
    """The value with the masked leaves in place, and the number of the next leaf."""
    kind = _kind(value)
    if kind is dict:
        return _rebuild_object(value, leaf, masked)
    if kind is list:
        return _rebuild_list(value, leaf, masked)
    return (masked.get(leaf, value), leaf + 1) if kind is str else (value, leaf)


def _rebuild_list(old: list[Any], leaf: int, masked: Mapping[int, str]) -> tuple[list[Any], int]:
    items = old
    for at, item in enumerate(old):
        new, leaf = _rebuild(item, leaf, masked)
        if new is not item:
            if items is old:
                items = old.copy()
            items[at] = new
    return items, leaf


def _rebuild_object(old: JsonObject, leaf: int, masked: Mapping[int, str]) -> tuple[JsonObject, int]:
    fields = old
    names: dict[str, str] = {}
    for key, item in old.items():
        if leaf in masked:
            names[key] = masked[leaf]
        leaf += 1
        if type(item) is str:
            new = masked.get(leaf, item)
            leaf += 1
        elif type(item) in _BARE:
            continue
        else:
            new, leaf = _rebuild(item, leaf, masked)
        if new is not item:
            if fields is old:
                fields = old.copy()
            fields[key] = new
    return (_renamed(fields, names) if names else fields), leaf


def _renamed(fields: JsonObject, names: Mapping[str, str]) -> JsonObject:
    """The same fields in the same order, some under other names."""
    made: JsonObject = {}
    for key, item in fields.items():
        made[_free(names[key], fields, made) if key in names else key] = item
    return made


def _free(name: str, *taken: Mapping[str, Any]) -> str:
    """The name, numbered if a key of the old or the new object has it already."""
    number, free = 1, name
    while any(free in names for names in taken):
        number += 1
        free = f"{name} {number}"
    return free
