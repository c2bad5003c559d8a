"""A call that nobody waits for any more ends at the upstream too, and only that one."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from pathlib import Path

import pytest

from gate import POLICY, Gate, Json, gate, piped, posted, until
from toolgate.core.reasons import Reason
from wires import LEGACY, MODERN, Client, reason, words

BOTH = ("pipe", "http")
OLD = ("old-pipe", "old-http")
NEW = ("new-pipe", "new-http")
SLOW = ("slow-old-pipe", "slow-old-http", "slow-new-pipe", "slow-new-http")
SHORT: Json = {**POLICY, "tools": {f"{name}/wait": {"timeout": "1s"} for name in SLOW}}


pytestmark = pytest.mark.usefixtures("connections")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Generator[Gate]:
    folder: Path = tmp_path_factory.mktemp("cancelling")
    with (
        posted(folder, "http") as http,
        posted(folder, "old-http", era="legacy") as old,
        posted(folder, "new-http", era="modern") as new,
    ):
        upstreams = {
            "pipe": piped(folder, "pipe"),
            "old-pipe": piped(folder, "old-pipe", era="legacy"),
            "new-pipe": piped(folder, "new-pipe", era="modern"),
            "http": http,
            "old-http": old,
            "new-http": new,
        }
        slow = {f"slow-{name}": one for name, one in upstreams.items() if f"slow-{name}" in SLOW}
        with gate(folder, {**upstreams, **slow}, SHORT) as started:
            yield started


async def waiting(running: Gate, upstream: str, key: str) -> Json:
    """The upstream's own word that the call arrived."""
    return await until(lambda: said(running, upstream, "waiting", key))


def said(running: Gate, upstream: str, event: str, key: str) -> Json:
    events = running.events(upstream)
    nothing: Json = {}
    return next((one for one in events if one["event"] == event and one.get("key") == key), nothing)


@pytest.mark.parametrize("upstream", [*BOTH, *NEW])
async def test_a_modern_client_that_leaves_cancels_its_call(running: Gate, upstream: str) -> None:
    key = f"left-{upstream}"
    client = Client(running, f"/{upstream}/mcp")
    exchange = await client.start("wait", {"key": key})
    other = await client.start("wait", {"key": key + "-other"})
    await waiting(running, upstream, key)
    await waiting(running, upstream, key + "-other")
    exchange.leave()
    assert await until(lambda: said(running, upstream, "stopped", key))
    await client.call("release", {"key": key + "-other"})
    assert words((await other.all())[-1]) == key + "-other"
    await until(lambda: [record for record in running.records() if record.get("status") == "cancelled"])


async def test_a_modern_client_that_leaves_cancels_over_a_pipe_by_name(running: Gate) -> None:
    exchange = await Client(running, "/pipe/mcp").start("wait", {"key": "named"}, ident="mine")
    held = await waiting(running, "pipe", "named")
    exchange.leave()
    assert await until(lambda: said(running, "pipe", "stopped", "named"))
    cancelled = [one["id"] for one in running.events("pipe") if one["event"] == "cancelled"]
    assert held["id"] in cancelled
    assert "mine" not in cancelled


@pytest.mark.parametrize("upstream", OLD)
async def test_a_modern_client_that_leaves_cancels_at_a_legacy_upstream(running: Gate, upstream: str) -> None:
    exchange = await Client(running, f"/{upstream}/mcp").start("wait", {"key": f"left-{upstream}"})
    await waiting(running, upstream, f"left-{upstream}")
    exchange.leave()
    assert await until(lambda: said(running, upstream, "stopped", f"left-{upstream}"))


@pytest.mark.parametrize("upstream", [*BOTH, *OLD, *NEW])
async def test_a_legacy_cancellation_names_the_call_as_the_upstream_knows_it(
    running: Gate, upstream: str
) -> None:
    client = await Client(running, f"/{upstream}/mcp", era=LEGACY).open()
    await client.start("wait", {"key": f"told-{upstream}"}, ident="the client's own")
    await waiting(running, upstream, f"told-{upstream}")
    status = await client.tell("notifications/cancelled", {"requestId": "the client's own"})
    assert status == 202
    assert await until(lambda: said(running, upstream, "stopped", f"told-{upstream}"))


@pytest.mark.parametrize("upstream", [*BOTH, *OLD])
async def test_a_legacy_client_that_leaves_does_not_cancel(running: Gate, upstream: str) -> None:
    key = f"stays-{upstream}"
    client = await Client(running, f"/{upstream}/mcp", era=LEGACY).open()
    exchange = await client.start("wait", {"key": key})
    await waiting(running, upstream, key)
    exchange.leave()
    assert words(await client.call("echo", {"text": "meanwhile"})) == "meanwhile"
    assert not said(running, upstream, "stopped", key)
    await client.call("release", {"key": key})
    assert not said(running, upstream, "stopped", key)


async def test_nobody_cancels_the_call_of_another_session(running: Gate) -> None:
    for upstream in BOTH:
        ann = await Client(running, f"/{upstream}/mcp", era=LEGACY).open()
        bob = await Client(running, f"/{upstream}/mcp", era=LEGACY, who="bob").open()
        exchange = await ann.start("wait", {"key": f"hers-{upstream}"}, ident=77)
        await waiting(running, upstream, f"hers-{upstream}")
        assert await bob.tell("notifications/cancelled", {"requestId": 77}) == 202
        assert words(await bob.call("echo", {"text": "after"})) == "after"
        assert not said(running, upstream, "stopped", f"hers-{upstream}")
        await ann.call("release", {"key": f"hers-{upstream}"})
        assert words((await exchange.all())[-1]) == f"hers-{upstream}"


@pytest.mark.parametrize("era", [LEGACY, MODERN])
async def test_a_call_that_takes_too_long_is_cancelled_and_says_so(running: Gate, era: str) -> None:
    async def one(upstream: str) -> None:
        key = f"late-{upstream}-{era}"
        client = await Client(running, f"/{upstream}/mcp", era=era).open()
        answer = await client.call("wait", {"key": key})
        assert reason(answer) == Reason.UPSTREAM_TIMEOUT
        assert upstream in words(answer)
        log = upstream.removeprefix("slow-")
        assert await until(lambda: said(running, log, "stopped", key)), upstream
        assert words(await client.call("echo", {"text": "still there"})) == "still there"

    await asyncio.gather(*(one(upstream) for upstream in SLOW))


@pytest.mark.parametrize(("upstream", "event"), [("new-http", "disconnected"), ("new-pipe", "cancelled")])
async def test_a_client_that_stops_listening_ends_its_subscription(
    running: Gate, upstream: str, event: str
) -> None:
    client = Client(running, f"/{upstream}/mcp")
    wanted = {"notifications": {"toolsListChanged": True}}
    exchange = await client.post(client.request("subscriptions/listen", wanted, ident=5))
    first = await exchange.next()
    assert first is not None
    assert first["method"] == "notifications/subscriptions/acknowledged"
    exchange.leave()
    assert await until(lambda: [one for one in running.events(upstream) if one["event"] == event])


async def test_the_journal_still_verifies(running: Gate) -> None:
    assert running.problems() == []
