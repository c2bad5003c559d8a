"""How a tool runs: in its time, with progress, with pictures, and until its caller leaves."""

from __future__ import annotations

import threading
from typing import Annotated, Any

import anyio
import pytest
from mcp import Client
from mcp_types import CallToolResult, ImageContent, TextContent
from pydantic import Field

from tool_examples import run_examples
from toolgate_servers.describing import described, example_in
from toolgate_servers.errors import CannotStart, Reason, Refused
from toolgate_servers.extras import need
from toolgate_servers.server import Family, ToolServer
from toolgate_servers.strict import (
    READS,
    VERSION_KEY,
    Arguments,
    Outcome,
    Picture,
    Run,
    Shown,
    StrictTool,
    examples_of,
    strict_tool,
)
from toolgate_servers.stricttool import PLACES

PNG = b"\x89PNG\r\n\x1a\n"


class Ask(Arguments):
    """What the tools here take."""

    word: Annotated[str, Field(max_length=10, description="Any word.")] = "hello"


class Said(Outcome):
    """What the tools here give."""

    word: str


def tool(does: Any, timeout: float = 30) -> StrictTool:
    return strict_tool(
        does,
        name="say",
        title="Say",
        takes=Ask,
        gives=Said,
        description=described("Say a word.", use="asked to", not_for="shouting", example={"word": "hi"}),
        annotations=READS,
        timeout=timeout,
        version="2.3.4",
    )


def server(does: Any, timeout: float = 30) -> ToolServer:
    return ToolServer("test", families=[Family("speech", "nothing", [tool(does, timeout)])])


def text(result: CallToolResult) -> str:
    assert isinstance(result.content[0], TextContent)
    return result.content[0].text


def in_a_thread(arguments: Ask) -> Said:
    return Said(word=arguments.word)


def in_a_thread_with_run(arguments: Ask, run: Run) -> Said:
    run.check()
    return Said(word=arguments.word)


async def on_the_loop(arguments: Ask) -> Said:
    return Said(word=arguments.word)


async def on_the_loop_with_run(arguments: Ask, run: Run) -> Said:
    run.check()
    return Said(word=arguments.word)


KINDS = [in_a_thread, in_a_thread_with_run, on_the_loop, on_the_loop_with_run]


@pytest.mark.parametrize("does", KINDS)
async def test_every_kind_of_function_is_a_tool_whose_example_works(does: Any) -> None:
    assert await run_examples(server(does)) == ["say"]


async def test_a_tool_says_its_version_and_its_example() -> None:
    made = server(in_a_thread)
    (listed,) = await made.list_tools()
    assert listed.meta == {VERSION_KEY: "2.3.4"}
    assert await examples_of(made) == {"say": {"word": "hi"}}


def test_a_description_says_when_to_use_the_tool_and_when_not() -> None:
    written = described("Do.", use="it helps.", not_for="x", example={"a": "é"})
    assert written == 'Do.\nUse when it helps.\nNot for x.\nExample: {"a": "é"}'
    assert example_in(written) == {"a": "é"}
    assert example_in("no example") is None


async def test_progress_reaches_the_client_in_order() -> None:
    seen: list[tuple[float, float | None, str | None]] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        seen.append((progress, total, message))

    def counting(arguments: Ask, run: Run) -> Said:
        run.progress(1, 2, "half")
        run.progress(1.5, 2, "too soon to be worth a report")
        run.progress(2, 2, "whole")
        return Said(word=arguments.word)

    async with Client(server(counting)) as client:
        result = await client.call_tool("say", {}, progress_callback=note)
    assert not result.is_error
    assert seen == [(1, 2, "half"), (2, 2, "whole")]


async def test_progress_of_a_loop_tool_reaches_the_client() -> None:
    seen: list[float] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        seen.append(progress)

    async def counting(arguments: Ask, run: Run) -> Said:
        run.progress(1, 1)
        return Said(word=arguments.word)

    async with Client(server(counting)) as client:
        await client.call_tool("say", {}, progress_callback=note)
    assert seen == [1]


@pytest.mark.parametrize("with_run", [True, False])
async def test_a_thread_that_takes_too_long_is_refused_and_left_behind(with_run: bool) -> None:
    release = threading.Event()

    def stuck(arguments: Ask) -> Said:
        release.wait(30)
        return Said(word=arguments.word)

    def stuck_with_run(arguments: Ask, run: Run) -> Said:
        release.wait(30)
        return Said(word=arguments.word)

    async with Client(server(stuck_with_run if with_run else stuck, timeout=0.05)) as client:
        result = await client.call_tool("say", {})
    release.set()
    assert text(result).endswith(f"[{Reason.TIMED_OUT}]")


async def test_a_tool_with_too_many_calls_that_do_not_end_is_busy() -> None:
    release = threading.Event()

    def stuck(arguments: Ask) -> Said:
        release.wait(30)
        return Said(word=arguments.word)

    async with Client(server(stuck, timeout=0.05)) as client:
        said = [text(await client.call_tool("say", {})).rpartition(" ")[2] for _ in range(PLACES)]
        assert said == [f"[{Reason.TIMED_OUT}]"] * PLACES
        assert text(await client.call_tool("say", {})).endswith(f"[{Reason.BUSY}]")
        release.set()
        with anyio.fail_after(10):
            while (await client.call_tool("say", {})).is_error:
                await anyio.lowlevel.checkpoint()


async def test_a_loop_tool_that_takes_too_long_is_refused() -> None:
    async def stuck(arguments: Ask) -> Said:
        await anyio.sleep_forever()
        return Said(word=arguments.word)

    async with Client(server(stuck, timeout=0.05)) as client:
        assert text(await client.call_tool("say", {})).endswith(f"[{Reason.TIMED_OUT}]")


async def test_a_thread_learns_that_its_caller_has_left() -> None:
    begun, left = threading.Event(), threading.Event()
    reasons: list[Reason] = []

    def looping(arguments: Ask, run: Run) -> Said:
        begun.set()
        left.wait(30)
        assert run.cancelled()
        with pytest.raises(Refused) as caught:
            run.progress(1)
        reasons.append(caught.value.reason)
        return Said(word=arguments.word)

    made = tool(looping)
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: made.run({}, _nobody()))
        await anyio.to_thread.run_sync(begun.wait)
        group.cancel_scope.cancel()
    left.set()
    with anyio.fail_after(10):
        while not reasons:
            await anyio.lowlevel.checkpoint()
    assert reasons == [Reason.CANCELLED]


def _nobody() -> Any:
    from mcp.server.mcpserver import Context

    return Context()


async def test_pictures_come_beside_the_structured_result() -> None:
    def drawing(arguments: Ask) -> Shown[Said]:
        return Shown(Said(word=arguments.word), (Picture(PNG, "image/png"),))

    async with Client(server(drawing)) as client:
        result = await client.call_tool("say", {})
    assert result.structured_content == {"word": "hello"}
    assert isinstance(result.content[1], ImageContent)
    assert result.content[1].mime_type == "image/png"


@pytest.mark.parametrize("with_run", [True, False])
async def test_a_crash_and_a_refusal_look_the_same_with_and_without_run(with_run: bool) -> None:
    def refusing(arguments: Ask) -> Said:
        raise Refused(Reason.TOO_LARGE, "word", found="a", expected="b")

    def crashing(arguments: Ask, run: Run) -> Said:
        raise RuntimeError("hunter2")

    async with Client(server(crashing if with_run else refusing)) as client:
        result = await client.call_tool("say", {})
    assert result.is_error
    assert "hunter2" not in text(result)


def test_two_tools_of_one_name_do_not_start() -> None:
    family = Family("speech", "nothing", [tool(in_a_thread)])
    with pytest.raises(CannotStart):
        ToolServer("test", families=[family, family])


def test_a_family_says_in_one_line_what_it_offers() -> None:
    assert Family("speech", "a voice", [tool(in_a_thread)]).line() == "speech: on, a voice; say"
    assert Family.off("speech").line() == "speech: off"


def test_a_missing_package_is_named_with_how_to_install_it() -> None:
    with pytest.raises(CannotStart, match=r"toolgate\[servers\]"):
        need("no_such_package_here", "query_sql")
