"""In what a new policy permits more than the old one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from toolgate.core.actions import ENTITIES, NAMED, STRICTNESS, Action, Actions
from toolgate.core.binary import Binary
from toolgate.core.model import Limit, Tier
from toolgate.core.policy import Policy, Role, View
from toolgate.policy.canonical import condition
from toolgate.policy.roles import by_pattern

_TIERS: Final = (*Tier, None)


def loosened(old: Policy, new: Policy) -> tuple[str, ...]:
    """One phrase per loosening, empty where the new policy permits nothing that the old one did not.

    Tools are compared at every pattern that either policy names, for each role alone.
    """
    found = [*_settings(old, new)]
    for name, role in new.roles.items():
        found += [f"role {name} {text}" for text in _role(old.roles.get(name, Role()), role)]
    for upstream, tool in _places(old) | _places(new):
        for name in new.roles:
            before, after = old.view((name,), upstream, tool), new.view((name,), upstream, tool)
            found += [f"role {name}, {upstream}/{tool}: {text}" for text in _view(before, after)]
    return tuple(sorted(found))


def _places(policy: Policy) -> set[tuple[str, str]]:
    """Every pattern about tools, its `*` taken as a plain character that only a `*` meets."""
    texts = {pattern.text for pattern, _ in by_pattern(policy.tiers)}
    texts |= set(policy.tools.plain(str)) | set(policy.arguments.tools.plain(str))
    texts |= {grant.pattern.text for role in policy.roles.values() for grant in role.tools}
    texts |= {f"{upstream}/*" for side in (policy.arguments, policy.results) for upstream in side.upstreams}
    layers = [
        layer
        for side in (policy.arguments, policy.results)
        for found in side.roles.values()
        for layer in found
    ]
    texts |= {text for layer in layers for text in layer.tools.plain(str)}
    texts |= {f"{upstream}/*" for layer in layers for upstream in layer.upstreams}
    return {(text.partition("/")[0], text.partition("/")[2]) for text in texts}


def _settings(old: Policy, new: Policy) -> Iterator[str]:
    if new.shadow and not old.shadow:
        yield "mode: shadow instead of enforce"
    if new.unlisted_hold and not old.unlisted_hold:
        yield "unlisted: hold instead of refuse"
    if _more(old.prompts, new.prompts):
        yield "approval.prompts: more"
    for tier, rule in new.approval.items():
        before = old.approval[tier]
        if rule.expires > before.expires or set(rule.channels) - set(before.channels):
            yield f"approval.{tier}: longer or through more channels"
        if rule.grants and not before.grants:
            yield f"approval.{tier}: grants answer for a person"
    if _wider(old.binary, new.binary):
        yield "results.binary: more"
    if old.asks_about - new.asks_about:
        yield "approval.reversible.ask_about: less"


def _role(old: Role, new: Role) -> Iterator[str]:
    for what, before, after in (
        ("prompts", old.prompts, new.prompts),
        ("resources", old.resources, new.resources),
        ("methods", old.methods, new.methods),
    ):
        for text in sorted({pattern.text for pattern in after} - {pattern.text for pattern in before}):
            yield f"reaches {what} {text}"
    for server in sorted(new.servers_may - old.servers_may):
        yield f"lets servers {server}"
    for tier in sorted(new.may_approve - old.may_approve):
        yield f"may approve {tier}"


def _view(old: View, new: View) -> Iterator[str]:
    if not new.allowed:
        return
    if not old.allowed:
        yield "reached"
        return
    if _TIERS.index(new.tier) < _TIERS.index(old.tier):
        yield f"tier {new.tier} instead of {old.tier or 'none'}"
    if {condition(one) for one in old.conditions} - {condition(one) for one in new.conditions}:
        yield "a condition dropped or changed"
    budgets = {budget.name: budget for budget in new.budgets}
    for budget in old.budgets:
        now = budgets.get(budget.name)
        if now is None or _more(budget.limit, now.limit) or now.weight < budget.weight:
            yield f"limit {budget.name} raised or dropped"
    for side, before, after in (
        ("arguments", old.arguments, new.arguments),
        ("results", old.results, new.results),
    ):
        for change, entity in _weaker(before, after):
            yield f"{entity} in {side}: {change}"


def _weaker(old: Actions, new: Actions) -> Iterator[tuple[str, str]]:
    for entity in sorted(NAMED.union(old.named, new.named)):
        wanted = entity in ENTITIES or entity in old.named
        if wanted and STRICTNESS.index(new.of(entity)) < STRICTNESS.index(old.of(entity)):
            yield f"{new.of(entity)} instead of {old.of(entity)}", entity
        elif new.of(entity) is not Action.ALLOW and new.scores.get(entity, 0) > old.scores.get(entity, 0):
            yield "only from a higher score on", entity


def _wider(old: Binary | None, new: Binary | None) -> bool:
    """Whether binary content passes that did not."""
    if old is None or new is None:
        return old is not None
    larger = old.max_bytes is not None and (new.max_bytes is None or new.max_bytes > old.max_bytes)
    return larger or (old.types is not None and (new.types is None or bool({*new.types} - {*old.types})))


def _more(old: Limit | None, new: Limit | None) -> bool:
    """Whether a limit lets more through than before, over time or at once."""
    if old is None or new is None:
        return old is not None
    return new.count / new.per > old.count / old.per or new.count > old.count
