"""A compiled policy: immutable, and answers from memory what it says of one tool for one set of roles."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, TypeAlias

from toolgate.core.actions import ENTITIES as ENTITIES
from toolgate.core.actions import Action as Action
from toolgate.core.actions import Actions as Actions
from toolgate.core.actions import Layer as Layer
from toolgate.core.actions import Override as Override
from toolgate.core.actions import Redaction as Redaction
from toolgate.core.binary import Binary
from toolgate.core.model import JsonObject, Limit, Rate, Tier
from toolgate.core.patterns import Pattern, Ranked

# An agent that calls names it invents must not grow memory: so many views, of names so long, are kept.
_VIEWS: Final = 8192
_LONGEST: Final = 512
# Charges are remembered for so many callers of a view.
_CALLERS: Final = 256


# None when the arguments satisfy the condition; else where and what was expected, never the value.
Condition: TypeAlias = Callable[[JsonObject], str | None]
Kind: TypeAlias = Literal["tools", "prompts", "resources", "methods"]
ServerAsk: TypeAlias = Literal["elicit", "sample", "list_roots"]
Roles: TypeAlias = tuple[str, ...]


class Names(Protocol):
    """Any pattern that says whether it names something of an upstream."""

    @property
    def text(self) -> str: ...

    def matches(self, upstream: str, name: str, /) -> bool: ...


@dataclass(frozen=True, slots=True)
class Budget:
    """A limit that a call to this tool draws on; the bucket is `name` joined with the caller's name."""

    name: str
    limit: Limit
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class ApprovalRule:
    """Where a held call can be decided, and for how many seconds it stays open.

    `wait`: for so many seconds a caller is kept waiting before he is told that the call is held.
    `grants`: whether a grant may answer in place of a person.
    """

    channels: tuple[str, ...]
    expires: float
    wait: float = 0.0
    grants: bool = True


@dataclass(frozen=True, slots=True)
class Undo:
    """The way back from a call: a call to `upstream`/`tool` with these arguments, for so many seconds.

    A text `$result.PATH` or `$arguments.PATH` in them stands for what the call gave or was given.
    """

    upstream: str
    tool: str
    arguments: JsonObject = field(hash=False)
    within: float


@dataclass(frozen=True, slots=True)
class Reach:
    """Tools a role reaches, and the conditions under which it does."""

    pattern: Pattern
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Role:
    """What a role reaches, with everything it extends folded in. `held`: a call of it can be held."""

    tools: tuple[Reach, ...] = ()
    prompts: tuple[Names, ...] = ()
    resources: tuple[Names, ...] = ()
    methods: tuple[Names, ...] = ()
    calls: Limit | None = None
    cost: Limit | None = None
    servers_may: frozenset[str] = frozenset()
    may_approve: frozenset[Tier] = frozenset()
    held: bool = False

    def names(self, kind: Kind) -> tuple[Names, ...]:
        """The patterns of one kind."""
        if kind == "prompts":
            return self.prompts
        if kind == "resources":
            return self.resources
        if kind == "methods":
            return self.methods
        return tuple(grant.pattern for grant in self.tools)


@dataclass(frozen=True, slots=True)
class ToolRule:
    """What holds for a tool whoever calls it. `cost` is in the policy's currency, `timeout` in seconds."""

    conditions: tuple[Condition, ...] = ()
    calls: Limit | None = None
    cost_limit: Limit | None = None
    cost: float = 0.0
    timeout: float | None = None
    undo: Undo | None = None
    destinations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PseudonymRule:
    """Who shares pseudonyms, and for how many seconds one can be put back after it was last given out."""

    within: Literal["session", "caller", "tenant"]
    keep: float


@dataclass(frozen=True, slots=True)
class View:
    """What the policy says of one tool (or prompt, resource, method) for one set of roles.

    `wanted_arguments` and `wanted_results` are the entities a detector must look for (action not allow).
    `timeout` is seconds or None. `tier` is None for a tool without one. `restores` are the entities whose
    pseudonyms are put back, by argument; `destinations` the arguments that name one.
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
    undo: Undo | None = None
    binary: Binary | None = None
    restores: Mapping[str, frozenset[str]] = field(default_factory=dict[str, "frozenset[str]"])
    destinations: tuple[str, ...] = ()
    _rates: dict[str, tuple[Rate, ...]] = field(
        default_factory=dict[str, "tuple[Rate, ...]"], repr=False, compare=False
    )

    def rates(self, caller: str) -> tuple[Rate, ...]:
        """What a call of this caller draws on: one charge per budget, in the caller's own bucket."""
        known = self._rates.get(caller)
        if known is None:
            known = tuple(Rate(f"{one.name}|{caller}", one.limit, one.weight) for one in self.budgets)
            if len(self._rates) < _CALLERS:
                self._rates[caller] = known
        return known


_NO_RULE: Final = ToolRule()


def _nothing() -> Ranked[Mapping[str, frozenset[str]]]:
    return Ranked({}, ())


@dataclass(frozen=True, slots=True)
class Policy:
    """The compiled policy. Every method is pure and memoised.

    `shadow`: judge and journal, forward what would have been refused (never irreversible or privileged).
    `unlisted_hold`: a tool without a tier is held instead of refused.
    `approval` has a rule for reversible, irreversible and privileged; `prompts` limits holds per caller.
    `asks_about` are the entities that a reversible call may not send before a person was asked.
    `restores` are the entities put back per tool and argument; `pseudonyms` is None where none are made.
    `follows`: some tool names a destination, so it matters where destinations come from.
    `digest` is the SHA-256 of the policy's canonical form, in hex.
    """

    digest: str
    shadow: bool
    unlisted_hold: bool
    approval: Mapping[Tier, ApprovalRule]
    prompts: Limit | None
    roles: Mapping[str, Role]
    tiers: Ranked[Tier]
    tools: Ranked[ToolRule]
    arguments: Redaction
    results: Redaction
    max_chars: int | None
    asks_about: frozenset[str] = frozenset()
    restores: Ranked[Mapping[str, frozenset[str]]] = field(default_factory=_nothing)
    pseudonyms: PseudonymRule | None = None
    binary: Binary | None = None
    follows: bool = False
    _memo: dict[tuple[Roles | str, ...], View] = field(
        default_factory=dict[tuple[Roles | str, ...], View], repr=False, compare=False
    )

    def view(self, roles: Roles, upstream: str, tool: str) -> View:
        """What the policy says of one tool for these roles."""
        key = (roles, upstream, tool)
        return self._memo.get(key) or self._keep(key, tool, self._tool(roles, upstream, tool))

    def surface(self, kind: Kind, roles: Roles, upstream: str, name: str) -> View:
        """The same for a prompt, resource or method: tier READ, no conditions, redaction per upstream."""
        if kind == "tools":
            return self.view(roles, upstream, name)
        key = (kind, roles, upstream, name)
        return self._memo.get(key) or self._keep(key, name, self._surface(kind, roles, upstream, name))

    def may(self, kind: Kind, roles: Roles, upstream: str, name: str) -> bool:
        """Whether one of the roles reaches this tool, prompt, resource URI or method."""
        return self.surface(kind, roles, upstream, name).allowed

    def server_may(self, roles: Roles, what: ServerAsk) -> bool:
        """Whether an upstream may ask this of the caller's client."""
        return any(what in role.servers_may for role in self._held_by(roles))

    def may_approve(self, roles: Roles) -> frozenset[Tier]:
        """The tiers these roles decide held calls of."""
        return frozenset(tier for role in self._held_by(roles) for tier in role.may_approve)

    def can_be_held(self, roles: Roles) -> bool:
        """Whether a tool these roles reach can be held: irreversible, privileged, or unlisted under hold."""
        return any(role.held for role in self._held_by(roles))

    def rule(self, tier: Tier | None) -> ApprovalRule:
        """How a held call of this tier is decided; one without a tier like an irreversible one."""
        return self.approval.get(tier or Tier.IRREVERSIBLE) or self.approval[Tier.IRREVERSIBLE]

    def _keep(self, key: tuple[Roles | str, ...], name: str, view: View) -> View:
        """Remember a view within bounds."""
        if len(name) <= _LONGEST:
            if len(self._memo) >= _VIEWS:
                self._memo.clear()
            self._memo[key] = view
        return view

    def _held_by(self, roles: Roles) -> Iterator[Role]:
        """The roles of a caller that this policy knows."""
        return (self.roles[role] for role in roles if role in self.roles)

    def _tool(self, roles: Roles, upstream: str, tool: str) -> View:
        """The view of a tool, from scratch."""
        rule = self.tools.find(upstream, tool) or _NO_RULE
        grants = [
            grant
            for role in self._held_by(roles)
            for grant in role.tools
            if grant.pattern.matches(upstream, tool)
        ]
        conditions = dict.fromkeys([c for grant in grants for c in grant.conditions] + list(rule.conditions))
        return self._build(
            allowed=bool(grants),
            tier=self.tiers.find(upstream, tool),
            conditions=tuple(conditions),
            budgets=tuple(self._budgets(roles, f"{upstream}/{tool}", rule)),
            actions=self._actions(roles, upstream, tool),
            timeout=rule.timeout,
            undo=rule.undo,
            restores=self.restores.find(upstream, tool),
            destinations=rule.destinations,
        )

    def _surface(self, kind: Kind, roles: Roles, upstream: str, name: str) -> View:
        """The view of a prompt, resource or method, from scratch."""
        return self._build(
            allowed=any(
                pattern.matches(upstream, name)
                for role in self._held_by(roles)
                for pattern in role.names(kind)
            ),
            tier=Tier.READ,
            conditions=(),
            budgets=tuple(self._budgets(roles, "", _NO_RULE)),
            actions=self._actions(roles, upstream, None),
            timeout=None,
        )

    def _actions(self, roles: Roles, upstream: str, tool: str | None) -> tuple[Actions, Actions]:
        """What is done with findings on the way there and back."""
        return (
            self.arguments.actions(upstream, tool, roles),
            self.results.actions(upstream, tool, roles),
        )

    def _build(
        self,
        *,
        allowed: bool,
        tier: Tier | None,
        conditions: tuple[Condition, ...],
        budgets: tuple[Budget, ...],
        actions: tuple[Actions, Actions],
        timeout: float | None,
        undo: Undo | None = None,
        restores: Mapping[str, frozenset[str]] | None = None,
        destinations: tuple[str, ...] = (),
    ) -> View:
        """A view with what follows from its parts."""
        arguments, results = actions
        asked = self.asks_about if tier is None or tier is Tier.REVERSIBLE else frozenset[str]()
        return View(
            allowed=allowed,
            tier=tier,
            conditions=conditions,
            budgets=budgets,
            arguments=arguments,
            results=results,
            wanted_arguments=arguments.wanted(asked),
            wanted_results=results.wanted(),
            timeout=timeout,
            max_chars=self.max_chars,
            undo=undo,
            binary=self.binary,
            restores=restores or {},
            destinations=destinations,
        )

    def _budgets(self, roles: Roles, tool: str, rule: ToolRule) -> Iterator[Budget]:
        """Limits of the roles are per caller, those of a tool per caller and tool."""
        held = tuple(self._held_by(roles))
        if calls := loosest(role.calls for role in held):
            yield Budget("calls", calls)
        if rule.cost and (cost := loosest(role.cost for role in held)):
            yield Budget("cost", cost, rule.cost)
        if rule.calls:
            yield Budget(f"{tool} calls", rule.calls)
        if rule.cost and rule.cost_limit:
            yield Budget(f"{tool} cost", rule.cost_limit, rule.cost)


def loosest(limits: Iterable[Limit | None]) -> Limit | None:
    """The limit that lets most through over time, then at once; those that state none do not count."""
    stated = [limit for limit in limits if limit is not None]
    return max(stated, key=lambda limit: (limit.count / limit.per, limit.count), default=None)
