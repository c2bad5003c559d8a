"""The policy in force: swapped as a whole, and only for one that compiles and passes its own tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

from toolgate.core.policy import Policy
from toolgate.errors import PolicyError
from toolgate.policy.compare import loosened
from toolgate.policy.compile import open_policy

_DEBOUNCE_MS: Final = 200
_POLL_MS: Final = 500


@dataclass(frozen=True, slots=True)
class Reloaded:
    """A new policy is in force. `loosened` says in what it permits more than the one before."""

    previous: Policy
    policy: Policy
    loosened: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReloadFailed:
    """The policy stayed as it was; `message` has one line per mistake or failed test."""

    message: str


Outcome: TypeAlias = Reloaded | ReloadFailed


def proven(path: Path, found: Mapping[str, float] | None = None) -> Policy:
    """Load, compile and test. Raises PolicyError with one line per mistake or failed test.

    `found` is the highest score of every entity the detectors know.
    """
    from toolgate.policy.cases import (
        run_beside,
    )  # the judge of test calls is only needed where there are some

    policy = open_policy(path, found)
    failures = [line for report in run_beside(path, policy) for line in report.failures]
    if failures:
        raise PolicyError("\n".join(failures))
    return policy


class LivePolicy:
    """Holds the policy in force; every change of its files is taken over or reported, never half done."""

    def __init__(
        self,
        path: Path,
        policy: Policy,
        report: Callable[[Outcome], None],
        found: Mapping[str, float] | None = None,
    ) -> None:
        self._path = path
        self._policy = policy
        self._report = report
        self._found = found

    @classmethod
    def open(
        cls, path: Path, report: Callable[[Outcome], None], found: Mapping[str, float] | None = None
    ) -> LivePolicy:
        """Start with the policy as it stands. Raises PolicyError with one line per mistake or failed test."""
        return cls(path, proven(path, found), report, found)

    @property
    def current(self) -> Policy:
        """The policy in force."""
        return self._policy

    def reload(self) -> Outcome | None:
        """Take over the files as they stand now. None, and no report, where they still say the same."""
        outcome = self._next()
        if isinstance(outcome, Reloaded):
            self._policy = outcome.policy
        if outcome is not None:
            self._report(outcome)
        return outcome

    async def watch(self) -> None:
        """Reload after every change until cancelled."""
        import watchfiles  # a Rust extension that a process without reload does not load

        awatch = cast("Any", watchfiles).awatch
        folder = self._path if self._path.is_dir() else self._path.parent
        # Polled: the database often lies in the same folder, and told by the kernel we would be woken by
        # every record that we write.
        changes = awatch(
            folder,
            watch_filter=_concerns,
            debounce=_DEBOUNCE_MS,
            recursive=False,
            force_polling=True,
            poll_delay_ms=_POLL_MS,
        )
        async for _ in changes:
            self.reload()

    def _next(self) -> Outcome | None:
        try:
            policy = proven(self._path, self._found)
        except PolicyError as mistakes:
            return ReloadFailed(str(mistakes))
        if policy.digest == self._policy.digest:
            return None
        return Reloaded(self._policy, policy, loosened(self._policy, policy))


def _concerns(_change: object, path: str) -> bool:
    """Policy files, and the link that container platforms swap; not a database beside them."""
    return path.endswith(".yaml") or Path(path).name == "..data"
