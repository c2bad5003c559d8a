"""What `run_python` gives back from both sandboxes, and how a server says which it has."""

from __future__ import annotations

import importlib.util
from importlib.machinery import ModuleSpec
from typing import Any, cast

import pytest
from mcp import Client
from mcp_types import CallToolResult, ImageContent, TextContent

import toolgate_servers.compute.sandboxes as sandboxes_module
from sandboxed import need_jail
from tool_examples import run_examples
from toolgate_servers.compute.sandbox.embedded import shown
from toolgate_servers.compute.sandboxes import Sandboxes
from toolgate_servers.compute.server import build
from toolgate_servers.compute.settings import ComputeSettings, Families, PythonSettings
from toolgate_servers.errors import CannotStart, Reason, Refused
from toolgate_servers.running import Run
from toolgate_servers.server import ToolServer


@pytest.fixture(params=["monty", "bubblewrap"])
def sandbox(request: pytest.FixtureRequest) -> str:
    if request.param == "bubblewrap":
        need_jail()
    return cast("str", request.param)


def server(sandbox: str, **python: Any) -> ToolServer:
    return build(
        ComputeSettings(
            python=PythonSettings.model_validate({"sandbox": sandbox, **python}),
            families=Families(notebook=False, transform=False),
        )
    )


async def ran(sandbox: str, code: str, **arguments: Any) -> dict[str, Any]:
    async with Client(server(sandbox)) as client:
        result = await client.call_tool("run_python", {"code": code, **arguments})
    assert not result.is_error, text(result)
    return cast("dict[str, Any]", result.structured_content)


def text(result: CallToolResult) -> str:
    block = result.content[0]
    assert isinstance(block, TextContent)
    return block.text


async def test_the_last_line_is_the_value_and_prints_are_the_output(sandbox: str) -> None:
    found = await ran(sandbox, "x = [n * n for n in range(4)]\nprint('è', x)\nsum(x)  # a comment")
    assert found == {
        "value": "14",
        "output": "è [0, 1, 4, 9]\n",
        "truncated": False,
        "error": None,
        "pictures": 0,
        "sandbox": sandbox,
    }
    assert (await ran(sandbox, "x = 1"))["value"] is None
    assert (await ran(sandbox, "None"))["value"] is None
    assert (await ran(sandbox, "'two\\nlines'"))["value"] == "'two\\nlines'"


async def test_an_exception_is_a_result_with_its_line(sandbox: str) -> None:
    found = await ran(sandbox, "def half(x):\n    return 1 / x\nprint('before')\nhalf(0)")
    assert found["output"] == "before\n"
    assert "ZeroDivisionError" in found["error"]
    assert "line 2" in found["error"]
    assert "SyntaxError" in (await ran(sandbox, "1 +"))["error"]


async def test_nothing_is_left_for_the_next_call(sandbox: str) -> None:
    async with Client(server(sandbox)) as client:
        await client.call_tool("run_python", {"code": "left = 1"})
        result = await client.call_tool("run_python", {"code": "left"})
    assert result.structured_content is not None
    assert "NameError" in result.structured_content["error"]


async def test_more_output_than_fits_is_cut_and_said(sandbox: str) -> None:
    found = await ran(sandbox, "for n in range(30000): print('0123456789')")
    assert (len(found["output"]), found["truncated"]) == (20_000, True)
    assert len((await ran(sandbox, "'x' * 100000"))["value"]) == 20_000


async def test_code_that_does_not_end_is_refused(sandbox: str) -> None:
    async with Client(server(sandbox)) as client:
        result = await client.call_tool("run_python", {"code": "while True: pass", "seconds": 1})
    assert result.is_error
    assert text(result).endswith(f"[{Reason.LIMIT_REACHED}]")


async def test_figures_come_back_as_pictures() -> None:
    need_jail()
    code = "import matplotlib.pyplot as plt\nplt.plot([1, 2, 3])\nplt.figure()\nplt.bar([1], [2])\nNone"
    async with Client(server("monty")) as client:
        result = await client.call_tool(
            "run_python", {"code": code, "libraries": ["matplotlib"], "seconds": 60}
        )
    assert not result.is_error, text(result)
    assert result.structured_content is not None
    assert result.structured_content["error"] is None
    pictures = [block for block in result.content if isinstance(block, ImageContent)]
    assert [picture.mime_type for picture in pictures] == ["image/png"] * 2


async def test_libraries_run_in_bubblewrap_whatever_the_sandbox() -> None:
    need_jail()
    found = await ran("monty", "import numpy\nint(numpy.arange(5).sum())", libraries=["numpy"], seconds=30)
    assert (found["value"], found["sandbox"]) == ("10", "bubblewrap")


async def test_libraries_that_are_not_here_are_refused_and_not_promised() -> None:
    made = server("monty", libraries=False)
    (listed,) = [tool for tool in await made.list_tools() if tool.name == "run_python"]
    assert "numpy" not in (listed.description or "")
    async with Client(made) as client:
        result = await client.call_tool("run_python", {"code": "1", "libraries": ["numpy"]})
    assert text(result).endswith(f"[{Reason.NOT_AVAILABLE}]")


async def test_the_example_of_every_tool_works(sandbox: str) -> None:
    names = ["calculate", "convert_units", "calculate_dates", "calculate_finance", "run_python"]
    assert await run_examples(server(sandbox)) == names


@pytest.mark.parametrize(
    ("code", "marked"),
    [
        ("1", "toolgate_show((1))"),
        ("x = 1", "x = 1"),
        ("é = 1; é + (1,\n 2)[0] # c", "é = 1; toolgate_show((é + (1,\n 2)[0])) # c"),
        ("a\n\nb\n", "a\n\ntoolgate_show((b))\n"),
        ("a\r\nb", "a\r\ntoolgate_show((b))"),
        ("a = '\u2028\x85\x1c'\n\x0c\nb", "a = '\u2028\x85\x1c'\n\x0c\ntoolgate_show((b))"),
        ("1 +", "1 +"),
        ("", ""),
        ("(" * 5000, "(" * 5000),
        ("-" * 49_000 + "1", "-" * 49_000 + "1"),
        ("\x00", "\x00"),
    ],
)
def test_only_a_last_expression_is_marked(code: str, marked: str) -> None:
    assert shown(code) == marked


async def test_characters_that_only_look_like_line_ends_are_left_alone(sandbox: str) -> None:
    found = await ran(sandbox, "text = 'one\u2028two\x85'\nlen(text)")
    assert (found["value"], found["error"]) == ("8", None)


@pytest.mark.parametrize(
    ("code", "line", "marks"),
    [
        ("x = 1\nx / 0", "    x / 0", "    ~~~~~"),
        ("y = 1; y / 0  # é", "    y = 1; y / 0  # é", "           ~~~~~"),
        ("(1 +\n 1 / 0)", "    1 / 0)", None),
    ],
)
async def test_a_traceback_shows_the_code_as_it_was_sent(code: str, line: str, marks: str | None) -> None:
    error = (await ran("monty", code))["error"]
    assert "toolgate" not in error
    lines = error.split("\n")
    assert line in lines
    assert marks is None or lines[lines.index(line) + 1] == marks


async def test_code_that_takes_a_while_tells_that_it_runs(sandbox: str) -> None:
    seen: list[float] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        seen.append(progress)

    async with Client(server(sandbox)) as client:
        code = {"code": "n = 0\nwhile n < 10_000_000:\n    n += 1"}
        await client.call_tool("run_python", code, progress_callback=note)
    assert len(seen) > 1
    assert seen == sorted(set(seen))


def test_a_caller_that_has_left_ends_the_code(sandbox: str) -> None:
    run = Run(30)
    made = Sandboxes(PythonSettings.model_validate({"sandbox": sandbox}), 0)
    interpreter = made.interpreter(20, libraries=False)
    run.abandon()
    with pytest.raises(Refused) as caught:
        interpreter.run("while True: pass", 20, run)
    interpreter.close()
    assert caught.value.reason is Reason.CANCELLED
    assert not interpreter.is_alive


def test_without_bubblewrap_a_server_that_wants_it_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandboxes_module, "jail_problem", lambda: "bubblewrap: found no program bwrap")
    with pytest.raises(CannotStart, match="apt-get install bubblewrap"):
        server("bubblewrap")
    with pytest.raises(CannotStart, match=r"python\.libraries"):
        server("monty", libraries=True)
    assert "no libraries" in server("monty").families[1].line()


def test_without_polars_tables_are_off_unless_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec

    def without(name: str) -> ModuleSpec | None:
        return None if name == "polars" else found(name)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    off = build(ComputeSettings(families=Families(python=False, notebook=False)))
    assert [family.is_on for family in off.families] == [True, False, False, False, False]
    assert "toolgate[servers]" in off.families[3].line()
    on = build(ComputeSettings(families=Families(python=False, notebook=False, transform=True)))
    assert on.families[3].is_on
