"""Patterns of a policy file in the order of how specific they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias, TypeVar

from toolgate.core.patterns import Pattern, Ranked, conflicts, names
from toolgate.mistakes import Steps, spelled

T = TypeVar("T")
# Takes where a mistake stands and what was found and expected.
Complain: TypeAlias = Callable[[Steps, str], None]


def ranked(entries: Iterable[tuple[Steps, str, T]], complain: Complain) -> Ranked[T]:
    """Rank patterns; two equally specific ones that say different things of one name are a mistake."""
    patterns: list[tuple[Steps, Pattern, T]] = [
        (at, pattern, value) for at, text, value in entries for pattern in names(text)
    ]
    for first, second in conflicts([pattern for _, pattern, _ in patterns]):
        (before, one, this), (at, other, that) = patterns[first], patterns[second]
        if before != at and this != that:
            complain(
                at,
                f"found {other.text}, as specific as {one.text} of {spelled(before)},"
                " expected one rule for each name",
            )
    return Ranked[T].of((pattern, value) for _, pattern, value in patterns)
