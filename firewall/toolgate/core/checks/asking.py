"""When a person is asked about a call, and when one has answered beforehand."""

from __future__ import annotations

from typing import Final

from toolgate.core.case import Case
from toolgate.core.model import UNKNOWN, Approval, ApprovalState, Fact, Need, Refuse, Tier
from toolgate.core.outgoing import outgoing
from toolgate.core.policy import Action
from toolgate.core.reasons import Reason
from toolgate.core.standing import Grant, covering

ASKS: Final = (Tier.IRREVERSIBLE, Tier.PRIVILEGED)
_GRANTS: Final = Need(frozenset({Fact.GRANTS}))


def tier_of(case: Case) -> Tier | None:
    """The policy's tier, or the one a person gave to a tool the policy does not list."""
    assigned = case.facts.assigned
    if case.view.tier is not None:
        return case.view.tier
    return None if assigned is UNKNOWN else assigned


def asks(case: Case, tier: Tier | None) -> bool:
    """Whether a person is asked: by the tier, or for what a reversible call's arguments hold."""
    if tier is Tier.READ:
        return False
    return sensitive(case) if tier is Tier.REVERSIBLE else True


def sensitive(case: Case) -> bool:
    """Whether a reversible call would send something that a person is asked about first."""
    findings, actions = case.facts.findings, case.view.arguments
    if findings is UNKNOWN or not findings:
        return False
    about = case.policy.asks_about
    return any(one.entity in about and actions.of(one.entity) is Action.ALLOW for one in findings)


def why(tier: Tier | None) -> str:
    """What a call is held for."""
    if tier is None:
        return "unlisted"
    return "findings" if tier is Tier.REVERSIBLE else "tier"


def over(approval: Approval) -> Refuse:
    """Why an approval whose time has passed is good for nothing."""
    if approval.state is ApprovalState.EXECUTED:
        return Refuse(Reason.APPROVAL_SPENT, f"approval {approval.id} was for one call, which was made")
    return Refuse(Reason.APPROVAL_EXPIRED, f"approval {approval.id} has expired")


def granted(case: Case, tier: Tier | None) -> Grant | Need | None:
    """The grant that answers in place of a person, where the policy lets one."""
    if tier is None or not case.policy.rule(tier).grants:
        return None
    grants, tool = case.facts.grants, case.facts.tool
    if grants is UNKNOWN:
        return _GRANTS
    if not grants or tool is UNKNOWN or tool is None:
        return None
    return covering(grants, pin=tool.pin, tier=tier.value, arguments=outgoing(case), now=case.facts.now)
