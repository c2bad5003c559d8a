"""Why a policy says what it says of one call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from toolgate.core.model import Admission, Caller, Hold, Refuse
from toolgate.core.patterns import Pattern, names
from toolgate.core.policy import Actions, Kind, Policy, View
from toolgate.mistakes import Steps
from toolgate.policy.canonical import condition
from toolgate.policy.cases import CallPart, judge, told
from toolgate.policy.document import PolicyFile
from toolgate.policy.load import Source
from toolgate.policy.roles import by_pattern, reads

Plain: TypeAlias = dict[str, Any]


def explained(source: Source, policy: Policy, part: CallPart, roles: tuple[str, ...], now: float) -> Plain:
    """The verdict on a call, and every rule that had a say in it, as plain values."""
    upstream, method, name = part.target()
    kind: Kind = next(k for k in _KINDS if getattr(part, _KINDS[k]) is not None)
    shown = name or method
    view = policy.surface(kind, roles, upstream, shown)
    verdict = judge(part, Caller("caller", roles, "caller"), policy, now)
    return {
        "call": f"{upstream}/{shown}",
        "kind": kind,
        "roles": list(roles),
        "unknown_roles": [role for role in roles if role not in policy.roles],
        "verdict": told(verdict),
        "detail": _detail(verdict, policy),
        "reached_by": list(_reached(source, kind, roles, upstream, shown)),
        "tier": _tier(source, policy, upstream, name) if kind == "tools" else None,
        "rule": _rule(source, upstream, name) if kind == "tools" else None,
        "conditions": [
            {"condition": condition(one), "unmet": one(part.arguments)} for one in view.conditions
        ],
        "limits": [_limit(view, number) for number in range(len(view.budgets))],
        "redaction": {"arguments": _actions(view.arguments), "results": _actions(view.results)},
        "timeout": view.timeout,
        "max_chars": view.max_chars,
    }


_KINDS: dict[Kind, str] = {
    "tools": "tool",
    "prompts": "prompt",
    "resources": "resource",
    "methods": "method",
}


def _detail(verdict: Admission, policy: Policy) -> str:
    """What a verdict adds to its word."""
    if isinstance(verdict, Refuse):
        return verdict.detail
    if isinstance(verdict, Hold):
        rule = policy.rule(verdict.tier)
        return f"open for {rule.expires:g} s, decided through {', '.join(rule.channels)}"
    return ""


def _reached(source: Source, kind: Kind, roles: tuple[str, ...], upstream: str, name: str) -> Iterator[Plain]:
    """Every entry of a role, its own or extended, that names the target."""
    for role in roles:
        for holder in _lineage(source.file, role):
            for number, entry in enumerate(getattr(source.file.roles[holder], kind)):
                for pattern in reads(kind, entry):
                    if pattern.matches(upstream, name):
                        at = ("roles", holder, kind, number)
                        yield {"role": role, "pattern": pattern.text, "where": source.where(at)}


def _lineage(file: PolicyFile, role: str) -> list[str]:
    """A role and everything it extends, each once."""
    found = [role] if role in file.roles else []
    for name in found:
        found += [parent for parent in file.roles[name].extends if parent not in found]
    return found


def _tier(source: Source, policy: Policy, upstream: str, name: str) -> Plain | None:
    places = [(at, text) for at, text, _ in source.file.tiers.entries()]
    for pattern, tier in by_pattern(policy.tiers):
        if pattern.matches(upstream, name):
            return {"tier": tier.value, **_place(source, pattern, places)}
    return None


def _rule(source: Source, upstream: str, name: str) -> Plain | None:
    places: list[tuple[Steps, str]] = [(("tools", text), text) for text in source.file.tools]
    patterns = [pattern for _, text in places for pattern in names(text) if pattern.matches(upstream, name)]
    best = max(patterns, key=lambda pattern: pattern.specificity, default=None)
    return _place(source, best, places) if best else None


def _place(source: Source, pattern: Pattern, places: list[tuple[Steps, str]]) -> Plain:
    at = next(steps for steps, text in places if pattern in names(text))
    return {"pattern": pattern.text, "where": source.where(at)}


def _limit(view: View, number: int) -> Plain:
    budget = view.budgets[number]
    return {
        "name": budget.name,
        "count": budget.limit.count,
        "per_seconds": budget.limit.per,
        "weight": budget.weight,
    }


def _actions(actions: Actions) -> Plain:
    said: Plain = {name: action.value for name, action in actions.named.items()}
    said["other"] = actions.other.value
    return {**said, "scores": dict(actions.scores)} if actions.scores else said
