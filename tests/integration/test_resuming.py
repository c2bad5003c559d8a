"""Streams that break off and go on, streams outside of any request, and sessions that an upstream lost."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from gate import HERE, Gate, gate, piped, posted, puppet, until
from programs import free_port, listens, wait_for
from programs import running as run
from toolgate.core.reasons import Reason
from wires import LEGACY, Client, reason, words

pytestmark = pytest.mark.usefixtures("connections")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Generator[Gate]:
    folder: Path = tmp_path_factory.mktemp("resuming")
    pipe = piped(folder, "pipe")
    with posted(folder, "http") as http, gate(folder, {"http": http, "pipe": pipe}) as started:
        yield started


async def test_a_stream_that_ends_early_is_resumed_with_its_last_event(running: Gate) -> None:
    client = await Client(running, "/http/mcp", era=LEGACY).open()
    exchange = await client.start("trick", {"how": "poll"}, ident="polled")
    assert await exchange.all() == []
    assert (exchange.status, exchange.ids) == (200, ["e-1"])
    assert b"retry: 10" in exchange.body
    stream = await client.listen("e-1")
    answer = await stream.next()
    assert answer is not None
    assert (answer["id"], words(answer), stream.ids) == ("polled", "resumed", ["e-2"])

    def ended() -> bool:
        records = running.records()
        allowed = [one["call"] for one in records if one.get("verdict") == "allow"]
        return allowed[-1] in [one["call"] for one in records if one["kind"] == "outcome"]

    assert await until(ended)


async def test_nobody_resumes_the_stream_of_another(running: Gate) -> None:
    ann = await Client(running, "/http/mcp", era=LEGACY).open()
    bob = await Client(running, "/http/mcp", "bob", LEGACY).open()
    await (await ann.start("trick", {"how": "poll"}, ident=1)).all()
    bob.session = ann.session
    assert await (await bob.listen("e-1")).only() == 404


@pytest.mark.parametrize("upstream", ["pipe", "http"])
async def test_what_an_upstream_says_outside_of_requests_comes_on_the_get_stream(
    running: Gate, upstream: str
) -> None:
    client = await Client(running, f"/{upstream}/mcp", era=LEGACY).open()
    for _ in range(2):
        stream = await client.listen()
        assert await stream.head() == 200
        await until(lambda: upstream == "pipe" or _getting(running))
        await client.call("poke", {"method": "notifications/tools/list_changed"})
        message = await stream.next()
        assert message is not None
        assert message["method"] == "notifications/tools/list_changed"
        stream.leave()


def _getting(running: Gate) -> bool:
    return any(one.get("verb") == "GET" for one in running.events("http"))


async def test_what_was_said_before_anybody_listened_is_kept_for_who_does(running: Gate) -> None:
    client = await Client(running, "/pipe/mcp", era=LEGACY).open()
    await client.call("poke", {"method": "notifications/tools/list_changed"})
    stream = await client.listen()
    message = await stream.next()
    assert message is not None
    assert message["method"] == "notifications/tools/list_changed"


async def test_a_session_that_the_upstream_lost_is_told_so_or_opened_again(tmp_path: Path) -> None:
    """A legacy client is told to initialise again; a modern one has no session and notices nothing."""
    port, log = free_port(), tmp_path / "up.out"
    command = puppet(tmp_path / "up.log", http=port, era="legacy")

    with gate(tmp_path, {"up": {"url": f"http://127.0.0.1:{port}/mcp"}}) as running:
        with run(command, log, PYTHONPATH=str(HERE)) as process:
            wait_for(process, log, lambda: listens(port))
            old = await Client(running, "/up/mcp", era=LEGACY).open()
            new = Client(running, "/up/mcp")
            for client in (old, new):
                assert words(await client.call("echo", {"text": "first"})) == "first"
        assert reason(await new.call("echo", {"text": "away"})) == Reason.UPSTREAM_DOWN
        with run(command, log, PYTHONPATH=str(HERE)) as process:
            wait_for(process, log, lambda: listens(port))
            exchange = await old.start("echo", {"text": "second"})
            answer = (await exchange.all())[-1]
            assert (exchange.status, reason(answer)) == (404, Reason.UNKNOWN_SESSION)
            assert words(await (await old.open()).call("echo", {"text": "third"})) == "third"
            assert words(await new.call("echo", {"text": "second"})) == "second"


async def test_the_journal_still_verifies(running: Gate) -> None:
    assert running.problems() == []
