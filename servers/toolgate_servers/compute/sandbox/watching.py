"""Having processes killed should this one end before them; the kernel's own signal for that leaves gaps."""

import functools
import subprocess
import sys
import threading
import weakref
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

WATCHDOG: Final = Path(__file__).with_name("watchdog.py")


class Watchdog:
    """A process that outlives this one by a moment, to kill what this one leaves at work."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._working: set[int] = set()
        self._process = _started()
        self._finalizer = weakref.finalize(self, _ended, self._process)

    def watch(self, pid: int) -> None:
        """Have a process killed, or a group of them if the number is negative."""
        with self._lock:
            self._working.add(pid)
            self._tell(f"+{pid}\n")

    def forget(self, pid: int) -> None:
        """Have it left alone again."""
        with self._lock:
            self._working.discard(pid)
            self._tell(f"-{pid}\n")

    @contextmanager
    def watching(self, pid: int) -> Generator[None]:
        """Have a process killed while something is done."""
        self.watch(pid)
        try:
            yield
        finally:
            self.forget(pid)

    def pipe(self) -> int:
        """Give the pipe through which a child may have itself watched; it stays this object's."""
        assert self._process.stdin is not None
        return self._process.stdin.fileno()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode())
        except BrokenPipeError:  # somebody has killed it
            self._finalizer()
            self._process = _started()
            self._finalizer = weakref.finalize(self, _ended, self._process)
            assert self._process.stdin is not None
            self._process.stdin.write("".join(f"+{pid}\n" for pid in self._working).encode())


@functools.cache
def watchdog() -> Watchdog:
    """Give the one of this process."""
    return Watchdog()


def _started() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(WATCHDOG)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        bufsize=0,
        start_new_session=True,  # what is typed at a terminal is not for it
    )


def _ended(process: subprocess.Popen[bytes]) -> None:
    process.communicate()
