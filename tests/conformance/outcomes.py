"""What a conformance run found, and what it lost against another run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_BAD = frozenset({"FAILURE", "WARNING"})


@dataclass(frozen=True, slots=True)
class Check:
    """One check of one scenario; ids repeat within a scenario, the description tells them apart."""

    id: str
    description: str
    status: str
    reason: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What names the same check in another run."""
        return self.id, self.description


Run = Mapping[str, tuple[Check, ...]]
"""The checks of every scenario that was run, by the scenario's name."""


@dataclass(frozen=True, slots=True, order=True)
class Loss:
    """A check that the reference passes and this run does not, and why."""

    scenario: str
    check: str
    reason: str


def passed(run: Run) -> int:
    """How many checks succeeded."""
    return sum(check.status == "SUCCESS" for checks in run.values() for check in checks)


def total(run: Run) -> int:
    """How many checks were judged; information and skipped checks are not."""
    return passed(run) + sum(check.status in _BAD for checks in run.values() for check in checks)


def faults(run: Run) -> list[Loss]:
    """Every check of one run that failed or warned."""
    return sorted(
        Loss(scenario, check.id, check.reason)
        for scenario, checks in run.items()
        for check in checks
        if check.status in _BAD
    )


def losses(reference: Run, run: Run) -> list[Loss]:
    """Every check that the reference passed and the run did not, and every new failure or warning."""
    found: set[Loss] = set()
    for scenario in sorted(reference.keys() | run.keys()):
        if scenario in reference and scenario not in run:
            found.add(Loss(scenario, "*", "the scenario did not run"))
            continue
        found.update(_lost(scenario, reference.get(scenario, ()), run[scenario]))
    return sorted(found)


def _lost(scenario: str, before: Iterable[Check], after: Iterable[Check]) -> Iterable[Loss]:
    was, now = _tally(before), _tally(after)
    for key in was.keys() | now.keys():
        check_id, description = key
        reasons = [check.reason for check in now.get(key, []) if check.status in _BAD]
        if _count(now, key, "SUCCESS") < _count(was, key, "SUCCESS"):
            yield Loss(scenario, check_id, reasons[0] if reasons else f"not reported: {description}")
        elif sum(_count(now, key, status) for status in _BAD) > sum(
            _count(was, key, status) for status in _BAD
        ):
            yield Loss(scenario, check_id, reasons[0])


def _tally(checks: Iterable[Check]) -> dict[tuple[str, str], list[Check]]:
    found: dict[tuple[str, str], list[Check]] = {}
    for check in checks:
        found.setdefault(check.key, []).append(check)
    return found


def _count(tally: Mapping[tuple[str, str], list[Check]], key: tuple[str, str], status: str) -> int:
    return Counter(check.status for check in tally.get(key, []))[status]


Baseline = Mapping[str, Mapping[str, str]]
"""Losses that are known and explained: a sentence by scenario and check id."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Losses held against a baseline: those it does not explain, and its entries that no longer happen."""

    unexplained: tuple[Loss, ...]
    stale: tuple[tuple[str, str], ...]

    @property
    def good(self) -> bool:
        """Whether the losses are exactly the explained ones."""
        return not self.unexplained and not self.stale


def judge(found: Iterable[Loss], baseline: Baseline) -> Judged:
    """Hold losses against the explained ones; an explanation of a loss that is gone counts too."""
    lost = list(found)
    explained = {(scenario, check) for scenario, checks in baseline.items() for check in checks}
    happened = {(loss.scenario, loss.check) for loss in lost}
    unexplained = tuple(loss for loss in lost if (loss.scenario, loss.check) not in explained)
    return Judged(unexplained, tuple(sorted(explained - happened)))
