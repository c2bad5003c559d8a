"""One pass over all texts of a message, then a verdict on each candidate."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, TypeAlias

from toolgate.core.model import Finding
from toolgate.core.texts import Texts
from toolgate.core.wanted import least
from toolgate.detect.known import Known
from toolgate.detect.matchers import Candidate, Compile, Matcher, best
from toolgate.detect.packs import Pack
from toolgate.detect.patterns import PATTERNS
from toolgate.detect.phones import PHONES
from toolgate.detect.rules import SEPARATOR, Rule, Verify
from toolgate.detect.secrets import SECRETS
from toolgate.detect.urls import URLS
from toolgate.detect.views import SEAM, View, readings, seams

RULES: Final = (*PATTERNS, *PHONES, *SECRETS, *URLS)
ENTITIES: Final = frozenset(rule.entity for rule in RULES)
# Addresses stand in every second line: they are in an automaton of their own that few policies need.
_WITHOUT_URLS: Final = len(RULES) - len(URLS)
# The kind of what is known stands last, where -1 leads.
_KNOWN: Final = -1
# How a rule verifies, and whether its anchor ends behind a key.
_Check: TypeAlias = tuple[Verify, bool]
# Entity, score and rule of a finding.
_Kind: TypeAlias = tuple[str, float, str]
# Start, negative end and rule: they sort in document order, the longest first.
_Judged: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What one set of entities wants: `checks` is what `_judged` needs of each rule, None to skip it."""

    checks: tuple[_Check | None, ...]
    matcher: Matcher
    secrets: bool
    packs: tuple[Pack, ...]


class Engine:
    """The detectors behind the port `Detectors`. Not for several threads at once.

    `packs` are the operator's own rules, `highest` is the highest score of every entity.
    """

    def __init__(self, compile_patterns: Compile = best, packs: Sequence[Pack] = ()) -> None:
        self._compile = compile_patterns
        self._packs = tuple(packs)
        self._plans: dict[frozenset[str], _Plan | None] = {}
        # One automaton for every set: two of them would drive each other out of the processor's cache.
        self._matchers: dict[int, Matcher] = {}
        self._known = Known(compile_patterns)
        self.entities = ENTITIES | {rule.entity for pack in self._packs for rule in pack.rules}
        self.highest: dict[str, float] = {}
        self._kinds: tuple[_Kind, ...] = (
            *((rule.entity, rule.score, rule.name) for rule in RULES),
            *((rule.entity, rule.score, rule.name) for pack in self._packs for rule in pack.rules),
            ("SECRET", 1.0, "known"),
        )
        for entity, score, _ in self._kinds:
            self.highest[entity] = max(score, self.highest.get(entity, 0.0))

    def register(self, value: str) -> bool:
        """Find this very value from now on, as SECRET; False where it is too short to be looked for."""
        return self._known.add(value)

    def prepare(self, entities: frozenset[str]) -> None:
        """Compile for a set of entities ahead of the first call, which takes tens of milliseconds.

        `Wanted` sets a score per entity. Raises ValueError for an entity that nothing here can find, and
        for a score that nothing found of it has.
        """
        unknown = entities - self.entities
        if unknown:
            raise ValueError(
                f"detectors: found {', '.join(sorted(unknown))}, expected {', '.join(sorted(self.entities))}"
            )
        for entity in entities:
            self._reachable(entity, least(entities, entity))
        self._plans[entities] = self._plan(entities) if entities else None

    def _reachable(self, entity: str, wanted: float) -> None:
        highest = self.highest[entity]
        if not 0 <= wanted <= highest:
            raise ValueError(
                f"detectors: found {wanted:g} for {entity}, expected a score from 0 to {highest:g}"
            )

    def _plan(self, entities: frozenset[str]) -> _Plan:
        def check(rule: Rule) -> _Check | None:
            wanted = rule.entity in entities and rule.score >= least(entities, rule.entity)
            return (rule.verify, rule.labelled) if wanted else None

        size = len(RULES) if "URL" in entities else _WITHOUT_URLS
        if size not in self._matchers:
            anchors = [rule.anchor for rule in RULES[:size]]
            words = [anchor for pack in self._packs for anchor in pack.anchors]
            self._matchers[size] = self._compile([*anchors, *words])
        checks = [check(rule) for rule in RULES[:size]]
        wanted = [pack.only(entities) for pack in self._packs]
        return _Plan(tuple(checks), self._matchers[size], "SECRET" in entities, tuple(wanted))

    async def scan(self, texts: Sequence[str], entities: frozenset[str]) -> tuple[Finding, ...]:
        """What stands in the texts; overlapping findings of different entities are all reported.

        Raises `PortDown` for a message with too many candidates, ValueError for an unknown entity.
        """
        return self.find(texts, entities)

    def find(self, texts: Sequence[str], entities: frozenset[str]) -> tuple[Finding, ...]:
        """The same, at once."""
        plan = self._plans.get(entities)
        if plan is None:
            if entities not in self._plans:
                self.prepare(entities)
            plan = self._plans[entities]
        if plan is None:
            return ()
        text = SEPARATOR.join(texts)
        data = _encoded(text)
        judged = self._look(plan, text, data, texts)
        runs = plan.matcher.has_run(data)
        if runs or len(data) != len(text) or _escaped(text):
            for view in readings(text, runs=runs):
                judged += self._look_at(view, plan, texts)
        if texts.count("text") > 2:  # one block says it twice, as a type and as a key
            judged += self._look_across(plan, texts)
        if not judged:
            return ()
        if len(judged) > 1:
            judged.sort()
        return tuple(_findings(judged, self._kinds, texts))

    def _look(
        self, plan: _Plan, text: str, data: bytes, texts: Sequence[str], origin: View | None = None
    ) -> list[_Judged]:
        """Everything found in one text; `origin` says where labels stand in what is another reading."""
        candidates = plan.matcher.find(data)
        known = self._known.find(data) if plan.secrets else []
        if not candidates and not known and not plan.packs:
            return []
        if candidates and len(data) != len(text):
            candidates = _in_characters(candidates, data)
        judged = _judged(plan.checks, candidates, texts, text, origin) if candidates else []
        number, word = len(RULES), len(plan.checks)
        for pack in plan.packs:
            found = pack.find(text, {anchor for _, anchor in candidates}, word)
            judged += [(start, -end, number + rule) for start, end, rule in found]
            number += len(pack.rules)
            word += len(pack.anchors)
        if known:
            ends = _in_characters([candidate for candidate, _ in known], data)
            judged += [(end - known[at][1], -end, _KNOWN) for at, (end, _) in enumerate(ends)]
        return judged

    def _look_at(self, view: View, plan: _Plan, texts: Sequence[str]) -> Iterator[_Judged]:
        """What is found in another reading, at the place where it comes from."""
        for start, minus_end, number in self._look(plan, view.text, _encoded(view.text), texts, view):
            span = view.origin(start, -minus_end)
            if span is not None:
                yield span[0], -span[1], number

    def _look_across(self, plan: _Plan, texts: Sequence[str]) -> Iterator[_Judged]:
        """What begins at the end of one content block and ends at the beginning of the next."""
        blocks = [
            at for at in range(1, len(texts)) if texts[at - 1] == "text" and _names_a_text(texts, at - 1)
        ]
        starts = _starts(texts) if len(blocks) > 1 else []
        for text, seam, here, there in seams(texts, blocks):
            first = starts[here] + len(texts[here])
            gap = 1 if len(text) > seam + len(texts[there][:SEAM]) else 0
            for start, minus_end, number in self._look(plan, text, _encoded(text), ()):
                if start < seam and -minus_end > seam + gap:
                    yield first - (seam - start), -first, number
                    yield starts[there], -(starts[there] - minus_end - seam - gap), number


def _encoded(text: str) -> bytes:
    """UTF-8; a lone surrogate, which JSON can spell, as the three bytes it would be."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _escaped(text: str) -> bool:
    """Whether anything in it begins an escape."""
    return "%" in text or "\\" in text or "&" in text or "\x1b" in text


def _in_characters(candidates: list[Candidate], data: bytes) -> list[Candidate]:
    """The candidates with their ends counted in characters."""
    found: list[Candidate] = []
    at = characters = 0
    for end, number in candidates:
        characters += len(data[at:end].decode("utf-8", "surrogatepass"))
        at = end
        found.append((characters, number))
    return found


def _starts(texts: Sequence[str]) -> list[int]:
    """Where each text begins in the joined one, and where one more would."""
    return [0, *accumulate(len(text) + 1 for text in texts)]


def _judged(
    checks: Sequence[_Check | None],
    candidates: list[Candidate],
    texts: Sequence[str],
    text: str,
    origin: View | None,
) -> list[_Judged]:
    """Every candidate that holds."""
    found: list[_Judged] = []
    starts: list[int] = []
    reached = [0] * len(checks)
    for end, number in candidates:
        if (
            number >= len(checks) or end <= reached[number]
        ):  # a word of a pack, or inside what this rule has found already
            continue
        check = checks[number]
        if check is None:
            continue
        verify, labelled = check
        if labelled:
            starts = starts or _starts(texts)
            if not _behind_label(texts, starts, end, origin):
                continue
        span = verify(text, end)
        if span is not None:
            start, stop = span
            reached[number] = stop
            found.append((start, -stop, number))
    return found


def _names_a_text(texts: Sequence[str], leaf: int) -> bool:
    return isinstance(texts, Texts) and texts.is_label(leaf)


def _behind_label(texts: Sequence[str], starts: Sequence[int], end: int, origin: View | None) -> bool:
    """Whether a text begins here that has a label before it."""
    if origin is not None:
        place = origin.origin(end - 1, end)
        if place is None:
            return False
        end = place[1]
    leaf = bisect_right(starts, end) - 1
    return 0 < leaf < len(texts) and starts[leaf] == end and _names_a_text(texts, leaf - 1)


def _findings(judged: list[_Judged], kinds: Sequence[_Kind], texts: Sequence[str]) -> list[Finding]:
    """Findings in document order, without those inside another of the same entity."""
    found: list[Finding] = []
    reached: dict[str, int] = {}
    leaf, base, stop = 0, 0, len(texts[0])
    for start, minus_end, number in judged:
        end = -minus_end
        entity, score, name = kinds[number]
        if end <= reached.get(entity, 0):
            continue
        reached[entity] = end
        while start > stop:
            leaf += 1
            base = stop + 1
            stop = base + len(texts[leaf])
        if end <= stop:
            found.append(Finding(entity, leaf, start - base, end - base, score, name))
        else:
            found += _pieces(kinds[number], start - base, end - base, texts, leaf)
    return found


def _pieces(kind: _Kind, start: int, end: int, texts: Sequence[str], leaf: int) -> Iterator[Finding]:
    """A finding in each of the texts that it runs over; it starts and ends so far behind the first one's."""
    entity, score, name = kind
    while end > 0:
        length = len(texts[leaf])
        here, there = max(start, 0), min(end, length)
        if here < there:
            yield Finding(entity, leaf, here, there, score, name)
        leaf += 1
        start -= length + 1
        end -= length + 1
