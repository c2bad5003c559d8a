"""What a policy does with findings: the action per entity, for everything, an upstream, a tool or a role."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from toolgate.core.patterns import Ranked
from toolgate.core.wanted import Wanted

# What `other` stands for. Everything else is looked for where a policy names it.
ENTITIES: Final = frozenset(
    {"EMAIL_ADDRESS", "CREDIT_CARD", "IBAN_CODE", "US_SSN", "PHONE_NUMBER", "IP_ADDRESS", "SECRET"}
)
# All that is found without rule files and models.
NAMED: Final = ENTITIES | {"URL", "PRIVATE_IP_ADDRESS"}


class Action(StrEnum):
    """What is done with a finding."""

    ALLOW = "allow"
    MASK = "mask"
    HASH = "hash"
    PSEUDONYM = "pseudonym"
    REFUSE = "refuse"


# From what shows most to what shows nothing.
STRICTNESS: Final = (Action.ALLOW, Action.PSEUDONYM, Action.HASH, Action.MASK, Action.REFUSE)


@dataclass(frozen=True, slots=True)
class Actions:
    """The action per entity; `other` is for entities not named. `SECRET` is the entity of secrets.

    `scores` says from which score on a finding of an entity counts, 0 where nothing is said.
    """

    named: Mapping[str, Action]
    other: Action
    scores: Mapping[str, float] = field(default_factory=dict[str, float])

    def of(self, entity: str) -> Action:
        """The action for one entity."""
        return self.named.get(entity, self.other)

    @property
    def names(self) -> bool:
        """Whether anything found is named instead of masked."""
        return not {Action.HASH, Action.PSEUDONYM}.isdisjoint([self.other, *self.named.values()])

    def wanted(self, more: frozenset[str] = frozenset()) -> frozenset[str]:
        """What a detector must look for: all whose action is not allow, and `more`; `Wanted` with scores."""
        known = frozenset(self.named)
        if self.other is not Action.ALLOW:
            known |= ENTITIES
        looked = more | {entity for entity in known if self.of(entity) is not Action.ALLOW}
        if looked.isdisjoint(self.scores):
            return looked
        return Wanted({entity: self.scores.get(entity, 0.0) for entity in looked})


@dataclass(frozen=True, slots=True)
class Override:
    """The actions one upstream, tool or role states for itself; what it does not state stays as it was."""

    named: Mapping[str, Action]
    other: Action | None = None
    scores: Mapping[str, float] = field(default_factory=dict[str, float])

    def over(self, base: Actions) -> Actions:
        """The base with these actions put on top."""
        return Actions({**base.named, **self.named}, self.other or base.other, {**base.scores, **self.scores})

    def under(self, nearer: Override | None) -> Override:
        """These with what a nearer one states put on top."""
        if nearer is None:
            return self
        return Override(
            {**self.named, **nearer.named}, nearer.other or self.other, {**self.scores, **nearer.scores}
        )


def strictest(outer: Actions, stated: Sequence[Override]) -> Actions:
    """Several overrides at once, as of the roles of one caller: per entity the strictest counts.

    One that says nothing of an entity has no say in it; its `other` speaks for entities that `outer` does
    not name. Of scores the lowest counts.
    """
    if len(stated) == 1:
        return stated[0].over(outer)
    named, scores = dict(outer.named), dict(outer.scores)
    for entity in {entity for one in stated for entity in one.named}:
        said = [
            action
            for one in stated
            if (action := one.named.get(entity) or (None if entity in outer.named else one.other))
        ]
        named[entity] = max(said, key=STRICTNESS.index)
    for entity in {entity for one in stated for entity in one.scores}:
        scores[entity] = min(one.scores[entity] for one in stated if entity in one.scores)
    others = [one.other for one in stated if one.other]
    return Actions(named, max(others, key=STRICTNESS.index, default=outer.other), scores)


@dataclass(frozen=True, slots=True)
class Layer:
    """What one role states: for everything, then per upstream, then per tool."""

    base: Override
    upstreams: Mapping[str, Override]
    tools: Ranked[Override]

    def stated(self, upstream: str, tool: str | None) -> Override:
        """What it states for one tool, or for everything else of an upstream."""
        of_tool = None if tool is None else self.tools.find(upstream, tool)
        return self.base.under(self.upstreams.get(upstream)).under(of_tool)

    def overrides(self) -> Iterator[Override]:
        """Everything it states."""
        yield self.base
        yield from self.upstreams.values()
        yield from self.tools.exact.values()
        yield from (one for _, one in self.tools.globs)


@dataclass(frozen=True, slots=True)
class Redaction:
    """What is done with findings in one direction: for all, then per upstream, per tool and per role.

    `roles` holds what a role states, or else the nearest roles that it extends.
    """

    base: Actions
    upstreams: Mapping[str, Override]
    tools: Ranked[Override]
    roles: Mapping[str, tuple[Layer, ...]] = field(default_factory=dict[str, "tuple[Layer, ...]"])

    @property
    def names(self) -> bool:
        """Whether any action gives out pseudonyms or hashes."""
        stated = [*self.upstreams.values(), *self.tools.exact.values(), *(one for _, one in self.tools.globs)]
        stated += [one for layers in self.roles.values() for layer in layers for one in layer.overrides()]
        return self.base.names or any(one.over(self.base).names for one in stated)

    def actions(self, upstream: str, tool: str | None, roles: Sequence[str] = ()) -> Actions:
        """The actions for one tool, or for everything else of an upstream, and these roles."""
        found = self.base
        if of_upstream := self.upstreams.get(upstream):
            found = of_upstream.over(found)
        of_tool = None if tool is None else self.tools.find(upstream, tool)
        if of_tool:
            found = of_tool.over(found)
        stated = [one.stated(upstream, tool) for role in roles for one in self.roles.get(role, ())]
        return strictest(found, stated) if stated else found
