"""Sums over the last day, kept as records come in: what charts and tables show."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from toolgate.core.model import JsonObject
from toolgate.journal.joining import Joiner, Judged

DAY: Final = 86_400
VERDICTS: Final = ("allow", "hold", "refuse", "withhold")
_RECENT: Final = 300
# Durations kept of one minute or of one tool and hour; beyond, the oldest give way.
_SAMPLES: Final = 300
_MOST_NAMES: Final = 2_000
_FAILED: Final = frozenset({"error", "timeout", "lost"})

Cost: TypeAlias = Callable[[str], float]


@dataclass(frozen=True, slots=True)
class Seen:
    """A call, and the id by which the journal has it."""

    id: str
    judged: Judged


@dataclass(slots=True)
class Slot:
    """What happened in one stretch of time."""

    verdicts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(VERDICTS, 0))
    errors: int = 0
    cost: float = 0.0
    ms: deque[float] = field(default_factory=lambda: deque(maxlen=_SAMPLES))

    @property
    def calls(self) -> int:
        """How many there were, whatever became of them."""
        return sum(self.verdicts.values())

    def add(self, judged: Judged, cost: float) -> None:
        """Count a call."""
        self.verdicts[judged.verdict] = self.verdicts.get(judged.verdict, 0) + 1
        if judged.verdict in ("allow", "withhold") and "replayed" not in judged.reason:
            self.ms.append(judged.ms)
            self.cost += cost
            self.errors += failed(judged)

    def join(self, other: Slot) -> None:
        """Add another stretch."""
        for verdict, number in other.verdicts.items():
            self.verdicts[verdict] = self.verdicts.get(verdict, 0) + number
        self.errors += other.errors
        self.cost += other.cost
        self.ms.extend(other.ms)


def _sum() -> Slot:
    """Where stretches are added up: every sample of theirs is kept."""
    return Slot(ms=deque())


@dataclass(slots=True)
class Person:
    """A caller as the journal knows them."""

    name: str
    roles: tuple[str, ...] = ()
    credential: str = ""
    seen: float = 0.0


class Tally:
    """`cost` says what a call of `upstream/tool` costs by the policy."""

    def __init__(self, cost: Cost) -> None:
        self._cost = cost
        # Refusals and holds take no time worth showing, and records of the past none that could be measured.
        self._joiner = Joiner(lambda: 0.0)
        self._minutes: dict[int, Slot] = {}
        self._named: dict[str, dict[tuple[str, int], Slot]] = {"tool": {}, "caller": {}, "upstream": {}}
        self.recent: deque[Seen] = deque(maxlen=_RECENT)
        self.people: dict[str, Person] = {}
        self.last: dict[str, tuple[float, float]] = {}

    def feed(self, body: JsonObject) -> None:
        """Take in the next record. What was tampered with counts for nothing."""
        try:
            judged = self._joiner.saw(body)
            if judged is None:
                return
            self._meet(body, judged)
        except (KeyError, TypeError, ValueError):
            return
        self.recent.append(Seen(str(body.get("call", "")), judged))
        cost = self._cost(judged.call)
        minute = int(judged.at // 60)
        self._minutes.setdefault(minute, Slot()).add(judged, cost)
        upstream = judged.call.partition("/")[0]
        for kind, name in (("tool", judged.call), ("caller", judged.caller), ("upstream", upstream)):
            slots = self._named[kind]
            if len(slots) < _MOST_NAMES or (name, minute // 60) in slots:
                slots.setdefault((name, minute // 60), Slot()).add(judged, cost)
        if judged.verdict in ("allow", "withhold"):
            good, bad = self.last.get(upstream, (0.0, 0.0))
            self.last[upstream] = (good, judged.at) if failed(judged) else (judged.at, bad)
        if len(self._minutes) > DAY // 60 + 60:
            self._forget(minute)

    def series(self, now: float, seconds: int, parts: int) -> list[Slot]:
        """The last so many seconds in equal stretches of whole minutes, oldest first."""
        width = max(1, seconds // 60 // parts)
        end = int(now // 60) + 1
        found: list[Slot] = []
        for part in range(parts):
            slot, start = _sum(), end - (parts - part) * width
            for minute in range(start, start + width):
                if minute in self._minutes:
                    slot.join(self._minutes[minute])
            found.append(slot)
        return found

    def by(self, kind: str, now: float, seconds: int = DAY) -> list[tuple[str, Slot]]:
        """Tools, callers or upstreams with what happened to them, the busiest first."""
        first, sums = int((now - seconds) // 3600), dict[str, Slot]()
        for (name, hour), slot in self._named[kind].items():
            if hour >= first:
                sums.setdefault(name, _sum()).join(slot)
        return sorted(sums.items(), key=lambda pair: (-pair[1].calls, pair[0]))

    def _meet(self, body: JsonObject, judged: Judged) -> None:
        if "roles" not in body or len(self.people) >= _MOST_NAMES:
            known = self.people.get(judged.caller)
            if known is not None:
                known.seen = max(known.seen, judged.at)
            return
        roles = tuple(str(role) for role in body["roles"])
        self.people[judged.caller] = Person(
            judged.caller, roles, str(body.get("credential", "")), float(body["at"])
        )

    def _forget(self, minute: int) -> None:
        """What is older than a day and an hour is not asked for any more."""
        oldest = minute - DAY // 60 - 60
        self._minutes = {at: slot for at, slot in self._minutes.items() if at >= oldest}
        for kind, slots in self._named.items():
            self._named[kind] = {key: slot for key, slot in slots.items() if key[1] >= oldest // 60}


def failed(judged: Judged) -> bool:
    """Whether a call that went through did not come back well."""
    return judged.verdict == "allow" and not _FAILED.isdisjoint(judged.reason.split())


def percentile(values: Iterable[float], share: float) -> float | None:
    """The value that this share of all is not above, None where there is none (nearest rank)."""
    ordered: Sequence[float] = sorted(values)
    if not ordered:
        return None
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
