"""Which sandboxes there are here, and a fresh one for whoever wants to run Python."""

import functools
import importlib.util
import sys
import threading
import weakref
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from toolgate_servers.compute.sandbox.cells import Interpreter, sandbox_failed
from toolgate_servers.compute.sandbox.embedded import Embedded, EmbeddedPool
from toolgate_servers.compute.settings import PythonSettings
from toolgate_servers.errors import CannotStart, ServerError
from toolgate_servers.running import Run

if TYPE_CHECKING:
    from toolgate_servers.compute.sandbox.process import Spawner

MIB: Final = 1024 * 1024
LIBRARIES: Final = ("numpy", "pandas", "matplotlib", "polars")
WAITING_SECONDS: Final = 10.0
Name: TypeAlias = Literal["monty", "bubblewrap"]


class Sandboxes:
    """Makes interpreters as the settings say."""

    def __init__(self, settings: PythonSettings, sessions: int) -> None:
        self._settings = settings
        self._places = threading.BoundedSemaphore(settings.at_once)
        self._pool = EmbeddedPool(settings.at_once + sessions)
        self.libraries = _libraries(settings)
        weakref.finalize(self, self._pool.close)  # also when the process ends

    @property
    def about(self) -> str:
        """Say in one line where code runs."""
        where = "monty, embedded" if self._settings.sandbox == "monty" else "bubblewrap"
        if not self.libraries:
            return f"in {where}; no libraries"
        return f"in {where}; {', '.join(self.libraries)} in bubblewrap"

    @property
    def longest(self) -> int:
        """Give how many seconds a piece of code may take."""
        return self._settings.seconds

    def which(self, *, libraries: bool) -> Name:
        """Say in which sandbox code will run."""
        return "bubblewrap" if libraries else self._settings.sandbox

    def interpreter(self, seconds: float, *, libraries: bool) -> Interpreter:
        """Make a fresh one; the caller closes it.

        Raises:
            Refused: SANDBOX_FAILED.
        """
        if self.which(libraries=libraries) == "monty":
            return Embedded(self._pool, seconds, self._settings.embedded_memory_mb * MIB)
        from toolgate_servers.compute.sandbox.jail import Limits  # late: not on every system
        from toolgate_servers.compute.sandbox.kernel import Kernel

        limits = Limits(memory=self._settings.memory_mb * MIB, cpu_seconds=3600)
        return Kernel(spawner(), limits, libraries=libraries)

    @contextmanager
    def place(self, run: Run) -> Generator[None]:
        """Take one of the places for code that runs at the same time.

        Raises:
            Refused: SANDBOX_FAILED when none gets free in time.
        """
        if not self._places.acquire(timeout=max(0.0, min(WAITING_SECONDS, run.remaining()))):
            raise sandbox_failed("other code in every place")
        try:
            run.check()
            yield
        finally:
            self._places.release()


@functools.cache
def spawner() -> "Spawner":
    """Give the one thread of this process that starts jails."""
    from toolgate_servers.compute.sandbox.process import Spawner  # late: not on every system

    return Spawner()


@functools.cache
def jail_problem() -> str | None:
    """Try a jail once; gives what is wrong, or None if it works."""
    if sys.platform != "linux":
        return "bubblewrap: found no Linux, expected it"
    from toolgate_servers.compute.sandbox.jail import Limits  # late: not on every system
    from toolgate_servers.compute.sandbox.kernel import Kernel

    try:
        kernel = Kernel(spawner(), Limits(), libraries=False)
    except ServerError as problem:
        return str(problem)
    try:
        ran = kernel.run("1 + 1", 10.0, Run(20.0))
    except ServerError as problem:
        return str(problem)
    finally:
        kernel.close()
    return None if ran.value == "2" else "bubblewrap: found a wrong sum, expected 2"


def need_jail(setting: str) -> None:
    """Be sure that jails work.

    Raises:
        CannotStart: They do not; the text names the setting that wants them, and why they do not.
    """
    problem = jail_problem()
    if problem is not None:
        raise CannotStart(
            f"{setting}: found no bubblewrap that works, expected one "
            f"(apt-get install bubblewrap), or another setting. {problem}"
        )


def _libraries(settings: PythonSettings) -> tuple[str, ...]:
    if settings.sandbox == "bubblewrap":
        need_jail("python.sandbox")
    if settings.libraries is False:
        return ()
    found = tuple(name for name in LIBRARIES if importlib.util.find_spec(name) is not None)
    if settings.libraries is None:
        return found if found and jail_problem() is None else ()
    need_jail("python.libraries")
    if not found:
        raise CannotStart(
            f"python.libraries: found none of {', '.join(LIBRARIES)}, expected one: "
            f"pip install 'toolgate[servers]'"
        )
    return found
