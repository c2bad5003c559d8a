"""The side that asks: starts the working process when it is needed, and ends it when it takes too long."""

import logging
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

from toolgate_servers.errors import Reason, Refused
from toolgate_servers.isolation.wire import receive, send
from toolgate_servers.running import Run, timed_out, watched

log = logging.getLogger(__name__)

MEBIBYTE = 1024 * 1024
LOOKING = 0.05


class Isolated:
    """One function in a process of its own that works on one request at a time.

    The process starts with the first request, stays for the next, and is replaced when it had to be ended.
    """

    def __init__(self, function: str, *, where: str, memory: int = 1024 * MEBIBYTE) -> None:
        self._command = [
            *(sys.executable, "-I", "-m", "toolgate_servers.isolation.child"),
            *(function, str(memory)),
        ]
        self._where = where
        self._lock = threading.Lock()
        self._held: list[subprocess.Popen[bytes]] = []  # none or one
        self._overdue = False
        # Ends the process with this object, and at the latest with this program.
        self._finalizer = weakref.finalize(self, _end, self._held)

    def call(
        self, work: dict[str, Any], blob: bytes = b"", *, seconds: float, run: Run | None = None
    ) -> dict[str, Any]:
        """Have a request worked on; nobody waits and nothing works on when the caller of `run` has left.

        Raises:
            Refused: TIMED_OUT, CANCELLED, TOO_LARGE when memory ran out, UNREADABLE when the process broke
                down, or what the function raises.
        """
        with self._turn(run):
            process = self._running()
            with self._watched(process, seconds, run):
                answer = self._asked(process, {"work": work, "seconds": seconds}, blob)
        if run is not None and "overdue" in answer:
            run.check()
        return self._judged(answer)

    @contextmanager
    def _turn(self, run: Run | None) -> Generator[None]:
        while not self._lock.acquire(timeout=-1 if run is None else LOOKING):
            assert run is not None
            run.check()
        try:
            yield
        finally:
            self._lock.release()

    @contextmanager
    def _watched(self, process: subprocess.Popen[bytes], seconds: float, run: Run | None) -> Generator[None]:
        """Tell that it works, and kill the process when its time is over or its caller has left."""
        self._overdue = False

        def killed(taken: float) -> bool:
            if taken < seconds and (run is None or run.still_wanted(taken)):
                return False
            self._overdue = True
            process.kill()
            return True

        with watched(killed, seconds if run is None else LOOKING):
            yield

    def close(self) -> None:
        """End the process."""
        _end(self._held)

    def _running(self) -> subprocess.Popen[bytes]:
        if not self._held or self._held[0].poll() is not None:
            self.close()
            environment = {
                name: value for name, value in os.environ.items() if name in ("PATH", "SYSTEMROOT", "LANG")
            }
            started = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
            )
            self._held.append(started)
        return self._held[0]

    def _asked(
        self, process: subprocess.Popen[bytes], message: dict[str, Any], blob: bytes
    ) -> dict[str, Any]:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            send(cast("Any", process.stdin), message, blob)
            received = receive(cast("Any", process.stdout))
        except OSError:
            received = None
        if received is not None:
            return received[0]
        self.close()
        return {"overdue": True} if self._overdue else {"crashed": "the process ended"}

    def _judged(self, answer: dict[str, Any]) -> dict[str, Any]:
        match answer:
            case {"done": _}:
                done: dict[str, Any] = answer["done"]
                return done
            case {"refused": [reason, where, found, expected]}:
                raise Refused(Reason(reason), where, found=found, expected=expected)
            case {"overdue": True}:
                raise timed_out()
            case {"exhausted": True}:
                raise Refused(
                    Reason.TOO_LARGE,
                    self._where,
                    found="content that needs too much memory",
                    expected="something smaller, or a smaller part of it",
                )
            case _:
                log.warning("%s: %s", self._command[-2], answer.get("crashed"))
                raise Refused(
                    Reason.UNREADABLE,
                    self._where,
                    found="content that breaks its reader",
                    expected="well-formed content",
                )


def _end(held: list[subprocess.Popen[bytes]]) -> None:
    while held:
        process = held.pop()
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            _close(stream)


def _close(stream: Any) -> None:
    try:
        stream.close()
    except OSError:
        pass  # what it still held is for a process that is gone
