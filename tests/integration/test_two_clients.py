"""Clients that use the same ids and tokens at the same time see nothing of one another."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from pathlib import Path

import pytest

from gate import Gate, Json, gate, piped, posted, until
from wires import LEGACY, MODERN, Client, Exchange, words

UPSTREAMS = ("all", "caller", "session", "http", "old", "new")


pytestmark = pytest.mark.usefixtures("connections")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Generator[Gate]:
    folder: Path = tmp_path_factory.mktemp("two")
    with posted(folder, "http") as remote:
        upstreams = {
            "all": piped(folder, "all", share="all"),
            "caller": piped(folder, "caller", share="caller"),
            "session": piped(folder, "session", share="session"),
            "old": piped(folder, "old", era="legacy", share="all"),
            "new": piped(folder, "new", era="modern", share="all"),
            "http": remote,
        }
        with gate(folder, upstreams) as started:
            yield started


async def both(running: Gate, upstream: str, era: str) -> tuple[Client, Client]:
    path = f"/{upstream}/mcp"
    ann, bob = Client(running, path, "ann", era), Client(running, path, "bob", era)
    return await ann.open(), await bob.open()


async def started(client: Client, running: Gate, upstream: str, tag: str, **more: object) -> Exchange:
    """A call that has told its progress and waits."""
    arguments = {"tag": tag, "steps": 3, **more}
    exchange = await client.start("progress", arguments, ident=1, progressToken=1)
    await until(lambda: [one for one in running.events(upstream) if one.get("key") == tag])
    return exchange


def told(messages: list[Json]) -> list[str]:
    params = [message.get("params", {}) for message in messages]
    return [str(one.get("message", one.get("data"))) for one in params if "progress" in one or "data" in one]


@pytest.mark.parametrize("era", [LEGACY, MODERN])
@pytest.mark.parametrize("upstream", UPSTREAMS)
async def test_the_same_id_and_token_at_once_are_kept_apart(running: Gate, upstream: str, era: str) -> None:
    ann, bob = await both(running, upstream, era)
    tags = [f"{who}-{upstream}-{era}" for who in ("ann", "bob")]
    hers = await started(ann, running, upstream, tags[0], late=True)
    his = await started(bob, running, upstream, tags[1], late=True)
    for client, tag in zip((bob, ann), reversed(tags), strict=True):
        await client.call("release", {"key": tag})
    for exchange, tag in zip((hers, his), tags, strict=True):
        messages = await exchange.all()
        assert words(messages[-1]) == tag
        assert messages[-1]["id"] == 1
        assert set(told(messages)) <= {tag}
        progress = [one["params"] for one in messages if one.get("method") == "notifications/progress"]
        assert [one["progress"] for one in progress] == [1, 2, 3]
        assert {one["progressToken"] for one in progress} == {1}


async def test_many_calls_at_once_on_one_process_get_their_own_answers(running: Gate) -> None:
    ann, bob = await both(running, "all", MODERN)

    async def one(client: Client, number: int) -> str:
        exchange = await client.start("echo", {"text": f"{client.who}-{number}"}, ident=number % 3)
        return words((await exchange.all())[-1])

    found = await asyncio.gather(*(one(client, n) for n in range(50) for client in (ann, bob)))
    assert found == [f"{client.who}-{n}" for n in range(50) for client in (ann, bob)]


async def test_what_a_shared_process_says_to_nobody_reaches_nobody(running: Gate) -> None:
    """Late progress, logs and messages about ids that only toolgate knows."""
    ann, bob = await both(running, "all", LEGACY)
    his = await bob.listen()
    assert await his.head() == 200
    for ident in range(1, 60):
        progress = {"progressToken": ident, "progress": 1, "message": "whose?"}
        await ann.call("poke", {"method": "notifications/progress", "params": progress})
        await ann.call("poke", {"method": "notifications/cancelled", "params": {"requestId": ident}})
    await ann.call("poke", {"method": "notifications/message", "params": {"level": "info", "data": "whose?"}})
    await ann.call("poke", {"method": "notifications/resources/updated", "params": {"uri": "puppet://a"}})
    await ann.call("poke", {"method": "notifications/tools/list_changed"})
    message = await his.next()
    assert message is not None
    assert message["method"] == "notifications/tools/list_changed"
    his.leave()


async def test_on_a_shared_process_only_who_subscribed_hears_of_a_resource(running: Gate) -> None:
    ann, bob = await both(running, "all", LEGACY)
    streams = [await client.listen() for client in (ann, bob)]
    for client, stream, uri in zip((ann, bob), streams, ("puppet://a", "puppet://b"), strict=True):
        assert await stream.head() == 200
        assert "result" in await client.ask("resources/subscribe", {"uri": uri})
    for uri in ("puppet://a", "puppet://b"):
        await ann.call("poke", {"method": "notifications/resources/updated", "params": {"uri": uri}})
    for stream, uri in zip(streams, ("puppet://a", "puppet://b"), strict=True):
        message = await stream.next()
        assert message is not None
        assert message["params"]["uri"] == uri
        stream.leave()


async def test_one_who_unsubscribes_does_not_unsubscribe_the_others(running: Gate) -> None:
    ann, bob = await both(running, "all", LEGACY)
    for client in (ann, bob):
        await client.ask("resources/subscribe", {"uri": "puppet://c"})
    await ann.ask("resources/unsubscribe", {"uri": "puppet://c"})
    sent = [one for one in running.events("all") if one.get("method") == "resources/unsubscribe"]
    assert not sent
    stream = await bob.listen()
    await stream.head()
    await ann.call("poke", {"method": "notifications/resources/updated", "params": {"uri": "puppet://c"}})
    message = await stream.next()
    assert message is not None
    stream.leave()


async def test_a_process_of_its_own_is_a_process_of_its_own(running: Gate) -> None:
    """`share: session` in the per-request era: one process per caller, never another's."""
    clients = [Client(running, "/session/mcp", who) for who in ("ann", "bob", "ann", "bob")]
    pids: dict[str, set[int]] = {"ann": set(), "bob": set()}
    for number, client in enumerate(clients):
        await client.call("echo", {"text": f"mark-{client.who}-{number}"})
    for one in running.events("session"):
        text = str(one.get("params", {}).get("arguments", {}).get("text", ""))
        if text.startswith("mark-"):
            pids[text.split("-")[1]].add(one["pid"])
    assert all(pids.values())
    assert not pids["ann"] & pids["bob"]


async def test_a_shared_process_may_ask_nobody(running: Gate) -> None:
    for who in ("ann", "bob"):
        client = await Client(running, "/all/mcp", who, LEGACY).open({"elicitation": {}, "sampling": {}})
        assert words(await client.call("ask", {"method": "elicitation/create"})) == '{"refused": -32601}'


async def test_the_aggregated_endpoint_keeps_upstreams_with_one_id_apart(running: Gate) -> None:
    ann = await Client(running, "/mcp", era=LEGACY).open()
    found = await asyncio.gather(*(ann.start(f"{name}__echo", {"text": name}, ident=1) for name in UPSTREAMS))
    for exchange, name in zip(found, UPSTREAMS, strict=True):
        assert words((await exchange.all())[-1]) == name


async def test_the_journal_still_verifies(running: Gate) -> None:
    assert running.problems() == []
