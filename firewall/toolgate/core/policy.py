"""A compiled policy: immutable, and answers from memory what it says of one tool for one set of roles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, TypeAlias

from toolgate.core.model import JsonObject, Limit, Tier


class Action(StrEnum):
    """What is done with a finding."""

    ALLOW = "allow"
    MASK = "mask"
    REFUSE = "refuse"


# None when the arguments satisfy the condition; else where and what was expected, never the value.
Condition: TypeAlias = Callable[[JsonObject], str | None]
Kind: TypeAlias = Literal["tools", "prompts", "resources", "methods"]


@dataclass(frozen=True, slots=True)
class Actions:
    """The action per entity; `other` is for entities not named. `SECRET` is the entity of secrets."""

    named: Mapping[str, Action]
    other: Action

    def of(self, entity: str) -> Action:
        """The action for one entity."""
        return self.named.get(entity, self.other)


@dataclass(frozen=True, slots=True)
class Budget:
    """A limit that a call to this tool draws on; the bucket is `name` joined with the caller's name."""

    name: str
    limit: Limit
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class ApprovalRule:
    """Where a held call can be decided, and for how many seconds it stays open."""

    channels: tuple[str, ...]
    expires: float


@dataclass(frozen=True, slots=True)
class View:
    """What the policy says of one tool (or prompt, resource, method) for one set of roles.

    `wanted_arguments` and `wanted_results` are the entities a detector must look for (action not allow).
    `timeout` is seconds or None. `tier` is None for a tool without one.
    """

    allowed: bool
    tier: Tier | None
    conditions: tuple[Condition, ...]
    budgets: tuple[Budget, ...]
    arguments: Actions
    results: Actions
    wanted_arguments: frozenset[str]
    wanted_results: frozenset[str]
    timeout: float | None
    max_chars: int | None


@dataclass(frozen=True, slots=True)
class Policy:
    """The compiled policy. Every method is pure and memoised.

    `shadow`: judge and journal, forward what would have been refused (never irreversible or privileged).
    `unlisted_hold`: a tool without a tier is held instead of refused.
    """

    digest: str
    shadow: bool
    unlisted_hold: bool
    approval: Mapping[Tier, ApprovalRule]
    # The helper implementing this adds the private lookup tables as further fields.

    def view(self, roles: tuple[str, ...], upstream: str, tool: str) -> View: ...

    def may(self, kind: Kind, roles: tuple[str, ...], upstream: str, name: str) -> bool:
        """Whether one of the roles reaches this tool, prompt, resource URI or method."""
        ...

    def server_may(self, roles: tuple[str, ...], what: Literal["elicit", "sample", "list_roots"]) -> bool: ...

    def may_approve(self, roles: tuple[str, ...]) -> frozenset[Tier]: ...

    def can_be_held(self, roles: tuple[str, ...]) -> bool:
        """Whether any tool these roles reach can be held (irreversible, privileged, or unlisted under hold)."""
        ...

    def surface(self, kind: Kind, roles: tuple[str, ...], upstream: str, name: str) -> View:
        """The same for a prompt, resource or method: tier is always READ, no conditions, redaction per upstream."""
        ...
