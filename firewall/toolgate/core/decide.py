"""Whether a call goes ahead: the checks, in their order."""

from __future__ import annotations

from typing import cast

from toolgate.core.case import Case, Check
from toolgate.core.checks.allowlist import allowlisted, tiered
from toolgate.core.checks.approval import approved
from toolgate.core.checks.asking import asks, granted, tier_of
from toolgate.core.checks.budgets import within_budget
from toolgate.core.checks.conditions import conditions_met
from toolgate.core.checks.findings import arguments_clean
from toolgate.core.checks.running import running
from toolgate.core.checks.schema import known, valid
from toolgate.core.model import (
    UNKNOWN,
    Admission,
    Allow,
    ApprovalState,
    Burn,
    Call,
    Charge,
    Fact,
    Facts,
    Hold,
    JsonObject,
    Need,
    Refuse,
    Tier,
    Use,
)
from toolgate.core.outgoing import outgoing
from toolgate.core.policy import Kind, Policy, View
from toolgate.core.reasons import Reason
from toolgate.core.standing import Grant

_FINDINGS = frozenset({Fact.FINDINGS})

# Cheap and certain first. Policies set parameters and never reorder.
ADMIT: tuple[Check, ...] = (
    running,
    allowlisted,
    known,
    tiered,
    valid,
    conditions_met,
    arguments_clean,
    approved,
    within_budget,
)


# Two rounds are the rule, and this is what most first ones come to.
_SCAN = Need(_FINDINGS, ADMIT.index(arguments_clean))


def case_of(call: Call, facts: Facts, policy: Policy, view: View | None = None) -> Case:
    """The call beside what the policy says of it; `view` where somebody has looked that up."""
    return Case(call, facts, policy, view or view_of(call, policy))


def view_of(call: Call, policy: Policy) -> View:
    """What the policy says of the thing a call is about."""
    if call.method == "tools/call":
        return policy.view(call.caller.roles, call.upstream, call.target)
    kind = kind_of(call)
    name = call.method if kind == "methods" else call.target
    return policy.surface(kind, call.caller.roles, call.upstream, name)


def admit(call: Call, facts: Facts, policy: Policy, passed: int = 0, view: View | None = None) -> Admission:
    """Judge one call. `Need` names every fact the remaining checks lack; look them up and ask again.

    `passed` comes from that `Need`: with more facts known, and nothing else changed, the checks before
    it would say the same. `view` is what the policy says of this call, where somebody has looked it up.
    """
    case = Case(call, facts, policy, view or view_of(call, policy))
    for check in ADMIT[passed:] if passed else ADMIT:
        verdict = check(case)
        if verdict is not None:
            return _settled(case, verdict, check)
    return _allow(case)


def _settled(case: Case, verdict: Admission, check: Check) -> Admission:
    """What the verdict of one check comes to."""
    if isinstance(verdict, Need):
        lacking = verdict.facts if Fact.TOOL in verdict.facts else _lacking(case)
        return _SCAN if lacking is _FINDINGS else Need(lacking, ADMIT.index(check))
    if isinstance(verdict, Refuse):
        return _shadowed(case, verdict)
    if isinstance(verdict, Hold):
        return within_budget(case) or verdict
    return verdict


def _allow(case: Case) -> Allow:
    tier = tier_of(case) or Tier.READ
    taken: tuple[Charge, ...] = case.view.rates(case.call.caller.name)
    findings = () if case.facts.findings is UNKNOWN else case.facts.findings
    approval = _usable(case)
    if approval:
        return Allow(tier, outgoing(case), (*taken, Burn(approval)), approval, findings)
    grant = granted(case, tier) if case.facts.grants is not UNKNOWN and asks(case, tier) else None
    if isinstance(grant, Grant):
        use = Use(grant.id, grant.uses, grant.expires)
        return Allow(tier, outgoing(case), (*taken, use), "", findings, None, grant.id)
    return Allow(tier, outgoing(case), taken, "", findings)


def _usable(case: Case) -> str:
    """The id of the approval this call spends, empty where it spends none."""
    approval = case.facts.approval
    if approval is UNKNOWN or approval is None or approval.expires <= case.facts.now:
        return ""
    return approval.id if approval.state is ApprovalState.APPROVED else ""


def _shadowed(case: Case, refusal: Refuse) -> Allow | Refuse:
    """In shadow mode a read or reversible call that would have been refused goes ahead, on the record."""
    if refusal.reason is Reason.PAUSED:
        return refusal
    known_tool = case.call.method != "tools/call" or case.facts.tool not in (None, UNKNOWN)
    tier = case.view.tier
    if case.policy.shadow and known_tool and (tier is Tier.READ or tier is Tier.REVERSIBLE):
        return Allow(tier, case.call.arguments, shadowed=refusal.reason)
    return refusal


def _lacking(case: Case) -> frozenset[Fact]:
    """Every fact the rest of the checks will ask for."""
    facts, view = case.facts, case.view
    unscanned = bool(view.wanted_arguments) and facts.findings is UNKNOWN
    tier = view.tier
    if unscanned and (tier is Tier.READ or tier is Tier.REVERSIBLE) and case.call.approval is None:
        return _FINDINGS
    tier = tier_of(case)
    asked = case.call.approval is not None or asks(case, tier)
    grantable = asked and case.call.approval is None and (tier is None or case.policy.rule(tier).grants)
    wanted = (
        (Fact.FINDINGS, unscanned),
        (Fact.ASSIGNED, view.tier is None and facts.assigned is UNKNOWN),
        (Fact.APPROVAL, asked and facts.approval is UNKNOWN),
        (Fact.GRANTS, grantable and facts.grants is UNKNOWN),
    )
    return frozenset(fact for fact, lacking in wanted if lacking)


def kind_of(call: Call) -> Kind:
    """Which allowlist of a role names what this call is about."""
    if call.method == "completion/complete":
        reference = call.arguments.get("ref")
        named = isinstance(reference, dict) and cast("JsonObject", reference).get("type") == "ref/prompt"
        return "prompts" if named else "resources"
    return _KINDS.get(call.method, "methods")


_KINDS: dict[str, Kind] = {
    "tools/call": "tools",
    "prompts/get": "prompts",
    "resources/read": "resources",
    "resources/subscribe": "resources",
    "resources/unsubscribe": "resources",
}
