"""Irreversible and privileged calls, and tools nobody has classed yet, wait for a person."""

from __future__ import annotations

from typing import assert_never

from toolgate.core.case import Case
from toolgate.core.model import UNKNOWN, Approval, ApprovalState, Fact, Hold, Need, Refuse, Replay, Tier
from toolgate.core.outgoing import outgoing
from toolgate.core.reasons import Reason

ASKS = (Tier.IRREVERSIBLE, Tier.PRIVILEGED)


def tier_of(case: Case) -> Tier | None:
    """The policy's tier, or the one a person gave to a tool the policy does not list."""
    assigned = case.facts.assigned
    if case.view.tier is not None:
        return case.view.tier
    return None if assigned is UNKNOWN else assigned


def approved(case: Case) -> Need | Hold | Refuse | Replay | None:
    """Passes reads, reversible calls and approved calls; holds the rest."""
    if case.view.tier is None and case.facts.assigned is UNKNOWN:
        return Need(frozenset({Fact.ASSIGNED, Fact.APPROVAL}))
    tier = tier_of(case)
    if tier is not None and tier not in ASKS and case.call.approval is None:
        return None
    approval = case.facts.approval
    if approval is UNKNOWN:
        return Need(frozenset({Fact.APPROVAL}))
    if case.call.approval is not None and (approval is None or approval.id != case.call.approval):
        return Refuse(Reason.APPROVAL_UNKNOWN, "no such approval for this caller and this call")
    if approval is None or approval.expires <= case.facts.now:
        return _expired_or_hold(case, tier)
    return _by_state(case, tier, approval)


def _by_state(case: Case, tier: Tier | None, approval: Approval) -> Hold | Refuse | Replay | None:
    state = approval.state
    if state is ApprovalState.PENDING:
        return _hold(case, tier, approval)
    if state is ApprovalState.DENIED:
        return Refuse(Reason.APPROVAL_DENIED, f"approval {approval.id} was denied")
    if state is ApprovalState.SPENT:
        return Refuse(Reason.OUTCOME_UNKNOWN, f"approval {approval.id} was used and its outcome is unknown")
    if state is ApprovalState.EXECUTED:
        return Replay(approval)
    if state is not ApprovalState.APPROVED:
        assert_never(state)
    weaker = tier is Tier.PRIVILEGED and approval.tier is not Tier.PRIVILEGED
    return _hold(case, tier, None) if tier is None or weaker else None


def _expired_or_hold(case: Case, tier: Tier | None) -> Hold | Refuse:
    if case.call.approval is not None:
        return Refuse(Reason.APPROVAL_EXPIRED, f"approval {case.call.approval} has expired")
    return _hold(case, tier, None)


def _hold(case: Case, tier: Tier | None, approval: Approval | None) -> Hold:
    rule = case.policy.approval[Tier.PRIVILEGED if tier is Tier.PRIVILEGED else Tier.IRREVERSIBLE]
    expires = approval.expires if approval else case.facts.now + rule.expires
    findings = () if case.facts.findings is UNKNOWN else case.facts.findings
    return Hold(tier, outgoing(case), expires, approval, findings=findings)
