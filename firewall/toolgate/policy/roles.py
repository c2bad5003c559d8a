"""The roles of a policy, with everything they extend folded in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from toolgate import units
from toolgate.core.model import Tier
from toolgate.core.patterns import Pattern, Ranked, methods, names, uris
from toolgate.core.policy import Kind, Names, Policy, Reach, Role, loosest
from toolgate.mistakes import Steps, nearest
from toolgate.policy import money
from toolgate.policy.document import PolicyFile, RolePart, ToolGrant
from toolgate.policy.matchers import when

T = TypeVar("T")
_ASKS = (Tier.IRREVERSIBLE, Tier.PRIVILEGED)


def compiled_roles(
    file: PolicyFile, tiers: Ranked[Tier], complain: Callable[[Steps, str], None]
) -> dict[str, Role]:
    """Every role; one that extends an unknown role or, in a circle, itself is a mistake."""
    done: dict[str, Role] = {}

    def resolve(name: str, chain: tuple[str, ...]) -> Role:
        if name not in done:
            parents = [
                resolve(parent, (*chain, name))
                for number, parent in enumerate(file.roles[name].extends)
                if sound(name, number, parent, (*chain, name))
            ]
            done[name] = _role(file.roles[name], parents, tiers, holds_unlisted=file.unlisted == "hold")
        return done[name]

    def sound(name: str, number: int, parent: str, chain: tuple[str, ...]) -> bool:
        at = ("roles", name, "extends", number)
        if parent not in file.roles:
            complain(at, f'found "{parent}", expected a role of this policy{nearest(parent, file.roles)}')
        elif parent in chain:
            complain(at, f'found "{parent}", expected no circle: {" extends ".join((*chain, parent))}')
        return parent in file.roles and parent not in chain

    for name in file.roles:
        resolve(name, ())
    return done


def grants(entry: str | ToolGrant) -> tuple[Reach, ...]:
    """The grants of one entry under `tools` of a role."""
    if isinstance(entry, str):
        return tuple(Reach(pattern) for pattern in names(entry))
    conditions = when(entry.when)
    return tuple(Reach(pattern, conditions) for pattern in names(entry.tool))


def reads(kind: Kind, entry: str | ToolGrant) -> tuple[Names, ...]:
    """The patterns of one entry under `tools`, `prompts`, `resources` or `methods` of a role."""
    text = entry if isinstance(entry, str) else entry.tool
    if kind == "resources":
        return uris(text)
    return methods(text) if kind == "methods" else names(text)


def _role(part: RolePart, parents: list[Role], tiers: Ranked[Tier], *, holds_unlisted: bool) -> Role:
    own = tuple(grant for entry in part.tools for grant in grants(entry))
    tools = _union((own, *(parent.tools for parent in parents)))
    calls = units.limit(part.limits.calls) if part.limits.calls else None
    spending = money.spending(part.limits.cost).limit if part.limits.cost else None
    return Role(
        tools=tools,
        prompts=_union((_each(names, part.prompts), *(p.prompts for p in parents))),
        resources=_union((_each(uris, part.resources), *(p.resources for p in parents))),
        methods=_union((_each(methods, part.methods), *(p.methods for p in parents))),
        calls=calls or loosest(parent.calls for parent in parents),
        cost=spending or loosest(parent.cost for parent in parents),
        servers_may=frozenset(part.servers_may).union(*(p.servers_may for p in parents)),
        may_approve=frozenset(map(Tier, part.may_approve)).union(*(p.may_approve for p in parents)),
        held=any(_held(grant.pattern, tiers, holds_unlisted=holds_unlisted) for grant in tools),
    )


def _each(read: Callable[[str], tuple[T, ...]], texts: Iterable[str]) -> tuple[T, ...]:
    return tuple(pattern for text in texts for pattern in read(text))


def _union(parts: Iterable[Iterable[T]]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(item for part in parts for item in part))


def _held(grant: Pattern, tiers: Ranked[Tier], *, holds_unlisted: bool) -> bool:
    """Whether a call of a tool named by this grant can need a person."""
    entries = by_pattern(tiers)
    for pattern, tier in entries:
        if tier in _ASKS and pattern.overlaps(grant):
            return True
        if pattern.covers(grant):  # everything less specific is out of reach for this grant
            return False
    return holds_unlisted


def by_pattern(tiers: Ranked[Tier]) -> Iterable[tuple[Pattern, Tier]]:
    """All tiers, the most specific pattern first."""
    exact = ((pattern, tier) for text, tier in tiers.exact.items() for pattern in names(text))
    return (*exact, *tiers.globs)


def approving_role(policy: Policy) -> str:
    """The role of the policy that may approve most, `admin` where none may."""
    able = sorted(policy.roles, key=lambda name: -len(policy.roles[name].may_approve))
    return able[0] if able and policy.roles[able[0]].may_approve else "admin"
