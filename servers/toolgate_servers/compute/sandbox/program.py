"""Running one program in the jail: its output is kept up to a limit, its time and memory are watched."""

import os
import select
import time
from dataclasses import dataclass
from typing import Final

from toolgate_servers.compute.sandbox.cells import limit_reached
from toolgate_servers.compute.sandbox.jail import Jail
from toolgate_servers.compute.sandbox.process import Jailed, Spawner
from toolgate_servers.running import Run

MAX_OUTPUT: Final = 50_000
LOOKING: Final = 0.05


@dataclass(frozen=True, slots=True)
class Finished:
    """How a program ended, and what it wrote."""

    code: int
    output: bytes
    errors: bytes
    truncated: bool


def run_program(jail: Jail, given: bytes, seconds: float, spawner: Spawner, run: Run) -> Finished:
    """Run a program to its end.

    Raises:
        Refused: LIMIT_REACHED, SANDBOX_FAILED, CANCELLED or TIMED_OUT; the program is gone then.
    """
    jailed = Jailed(jail, spawner)
    try:
        return _Watched(jailed, given, seconds, run).finished()
    finally:
        jailed.end()


class _Watched:
    """A program that runs."""

    def __init__(self, jailed: Jailed, given: bytes, seconds: float, run: Run) -> None:
        process = jailed.process
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self._jailed = jailed
        self._given = given
        self._began = time.monotonic()
        self._ends = self._began + seconds
        self._run = run
        self._input = process.stdin
        self._kept = {process.stdout.fileno(): bytearray(), process.stderr.fileno(): bytearray()}
        self._open = set(self._kept)
        self._truncated = False
        os.set_blocking(self._input.fileno(), False)

    def finished(self) -> Finished:
        """Take what it writes until it closes its output, then its exit code."""
        while self._open:
            self._look()
            writing = [] if self._input.closed else [self._input.fileno()]
            reading, writable, _ = select.select(list(self._open), writing, [], LOOKING)
            for pipe in reading:
                self._read(pipe)
            if writable:
                self._write()
        while self._jailed.process.poll() is None:
            self._look()
            time.sleep(LOOKING / 10)
        output, errors = (bytes(kept) for kept in self._kept.values())
        return Finished(self._jailed.process.returncode, output, errors, self._truncated)

    def _look(self) -> None:
        self._run.check()
        now = time.monotonic()
        if now > self._ends:
            raise limit_reached("time")
        self._jailed.look()
        self._run.progress(now - self._began, text="running")

    def _read(self, pipe: int) -> None:
        part = os.read(pipe, 65536)
        if not part:
            self._open.discard(pipe)
            return
        kept = self._kept[pipe]
        fits = part[: MAX_OUTPUT - len(kept)]
        kept += fits
        self._truncated = self._truncated or len(fits) < len(part)

    def _write(self) -> None:
        try:
            sent = os.write(self._input.fileno(), self._given[:65536]) if self._given else 0
        except BrokenPipeError:
            self._given = b""  # it does not want its input
        else:
            self._given = self._given[sent:]
        if not self._given:
            self._input.close()
