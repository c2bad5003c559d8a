"""One pass over all texts of a message, then a verdict on each candidate."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, TypeAlias

from toolgate.core.model import Finding
from toolgate.core.redact import Label
from toolgate.detect.known import Known
from toolgate.detect.matchers import Candidate, Compile, Matcher, best
from toolgate.detect.patterns import PII
from toolgate.detect.rules import SEPARATOR, Rule
from toolgate.detect.secrets import SECRETS

RULES: Final = (*PII, *SECRETS)
ENTITIES: Final = frozenset(rule.entity for rule in RULES)
# Entity, score and rule of a finding; the kind of what is known stands last, where -1 leads.
_Kind: TypeAlias = tuple[str, float, str]
_KNOWN: Final = -1


@dataclass(frozen=True, slots=True)
class _Plan:
    """The rules for one set of entities, compiled."""

    rules: tuple[Rule, ...]
    kinds: tuple[_Kind, ...]
    matcher: Matcher
    secrets: bool


class Engine:
    """The detectors behind the port `Detectors`. Not for several threads at once."""

    def __init__(self, compile_patterns: Compile = best) -> None:
        self._compile = compile_patterns
        self._plans: dict[frozenset[str], _Plan | None] = {}
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
        rules = tuple(rule for rule in RULES if rule.entity in entities)
        matcher = self._compile([rule.anchor for rule in rules]) if rules else None
        kinds = (*((rule.entity, rule.score, rule.name) for rule in rules), ("SECRET", 1.0, "known"))
        self._plans[entities] = _Plan(rules, kinds, matcher, "SECRET" in entities) if matcher else None

    async def scan(self, texts: Sequence[str], entities: frozenset[str]) -> tuple[Finding, ...]:
        """What stands in the texts; overlapping findings of different entities are all reported.

        Raises `PortDown` for a message with too many candidates, ValueError for an unknown entity.
        """
        return self.find(texts, entities)

    def find(self, texts: Sequence[str], entities: frozenset[str]) -> tuple[Finding, ...]:
        """The same, at once."""
        if entities not in self._plans:
            self.prepare(entities)
        plan = self._plans[entities]
        if plan is None:
            return ()
        text = SEPARATOR.join(texts)
        data = _encoded(text)
        candidates = plan.matcher.find(data)
        known = self._known.find(data) if plan.secrets else []
        if not candidates and not known:
            return ()
        judged = _judged(plan.rules, _in_characters(candidates, text, data), texts, text)
        for (end, _), (_, length) in zip(
            _in_characters([c for c, _ in known], text, data), known, strict=True
        ):
            judged.append((end - length, -end, _KNOWN))
        judged.sort()
        return tuple(_findings(judged, plan.kinds, texts))


def _encoded(text: str) -> bytes:
    """UTF-8; a lone surrogate, which JSON can spell, as the three bytes it would be."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _in_characters(candidates: list[Candidate], text: str, data: bytes) -> list[Candidate]:
    """The candidates with their ends counted in characters."""
    if len(data) == len(text):
        return candidates
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
    rules: Sequence[Rule], candidates: list[Candidate], texts: Sequence[str], text: str
) -> list[tuple[int, int, int]]:
    """Start, negative end and rule of every candidate that holds."""
    found: list[tuple[int, int, int]] = []
    starts: list[int] = []
    reached = [0] * len(rules)
    for end, number in candidates:
        if end <= reached[number]:  # inside what this rule has found already
            continue
        rule = rules[number]
        if rule.labelled:
            starts = starts or _starts(texts)
            leaf = bisect_right(starts, end) - 1
            if not 0 < leaf < len(texts) or starts[leaf] != end or not isinstance(texts[leaf - 1], Label):
                continue
        span = rule.verify(text, end)
        if span is not None:
            reached[number] = span[1]
            found.append((span[0], -span[1], number))
    return found


def _findings(
    judged: list[tuple[int, int, int]], kinds: Sequence[_Kind], texts: Sequence[str]
) -> Iterator[Finding]:
    """Findings in document order, without those inside another of the same entity."""
    reached: dict[str, int] = {}
    starts = _starts(texts)
    leaf, base, stop = 0, 0, starts[1] - 1
    for start, minus_end, number in judged:
        end = -minus_end
        entity, score, name = kinds[number]
        if end <= reached.get(entity, 0):
            continue
        reached[entity] = end
        if start > stop:
            leaf = bisect_right(starts, start) - 1
            base, stop = starts[leaf], starts[leaf + 1] - 1
        if end <= stop:
            yield Finding(entity, leaf, start - base, end - base, score, name)
            continue
        for part in range(leaf, bisect_right(starts, end - 1)):  # in each of the texts that it runs over
            here = max(start, starts[part]) - starts[part]
            there = min(end, starts[part + 1] - 1) - starts[part]
            if here < there:
                yield Finding(entity, part, here, there, score, name)
