"""One pass over all texts of a message, then a verdict on each candidate."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, TypeAlias

from toolgate.core.model import Finding
from toolgate.core.texts import Texts
from toolgate.detect.known import Known
from toolgate.detect.matchers import Candidate, Compile, Matcher, best
from toolgate.detect.patterns import PATTERNS
from toolgate.detect.phones import PHONES
from toolgate.detect.rules import SEPARATOR, Verify
from toolgate.detect.secrets import SECRETS
from toolgate.detect.urls import URLS

RULES: Final = (*PATTERNS, *PHONES, *SECRETS, *URLS)
ENTITIES: Final = frozenset(rule.entity for rule in RULES)
# Entity, score and rule of a finding; the kind of what is known stands last, where -1 leads.
_Kind: TypeAlias = tuple[str, float, str]
_KNOWN: Final = -1
# How a rule verifies, and whether its anchor ends behind a key.
_Check: TypeAlias = tuple[Verify, bool]
# Start, negative end and rule: they sort in document order, the longest first.
_Judged: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What one set of entities wants: `checks` is what `_judged` needs of each rule, None to skip it."""

    checks: tuple[_Check | None, ...]
    secrets: bool


_KINDS: Final[tuple[_Kind, ...]] = (
    *((rule.entity, rule.score, rule.name) for rule in RULES),
    ("SECRET", 1.0, "known"),
)


class Engine:
    """The detectors behind the port `Detectors`. Not for several threads at once."""

    def __init__(self, compile_patterns: Compile = best) -> None:
        self._compile = compile_patterns
        self._plans: dict[frozenset[str], _Plan | None] = {}
        # One automaton for every set: two of them would drive each other out of the processor's cache.
        self._matcher: Matcher | None = None
        self._known = Known(compile_patterns)

    def register(self, value: str) -> bool:
        """Find this very value from now on, as SECRET; False where it is too short to be looked for."""
        return self._known.add(value)

    def prepare(self, entities: frozenset[str]) -> None:
        """Compile for a set of entities ahead of the first call, which takes tens of milliseconds.

        Raises ValueError for an entity that nothing here can find.
        """
        unknown = entities - ENTITIES
        if unknown:
            raise ValueError(
                f"detectors: found {', '.join(sorted(unknown))}, expected {', '.join(sorted(ENTITIES))}"
            )
        if entities and self._matcher is None:
            self._matcher = self._compile([rule.anchor for rule in RULES])
        checks = tuple((rule.verify, rule.labelled) if rule.entity in entities else None for rule in RULES)
        self._plans[entities] = _Plan(checks, "SECRET" in entities) if entities else None

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
        if plan is None or self._matcher is None:
            return ()
        text = SEPARATOR.join(texts)
        data = _encoded(text)
        candidates = self._matcher.find(data)
        known = self._known.find(data) if plan.secrets else []
        if not candidates and not known:
            return ()
        if len(data) != len(text):
            candidates = _in_characters(candidates, data)
        judged = _judged(plan.checks, candidates, texts, text)
        if known:
            ends = _in_characters([candidate for candidate, _ in known], data)
            judged += [(end - known[at][1], -end, _KNOWN) for at, (end, _) in enumerate(ends)]
        if len(judged) > 1:
            judged.sort()
        return tuple(_findings(judged, _KINDS, texts))


def _encoded(text: str) -> bytes:
    """UTF-8; a lone surrogate, which JSON can spell, as the three bytes it would be."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


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
    checks: Sequence[_Check | None], candidates: list[Candidate], texts: Sequence[str], text: str
) -> list[_Judged]:
    """Every candidate that holds."""
    found: list[_Judged] = []
    starts: list[int] = []
    reached = [0] * len(checks)
    for end, number in candidates:
        if end <= reached[number]:  # inside what this rule has found already
            continue
        check = checks[number]
        if check is None:
            continue
        verify, labelled = check
        if labelled:
            starts = starts or _starts(texts)
            leaf = bisect_right(starts, end) - 1
            if not 0 < leaf < len(texts) or starts[leaf] != end or not _names_a_text(texts, leaf - 1):
                continue
        span = verify(text, end)
        if span is not None:
            start, stop = span
            reached[number] = stop
            found.append((start, -stop, number))
    return found


def _names_a_text(texts: Sequence[str], leaf: int) -> bool:
    return isinstance(texts, Texts) and texts.is_label(leaf)


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
