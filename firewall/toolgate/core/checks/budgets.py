"""A call draws on every budget the policy sets for it."""

from __future__ import annotations

from toolgate.core.case import Case
from toolgate.core.model import Refuse
from toolgate.core.reasons import Reason


def within_budget(case: Case) -> Refuse | None:
    """Refuses when a budget is known to be spent; whether it is, only the commit knows for sure."""
    if not case.facts.spent:
        return None
    for charge in case.view.rates(case.call.caller.name):
        if charge.key in case.facts.spent:
            wait = case.facts.spent[charge.key]
            return Refuse(
                Reason.RATE_LIMITED, f"{charge.limit.count:g} per {charge.limit.per:g} s used up", wait
            )
    return None
