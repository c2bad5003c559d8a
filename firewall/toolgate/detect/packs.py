"""The operator's own rules: regular expressions by RE2, run only where one of their keywords stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from toolgate.core.wanted import least
from toolgate.detect.known import literal
from toolgate.detect.likeness import entropy
from toolgate.detect.rules import SEPARATOR
from toolgate.errors import PortDown

# A rule that matches everywhere must not fill the memory with findings.
_MOST: Final = 10_000
# The secret is the first group that matched, or the whole.
FIRST: Final = -1


@dataclass(frozen=True, slots=True)
class Allowed:
    """What makes a finding harmless: expressions over the secret, the match or the line, and stop words.

    `every`: all of them must hold instead of one.
    """

    target: str
    patterns: tuple[Any, ...]
    words: tuple[str, ...]
    every: bool = False

    def holds(self, secret: str, match: str, line: str) -> bool:
        """Whether this finding is allowed."""
        given = {"match": match, "line": line}.get(self.target, secret)
        reasons: list[bool] = []
        if self.patterns:
            reasons.append(any(pattern.search(given) for pattern in self.patterns))
        if self.words:
            lowered = secret.lower()
            reasons.append(any(word in lowered for word in self.words))
        return bool(reasons) and (all(reasons) if self.every else any(reasons))


@dataclass(frozen=True, slots=True)
class OwnRule:
    """One rule: a compiled RE2 expression, the group that is the secret, and what else must hold."""

    name: str
    entity: str
    pattern: Any
    keywords: tuple[str, ...] = ()
    group: int = FIRST
    bits: float = 0.0
    allowed: tuple[Allowed, ...] = ()
    score: float = 0.85


class Pack:
    """Rules that come together, in the order of their file."""

    def __init__(self, rules: Sequence[OwnRule], wanted: Sequence[bool] | None = None) -> None:
        self.rules = tuple(rules)
        words = dict.fromkeys(word for rule in self.rules for word in rule.keywords)
        # Patterns for the one pass over everything; where one ends does not matter.
        self.anchors = tuple("(?i)" + literal(word) for word in words)
        numbers = {word: at for at, word in enumerate(words)}
        self._keyed = tuple(frozenset(numbers[word] for word in rule.keywords) for rule in self.rules)
        self._wanted = tuple(wanted or [True] * len(self.rules))

    def only(self, entities: frozenset[str]) -> Pack:
        """The same pack, of which only rules for these entities run."""
        return Pack(
            self.rules, [r.entity in entities and r.score >= least(entities, r.entity) for r in self.rules]
        )

    def find(self, text: str, hits: set[int], first: int) -> Iterator[tuple[int, int, int]]:
        """Start, end and number of the rule; `hits` are anchors seen, this pack's number from `first` on."""
        wanted = [
            (number, rule)
            for number, rule in enumerate(self.rules)
            if self._wanted[number]
            and (not self._keyed[number] or any(first + word in hits for word in self._keyed[number]))
        ]
        at = 0
        for part in text.split(SEPARATOR) if wanted else ():
            lowered = part.lower()
            for number, rule in wanted:
                if not rule.keywords or any(word in lowered for word in rule.keywords):
                    for start, end in _found(rule, part):
                        yield at + start, at + end, number
            at += len(part) + 1


def _found(rule: OwnRule, text: str) -> Iterator[tuple[int, int]]:
    """Where one rule holds in one text."""
    for count, match in enumerate(rule.pattern.finditer(text)):
        if count > _MOST:
            raise PortDown(f"rule {rule.name}: found more than {_MOST} matches in one text")
        group = rule.group
        if group == FIRST:
            group = next((n for n in range(1, rule.pattern.groups + 1) if match.group(n)), 0)
        start, end = match.span(group)
        if 0 <= start < end and _counts(rule, text, match, group):
            yield start, end


def _counts(rule: OwnRule, text: str, match: Any, group: int) -> bool:
    secret = match.group(group)
    if rule.bits and entropy(secret) < rule.bits:
        return False
    if not rule.allowed:
        return True
    start, end = text.rfind("\n", 0, match.start()) + 1, text.find("\n", match.end())
    line = text[start : end if end >= 0 else len(text)]
    return not any(allowed.holds(secret, match.group(), line) for allowed in rule.allowed)


def compiled(expression: str) -> Any:
    """An expression for RE2, which knows (?i) also in the middle; raises ValueError with its reason."""
    re2: Any = import_module("re2")
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(expression.replace(r"\Z", r"\z"), options)
    except re2.error as fault:
        said = fault.args[0] if fault.args else fault
        reason = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        raise ValueError(reason[:120]) from None
