"""A call that a person is asked about waits for the answer."""

from __future__ import annotations

from typing import Final, assert_never

from toolgate.core.case import Case
from toolgate.core.checks.asking import asks, granted, over, tier_of, why
from toolgate.core.model import (
    UNKNOWN,
    Amend,
    Approval,
    ApprovalState,
    Fact,
    Hold,
    Need,
    Refuse,
    Replay,
    Tier,
)
from toolgate.core.outgoing import outgoing
from toolgate.core.reasons import Reason

_LADDER: Final = (Tier.READ, Tier.REVERSIBLE, Tier.IRREVERSIBLE, Tier.PRIVILEGED)


def approved(case: Case) -> Need | Hold | Refuse | Replay | Amend | None:
    """Passes what nobody is asked about and what was approved or granted; holds the rest."""
    if case.view.tier is None and case.facts.assigned is UNKNOWN:
        return Need(frozenset({Fact.ASSIGNED, Fact.APPROVAL}))
    tier = tier_of(case)
    if case.call.approval is None and not asks(case, tier):
        return None
    approval = case.facts.approval
    if approval is UNKNOWN:
        return Need(frozenset({Fact.APPROVAL}))
    if case.call.approval is not None and (approval is None or approval.id != case.call.approval):
        return Refuse(Reason.APPROVAL_UNKNOWN, "no such approval for this caller and this call")
    if approval is not None and approval.expires <= case.facts.now:
        return _granted_or_hold(case, tier, None) if case.call.approval is None else over(approval)
    if approval is None:
        return _granted_or_hold(case, tier, None)
    return _by_state(case, tier, approval)


def _by_state(
    case: Case, tier: Tier | None, approval: Approval
) -> Hold | Refuse | Replay | Amend | Need | None:
    state = approval.state
    if state is ApprovalState.PENDING:
        return _granted_or_hold(case, tier, approval)
    if state is ApprovalState.DENIED:
        return Refuse(Reason.APPROVAL_DENIED, f"approval {approval.id} was denied")
    if state is ApprovalState.SPENT:
        return Refuse(Reason.OUTCOME_UNKNOWN, f"approval {approval.id} was used and has no outcome yet")
    if state is ApprovalState.EXECUTED:
        return Replay(approval)
    if state is not ApprovalState.APPROVED:
        assert_never(state)
    if tier is None or approval.tier is None or _LADDER.index(approval.tier) < _LADDER.index(tier):
        return _hold(case, tier, None)
    return Amend(approval) if approval.sends and case.call.approval is None else None


def _granted_or_hold(case: Case, tier: Tier | None, approval: Approval | None) -> Hold | Need | None:
    grant = None if case.call.approval is not None else granted(case, tier)
    if grant is None:
        return _hold(case, tier, approval)
    return grant if isinstance(grant, Need) else None


def _hold(case: Case, tier: Tier | None, approval: Approval | None) -> Hold:
    expires = case.facts.now + case.policy.rule(tier).expires if approval is None else approval.expires
    findings = () if case.facts.findings is UNKNOWN else case.facts.findings
    return Hold(tier, outgoing(case), expires, approval, findings=findings, why=why(tier))
