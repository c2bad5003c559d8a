"""One form for all policies that say the same, of which the digest is taken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from toolgate.core.conditions import ArgumentCondition
from toolgate.core.model import Limit
from toolgate.core.policy import (
    Actions,
    ApprovalRule,
    Condition,
    Layer,
    Override,
    Policy,
    Redaction,
    Role,
    ToolRule,
)

Plain: TypeAlias = dict[str, Any]


def canonical(policy: Policy) -> Plain:
    """The whole policy as plain values."""
    return {
        "shadow": policy.shadow,
        "unlisted_hold": policy.unlisted_hold,
        "approval": {tier.value: _approval(rule) for tier, rule in policy.approval.items()},
        "asks_about": sorted(policy.asks_about),
        "prompts": limit(policy.prompts),
        "roles": {name: _role(role) for name, role in policy.roles.items()},
        "tiers": policy.tiers.plain(lambda tier: tier.value),
        "tools": policy.tools.plain(_rule),
        "arguments": _redaction(policy.arguments),
        "results": _redaction(policy.results),
        "restores": policy.restores.plain(lambda by: {key: sorted(entities) for key, entities in by.items()}),
        "pseudonyms": [rule.within, rule.keep] if (rule := policy.pseudonyms) else None,
        "max_chars": policy.max_chars,
        "binary": None if (binary := policy.binary) is None else [binary.max_bytes, binary.types],
    }


def _approval(rule: ApprovalRule) -> list[Any]:
    return [list(rule.channels), rule.expires, rule.wait, rule.grants]


def condition(stated: Condition) -> str:
    """A condition as the policy states it."""
    return stated.text if isinstance(stated, ArgumentCondition) else repr(stated)


def limit(stated: Limit | None) -> list[float] | None:
    """Count and period of a limit."""
    return None if stated is None else [stated.count, stated.per]


def _conditions(stated: Iterable[Condition]) -> list[str]:
    return sorted({condition(one) for one in stated})


def _role(role: Role) -> Plain:
    return {
        "tools": sorted([grant.pattern.text, _conditions(grant.conditions)] for grant in role.tools),
        "prompts": sorted(pattern.text for pattern in role.prompts),
        "resources": sorted(pattern.text for pattern in role.resources),
        "methods": sorted(pattern.text for pattern in role.methods),
        "calls": limit(role.calls),
        "cost": limit(role.cost),
        "servers_may": sorted(role.servers_may),
        "may_approve": sorted(role.may_approve),
    }


def _rule(rule: ToolRule) -> Plain:
    return {
        "conditions": _conditions(rule.conditions),
        "calls": limit(rule.calls),
        "cost_limit": limit(rule.cost_limit),
        "cost": rule.cost,
        "timeout": rule.timeout,
        "destinations": list(rule.destinations),
        "undo": [undo.upstream, undo.tool, undo.arguments, undo.within] if (undo := rule.undo) else None,
    }


def _redaction(redaction: Redaction) -> Plain:
    return {
        "base": _actions(redaction.base),
        "upstreams": {name: _actions(override) for name, override in redaction.upstreams.items()},
        "tools": redaction.tools.plain(_actions),
        "roles": {name: [_layer(one) for one in layers] for name, layers in redaction.roles.items()},
    }


def _layer(layer: Layer) -> Plain:
    return {
        "base": _actions(layer.base),
        "upstreams": {name: _actions(override) for name, override in layer.upstreams.items()},
        "tools": layer.tools.plain(_actions),
    }


def _actions(actions: Actions | Override) -> Plain:
    named: Mapping[str, str] = {name: action.value for name, action in actions.named.items()}
    other = None if actions.other is None else actions.other.value
    return {"named": named, "other": other, "scores": dict(actions.scores)}
