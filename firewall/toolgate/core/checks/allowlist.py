"""A caller reaches what one of his roles names, and nothing else."""

from __future__ import annotations

from toolgate.core.case import Case
from toolgate.core.model import Refuse
from toolgate.core.reasons import Reason


def allowlisted(case: Case) -> Refuse | None:
    """Refuses what no role of the caller reaches, in the words used for what does not exist."""
    if case.view.allowed:
        return None
    return Refuse(Reason.NOT_ALLOWED, "not in the allowlist of the caller's roles")


def tiered(case: Case) -> Refuse | None:
    """Refuses a tool that the policy gives no tier, unless the policy holds such tools."""
    if case.view.tier is not None or case.policy.unlisted_hold:
        return None
    return Refuse(Reason.NO_TIER, "the policy gives this tool no tier and says `unlisted: refuse`")
