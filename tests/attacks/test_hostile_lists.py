"""Lists and definitions that no honest server sends: refused where they are used, harmless elsewhere."""

from __future__ import annotations

import base64
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from gate import Gate, gate, piped
from toolgate.core.reasons import Reason
from wires import LEGACY, MODERN, Client, reason, words

pytestmark = pytest.mark.usefixtures("connections")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Generator[Gate]:
    folder: Path = tmp_path_factory.mktemp("lists")
    kinds = ("plain", "cycle", "endless", "huge", "hostile")
    with gate(folder, {kind: piped(folder, kind, lists=kind, share="all") for kind in kinds}) as started:
        yield started


@pytest.mark.parametrize("upstream", ["cycle", "endless"])
async def test_a_list_without_end_is_given_up_and_the_upstream_named(running: Gate, upstream: str) -> None:
    answer = await Client(running, f"/{upstream}/mcp").call("echo", {"text": "a"})
    assert reason(answer) == Reason.UPSTREAM_DOWN
    assert upstream in words(answer)


async def test_a_hundred_thousand_tools_hold_nobody_up(running: Gate) -> None:
    quick = Client(running, "/plain/mcp")
    await quick.call("echo", {"text": "warm"})
    flood = await Client(running, "/huge/mcp").start("echo", {"text": "found"})
    began, slowest = time.monotonic(), 0.0
    for _ in range(50):
        before = time.monotonic()
        assert words(await quick.call("echo", {"text": "quick"})) == "quick"
        slowest = max(slowest, time.monotonic() - before)
    answer = (await flood.all())[-1]
    assert slowest < 2.0
    assert time.monotonic() - began < 5.0
    assert reason(answer) == Reason.RESULT_MALFORMED
    listed = await Client(running, "/huge/mcp").ask("tools/list")
    assert reason(listed) == Reason.RESULT_TOO_LARGE


@pytest.mark.parametrize("tool", ["doubling", "remote", "local", "bad-schema"])
async def test_a_schema_that_cannot_be_checked_safely_refuses_its_tool_only(running: Gate, tool: str) -> None:
    began = time.monotonic()
    answer = await Client(running, "/hostile/mcp").call(tool, {"a": "b"})
    assert time.monotonic() - began < 2.0
    assert reason(answer) == Reason.SCHEMA_TOO_COMPLEX
    assert words(await Client(running, "/hostile/mcp").call("echo", {"text": "fine"})) == "fine"


@pytest.mark.parametrize("era", [LEGACY, MODERN])
@pytest.mark.parametrize("path", ["/hostile/mcp", "/mcp"])
async def test_the_tool_of_toolgate_is_listed_once_and_is_ours(running: Gate, path: str, era: str) -> None:
    client = await Client(running, path, era=era).open()
    tools = (await client.ask("tools/list"))["result"]["tools"]
    named = [tool for tool in tools if tool["name"].endswith("toolgate_continue")]
    assert [tool["inputSchema"].get("required") for tool in named] == [["approval"]]
    answer = await client.call("toolgate_continue", {"approval": "ap-1"})
    assert reason(answer) == Reason.APPROVAL_UNKNOWN
    assert not [
        one for one in running.events("hostile") if one.get("params", {}).get("name") == named[0]["name"]
    ]


async def test_a_name_that_looks_like_another_is_another(running: Gate) -> None:
    """A rule for `echo` is for `echo`: not for what is drawn like it."""
    cut = Client(running, "/hostile/mcp", "cut")
    assert words(await cut.call("echo", {"text": "plain"})) == "plain"
    for name in ("echo\u202e", "ec\u200bho", "\u0435cho", "echo\x1b[31m", "ECHO", "echo ", "\uff45cho"):
        told = name if name.isascii() and name.isprintable() and name.strip() == name else None
        asked = cut.request("tools/call", {"name": name, "arguments": {}})
        coded = f"=?base64?{base64.b64encode(name.encode()).decode()}?="
        answer = (await (await cut.post(asked, mcp_name=told or coded)).all())[-1]
        assert answer["error"]["code"] == -32602


async def test_odd_items_are_dropped_from_lists(running: Gate) -> None:
    client = await Client(running, "/hostile/mcp", era=LEGACY).open()
    tools = (await client.ask("tools/list"))["result"]["tools"]
    assert all(isinstance(tool["name"], str) for tool in tools)
    assert "no-schema" in [tool["name"] for tool in tools]


async def test_the_aggregated_list_names_who_has_no_end(running: Gate) -> None:
    client = await Client(running, "/mcp", era=LEGACY).open()
    listed = (await client.ask("tools/list"))["result"]
    assert {"cycle", "endless", "huge"} <= set(listed["_meta"]["toolgate/unavailable"])
    assert "plain__echo" in [tool["name"] for tool in listed["tools"]]


async def test_the_journal_still_verifies(running: Gate) -> None:
    assert running.problems() == []
