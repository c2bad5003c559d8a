"""Notebooks that are open: each is one interpreter and the cells that ran in it."""

import secrets
import threading
import time
import weakref
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from toolgate_servers.compute.sandbox.cells import Interpreter, Ran
from toolgate_servers.compute.sandboxes import Name, Sandboxes
from toolgate_servers.errors import Reason, Refused
from toolgate_servers.running import Run

MAX_CELLS: Final = 200
MAX_PICTURE_BYTES: Final = 20_000_000
WAITING_SECONDS: Final = 10.0
LOOKING_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True)
class Cell:
    """A piece of code that ran, and what came of it; `ran` is nothing when it broke off."""

    number: int
    code: str
    ran: Ran | None
    broke_off: str | None = None


@dataclass(slots=True)
class Notebook:
    """One open notebook."""

    name: str
    sandbox: Name
    libraries: bool
    used: float
    interpreter: Interpreter
    cells: list[Cell] = field(default_factory=list["Cell"])
    lock: threading.Lock = field(default_factory=threading.Lock)
    number: int = 0


class Notebooks:
    """All open notebooks; whoever knows the name of one may use it."""

    def __init__(
        self,
        sandboxes: Sandboxes,
        *,
        most: int,
        idle_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        new_name: Callable[[], str] = lambda: f"nb-{secrets.token_hex(12)}",
    ) -> None:
        self._sandboxes = sandboxes
        self._most = most
        self._idle = idle_seconds
        self._clock = clock
        self._new_name = new_name
        self._lock = threading.Lock()
        self._open: dict[str, Notebook] = {}
        self._stopped = threading.Event()
        weakref.finalize(self, _close_all, self._open, self._stopped)  # also when the process ends

    def open(self, *, libraries: bool) -> Notebook:
        """Open one.

        Raises:
            Refused: TOO_MANY_SESSIONS or SANDBOX_FAILED.
        """
        self.expire()
        with self._lock:
            if len(self._open) >= self._most:
                raise Refused(
                    Reason.TOO_MANY_SESSIONS,
                    "the notebooks",
                    found=f"{self._most} open ones",
                    expected="fewer: close one with notebook_close, or wait until an idle one is closed",
                )
            notebook = Notebook(
                self._new_name(),
                self._sandboxes.which(libraries=libraries),
                libraries,
                self._clock(),
                self._fresh(libraries=libraries),
            )
            if not self._open:
                self._look_after()
            self._open[notebook.name] = notebook
            return notebook

    def run(self, name: str, code: str, run: Run) -> tuple[Notebook, Cell]:
        """Run a cell in a notebook.

        Raises:
            Refused: NO_SUCH_SESSION, LIMIT_REACHED, SANDBOX_FAILED, CANCELLED or TIMED_OUT. If the variables
                are lost with it, the notebook goes on with none.
        """
        with self.using(name) as notebook, self._sandboxes.place(run):
            if len(notebook.cells) >= MAX_CELLS:
                raise Refused(
                    Reason.LIMIT_REACHED,
                    "session_id",
                    found=f"{MAX_CELLS} cells",
                    expected="a new notebook; export this one first if its cells matter",
                )
            notebook.number += 1
            try:
                ran = notebook.interpreter.run(code, self._sandboxes.longest, run)
            except Refused as refused:
                notebook.cells.append(Cell(notebook.number, code, None, str(refused)))
                if notebook.interpreter.is_alive:
                    raise
                self._renew(notebook)
                raise Refused(
                    refused.reason,
                    "code",
                    found="a cell that did not end well, and its variables lost with it",
                    expected="smaller steps; run the cells that you need again",
                ) from None
            cell = Cell(notebook.number, code, ran)
            notebook.cells.append(cell)
            _forget_pictures(notebook.cells)
            return notebook, cell

    def restart(self, name: str) -> Notebook:
        """Forget the variables of a notebook, and keep its cells.

        Raises:
            Refused: NO_SUCH_SESSION or SANDBOX_FAILED.
        """
        with self.using(name) as notebook:
            self._renew(notebook)
            return notebook

    def close(self, name: str) -> bool:
        """Close a notebook and forget it; whether it was open.

        Raises:
            Refused: IN_PROGRESS while a cell of it runs.
        """
        with self._lock:
            if name not in self._open:
                return False
        with self.using(name) as notebook:
            self._open.pop(name, None)
            notebook.interpreter.close()
        return True

    @contextmanager
    def using(self, name: str) -> Generator[Notebook]:
        """Have a notebook for oneself.

        Raises:
            Refused: NO_SUCH_SESSION, or IN_PROGRESS while another cell of it runs.
        """
        self.expire()
        with self._lock:
            notebook = self._open.get(name)
        if notebook is None:
            raise Refused(
                Reason.NO_SUCH_SESSION,
                "session_id",
                found="no open notebook of that name",
                expected="the session_id that notebook_open gave; idle ones are closed",
            )
        if not notebook.lock.acquire(timeout=WAITING_SECONDS):
            raise Refused(
                Reason.IN_PROGRESS,
                "session_id",
                found="another cell running",
                expected="one call at a time for each notebook",
            )
        try:
            notebook.used = self._clock()
            yield notebook
            notebook.used = self._clock()
        finally:
            notebook.lock.release()

    def expire(self) -> None:
        """Close the notebooks that nobody has used for long."""
        oldest = self._clock() - self._idle
        with self._lock:
            idle = [one for one in self._open.values() if one.used < oldest and not one.lock.locked()]
            for notebook in idle:
                del self._open[notebook.name]
        for notebook in idle:
            notebook.interpreter.close()

    def _renew(self, notebook: Notebook) -> None:
        notebook.interpreter.close()
        notebook.interpreter = self._fresh(libraries=notebook.libraries)

    def _fresh(self, *, libraries: bool) -> Interpreter:
        return self._sandboxes.interpreter(self._sandboxes.longest, libraries=libraries)

    def _look_after(self) -> None:
        """Close idle notebooks also when nobody calls."""
        this = weakref.ref(self)
        stopped = self._stopped

        def look() -> None:
            while not stopped.wait(LOOKING_SECONDS):
                here = this()
                if here is None or not here._open:
                    return
                here.expire()

        threading.Thread(target=look, name="notebooks", daemon=True).start()


def _close_all(notebooks: dict[str, Notebook], stopped: threading.Event) -> None:
    stopped.set()
    while notebooks:
        notebooks.popitem()[1].interpreter.close()


def _forget_pictures(cells: list[Cell]) -> None:
    """Keep the newest pictures of a notebook, as many as fit."""
    left = MAX_PICTURE_BYTES
    for position in reversed(range(len(cells))):
        cell = cells[position]
        if cell.ran is None or not cell.ran.pictures:
            continue
        left -= sum(map(len, cell.ran.pictures))
        if left < 0:
            kept = Ran(cell.ran.value, cell.ran.output, cell.ran.truncated, cell.ran.error)
            cells[position] = Cell(cell.number, cell.code, kept)
