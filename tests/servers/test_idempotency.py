"""A thing is done once for each key: in threads, after crashes, after restarts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import pytest
from mcp import Client
from pydantic import Field

from tool_calls import refused
from toolgate_servers.describing import described
from toolgate_servers.errors import Reason, Refused
from toolgate_servers.idempotency import EXPIRES_SECONDS, Once, digest_of, stable_id
from toolgate_servers.server import Family, ToolServer
from toolgate_servers.strict import Outcome, Run, Write, Written, hints, strict_tool

WRITES = hints(read_only=False, destructive=False, idempotent=False, open_world=True)


class Done(Outcome):
    """What an action here gives."""

    number: int = 1


def breaking() -> Done:
    raise ConnectionError


def unknown() -> Done:
    raise Refused(Reason.OUTCOME_UNKNOWN, "the mail", found="a", expected="b")


def refusing() -> Done:
    raise Refused(Reason.BAD_ADDRESS, "to", found="a", expected="b")


def do(once: Once, does: Callable[[], Done] = Done, digest: str = "d", **how: Any) -> tuple[Done, bool]:
    return once.run("send", "key", digest, does, gives=Done, **how)


def test_a_repeat_gives_the_kept_outcome_and_other_arguments_are_refused() -> None:
    once = Once(None)
    assert do(once, lambda: Done(number=7)) == (Done(number=7), False)
    assert do(once, breaking) == (Done(number=7), True)
    assert refused(lambda: do(once, digest="other")) is Reason.KEY_REUSED
    assert once.run("other tool", "key", "d", Done, gives=Done) == (Done(), False)


def test_the_outcome_survives_a_restart(tmp_path: Path) -> None:
    first = Once(tmp_path / "once.db")
    do(first, lambda: Done(number=7))
    first.close()
    assert do(Once(tmp_path / "once.db"), breaking) == (Done(number=7), True)


def test_a_refused_action_may_be_tried_again() -> None:
    once = Once(None)
    assert refused(lambda: do(once, refusing)) is Reason.BAD_ADDRESS
    assert do(once) == (Done(), False)


def test_an_action_that_broke_off_is_not_done_again() -> None:
    once = Once(None)
    with pytest.raises(ConnectionError):
        do(once, breaking)
    assert refused(lambda: do(once)) is Reason.OUTCOME_UNKNOWN
    other = Once(None)
    assert refused(lambda: do(other, unknown)) is Reason.OUTCOME_UNKNOWN
    assert refused(lambda: do(other)) is Reason.OUTCOME_UNKNOWN


def test_a_repeatable_action_that_broke_off_is_done_again() -> None:
    once = Once(None)
    with pytest.raises(ConnectionError):
        do(once, breaking, repeatable=True)
    assert do(once, repeatable=True) == (Done(), False)


def killed(file: Path) -> None:
    """Leave behind what a process leaves that is killed amid an action."""
    dying = Once(file)
    begun = threading.Event()

    def stop() -> Done:
        begun.set()
        threading.Event().wait()
        return Done()

    threading.Thread(target=lambda: do(dying, stop), daemon=True).start()
    assert begun.wait(10)
    dying.close()


def test_an_action_of_a_process_that_died_is_unknown_unless_repeatable(tmp_path: Path) -> None:
    killed(tmp_path / "once.db")
    after = Once(tmp_path / "once.db")
    assert refused(lambda: do(after)) is Reason.OUTCOME_UNKNOWN
    assert refused(lambda: do(after)) is Reason.OUTCOME_UNKNOWN
    assert do(after, repeatable=True) == (Done(), False)


def test_a_concurrent_repeat_waits_for_the_outcome(tmp_path: Path) -> None:
    begun, go = threading.Event(), threading.Event()
    times: list[int] = []

    def slow() -> Done:
        times.append(1)
        begun.set()
        go.wait(10)
        return Done(number=7)

    def pause(_seconds: float) -> None:
        go.set()
        finished.wait(10)

    finished = threading.Event()
    first, second = Once(tmp_path / "once.db"), Once(tmp_path / "once.db", pause=pause)
    with ThreadPoolExecutor() as threads:
        running = threads.submit(lambda: do(first, slow))
        running.add_done_callback(lambda _: finished.set())
        assert begun.wait(10)
        assert do(second, slow) == (Done(number=7), True)
        assert running.result() == (Done(number=7), False)
    assert times == [1]


def test_a_concurrent_repeat_is_refused_when_it_takes_too_long() -> None:
    once = Once(None, pause=lambda _seconds: None, wait=0.1)
    begun, go = threading.Event(), threading.Event()

    def slow() -> Done:
        begun.set()
        go.wait(10)
        return Done()

    with ThreadPoolExecutor() as threads:
        running = threads.submit(lambda: do(once, slow))
        assert begun.wait(10)
        assert refused(lambda: do(once)) is Reason.IN_PROGRESS
        go.set()
        assert running.result() == (Done(), False)


def test_of_many_at_once_only_one_does_it(tmp_path: Path) -> None:
    stores = [Once(tmp_path / "once.db") for _ in range(4)]
    times: list[int] = []

    def counted() -> Done:
        times.append(1)
        return Done(number=7)

    with ThreadPoolExecutor(16) as threads:
        acting = [threads.submit(do, stores[number % 4], counted) for number in range(64)]
        results = [one.result() for one in acting]
    assert times == [1]
    assert sorted(repeated for _, repeated in results) == [False] + [True] * 63


def test_an_outcome_expires() -> None:
    now = [1000.0]
    once = Once(None, clock=lambda: now[0])
    do(once)
    now[0] += EXPIRES_SECONDS - 1
    assert do(once)[1] is True
    now[0] += 2
    assert do(once)[1] is False


def test_an_id_made_from_a_key_is_the_same_each_time() -> None:
    assert stable_id("send", "a") == stable_id("send", "a") != stable_id("draft", "a")
    assert len(stable_id("send", "a")) == 16


class Post(Write):
    """What the tool here takes."""

    text: Annotated[str, Field(max_length=10, description="Any text.")]


class Posted(Written):
    """What the tool here gives."""

    text: str


def test_the_key_is_no_part_of_what_was_asked() -> None:
    with_key, without = Post(text="a", idempotency_key="k"), Post(text="a")
    assert digest_of(with_key) == digest_of(without) != digest_of(Post(text="b"))


def server(does: Any, once: Once) -> ToolServer:
    tool = strict_tool(
        does,
        name="post",
        title="Post",
        takes=Post,
        gives=Posted,
        description=described("Post.", use="asked", not_for="else", example={"text": "a"}),
        annotations=WRITES,
        once=once,
    )
    return ToolServer("test", families=[Family("posts", "nothing", [tool])])


@pytest.mark.parametrize("on_loop", [True, False])
async def test_a_writing_tool_makes_a_key_and_repeats_with_it(on_loop: bool) -> None:
    keys: list[str] = []

    def post(arguments: Post, run: Run) -> Posted:
        keys.append(run.idempotency_key)
        return Posted(text=arguments.text)

    async def post_on_loop(arguments: Post) -> Posted:
        keys.append("")
        return Posted(text=arguments.text)

    async with Client(server(post_on_loop if on_loop else post, Once(None))) as client:
        first = (await client.call_tool("post", {"text": "a"})).structured_content
        assert first is not None
        again = {"text": "a", "idempotency_key": first["idempotency_key"]}
        assert (await client.call_tool("post", again)).structured_content == first | {"repeated": True}
        assert (await client.call_tool("post", again | {"text": "b"})).is_error
        assert (await client.call_tool("post", {"text": "a"})).structured_content != first
    assert len(keys) == 2


async def test_a_writing_tool_on_the_loop_that_crashes_is_not_done_again() -> None:
    async def post(arguments: Post) -> Posted:
        raise ConnectionError

    async with Client(server(post, Once(None))) as client:
        arguments = {"text": "a", "idempotency_key": "k"}
        assert (await client.call_tool("post", arguments)).is_error
        again = await client.call_tool("post", arguments)
    assert Reason.OUTCOME_UNKNOWN in str(again.content)
