"""The embedded sandbox: an interpreter of a part of Python that has no files, no network and no processes."""

import ast
import os
import re
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Literal

from toolgate_servers.compute.sandbox.cells import MAX_OUTPUT, Ran, limit_reached, sandbox_failed
from toolgate_servers.compute.sandbox.watching import watchdog
from toolgate_servers.running import Run, watched

if TYPE_CHECKING:
    from pydantic_monty import Monty, MontyError, MontySession, ResourceLimits

MIB: Final = 1024 * 1024
MAX_ERROR: Final = 4000
SHOW: Final = "toolgate_show"
BEFORE: Final = f"{SHOW}(("
AFTER: Final = "))"
# What ends a line of Python, and nothing else: str.splitlines knows ten more.
LINE_END: Final = re.compile(rb"\r\n|\r|\n")
# What the last line gives is made a text inside, so that nothing large has to become an object outside.
PRELUDE: Final = f"def {SHOW}(value):\n    return None if value is None else repr(value)[:{MAX_OUTPUT}]\n"
LOOKING: Final = 0.05


class EmbeddedPool:
    """The processes in which embedded code runs, each for one caller only; they end with this process."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._lock = threading.Lock()
        self._pool: Monty | None = None

    def session(self, seconds: float, memory: int) -> "MontySession":
        """Take a fresh process.

        Raises:
            Refused: SANDBOX_FAILED.
        """
        limits: ResourceLimits = {
            "max_feed_duration_secs": seconds,
            "max_turn_duration_secs": seconds,
            "max_memory": memory,
            "max_recursion_depth": 500,
            "max_suspensions": 1000,
            "max_total_sleep_secs": 0.0,
            "gc_interval": 10_000,
        }
        try:
            return self._opened().checkout(limits=limits, os_policy={"sleep": "zero"}).__enter__()
        except (OSError, RuntimeError, TimeoutError) as problem:
            raise sandbox_failed(type(problem).__name__) from problem

    def close(self) -> None:
        """End all processes; the next session starts new ones."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.__exit__(None, None, None)

    def _opened(self) -> "Monty":
        from pydantic_monty import Monty  # late: a server that runs no code does not need it

        with self._lock:
            if self._pool is None:
                self._pool = Monty(
                    min_processes=1,
                    max_processes=self._places,
                    checkout_timeout=10.0,
                    max_checkouts_per_worker=1,
                ).__enter__()
            return self._pool


class Embedded:
    """One namespace of the embedded interpreter."""

    def __init__(self, pool: EmbeddedPool, seconds: float, memory: int) -> None:
        self._session = pool.session(seconds, memory)
        self._pid = self._session.worker_pid or 0
        self._alive = True
        self._session.feed_run(PRELUDE)

    @property
    def is_alive(self) -> bool:
        """Whether the namespace is still there."""
        return self._alive

    def close(self) -> None:
        """Give the process up."""
        self._alive = False
        self._session.__exit__(None, None, None)

    def run(self, code: str, seconds: float, run: Run) -> Ran:
        """Run a piece of code; the seconds are those that the namespace was made with.

        Raises:
            Refused: LIMIT_REACHED, SANDBOX_FAILED, CANCELLED or TIMED_OUT.
        """
        from pydantic_monty import MontyCrashedError, MontyError

        printed = Printed()
        try:
            with watchdog().watching(self._pid), self._watched(run):
                value = self._session.feed_run(shown(code), print_callback=printed)
        except MontyCrashedError as problem:
            self._alive = False
            run.check()
            if problem.timed_out:
                raise limit_reached("time") from None
            raise sandbox_failed("a crash of the interpreter") from problem
        except MontyError as problem:
            error = as_written(self._error(problem), code)
            if len(error) > MAX_ERROR:
                error = f"{error[:2000]}\n...\n{error[-2000:]}"
            return Ran(None, printed.text(), printed.truncated, error)
        except ValueError:
            value = "<a value that cannot be shown>"
        text = value if value is None or isinstance(value, str) else "<a value that cannot be shown>"
        return Ran(text and text[:MAX_OUTPUT], printed.text(), printed.truncated, None)

    def _error(self, problem: "MontyError") -> str:
        from pydantic_monty import MontyRuntimeError, MontySyntaxError

        said = str(problem)
        if said.startswith("TimeoutError: ") and "time limit exceeded" in said:
            self._alive = False  # what it was doing may be half done
            raise limit_reached("time") from None
        if said.startswith("MemoryError: memory limit exceeded"):
            raise limit_reached("memory") from None
        return problem.display() if isinstance(problem, MontyRuntimeError | MontySyntaxError) else said

    @contextmanager
    def _watched(self, run: Run) -> Generator[None]:
        """Tell that code runs, and kill the process if the caller leaves meanwhile."""

        def killed(taken: float) -> bool:
            if run.still_wanted(taken) or not self._pid:
                return False
            os.kill(self._pid, signal.SIGTERM if os.name == "nt" else signal.SIGKILL)
            return True

        with watched(killed, LOOKING):
            yield


class Printed:
    """Keeps what is printed up to a limit, and notes that more came."""

    def __init__(self) -> None:
        self._left = MAX_OUTPUT
        self._parts: list[str] = []
        self.truncated = False

    def __call__(self, _stream: Literal["stdout", "stderr"], text: str) -> None:
        """Take what was printed."""
        kept = text[: self._left]
        if kept:
            self._parts.append(kept)
            self._left -= len(kept)
        self.truncated = self.truncated or len(kept) < len(text)

    def text(self) -> str:
        """Give what was kept."""
        return "".join(self._parts)


def shown(code: str) -> str:
    """Make the last line of a piece of code, if it is an expression, give its value as a text."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return code  # the interpreter says what is wrong, in its own words
    last = tree.body[-1] if tree.body else None
    if not isinstance(last, ast.Expr) or last.end_lineno is None or last.end_col_offset is None:
        return code
    whole = code.encode()
    ends = [0, *(found.end() for found in LINE_END.finditer(whole))]
    start, end = ends[last.lineno - 1] + last.col_offset, ends[last.end_lineno - 1] + last.end_col_offset
    return (whole[:start] + BEFORE.encode() + whole[start:end] + AFTER.encode() + whole[end:]).decode()


def as_written(error: str, code: str) -> str:
    """Show the lines of a traceback as they stand in the code, without what `shown` put around them."""
    given, ran = LINE_END.split(code.encode()), LINE_END.split(shown(code).encode())
    changed = {
        after.strip(): before.strip() for before, after in zip(given, ran, strict=True) if before != after
    }
    lines: list[str] = []
    shift = 0
    for line in error.split("\n"):
        written = changed.get(line.strip().encode())
        if written is not None:
            shift = len(BEFORE) if BEFORE in line else 0
            lines.append(line.replace(line.strip(), written.decode()))
        else:
            lines.append(line[shift:] if line.strip(" ~^") == "" else line)
            shift = 0
    return "\n".join(lines)
