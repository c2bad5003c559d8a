"""What no honest client sends is refused by name, put on record, and leaves toolgate running."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Generator
from contextlib import suppress
from pathlib import Path

import pytest

from gate import Gate, gate, piped, posted, until
from toolgate.core.reasons import Reason
from wires import LEGACY, META, MODERN, Client, Json, reason

ENVELOPE = json.dumps({f"{META}protocolVersion": MODERN, f"{META}clientCapabilities": {}})
MODERN_CALL = f'{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"_meta":{ENVELOPE},%s}}}}'
ECHO = '"name":"echo","arguments":{"text":%s}'


pytestmark = pytest.mark.usefixtures("connections")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Generator[Gate]:
    folder: Path = tmp_path_factory.mktemp("requests")
    pipe = piped(folder, "puppet", share="all")
    with posted(folder, "remote") as remote, gate(folder, {"puppet": pipe, "remote": remote}) as started:
        yield started


@pytest.fixture
async def recorded(running: Gate) -> AsyncGenerator[Gate]:
    """The gate, which must have put one more refusal on record and still run."""
    before = running.refusals()
    yield running
    await until(lambda: running.refusals() > before)
    assert running.alive()


BODIES = {
    "malformed": (b'{"jsonrpc":"2.0","id":1,', Reason.NOT_JSON, 400),
    "empty": (b"", Reason.NOT_JSON, 400),
    "no object": (b'"tools/call"', Reason.MALFORMED, 400),
    "batch": (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', Reason.MALFORMED, 400),
    "not UTF-8": ((MODERN_CALL % (ECHO % '"\xff"')).encode("latin-1"), Reason.NOT_JSON, 400),
    "UTF-16": (json.dumps({"jsonrpc": "2.0"}).encode("utf-16"), Reason.NOT_JSON, 400),
    "lone surrogate": ((MODERN_CALL % (ECHO % '"\\ud800"')).encode(), Reason.MALFORMED, 400),
    "lone surrogate in a key": ((MODERN_CALL % (ECHO % '{"\\udfff":1}')).encode(), Reason.MALFORMED, 400),
    "NaN": ((MODERN_CALL % (ECHO % "NaN")).encode(), Reason.BAD_NUMBER, 400),
    "Infinity": ((MODERN_CALL % (ECHO % "-Infinity")).encode(), Reason.BAD_NUMBER, 400),
    "1e999": ((MODERN_CALL % (ECHO % "1e999")).encode(), Reason.BAD_NUMBER, 400),
    "beyond 64 bits": ((MODERN_CALL % (ECHO % "18446744073709551616")).encode(), Reason.BAD_NUMBER, 400),
    "5,000 digits": ((MODERN_CALL % (ECHO % ("9" * 5000))).encode(), Reason.BAD_NUMBER, 400),
    "1,000 deep": ((MODERN_CALL % (ECHO % ("[" * 1000 + "]" * 1000))).encode(), Reason.TOO_DEEP, 400),
    "100,000 deep": ((MODERN_CALL % (ECHO % ("[" * 100_000 + "]" * 100_000))).encode(), Reason.TOO_DEEP, 400),
    "key twice": ((MODERN_CALL % '"name":"echo","name":"boom"').encode(), Reason.DUPLICATE_KEY, 400),
    "key twice, escaped": (
        (MODERN_CALL % '"name":"echo","n\\u0061me":"boom"').encode(),
        Reason.DUPLICATE_KEY,
        400,
    ),
    "key twice, deep": ((MODERN_CALL % (ECHO % '[{"a":1,"a":2}]')).encode(), Reason.DUPLICATE_KEY, 400),
    "10 MB": ((MODERN_CALL % (ECHO % ('"' + "x" * 10_000_000 + '"'))).encode(), Reason.TOO_LARGE, 413),
    "id null": (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', Reason.MALFORMED, 400),
    "id true": (b'{"jsonrpc":"2.0","id":true,"method":"ping"}', Reason.MALFORMED, 400),
    "id 1.5": (b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}', Reason.MALFORMED, 400),
    "no version": (b'{"id":1,"method":"ping"}', Reason.MALFORMED, 400),
    "params list": (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}', Reason.MALFORMED, 400),
    "method number": (b'{"jsonrpc":"2.0","id":1,"method":1}', Reason.MALFORMED, 400),
    "result and error": (b'{"jsonrpc":"2.0","id":1,"result":{},"error":{}}', Reason.MALFORMED, 400),
}


@pytest.mark.parametrize("name", BODIES)
async def test_a_body_that_two_parsers_could_read_differently_is_refused(recorded: Gate, name: str) -> None:
    body, why, status = BODIES[name]
    exchange = await Client(recorded).post(body)
    answer = (await exchange.all())[-1]
    assert (reason(answer), exchange.status) == (why, status)


async def test_a_body_in_chunks_without_end_is_refused_at_the_limit(recorded: Gate) -> None:
    client = Client(recorded)
    part = b"%x\r\n%b\r\n" % (65536, b"x" * 65536)
    lines = [*client.headers().items(), ("transfer-encoding", "chunked")]
    exchange = await client.send("POST", lines, part * 80)
    assert await exchange.only() == 413


HEADERS: dict[str, tuple[dict[str, str | None], int]] = {
    "version of the body": ({"mcp-protocol-version": LEGACY}, 400),
    "version left out": ({"mcp-protocol-version": None}, 400),
    "unknown version": ({"mcp-protocol-version": "2099-01-01"}, 400),
    "method of the body": ({"mcp-method": "ping"}, 400),
    "method left out": ({"mcp-method": None}, 400),
    "name of the body": ({"mcp-name": "boom"}, 400),
    "name left out": ({"mcp-name": None}, 400),
    "name in broken base64": ({"mcp-name": "=?base64?ZWNobw?="}, 400),
    "foreign host": ({"host": "evil.example.com"}, 403),
    "foreign host with our port": ({"host": "evil.example.com:8717"}, 403),
    "foreign origin": ({"origin": "http://evil.example.com"}, 403),
    "null origin": ({"origin": "null"}, 403),
    "text": ({"content-type": "text/plain"}, 415),
    "nearly JSON": ({"content-type": "application/jsonp"}, 415),
    "no type": ({"content-type": None}, 415),
    "no events": ({"accept": "application/json"}, 406),
    "nothing accepted": ({"accept": None}, 406),
    "no credential": ({"authorization": None}, 401),
    "wrong credential": ({"authorization": "Bearer tg_wrong"}, 401),
}


@pytest.mark.parametrize("name", HEADERS)
async def test_a_header_that_does_not_fit_is_refused(recorded: Gate, name: str) -> None:
    changed, status = HEADERS[name]
    client = Client(recorded)
    made = {name.replace("-", "_"): value for name, value in changed.items()}
    exchange = await client.post(client.request("tools/call", {"name": "echo", "arguments": {}}), **made)
    assert await exchange.only() == status


TWICE = (
    "mcp-protocol-version",
    "mcp-method",
    "mcp-name",
    "mcp-param-region",
    "authorization",
    "host",
    "origin",
)


@pytest.mark.parametrize("name", [*TWICE, "content-type", "mcp-session-id"])
async def test_a_header_that_decides_something_may_stand_there_once_only(recorded: Gate, name: str) -> None:
    client = Client(recorded)
    body = json.dumps(client.request("tools/call", {"name": "echo", "arguments": {}})).encode()
    port = recorded.port
    known = {
        **client.headers(),
        "mcp-protocol-version": MODERN,
        "mcp-method": "tools/call",
        "mcp-name": "echo",
    }
    lines = [*{**known, "origin": f"http://127.0.0.1:{port}"}.items(), ("mcp-param-region", "a")]
    doubled = next((value for key, value in lines if key == name), "s")
    exchange = await client.send(
        "POST", [(name, "s" if name == "mcp-session-id" else doubled), *lines, (name.upper(), doubled)], body
    )
    assert await exchange.only() == 400


async def test_blanks_around_a_header_value_are_not_part_of_it(running: Gate) -> None:
    client = Client(running)
    asked = client.request("tools/call", {"name": "echo", "arguments": {"text": "a"}})
    exchange = await client.post(asked, mcp_name=" \techo \t", mcp_method="tools/call  ")
    assert "result" in (await exchange.all())[-1]


@pytest.mark.parametrize("given", [None, "west", "=?base64?ZWFzd?="])
@pytest.mark.parametrize("upstream", ["puppet", "remote"])
async def test_a_parameter_header_must_agree_with_the_argument(
    recorded: Gate, upstream: str, given: str | None
) -> None:
    client = Client(recorded, f"/{upstream}/mcp")
    asked = client.request("tools/call", {"name": "headed", "arguments": {"region": "east"}})
    answer = (await (await client.post(asked, mcp_param_region=given)).all())[-1]
    assert reason(answer) == Reason.BAD_HEADER


async def test_a_parameter_header_that_agrees_is_made_anew_for_the_upstream(running: Gate) -> None:
    client = Client(running, "/remote/mcp")
    asked = client.request("tools/call", {"name": "headed", "arguments": {"region": "öst"}})
    exchange = await client.post(asked, mcp_param_region="=?base64?w7ZzdA==?=", mcp_param_unknown="kept out")
    assert "result" in (await exchange.all())[-1]
    heads = [one["headers"] for one in running.events("remote") if one["event"] == "http"]
    assert heads[-1]["mcp-param-region"] == "=?base64?w7ZzdA==?="
    assert not [value for value in heads[-1].values() if "tg_ann" in value]


async def test_an_unknown_session_is_refused(recorded: Gate) -> None:
    client = Client(recorded, era=LEGACY)
    client.session = "made-up"
    exchange = await client.post(client.request("tools/list"))
    answer = (await exchange.all())[-1]
    assert (exchange.status, reason(answer)) == (404, Reason.UNKNOWN_SESSION)


async def test_a_session_of_another_caller_is_as_unknown_as_one_made_up(recorded: Gate) -> None:
    ann = await Client(recorded, era=LEGACY).open()
    bob = Client(recorded, era=LEGACY, who="bob")
    seen: list[tuple[int, bytes]] = []
    for session in (ann.session, "made-up"):
        bob.session = session
        exchange = await bob.post(bob.request("tools/list", ident=1))
        await exchange.all()
        seen.append((exchange.status, exchange.body))
    assert seen[0] == seen[1]
    assert await (await bob.listen()).only() == 404
    assert "result" in await ann.call("echo", {"text": "still hers"})


async def test_a_session_of_another_endpoint_is_unknown(recorded: Gate) -> None:
    here = await Client(recorded, era=LEGACY).open()
    there = Client(recorded, "/remote/mcp", era=LEGACY)
    there.session = here.session
    exchange = await there.post(there.request("tools/list"))
    assert await exchange.only() == 404


async def test_a_call_without_the_session_it_needs_is_told_to_initialise(running: Gate) -> None:
    client = Client(running, era=LEGACY)
    exchange = await client.post(client.request("tools/call", {"name": "echo", "arguments": {}}))
    assert await exchange.only() == 404


@pytest.mark.parametrize("verb", ["GET", "DELETE", "PUT", "OPTIONS"])
async def test_the_modern_era_knows_no_verb_but_post(running: Gate, verb: str) -> None:
    client = Client(running)
    exchange = await client.send(verb, [*client.headers().items(), ("mcp-protocol-version", MODERN)])
    assert await exchange.only() == 405


async def test_an_upstream_that_is_not_configured_is_refused(recorded: Gate) -> None:
    exchange = await Client(recorded, "/nobody/mcp").post({"jsonrpc": "2.0", "id": 1, "method": "ping"})
    assert await exchange.only() == 404


@pytest.mark.parametrize("method", ["initialize", "ping", "logging/setLevel", "resources/subscribe"])
async def test_what_the_modern_era_removed_is_not_forwarded(recorded: Gate, method: str) -> None:
    answer = await Client(recorded).ask(method, {"uri": "puppet://a"})
    assert answer["error"]["code"] == -32601


async def test_headers_without_end_are_cut_off(running: Gate) -> None:
    client = Client(running)
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(b"POST /puppet/mcp HTTP/1.1\r\nhost: a\r\nx-pad: ")
    with suppress(ConnectionError):
        for _ in range(200):
            writer.write(b"y" * 65536)
            await writer.drain()
        async with asyncio.timeout(5):
            assert not await reader.read()
    writer.transport.abort()
    assert "result" in await client.call("echo", {"text": "a"})


async def test_an_answer_nobody_asked_for_is_refused(recorded: Gate) -> None:
    client = await Client(recorded, era=LEGACY).open()
    exchange = await client.post({"jsonrpc": "2.0", "id": 1, "result": {"action": "accept"}})
    assert reason((await exchange.all())[-1]) == Reason.MALFORMED


async def test_hidden_and_missing_tools_are_told_apart_by_nobody(recorded: Gate) -> None:
    cut = Client(recorded, who="cut")
    told: list[Json] = [await cut.call(name) for name in ("wait", "nothing-like-it")]
    assert told[0]["error"]["message"].replace("wait", "nothing-like-it") == told[1]["error"]["message"]
    assert told[0]["error"]["code"] == told[1]["error"]["code"]


async def test_a_narrow_role_sees_only_its_tools_in_both_eras(running: Gate) -> None:
    for era in (LEGACY, MODERN):
        cut = await Client(running, who="cut", era=era).open()
        listed = (await cut.ask("tools/list"))["result"]
        assert [tool["name"] for tool in listed["tools"]] == ["echo"]
        assert era == LEGACY or listed["cacheScope"] == "private"


async def test_the_journal_still_verifies(running: Gate) -> None:
    assert running.problems() == []
