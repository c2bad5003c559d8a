"""From a policy as written to the one the core judges by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from toolgate import units
from toolgate.core.model import Direction, Limit, Tier
from toolgate.core.patterns import Pattern, Ranked, conflicts, names
from toolgate.core.policy import (
    ENTITIES,
    Action,
    Actions,
    ApprovalRule,
    Override,
    Policy,
    PseudonymRule,
    Redaction,
    ToolRule,
    Undo,
)
from toolgate.errors import PolicyError
from toolgate.mistakes import Steps, spelled
from toolgate.policy import money
from toolgate.policy.canonical import canonical
from toolgate.policy.document import ApprovalPart, Directions, Limits, PolicyFile, ToolPart, UndoPart
from toolgate.policy.load import Source, load
from toolgate.policy.matchers import when
from toolgate.policy.roles import compiled_roles

T = TypeVar("T")
# Takes where a mistake stands and what was found and expected.
Complain = Callable[[Steps, str], None]

_DEFAULTS: Mapping[Direction, Actions] = {
    "arguments": Actions({"SECRET": Action.REFUSE, "CREDIT_CARD": Action.REFUSE}, Action.ALLOW),
    "results": Actions({"SECRET": Action.MASK, "CREDIT_CARD": Action.MASK}, Action.ALLOW),
}
_WAYS: tuple[Direction, ...] = ("arguments", "results")
_EXPIRES = {Tier.REVERSIBLE: "15m", Tier.IRREVERSIBLE: "15m", Tier.PRIVILEGED: "5m"}


def open_policy(path: Path) -> Policy:
    """Load and compile. Raises PolicyError with one line per mistake."""
    return compiled(load(path))


def compiled(source: Source) -> Policy:
    """Compile a policy. Raises PolicyError with one line per mistake."""
    mistakes: list[str] = []

    def complain(at: Steps, text: str) -> None:
        mistakes.append(f"{source.where(at)}: {text}")

    file = source.file
    _one_currency(file, complain)
    tiers = _ranked([(("tiers", t.value, i), text, t) for t, i, text in file.tiers.entries()], complain)
    rules = [(("tools", text), text, _rule(part)) for text, part in file.tools.items()]
    arguments, results = (_redaction(way, file, complain) for way in _WAYS)
    policy = Policy(
        digest="",
        shadow=file.mode == "shadow",
        unlisted_hold=file.unlisted == "hold",
        approval=_approval(file),
        prompts=_limit(file.approval.prompts),
        roles=compiled_roles(file, tiers, complain),
        tiers=tiers,
        tools=_ranked(rules, complain),
        arguments=arguments,
        results=results,
        max_chars=file.results.max_chars,
        asks_about=_asks_about(file.approval.reversible.ask_about),
        restores=_restores(file, complain),
        pseudonyms=_pseudonyms(file) if arguments.names or results.names else None,
    )
    if mistakes:
        raise PolicyError("\n".join(dict.fromkeys(mistakes)))
    return replace(policy, digest=digest(policy))


def digest(policy: Policy) -> str:
    """SHA-256 of the canonical form, in hex: the same for two files that say the same."""
    text = json.dumps(canonical(policy), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _ranked(entries: Iterable[tuple[Steps, str, T]], complain: Complain) -> Ranked[T]:
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


def _rule(part: ToolPart) -> ToolRule:
    calls, spending = _limits(part.limits)
    return ToolRule(
        conditions=when(part.when),
        calls=calls,
        cost_limit=spending,
        cost=money.cost(part.cost).amount if part.cost else 0.0,
        timeout=units.seconds(part.timeout) if part.timeout else None,
        undo=_undo(part.undo) if part.undo else None,
        destinations=tuple(part.destinations_in),
    )


def _undo(part: UndoPart) -> Undo:
    upstream, _, tool = part.call.partition("/")
    return Undo(upstream, tool, dict(part.with_), units.seconds(part.within))


def _limit(rate: str | None) -> Limit | None:
    return units.limit(rate) if rate else None


def _limits(limits: Limits) -> tuple[Limit | None, Limit | None]:
    return _limit(limits.calls), money.spending(limits.cost).limit if limits.cost else None


def _approval(file: PolicyFile) -> dict[Tier, ApprovalRule]:
    stated = file.approval
    parts: dict[Tier, ApprovalPart] = {
        Tier.REVERSIBLE: stated.reversible,
        Tier.IRREVERSIBLE: stated.irreversible,
        Tier.PRIVILEGED: stated.privileged,
    }
    return {tier: _rule_of(part, _EXPIRES[tier]) for tier, part in parts.items()}


def _rule_of(part: ApprovalPart, expires: str) -> ApprovalRule:
    wait = units.seconds(part.wait) if part.wait else 0.0
    return ApprovalRule(tuple(part.channels), units.seconds(part.expires or expires), wait, part.grants)


def _asks_about(stated: Sequence[str]) -> frozenset[str]:
    """The entities under their own names; `other` is every one there is."""
    named = frozenset(["SECRET" if name == "secrets" else name for name in stated])
    return named | ENTITIES if "other" in named else named


def _restores(file: PolicyFile, complain: Complain) -> Ranked[Mapping[str, frozenset[str]]]:
    """The entities to put back, per tool and argument, under their own names."""
    entries: list[tuple[Steps, str, Mapping[str, frozenset[str]]]] = []
    for text, arguments in file.redaction.restore.items():
        named = {key: _asks_about(entities) for key, entities in arguments.items()}
        entries.append((("redaction", "restore", text), text, named))
    return _ranked(entries, complain)


def _pseudonyms(file: PolicyFile) -> PseudonymRule:
    part = file.redaction.pseudonyms
    return PseudonymRule(part.within, units.seconds(part.keep))


def _redaction(direction: Direction, file: PolicyFile, complain: Complain) -> Redaction:
    part = file.redaction
    tools = [(("redaction", "tools", text), text, _override(d, direction)) for text, d in part.tools.items()]
    return Redaction(
        base=_override(part, direction).over(_DEFAULTS[direction]),
        upstreams={name: _override(d, direction) for name, d in part.upstreams.items()},
        tools=_ranked(tools, complain),
    )


def _override(part: Directions, direction: Direction) -> Override:
    """The actions that one mapping states, under the entities' own names."""
    stated = {name: Action(word) for name, word in getattr(part, direction).items()}
    other = stated.pop("other", None)
    return Override({"SECRET" if name == "secrets" else name: a for name, a in stated.items()}, other)


def _one_currency(file: PolicyFile, complain: Complain) -> None:
    """Costs are only compared within one currency."""
    stated: list[tuple[Steps, str]] = []
    for name, role in file.roles.items():
        if role.limits.cost:
            stated.append((("roles", name, "limits", "cost"), money.spending(role.limits.cost).currency))
    for text, tool in file.tools.items():
        if tool.cost:
            stated.append((("tools", text, "cost"), money.cost(tool.cost).currency))
        if tool.limits.cost:
            stated.append((("tools", text, "limits", "cost"), money.spending(tool.limits.cost).currency))
    for at, currency in stated[1:]:
        if currency != stated[0][1]:
            complain(at, f"found {currency}, expected {stated[0][1]} as at {spelled(stated[0][0])}")
