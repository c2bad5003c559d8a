"""Notebooks on both sandboxes: cells, restarts, export, limits, idle ones, and what is never left behind."""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import AsyncGenerator
from typing import Any, cast

import pytest
from mcp import Client
from mcp_types import CallToolResult, ImageContent, TextContent

import toolgate_servers.compute.notebooks as notebooks_module
from sandboxed import children, gone, need_jail
from tool_examples import run_examples
from toolgate_servers.compute import notebook as tools
from toolgate_servers.compute.notebooks import Notebooks
from toolgate_servers.compute.sandboxes import Sandboxes
from toolgate_servers.compute.settings import PythonSettings
from toolgate_servers.errors import Reason, Refused
from toolgate_servers.idempotency import Once
from toolgate_servers.running import Run
from toolgate_servers.server import ToolServer


class Clock:
    """A clock that only the test turns."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=["monty", "bubblewrap"])
def sandbox(request: pytest.FixtureRequest) -> str:
    if request.param == "bubblewrap":
        need_jail()
    return cast("str", request.param)


class Desk:
    """A server of notebooks whose names and clock are known."""

    def __init__(self, sandbox: str) -> None:
        self.clock = Clock()
        settings = PythonSettings.model_validate({"sandbox": sandbox, "seconds": 2})
        sandboxes = Sandboxes(settings, 3)
        names = iter(f"nb-{number:024d}" for number in range(1, 99))
        self.notebooks = Notebooks(
            sandboxes, most=3, idle_seconds=600, clock=self.clock, new_name=lambda: next(names)
        )
        self.once = Once(None)
        family = tools.family(sandboxes, self.notebooks, self.once, 10)
        self.server = ToolServer("compute", families=[family])


@pytest.fixture
async def desk(sandbox: str) -> AsyncGenerator[Desk]:
    made = Desk(sandbox)
    yield made
    for number in range(1, 20):
        made.notebooks.close(f"nb-{number:024d}")
    made.once.close()


FIRST = f"nb-{1:024d}"


async def call(desk: Desk, tool: str, **arguments: Any) -> dict[str, Any]:
    async with Client(desk.server) as client:
        result = await client.call_tool(tool, arguments)
    assert not result.is_error, text(result)
    return cast("dict[str, Any]", result.structured_content)


async def reason(desk: Desk, tool: str, **arguments: Any) -> str:
    async with Client(desk.server) as client:
        result = await client.call_tool(tool, arguments)
    assert result.is_error
    return text(result).rpartition("[")[2].removesuffix("]")


def text(result: CallToolResult) -> str:
    block = result.content[0]
    assert isinstance(block, TextContent)
    return block.text


async def test_variables_stay_from_cell_to_cell_and_not_between_notebooks(desk: Desk) -> None:
    names = [(await call(desk, "notebook_open"))["session_id"] for _ in range(2)]
    await call(desk, "notebook_run", session_id=names[0], code="x = 6\ndef f(y):\n    return x * y")
    found = await call(desk, "notebook_run", session_id=names[0], code="print('hi')\nf(7)")
    assert found["result"] == {
        "cell": 2,
        "code": "print('hi')\nf(7)",
        "value": "42",
        "output": "hi\n",
        "truncated": False,
        "error": None,
        "pictures": 0,
    }
    other = await call(desk, "notebook_run", session_id=names[1], code="x")
    assert "NameError" in other["result"]["error"]


async def test_the_example_of_every_tool_works(desk: Desk) -> None:
    assert len(await run_examples(desk.server)) == 6


async def test_a_restart_forgets_variables_and_keeps_cells(desk: Desk) -> None:
    await call(desk, "notebook_open")
    await call(desk, "notebook_run", session_id=FIRST, code="x = 1")
    assert (await call(desk, "notebook_restart", session_id=FIRST))["cells"] == 1
    again = await call(desk, "notebook_run", session_id=FIRST, code="x")
    assert "NameError" in again["result"]["error"]
    assert again["result"]["cell"] == 2
    read = await call(desk, "notebook_read", session_id=FIRST, first_cell=2)
    assert (read["total"], [cell["cell"] for cell in read["cells"]]) == (2, [2])


async def test_a_cell_runs_once_for_each_key(desk: Desk) -> None:
    opened = await call(desk, "notebook_open", idempotency_key="one")
    assert (await call(desk, "notebook_open", idempotency_key="one"))["session_id"] == opened["session_id"]
    await call(desk, "notebook_run", session_id=FIRST, code="n = 0")
    for repeated in (False, True):
        found = await call(desk, "notebook_run", session_id=FIRST, code="n += 1\nn", idempotency_key="add")
        assert (found["result"]["value"], found["repeated"]) == ("1", repeated)
    assert (
        await reason(desk, "notebook_run", session_id=FIRST, code="n", idempotency_key="add") == "key-reused"
    )


async def test_an_export_is_a_notebook_that_jupyter_reads(desk: Desk) -> None:
    await call(desk, "notebook_open")
    for code in ("print('a')\n1 + 1", "1/0", "x = 1"):
        await call(desk, "notebook_run", session_id=FIRST, code=code)
    exported = await call(desk, "notebook_export", session_id=FIRST)
    content = json.loads(exported["ipynb"])
    assert (content["nbformat"], content["nbformat_minor"], exported["cells"]) == (4, 5, 3)
    first, second, third = content["cells"]
    assert first["source"] == ["print('a')\n", "1 + 1"]
    assert [output["output_type"] for output in first["outputs"]] == ["stream", "execute_result"]
    assert first["outputs"][1]["data"] == {"text/plain": ["2"]}
    assert second["outputs"][0]["output_type"] == "error"
    assert third["outputs"] == []
    assert len({cell["id"] for cell in content["cells"]}) == 3


async def test_pictures_are_shown_kept_and_exported() -> None:
    need_jail()
    desk = Desk("monty")
    await call(desk, "notebook_open", libraries=True)
    code = "import struct, zlib\n" + PIXEL
    async with Client(desk.server) as client:
        result = await client.call_tool("notebook_run", {"session_id": FIRST, "code": code})
    assert result.structured_content is not None
    assert result.structured_content["result"]["pictures"] == 1
    (picture,) = [block for block in result.content if isinstance(block, ImageContent)]
    exported = json.loads((await call(desk, "notebook_export", session_id=FIRST))["ipynb"])
    assert exported["cells"][0]["outputs"][0]["data"] == {"image/png": picture.data}
    assert base64.b64decode(picture.data).startswith(b"\x89PNG")
    desk.notebooks.close(FIRST)


# Stands in for matplotlib, which takes seconds to load: what the sandbox asks of it.
PIXEL = """
import sys, types
plots = types.ModuleType("matplotlib.pyplot")
class Figure:
    def savefig(self, file, format):
        def chunk(kind, data):
            return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
        body = zlib.compress(bytes([0, 0]))
        chunks = chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
        file.write(b"\\x89PNG\\r\\n\\x1a\\n" + chunks)
plots.get_fignums = lambda: [1]
plots.figure = lambda number: Figure()
plots.close = lambda which: None
sys.modules["matplotlib.pyplot"] = plots
"""


async def test_a_cell_that_takes_too_long_is_refused_and_the_notebook_goes_on(desk: Desk) -> None:
    await call(desk, "notebook_open")
    assert (
        await reason(desk, "notebook_run", session_id=FIRST, code="while True: pass") == Reason.LIMIT_REACHED
    )
    assert (await call(desk, "notebook_run", session_id=FIRST, code="1"))["result"]["value"] == "1"
    read = await call(desk, "notebook_read", session_id=FIRST)
    assert [cell["error"] is not None for cell in read["cells"]] == [True, False]


async def test_a_cell_that_ends_its_process_is_refused_and_the_notebook_goes_on() -> None:
    need_jail()
    desk = Desk("bubblewrap")
    await call(desk, "notebook_open")
    await call(desk, "notebook_run", session_id=FIRST, code="x = 1")
    ends = await reason(desk, "notebook_run", session_id=FIRST, code="import os\nos._exit(0)")
    assert ends == Reason.SANDBOX_FAILED
    lost = await call(desk, "notebook_run", session_id=FIRST, code="x")
    assert "NameError" in lost["result"]["error"]
    desk.notebooks.close(FIRST)


async def test_there_are_only_so_many_notebooks(desk: Desk) -> None:
    for _ in range(3):
        await call(desk, "notebook_open")
    assert await reason(desk, "notebook_open") == Reason.TOO_MANY_SESSIONS
    assert (await call(desk, "notebook_close", session_id=FIRST))["closed"]
    assert not (await call(desk, "notebook_close", session_id=FIRST))["closed"]
    assert await reason(desk, "notebook_run", session_id=FIRST, code="1") == Reason.NO_SUCH_SESSION
    assert (await call(desk, "notebook_open"))["session_id"] == f"nb-{4:024d}"


async def test_there_are_only_so_many_cells(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebooks_module, "MAX_CELLS", 2)
    await call(desk, "notebook_open")
    for _ in range(2):
        await call(desk, "notebook_run", session_id=FIRST, code="1")
    assert await reason(desk, "notebook_run", session_id=FIRST, code="1") == Reason.LIMIT_REACHED


async def test_an_idle_notebook_is_closed_with_its_process(desk: Desk) -> None:
    before = children(os.getpid())
    await call(desk, "notebook_open")
    await call(desk, "notebook_run", session_id=FIRST, code="x = 1")
    begun = children(os.getpid()) - before
    desk.clock.now += 599
    await call(desk, "notebook_run", session_id=FIRST, code="x")
    desk.clock.now += 601
    desk.notebooks.expire()
    assert await reason(desk, "notebook_read", session_id=FIRST) == Reason.NO_SUCH_SESSION
    assert begun
    assert len(children(os.getpid()) & begun) <= 1  # the embedded sandbox keeps one fresh process ready


def test_one_notebook_runs_one_cell_at_a_time(sandbox: str) -> None:
    desk = Desk(sandbox)
    name = desk.notebooks.open(libraries=False).name
    values: list[str | None] = []

    def add() -> None:
        _, cell = desk.notebooks.run(name, "try:\n    n += 1\nexcept NameError:\n    n = 1\nn", Run(30))
        values.append(cell.ran.value if cell.ran else None)

    threads = [threading.Thread(target=add) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    desk.notebooks.close(name)
    assert sorted(map(str, values)) == ["1", "2", "3", "4", "5", "6"]


def test_a_closed_notebook_leaves_no_process() -> None:
    need_jail()
    desk = Desk("bubblewrap")
    before = children(os.getpid())
    name = desk.notebooks.open(libraries=False).name
    begun = children(os.getpid()) - before
    assert begun
    desk.notebooks.close(name)
    assert gone(begun, lambda: threading.Event().wait(0.01))


def test_a_cell_number_is_never_given_twice(sandbox: str) -> None:
    desk = Desk(sandbox)
    name = desk.notebooks.open(libraries=False).name
    with pytest.raises(Refused):
        desk.notebooks.run(name, "while True: pass", Run(30))
    _, cell = desk.notebooks.run(name, "1", Run(30))
    assert cell.number == 2
    desk.notebooks.close(name)
