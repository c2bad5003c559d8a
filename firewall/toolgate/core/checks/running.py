"""Nothing runs that a person has paused."""

from __future__ import annotations

from toolgate.core.case import Case
from toolgate.core.model import Refuse
from toolgate.core.reasons import Reason


def running(case: Case) -> Refuse | None:
    """Refuses a call that one of the pauses in force stops."""
    stops = case.facts.pauses.stops
    if not stops:
        return None
    call = case.call
    for pause in stops:
        if pause.stops(call.upstream, call.caller.name, call.target):
            return Refuse(Reason.PAUSED, "a person paused this")
    return None
