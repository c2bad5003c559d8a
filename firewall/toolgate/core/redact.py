"""Masking what detectors found."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any, Final, TypeAlias, cast

from toolgate.core.model import Finding, JsonObject
from toolgate.core.policy import Action, Actions
from toolgate.core.pseudonyms import BACK, Instead, Names
from toolgate.core.texts import Texts, is_text, texts

# Shorter texts are masked where they were found and nowhere else: they recur by chance.
SPREAD_FROM: Final = 6
# Characters compared before the search for recurrences changes from one `find` per text to one pass.
COMPARE_AT_MOST: Final = 8_000_000

_kind: Final = cast("Callable[[object], type[object]]", type)
_ALLOW: Final = Action.ALLOW
_REFUSE: Final = Action.REFUSE
_WORD: Final = re.compile(r"\w+")
_Span: TypeAlias = tuple[int, int, float, str]
_Spans: TypeAlias = dict[int, list[_Span]]


def redact(
    value: Any,
    findings: Iterable[Finding],
    actions: Actions,
    leaves: Texts | None = None,
    names: Names | None = None,
) -> Any:
    """The value with `<ENTITY>` for everything found that the actions do not allow.

    What was found in one text is masked in every text of the value, also in its JSON-escaped form, so a
    result's serialised text and its structured content agree. Where findings overlap, the whole stretch
    becomes one mask, named by the highest score, then the greatest length. The original stays as it was;
    the same object comes back when nothing changes. Keys that become equal are numbered. `leaves` are
    the value's texts, where somebody has them; `names` gives pseudonyms and hashes, and without it what
    should have one is masked.
    """
    spans: _Spans = {}
    action, other = actions.named.get, actions.other
    for f in findings:
        entity = f.entity
        if action(entity, other) is not _ALLOW or f.rule == BACK:
            span = (f.start, f.end, f.score, entity)
            here = spans.get(f.leaf)
            if here is None:
                spans[f.leaf] = [span]
            else:
                here.append(span)
    if not spans:
        return value
    if leaves is None:
        leaves = texts(value)
    _spread(spans, leaves)
    instead = None if names is None else Instead(names, actions)
    masked = {leaf: _mask(leaves[leaf], found, instead) for leaf, found in spans.items()}
    changed = leaves.rewritten(masked)
    return _rebuilt(value, masked, count()) if changed is None else changed


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


def stretches(leaves: Texts, findings: Iterable[Finding]) -> dict[int, list[tuple[int, int, str]]]:
    """Per text where something was found, there or elsewhere: (start, end, entity), apart and in order."""
    spans: _Spans = {}
    for f in findings:
        spans.setdefault(f.leaf, []).append((f.start, f.end, f.score, f.entity))
    if spans:
        _spread(spans, leaves)
    return {leaf: list(_merged(found)) for leaf, found in spans.items()}


def _merged(spans: list[_Span]) -> Iterator[tuple[int, int, str]]:
    """Touching spans as one, named by the best."""
    spans.sort()
    begin, stop, score, entity = spans[0]
    for start, end, rank, name in spans[1:]:
        if start >= stop:
            yield begin, stop, entity
            begin, stop, score, entity = start, end, rank, name
            continue
        if rank > score:
            score, entity = rank, name
        stop = max(stop, end)
    yield begin, stop, entity


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


def _mask(text: str, spans: list[_Span], names: Instead | None) -> str:
    """The text with every stretch of touching spans replaced by the name of its best one."""
    if len(spans) > 1:
        spans.sort()
    begin, stop, score, entity = spans[0]
    out: list[str] = []
    at, size = 0, stop - begin
    json = text[:1] in ("{", "[")
    for start, end, rank, name in spans[1:]:
        if start >= stop:
            out += (text[at:begin], _instead(text, begin, stop, entity, json, names))
            at, begin, stop, score, entity, size = stop, start, end, rank, name, end - start
            continue
        if rank > score or (rank == score and end - start > size):
            score, entity, size = rank, name, end - start
        if end > stop:
            stop = end
    out += (text[at:begin], _instead(text, begin, stop, entity, json, names), text[stop:])
    return "".join(out)


_AFTER_NUMBER: Final = re.compile(r"\s*[,}\]]")


def _instead(text: str, start: int, end: int, entity: str, json: bool, names: Instead | None) -> str:
    """What stands for one stretch: 0 for a number in serialised JSON, so that it stays JSON."""
    number = json and text[start:end].isdigit() and _AFTER_NUMBER.match(text, end)
    if number and text[max(0, start - 16) : start].rstrip().endswith((":", "[", ",")):
        return "0"
    named = None if names is None else names.of(entity, text[start:end])
    return f"<{entity}>" if named is None else named


def _rebuilt(value: Any, masked: Mapping[int, str], leaves: Iterator[int]) -> Any:
    """The value with the masked leaves in place, keys among them."""
    kind = _kind(value)
    if kind is str:
        return masked.get(next(leaves), value)
    if kind is list:
        return [_rebuilt(item, masked, leaves) for item in value]
    if kind is int or kind is float:
        return kind(0) if is_text(value) and next(leaves) in masked else value
    if kind is not dict:
        return value
    made: JsonObject = {}
    for key, item in value.items():
        name = masked.get(next(leaves))
        made[key if name is None else _free(name, value, made)] = _rebuilt(item, masked, leaves)
    return made


def _free(name: str, *taken: Mapping[str, Any]) -> str:
    """The name, numbered if a key of the old or the new object has it already."""
    number, free = 1, name
    while any(free in names for names in taken):
        number += 1
        free = f"{name} {number}"
    return free
