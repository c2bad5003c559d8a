"""Calls put together from their records: one line for a call, whatever became of it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from toolgate.core.model import JsonObject

# Calls under way that are remembered until they end.
_MOST_OPEN: Final = 10_000


@dataclass(frozen=True, slots=True)
class Judged:
    """One call and what became of it. `at` is seconds since the epoch, `ms` how long it took."""

    at: float
    caller: str
    call: str
    verdict: str
    reason: str
    approval: str
    ms: float


class Joiner:
    """Makes one `Judged` of the records of a call: its intent and its outcome, or its refusal alone."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._open: OrderedDict[str, JsonObject] = OrderedDict()

    def saw(self, body: JsonObject) -> Judged | None:
        """Take the next record; the call when this ends it."""
        match body["kind"]:
            case "intent" if body.get("status") != "replayed":
                self._open[body["call"]] = body
                if len(self._open) > _MOST_OPEN:
                    self._open.popitem(last=False)
                return None
            case "outcome":
                intent = self._open.pop(body["call"], None)
                return None if intent is None else _ended(intent, body)
            case "intent" | "refusal" | "hold":
                return _judged(body, body["verdict"], _reason(body), self._elapsed(body))
            case _:
                return None

    def _elapsed(self, body: JsonObject) -> float:
        return max(0.0, self._now() - float(body["at"])) * 1000


def _ended(intent: JsonObject, outcome: JsonObject) -> Judged:
    """A call that was let through, and how it ended."""
    status = str(outcome["status"])
    if status == "withheld":
        return _judged(intent, "withhold", _reason(outcome), outcome["ms"])
    reasons = [_reason(intent), "" if status == "delivered" else status, _reason(outcome)]
    return _judged(intent, "allow", " ".join(filter(None, reasons)), outcome["ms"])


def _judged(body: JsonObject, verdict: str, reason: str, ms: float) -> Judged:
    call = "/".join(str(body[key]) for key in ("upstream", "target") if body.get(key))
    about = (body["at"], str(body["caller"]), call or str(body["method"]))
    return Judged(*about, verdict, reason, str(body.get("approval", "")), round(ms, 3))


def _reason(body: JsonObject) -> str:
    status = str(body.get("status", "")) if body["kind"] == "intent" else ""
    return " ".join(filter(None, (status, str(body.get("reason", "")))))
