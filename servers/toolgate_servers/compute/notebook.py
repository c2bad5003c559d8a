"""The tools that work in a notebook: Python in several steps, whose variables stay."""

from typing import Annotated, Literal

from pydantic import Field

from toolgate_servers.compute import ipynb
from toolgate_servers.compute.notebooks import Cell, Notebook, Notebooks
from toolgate_servers.compute.python import Code, not_available, pictures
from toolgate_servers.compute.sandboxes import Sandboxes
from toolgate_servers.errors import Reason, Refused
from toolgate_servers.idempotency import Once, digest_of, new_key
from toolgate_servers.running import Run
from toolgate_servers.server import Family
from toolgate_servers.strict import (
    READS,
    Arguments,
    Outcome,
    Shown,
    StrictTool,
    Write,
    Written,
    described,
    hints,
    strict_tool,
)

MAX_EXPORT = 4_000_000
EXAMPLE = "nb-000000000000000000000001"
CHANGES = hints(read_only=False, destructive=False, idempotent=False, open_world=False)
CHANGES_ONCE = hints(read_only=False, destructive=False, idempotent=True, open_world=False)
FORGETS = hints(read_only=False, destructive=True, idempotent=True, open_world=False)

SessionId = Annotated[
    str,
    Field(
        min_length=4,
        max_length=64,
        pattern=r"^nb-[0-9a-f]+$",
        description="The session_id that notebook_open gave.",
    ),
]


class NotebookOpen(Write):
    """What `notebook_open` takes."""

    libraries: Annotated[
        bool,
        Field(description="True if cells import libraries such as numpy; False starts faster."),
    ] = False


class NotebookOpened(Written):
    """What `notebook_open` gives."""

    session_id: Annotated[str, Field(description="Names the notebook in every later call; keep it.")]
    sandbox: Annotated[Literal["monty", "bubblewrap"], Field(description="Where its cells run.")]
    idle_minutes: Annotated[int, Field(description="After so long without a call it is closed.")]


class NotebookRun(Write):
    """What `notebook_run` takes."""

    session_id: SessionId
    code: Code


class CellShown(Outcome):
    """One cell that ran."""

    cell: Annotated[int, Field(description="The number of the cell, from 1.")]
    code: Annotated[str, Field(description="What ran.")]
    value: Annotated[str | None, Field(description="The value of the last line, if it is an expression.")]
    output: Annotated[str, Field(description="What was printed, up to 20,000 characters.")]
    truncated: Annotated[bool, Field(description="True when more was printed than `output` has.")]
    error: Annotated[str | None, Field(description="The traceback, or why the cell broke off.")]
    pictures: Annotated[int, Field(description="How many pictures it drew.")]


class NotebookRan(Written):
    """What `notebook_run` gives."""

    result: Annotated[CellShown, Field(description="What came of the cell.")]


class NotebookRead(Arguments):
    """What `notebook_read` takes."""

    session_id: SessionId
    first_cell: Annotated[int, Field(ge=1, le=1_000_000, description="The first cell to read.")] = 1
    limit: Annotated[int, Field(ge=1, le=50, description="How many cells to read.")] = 20


class NotebookShown(Outcome):
    """What `notebook_read` gives."""

    cells: Annotated[list[CellShown], Field(description="The cells, oldest first.")]
    total: Annotated[int, Field(description="How many cells the notebook has.")]


class NotebookNamed(Arguments):
    """What `notebook_restart` and `notebook_close` take."""

    session_id: SessionId


class NotebookRestarted(Outcome):
    """What `notebook_restart` gives."""

    session_id: Annotated[str, Field(description="The notebook, now without variables.")]
    cells: Annotated[int, Field(description="How many cells it still shows.")]


class NotebookClosed(Outcome):
    """What `notebook_close` gives."""

    closed: Annotated[bool, Field(description="False when no such notebook was open.")]


class NotebookExport(Arguments):
    """What `notebook_export` takes."""

    session_id: SessionId
    pictures: Annotated[bool, Field(description="False leaves the pictures out.")] = True


class NotebookExported(Outcome):
    """What `notebook_export` gives."""

    ipynb: Annotated[str, Field(description="The text of an .ipynb file, nbformat 4.5.")]
    cells: Annotated[int, Field(description="How many cells are in it.")]


def family(sandboxes: Sandboxes, notebooks: Notebooks, once: Once, idle_minutes: int) -> Family:
    """Make the family of notebook tools."""
    tools = [
        _open(sandboxes, notebooks, once, idle_minutes),
        _run(sandboxes, notebooks, once),
        _read(notebooks),
        _restart(notebooks),
        _export(notebooks),
        _close(notebooks),
    ]
    return Family("notebook", sandboxes.about, tools)


def _open(sandboxes: Sandboxes, notebooks: Notebooks, once: Once, idle_minutes: int) -> StrictTool:
    def notebook_open(arguments: NotebookOpen, run: Run) -> NotebookOpened:
        run.check()
        if arguments.libraries and not sandboxes.libraries:
            raise not_available("libraries", sandboxes)
        opened = notebooks.open(libraries=arguments.libraries)
        return NotebookOpened(session_id=opened.name, sandbox=opened.sandbox, idle_minutes=idle_minutes)

    return strict_tool(
        notebook_open,
        name="notebook_open",
        takes=NotebookOpen,
        gives=NotebookOpened,
        title="Open a notebook",
        description=described(
            "Open a Python notebook whose variables stay from cell to cell, in a sandbox of its own.",
            use="a task takes several pieces of code that build on each other",
            not_for="one piece of code: run_python does, and leaves nothing behind",
            example={},
        ),
        annotations=CHANGES_ONCE,
        once=once,
    )


def _run(sandboxes: Sandboxes, notebooks: Notebooks, once: Once) -> StrictTool:
    def notebook_run(arguments: NotebookRun, run: Run) -> NotebookRan | Shown[NotebookRan]:
        key = arguments.idempotency_key or new_key()
        drawn: list[Cell] = []

        def does() -> NotebookRan:
            _, cell = notebooks.run(arguments.session_id, arguments.code, run)
            drawn.append(cell)
            return NotebookRan(result=_shown(cell))

        outcome, repeated = once.run("notebook_run", key, digest_of(arguments), does, gives=NotebookRan)
        outcome = outcome.model_copy(update={"idempotency_key": key, "repeated": repeated})
        found = [picture for cell in drawn if cell.ran is not None for picture in pictures(cell.ran)]
        return Shown(outcome, tuple(found)) if found else outcome

    return strict_tool(
        notebook_run,
        name="notebook_run",
        takes=NotebookRun,
        gives=NotebookRan,
        title="Run a cell",
        description=described(
            "Run one cell in an open notebook; variables of earlier cells are there.",
            use="you continue work that notebook_open began",
            not_for="code that stands alone: run_python does",
            example={"session_id": EXAMPLE, "code": "x = 6 * 7\nx"},
        ),
        annotations=CHANGES,
        timeout=sandboxes.longest + 20.0,
    )


def _read(notebooks: Notebooks) -> StrictTool:
    def notebook_read(arguments: NotebookRead) -> NotebookShown:
        with notebooks.using(arguments.session_id) as notebook:
            wanted = [cell for cell in notebook.cells if cell.number >= arguments.first_cell]
            return NotebookShown(
                cells=[_shown(cell) for cell in wanted[: arguments.limit]], total=len(notebook.cells)
            )

    return strict_tool(
        notebook_read,
        name="notebook_read",
        takes=NotebookRead,
        gives=NotebookShown,
        title="Read cells",
        description=described(
            "Show the cells of an open notebook with what came of them.",
            use="you need to see again what was run",
            not_for="a file to keep: notebook_export gives one",
            example={"session_id": EXAMPLE},
        ),
        annotations=READS,
    )


def _restart(notebooks: Notebooks) -> StrictTool:
    def notebook_restart(arguments: NotebookNamed) -> NotebookRestarted:
        notebook: Notebook = notebooks.restart(arguments.session_id)
        return NotebookRestarted(session_id=notebook.name, cells=len(notebook.cells))

    return strict_tool(
        notebook_restart,
        name="notebook_restart",
        takes=NotebookNamed,
        gives=NotebookRestarted,
        title="Restart a notebook",
        description=described(
            "Forget all variables of a notebook and keep the record of its cells.",
            use="its variables are a mess",
            not_for="ending the work: notebook_close does",
            example={"session_id": EXAMPLE},
        ),
        annotations=FORGETS,
    )


def _export(notebooks: Notebooks) -> StrictTool:
    def notebook_export(arguments: NotebookExport) -> NotebookExported:
        with notebooks.using(arguments.session_id) as notebook:
            text = ipynb.notebook(notebook.cells, pictures=arguments.pictures)
            if len(text) > MAX_EXPORT:
                raise Refused(
                    Reason.TOO_LARGE,
                    "the notebook",
                    found=f"more than {MAX_EXPORT} characters",
                    expected="pictures: false, or fewer cells in a new notebook",
                )
            return NotebookExported(ipynb=text, cells=len(notebook.cells))

    return strict_tool(
        notebook_export,
        name="notebook_export",
        takes=NotebookExport,
        gives=NotebookExported,
        title="Export a notebook",
        description=described(
            "Give an open notebook as the text of an .ipynb file for Jupyter.",
            use="somebody wants to keep the work or go on with it elsewhere",
            not_for="a look at the last results: notebook_read is shorter",
            example={"session_id": EXAMPLE},
        ),
        annotations=READS,
    )


def _close(notebooks: Notebooks) -> StrictTool:
    def notebook_close(arguments: NotebookNamed) -> NotebookClosed:
        return NotebookClosed(closed=notebooks.close(arguments.session_id))

    return strict_tool(
        notebook_close,
        name="notebook_close",
        takes=NotebookNamed,
        gives=NotebookClosed,
        title="Close a notebook",
        description=described(
            "End a notebook and forget its variables and cells.",
            use="the work is done",
            not_for="starting afresh in the same notebook: notebook_restart does",
            example={"session_id": EXAMPLE},
        ),
        annotations=FORGETS,
    )


def _shown(cell: Cell) -> CellShown:
    ran = cell.ran
    return CellShown(
        cell=cell.number,
        code=cell.code,
        value=ran.value if ran else None,
        output=ran.output if ran else "",
        truncated=ran.truncated if ran else False,
        error=ran.error if ran else cell.broke_off,
        pictures=len(ran.pictures) if ran else 0,
    )
