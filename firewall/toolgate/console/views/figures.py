"""Charts of the last hour or day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from toolgate.console.charts import Series, bars, lines
from toolgate.console.room import Room
from toolgate.console.tally import DAY, VERDICTS, Slot, percentile
from toolgate.console.visitors import Visitor

# Seconds, and into how many parts they are cut.
SPANS: Final = {"hour": (3600, 60), "six-hours": (21_600, 72), "day": (DAY, 48)}
_SHARES: Final = ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
_MOST_TOOLS: Final = 50


async def page(room: Room, request: Request, visitor: Visitor) -> Response:
    """Calls, verdicts, latency and errors over time, and the same by tool with its cost."""
    name = request.query_params.get("span", "hour")
    seconds, parts = SPANS.get(name, SPANS["hour"])
    now = room.house.clock.now()
    slots = room.tally.series(now, seconds, parts)
    width = seconds / parts
    labels = [_label(now - seconds + (at + 1) * width) for at in range(parts)]
    tools = room.tally.by("tool", now, seconds)
    return room.pages.show(
        request,
        visitor,
        "charts.html",
        span=name if name in SPANS else "hour",
        spans=tuple(SPANS),
        calls=sum(slot.calls for slot in slots),
        errors=sum(slot.errors for slot in slots),
        cost=sum(slot.cost for slot in slots),
        verdicts={verdict: sum(slot.verdicts[verdict] for slot in slots) for verdict in VERDICTS},
        latency={
            word: percentile([ms for slot in slots for ms in slot.ms], share) for share, word in _SHARES
        },
        verdict_chart=bars("Calls by verdict", labels, _verdicts(slots)),
        latency_chart=lines("Milliseconds of calls that went through", labels, _latency(slots), " ms"),
        error_chart=bars("Errors", labels, [Series("errors", "refuse", [slot.errors for slot in slots])]),
        cost_chart=bars("Cost", labels, [Series("cost", "p50", [slot.cost for slot in slots])]),
        tools=[(tool, slot, percentile(slot.ms, 0.95)) for tool, slot in tools[:_MOST_TOOLS]],
    )


def _verdicts(slots: Sequence[Slot]) -> list[Series]:
    return [Series(verdict, verdict, [slot.verdicts[verdict] for slot in slots]) for verdict in VERDICTS]


def _latency(slots: Sequence[Slot]) -> list[Series]:
    return [Series(word, word, [percentile(slot.ms, share) for slot in slots]) for share, word in _SHARES]


def _label(moment: float) -> str:
    return datetime.fromtimestamp(moment).astimezone().strftime("%H:%M")
