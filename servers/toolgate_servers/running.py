"""One running call: how far it is, how long it may still take, and whether anybody still waits for it."""

import asyncio
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import NamedTuple

import anyio
from anyio.streams.memory import MemoryObjectSendStream

from toolgate_servers.errors import Reason, Refused

BETWEEN_REPORTS = 0.1


class Step(NamedTuple):
    """How far a call is."""

    done: float
    total: float | None
    text: str | None


class Run:
    """What a tool function knows of the call that it works on."""

    def __init__(
        self,
        seconds: float,
        reports: MemoryObjectSendStream[Step] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.idempotency_key = ""
        self._clock = clock
        self._ends = clock() + seconds
        self._reports = reports
        self._home = threading.get_ident()
        self._loop = None if reports is None else asyncio.get_running_loop()
        self._abandoned = threading.Event()
        self._reported = -BETWEEN_REPORTS

    def progress(self, done: float, total: float | None = None, text: str | None = None) -> None:
        """Tell the client how far the call is; never blocks, and drops what comes faster than it can be sent.

        Raises:
            Refused: CANCELLED or TIMED_OUT.
        """
        self.check()
        now = self._clock()
        if self._loop is None or (now - self._reported < BETWEEN_REPORTS and done != total):
            return
        self._reported = now
        if threading.get_ident() == self._home:
            self._send(Step(done, total, text))
            return
        try:
            # Not anyio.from_thread: it would wait, for ever if the loop stops just then.
            self._loop.call_soon_threadsafe(self._send, Step(done, total, text))
        except RuntimeError:
            pass  # the server has stopped meanwhile

    def still_wanted(self, seconds: float) -> bool:
        """Tell the client that work goes on, since so many seconds; false when nobody waits any more."""
        try:
            self.progress(seconds, text="running")
        except Refused:
            return False
        return True

    def cancelled(self) -> bool:
        """Whether nobody waits for the outcome any more."""
        return self._abandoned.is_set() or self.remaining() <= 0

    def remaining(self) -> float:
        """Seconds until the call times out; below zero afterwards."""
        return self._ends - self._clock()

    def check(self) -> None:
        """Stop here if nobody waits any more.

        Raises:
            Refused: CANCELLED or TIMED_OUT.
        """
        if self.remaining() <= 0:
            raise timed_out()
        if self._abandoned.is_set():
            raise Refused(
                Reason.CANCELLED, "the call", found="a caller that has left", expected="one that waits"
            )

    def abandon(self) -> None:
        """Note that nobody waits any more."""
        self._abandoned.set()

    def _send(self, step: Step) -> None:
        assert self._reports is not None
        try:
            self._reports.send_nowait(step)
        except (anyio.WouldBlock, anyio.ClosedResourceError, anyio.BrokenResourceError):
            pass  # a report that nobody can take is not worth waiting for


@contextmanager
def watched(ended: Callable[[float], bool], every: float) -> Generator[None]:
    """Ask a function every so many seconds, with the seconds taken, until it says True or the block ends."""
    done = threading.Event()
    began = time.monotonic()

    def watch() -> None:
        while not done.wait(every) and not ended(time.monotonic() - began):
            pass

    watcher = threading.Thread(target=watch, name="watched", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def timed_out() -> Refused:
    """Make the refusal of a call that took too long."""
    return Refused(
        Reason.TIMED_OUT,
        "the call",
        found="no outcome within the time limit",
        expected="a smaller task; if the tool writes, repeat it with the same idempotency_key",
    )
