"""From a policy as written to the one the core judges by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from toolgate import units
from toolgate.core.binary import Binary
from toolgate.core.model import Limit, Tier
from toolgate.core.policy import ApprovalRule, Policy, PseudonymRule, ToolRule, Undo
from toolgate.errors import PolicyError
from toolgate.mistakes import Steps, spelled
from toolgate.policy import money
from toolgate.policy.canonical import canonical
from toolgate.policy.document import ApprovalPart, BinaryPart, Limits, PolicyFile, ToolPart, UndoPart
from toolgate.policy.load import Source, load
from toolgate.policy.matchers import when
from toolgate.policy.ranking import Complain, ranked
from toolgate.policy.redaction import entities, redaction, restores, strangers
from toolgate.policy.roles import compiled_roles

_EXPIRES = {Tier.REVERSIBLE: "15m", Tier.IRREVERSIBLE: "15m", Tier.PRIVILEGED: "5m"}


def open_policy(path: Path, found: Mapping[str, float] | None = None) -> Policy:
    """Load and compile. Raises PolicyError with one line per mistake."""
    return compiled(load(path), found)


def compiled(source: Source, found: Mapping[str, float] | None = None) -> Policy:
    """Compile a policy. Raises PolicyError with one line per mistake.

    `found` is the highest score of every entity the detectors know, where somebody knows the detectors.
    """
    mistakes: list[str] = []

    def complain(at: Steps, text: str) -> None:
        mistakes.append(f"{source.where(at)}: {text}")

    file = source.file
    _one_currency(file, complain)
    if found is not None:
        for at, text in strangers(file, found):
            complain(at, text)
    tiers = ranked(file.tiers.entries(), complain)
    rules = [(("tools", text), text, _rule(part)) for text, part in file.tools.items()]
    arguments, results = redaction("arguments", file, complain), redaction("results", file, complain)
    policy = Policy(
        digest="",
        shadow=file.mode == "shadow",
        unlisted_hold=file.unlisted == "hold",
        approval=_approval(file),
        prompts=_limit(file.approval.prompts),
        roles=compiled_roles(file, tiers, complain),
        tiers=tiers,
        tools=ranked(rules, complain),
        arguments=arguments,
        results=results,
        max_chars=file.results.max_chars,
        binary=_binary(file.results.binary),
        asks_about=entities(file.approval.reversible.ask_about),
        restores=restores(file, complain),
        follows=any(part.destinations_in for part in file.tools.values()),
        pseudonyms=_pseudonyms(file) if arguments.names or results.names or file.redaction.restore else None,
    )
    if mistakes:
        raise PolicyError("\n".join(dict.fromkeys(mistakes)))
    return replace(policy, digest=digest(policy))


def digest(policy: Policy) -> str:
    """SHA-256 of the canonical form, in hex: the same for two files that say the same."""
    text = json.dumps(canonical(policy), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


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


def _pseudonyms(file: PolicyFile) -> PseudonymRule:
    part = file.redaction.pseudonyms
    return PseudonymRule(part.within, units.seconds(part.keep))


def _binary(part: BinaryPart | None) -> Binary | None:
    if part is None:
        return None
    types = None if part.types is None else tuple(part.types)
    return Binary(units.octets(part.max_bytes) if part.max_bytes else None, types)


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
