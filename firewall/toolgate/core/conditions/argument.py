"""A condition: what one argument must satisfy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from toolgate.core.conditions.values import Matcher
from toolgate.core.model import JsonObject


@dataclass(frozen=True, slots=True)
class ArgumentCondition:
    """All matchers must fit the argument. `text` is the condition as the policy states it, canonical.

    `optional`: an argument that is missing or null satisfies it; otherwise a missing one fails.
    """

    name: str
    text: str
    matchers: tuple[Matcher, ...] = field(repr=False, compare=False)
    optional: bool = False

    def __call__(self, arguments: JsonObject) -> str | None:
        """None where it is satisfied; else where and what was expected."""
        value = arguments.get(self.name)
        if value is None:
            if self.optional:
                return None
            if self.name not in arguments:
                return f"{self.name}: expected to be present"
        for matcher in self.matchers:
            if failed := matcher(value, self.name):
                return failed
        return None


def together(matchers: Sequence[Matcher]) -> Matcher:
    """All of these."""

    def match(value: object, where: str) -> str | None:
        for matcher in matchers:
            if failed := matcher(value, where):
                return failed
        return None

    return match
