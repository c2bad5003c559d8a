"""Clients of one protocol era in front of upstreams that speak only the other: nothing gets lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Generator
from functools import partial
from pathlib import Path

import pytest

from gate import PROGRAM, Gate, Json, gate, piped, posted, puppet, until, write_settings
from toolgate.core.reasons import Reason
from wires import LEGACY, META, MODERN, Client, Exchange, reason, spoken, words

OLD = ("old-pipe", "old-http")
NEW = ("new-pipe", "new-http")
CAPABILITIES: Json = {"elicitation": {}, "sampling": {}, "roots": {}}
ASKS = ("elicitation/create", "sampling/createMessage", "roots/list")

pytestmark = pytest.mark.usefixtures("connections")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Generator[Gate]:
    folder: Path = tmp_path_factory.mktemp("crossing")
    with (
        posted(folder, "old-http", era="legacy") as old,
        posted(folder, "new-http", era="modern") as new,
    ):
        pipes = {
            "old-pipe": piped(folder, "old-pipe", era="legacy", max_processes=50),
            "new-pipe": piped(folder, "new-pipe", era="modern", max_processes=50),
        }
        with gate(folder, {**pipes, "old-http": old, "new-http": new}) as started:
            yield started


def modern(running: Gate, upstream: str, who: str = "ann") -> Client:
    client = Client(running, f"/{upstream}/mcp", who)
    client.capabilities = CAPABILITIES
    return client


async def legacy(running: Gate, upstream: str) -> Client:
    return await Client(running, f"/{upstream}/mcp", era=LEGACY).open(CAPABILITIES)


@pytest.mark.parametrize("upstream", OLD)
async def test_a_modern_client_lists_calls_and_reads_at_a_legacy_upstream(
    running: Gate, upstream: str
) -> None:
    client = modern(running, upstream)
    found = (await client.ask("server/discover"))["result"]
    assert found["supportedVersions"] == [MODERN]
    listed = (await client.ask("tools/list"))["result"]
    assert (listed["resultType"], listed["cacheScope"], listed["ttlMs"]) == ("complete", "private", 0)
    called = (await client.call("echo", {"text": "hello"}))["result"]
    assert (called["resultType"], called["_meta"]["vendor/kept"]) == ("complete", "hello")
    read = (await client.ask("resources/read", {"uri": "puppet://a"}))["result"]
    assert read["contents"][0]["text"] == "read"
    seen = [one for one in running.events(upstream) if one["event"] == "request"]
    assert not [one for one in seen if f"{META}protocolVersion" in one["params"].get("_meta", {})][1:]


@pytest.mark.parametrize("upstream", NEW)
async def test_a_legacy_client_lists_calls_and_reads_at_a_modern_upstream(
    running: Gate, upstream: str
) -> None:
    client = await legacy(running, upstream)
    listed = (await client.ask("tools/list"))["result"]
    assert not {"resultType", "ttlMs", "cacheScope"} & set(listed)
    called = (await client.call("echo", {"text": "hello"}))["result"]
    assert "resultType" not in called
    assert called["_meta"]["vendor/kept"] == "hello"
    assert (await client.ask("resources/read", {"uri": "puppet://a"}))["result"]["contents"][0][
        "text"
    ] == "read"
    assert (await client.ask("ping"))["result"] == {}


@pytest.mark.parametrize("upstream", OLD)
@pytest.mark.parametrize("method", ASKS)
async def test_what_a_legacy_upstream_asks_parks_the_call_until_it_is_answered(
    running: Gate, upstream: str, method: str
) -> None:
    client = modern(running, upstream)
    asked = (await client.call("ask", {"method": method}))["result"]
    assert asked["resultType"] == "input_required"
    key, wanted = next(iter(asked["inputRequests"].items()))
    assert wanted["method"] == method
    given = {"inputResponses": {key: {"answer": method}}, "requestState": asked["requestState"]}
    done = await client.call("ask", {"method": method}, **given)
    assert json.loads(words(done)) == {"answer": method}


async def test_a_parked_call_is_resumed_only_by_who_made_it_once_and_as_it_was(running: Gate) -> None:
    """Forged, foreign, changed and replayed states are refused with one and the same sentence."""
    client, bob = modern(running, "old-pipe"), modern(running, "old-pipe", "bob")
    await bob.call("echo", {"text": "has a session too"})
    arguments = {"method": "elicitation/create"}
    asked = (await client.call("ask", arguments))["result"]
    key, state = next(iter(asked["inputRequests"])), asked["requestState"]
    given: Json = {"inputResponses": {key: {"action": "accept"}}, "requestState": state}
    changed = ("0" if state[10] != "0" else "1").join((state[:10], state[11:]))
    refused = [
        await bob.call("ask", arguments, **given),
        await client.call("ask", {**arguments, "params": {"more": 1}}, **given),
        await client.call("echo", {"text": "other"}, **given),
        await client.call("ask", arguments, **{**given, "requestState": changed}),
        await client.call("ask", arguments, **{**given, "requestState": "forged"}),
        await client.call("ask", arguments, **{**given, "requestState": ""}),
        await client.call("ask", arguments, **{**given, "requestState": {"a": 1}}),
    ]
    assert json.loads(words(await client.call("ask", arguments, **given))) == {"action": "accept"}
    refused.append(await client.call("ask", arguments, **given))
    assert {one["error"]["code"] for one in refused} == {-32602}
    assert len({one["error"]["message"] for one in refused}) == 1


async def test_a_parked_call_is_asked_again_when_the_answer_is_missing(running: Gate) -> None:
    client = modern(running, "old-pipe")
    arguments = {"method": "elicitation/create"}
    asked = (await client.call("ask", arguments))["result"]
    again = (await client.call("ask", arguments, requestState=asked["requestState"]))["result"]
    assert again["inputRequests"] == asked["inputRequests"]


@pytest.mark.parametrize("upstream", [*OLD, *NEW])
async def test_nobody_is_asked_what_he_did_not_offer(running: Gate, upstream: str) -> None:
    client = Client(running, f"/{upstream}/mcp")
    answer = await client.call("ask", {"method": "elicitation/create"})
    assert "inputRequests" not in answer.get("result", {}), answer


@pytest.mark.parametrize("upstream", NEW)
@pytest.mark.parametrize("method", ASKS)
async def test_what_a_modern_upstream_asks_is_asked_of_a_legacy_client(
    running: Gate, upstream: str, method: str
) -> None:
    client = await legacy(running, upstream)
    exchange = await client.start("ask", {"method": method, "params": {"message": "really?"}})
    asked = await exchange.next()
    assert asked is not None
    assert (asked["method"], asked["params"]) == (method, {"message": "really?"})
    answer = await client.post({"jsonrpc": "2.0", "id": asked["id"], "result": {"action": method}})
    assert await answer.only() == 202
    assert json.loads(words((await exchange.all())[-1])) == {"action": method}


@pytest.mark.parametrize("upstream", OLD)
async def test_a_modern_client_hears_of_changes_at_a_legacy_upstream(running: Gate, upstream: str) -> None:
    client = modern(running, upstream)
    wanted = {"toolsListChanged": True, "resourceSubscriptions": ["puppet://a"]}
    stream = await client.post(client.request("subscriptions/listen", {"notifications": wanted}, ident="l-1"))
    first = await stream.next()
    assert first is not None
    assert first["method"] == "notifications/subscriptions/acknowledged"
    heard = await _told(client, stream, upstream, running)
    assert [one["params"]["_meta"][f"{META}subscriptionId"] for one in heard] == ["l-1", "l-1"]
    assert "resources/subscribe" in [one.get("method") for one in running.events(upstream)]


@pytest.mark.parametrize("upstream", NEW)
async def test_a_legacy_client_hears_of_changes_at_a_modern_upstream(running: Gate, upstream: str) -> None:
    client = await legacy(running, upstream)
    stream = await client.listen()
    assert await stream.head() == 200
    assert (await client.ask("resources/subscribe", {"uri": "puppet://a"}))["result"] == {}

    def listening() -> bool:
        listens = [one for one in running.events(upstream) if one.get("method") == "subscriptions/listen"]
        return any(one["params"]["notifications"].get("resourceSubscriptions") for one in listens)

    assert await until(listening)
    heard = await _told(client, stream, upstream, running)
    assert not [one for one in heard if "_meta" in one["params"]]


async def _told(client: Client, stream: Exchange, upstream: str, running: Gate) -> list[Json]:
    """Two changes that the client wants and one that it does not."""
    for method, params in (
        ("notifications/tools/list_changed", {}),
        ("notifications/resources/updated", {"uri": "puppet://b"}),
        ("notifications/resources/updated", {"uri": "puppet://a"}),
    ):
        await client.call("poke", {"method": method, "params": params})
    heard = [await stream.next(), await stream.next()]
    assert heard[0] is not None
    assert heard[0]["method"] == "notifications/tools/list_changed"
    stream.leave()
    return [one for one in heard if one is not None]


@pytest.mark.parametrize("upstream", OLD)
async def test_logs_come_only_to_a_modern_call_that_wants_them(running: Gate, upstream: str) -> None:
    client = modern(running, upstream)
    for level, expected in ((None, 0), ("info", 2), (None, 0)):
        tag = f"logs-{upstream}-{level}-{id(client)}-{expected}-{len(running.events(upstream))}"
        meta = {"progressToken": "p", **({f"{META}logLevel": level} if level else {})}
        exchange = await client.start("progress", {"tag": tag, "steps": 2}, **meta)
        await until(partial(_heard, running.folder / f"{upstream}.log", "waiting", tag))
        await client.call("release", {"key": tag})
        messages = await exchange.all()
        methods = [one.get("method") for one in messages]
        assert methods.count("notifications/progress") == 2
        assert methods.count("notifications/message") == expected
        assert {
            one["params"]["progressToken"] for one in messages if "progress" in one.get("params", {})
        } == {"p"}
    assert "logging/setLevel" in [one.get("method") for one in running.events(upstream)]


@pytest.mark.parametrize("upstream", NEW)
async def test_the_level_that_a_legacy_client_sets_travels_with_its_calls(
    running: Gate, upstream: str
) -> None:
    client = await legacy(running, upstream)
    assert (await client.ask("logging/setLevel", {"level": "error"}))["result"] == {}
    await client.call("echo", {"text": f"level-{upstream}"})
    calls = [one["params"] for one in running.events(upstream) if one.get("method") == "tools/call"]
    mine = [one for one in calls if one.get("arguments", {}).get("text") == f"level-{upstream}"]
    assert mine[0]["_meta"][f"{META}logLevel"] == "error"


async def test_discover_before_initialize_binds_a_pipe_to_no_era(tmp_path: Path) -> None:
    write_settings(tmp_path, 0, {})
    options = ["--name", "puppet", "--settings", str(tmp_path / "toolgate.yaml")]
    for era in ("legacy", "modern", "both"):
        command = [str(PROGRAM), "wrap", *options, "--", *puppet(tmp_path / f"{era}.log", era=era)]
        async with spoken(command, tmp_path) as client:
            found = await client.ask("server/discover", {}, modern=True)
            assert found["result"]["supportedVersions"] == [MODERN]
            opened = await client.open()
            assert opened["result"]["protocolVersion"] == LEGACY
            plain = await client.ask("tools/call", {"name": "echo", "arguments": {"text": "old"}})
            assert words(plain) == "old"
            enveloped = await client.ask(
                "tools/call", {"name": "echo", "arguments": {"text": "new"}}, modern=True
            )
            assert (words(enveloped), enveloped["result"]["resultType"]) == ("new", "complete")


async def test_a_stdio_client_cancels_in_both_eras(tmp_path: Path) -> None:
    write_settings(tmp_path, 0, {})
    log = tmp_path / "wrapped.log"
    options = ["--name", "puppet", "--settings", str(tmp_path / "toolgate.yaml")]
    async with spoken([str(PROGRAM), "wrap", *options, "--", *puppet(log)], tmp_path) as client:
        await client.open()
        for ident, enveloped in (("c-1", False), ("c-2", True)):
            wait = {"name": "wait", "arguments": {"key": ident}}
            asking = asyncio.ensure_future(client.ask("tools/call", wait, enveloped, ident))
            assert await until(partial(_heard, log, "waiting", ident))
            asking.cancel()
            client.write(
                {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": ident}}
            )
            assert await until(partial(_heard, log, "stopped", ident))
        assert words(await client.ask("tools/call", {"name": "echo", "arguments": {"text": "on"}})) == "on"


def _heard(log: Path, event: str, key: str) -> bool:
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return any(one["event"] == event and one.get("key") == key for one in lines)


async def test_garbage_on_standard_input_is_refused_by_name_and_survived(tmp_path: Path) -> None:
    write_settings(tmp_path, 0, {})
    options = ["--name", "puppet", "--settings", str(tmp_path / "toolgate.yaml")]
    lines = {
        b"not json\n": Reason.NOT_JSON,
        b"[1]\n": Reason.MALFORMED,
        b"\xff\xfe\n": Reason.NOT_JSON,
        b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}\n': Reason.DUPLICATE_KEY,
        b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":NaN}}\n': Reason.BAD_NUMBER,
        b"[" * 1000 + b"]" * 1000 + b"\n": Reason.TOO_DEEP,
        b'{"a":"' + b"x" * 10_000_000 + b'"}\n': Reason.TOO_LARGE,
    }
    async with spoken(
        [str(PROGRAM), "wrap", *options, "--", *puppet(tmp_path / "w.log")], tmp_path
    ) as client:
        await client.open()
        for line, why in lines.items():
            client.write(line)
            answer = await client.until(lambda message: "error" in message)
            assert (answer["id"], reason(answer)) == (None, why)
        assert words(await client.ask("tools/call", {"name": "echo", "arguments": {"text": "on"}})) == "on"


async def test_the_journal_still_verifies(running: Gate) -> None:
    assert running.problems() == []
