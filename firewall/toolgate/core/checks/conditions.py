"""Arguments meet every condition the policy sets."""

from __future__ import annotations

from toolgate.core.case import Case
from toolgate.core.model import Refuse
from toolgate.core.reasons import Reason


def conditions_met(case: Case) -> Refuse | None:
    """Refuses at the first condition that does not hold."""
    for condition in case.view.conditions:
        unmet = condition(case.call.arguments)
        if unmet is not None:
            return Refuse(Reason.CONDITION_NOT_MET, unmet)
    return None
