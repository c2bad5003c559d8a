"""What a policy does with findings: the action per entity, for everything, an upstream or a tool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from toolgate.core.patterns import Ranked

ENTITIES: Final = frozenset(
    {"EMAIL_ADDRESS", "CREDIT_CARD", "IBAN_CODE", "US_SSN", "PHONE_NUMBER", "IP_ADDRESS", "SECRET"}
)


class Action(StrEnum):
    """What is done with a finding."""

    ALLOW = "allow"
    MASK = "mask"
    HASH = "hash"
    PSEUDONYM = "pseudonym"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Actions:
    """The action per entity; `other` is for entities not named. `SECRET` is the entity of secrets."""

    named: Mapping[str, Action]
    other: Action

    def of(self, entity: str) -> Action:
        """The action for one entity."""
        return self.named.get(entity, self.other)

    @property
    def names(self) -> bool:
        """Whether anything found is named instead of masked."""
        return not {Action.HASH, Action.PSEUDONYM}.isdisjoint([self.other, *self.named.values()])

    def wanted(self) -> frozenset[str]:
        """The entities a detector must look for: those whose action is not allow."""
        known = frozenset(self.named)
        if self.other is not Action.ALLOW:
            known |= ENTITIES
        return frozenset(entity for entity in known if self.of(entity) is not Action.ALLOW)


@dataclass(frozen=True, slots=True)
class Override:
    """The actions one upstream or tool states for itself; what it does not state stays as it was."""

    named: Mapping[str, Action]
    other: Action | None = None

    def over(self, base: Actions) -> Actions:
        """The base with these actions put on top."""
        return Actions({**base.named, **self.named}, self.other or base.other)


@dataclass(frozen=True, slots=True)
class Redaction:
    """What is done with findings in one direction: for all, then per upstream, then per tool."""

    base: Actions
    upstreams: Mapping[str, Override]
    tools: Ranked[Override]

    @property
    def names(self) -> bool:
        """Whether any action gives out pseudonyms or hashes."""
        stated = [*self.upstreams.values(), *self.tools.exact.values(), *(one for _, one in self.tools.globs)]
        return self.base.names or any(one.over(self.base).names for one in stated)

    def actions(self, upstream: str, tool: str | None) -> Actions:
        """The actions for one tool, or for everything else of an upstream."""
        found = self.base
        if of_upstream := self.upstreams.get(upstream):
            found = of_upstream.over(found)
        of_tool = None if tool is None else self.tools.find(upstream, tool)
        return of_tool.over(found) if of_tool else found
