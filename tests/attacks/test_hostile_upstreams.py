"""Whatever an upstream sends or does not send, its caller is told and nobody else notices."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Generator
from pathlib import Path

import pytest

from gate import POLICY, Gate, Json, gate, piped, posted, until
from toolgate.core.reasons import Reason
from wires import LEGACY, MODERN, Client, reason, words

# A short limit where an upstream never answers, so that the test is over soon.
RULES: Json = {**POLICY, "tools": {"slow-*/trick": {"timeout": "1s"}}}
DOWN, MALFORMED, LATE = Reason.UPSTREAM_DOWN, Reason.RESULT_MALFORMED, Reason.UPSTREAM_TIMEOUT

pytestmark = pytest.mark.usefixtures("connections")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Generator[Gate]:
    folder: Path = tmp_path_factory.mktemp("upstreams")
    with posted(folder, "http") as http, posted(folder, "good") as good:
        pipe = {name: piped(folder, name, max_processes=100) for name in ("pipe", "slow-pipe")}
        absent = {
            "closed": {"url": "http://127.0.0.1:9/mcp"},
            "missing": {"command": ["/nonexistent/program"]},
            "ends": {"command": ["/bin/false"]},
            "mute": {"command": ["/bin/sleep", "1000"], "timeout": "1s"},
            "babbles": {"command": ["/usr/bin/yes"], "timeout": "1s"},
        }
        upstreams = {**pipe, "http": http, "slow-http": http, "good": good, **absent}
        with gate(folder, upstreams, RULES) as started:
            yield started


async def good_still_works(running: Gate) -> None:
    answer = await Client(running, "/good/mcp").call("echo", {"text": "unmoved"})
    assert words(answer) == "unmoved"
    assert running.alive()


PIPED = {
    "noise": "",
    "partial": "",
    "wrong-ids": "",
    "twice": "",
    "result-list": MALFORMED,
    "result-null": MALFORMED,
    "neither": MALFORMED,
    "both": MALFORMED,
    "error-text": MALFORMED,
    "big-integer": MALFORMED,
    "nested": MALFORMED,
    "very-nested": MALFORMED,
    "not-utf8": MALFORMED,
    "giant": DOWN,
    "die": DOWN,
}


@pytest.mark.parametrize("era", [LEGACY, MODERN])
@pytest.mark.parametrize("how", PIPED)
async def test_garbage_on_a_pipe_harms_one_call_at_most(running: Gate, how: str, era: str) -> None:
    client = await Client(running, "/pipe/mcp", era=era).open()
    answer = await client.call("trick", {"how": how})
    assert reason(answer) == PIPED[how]
    assert words(answer) == how if not PIPED[how] else "pipe" in words(answer)
    assert words(await client.call("echo", {"text": "after"})) == "after"
    await good_still_works(running)


POSTED = {
    "500": DOWN,
    "500-json": DOWN,
    "401": DOWN,
    "302": DOWN,
    "html": MALFORMED,
    "wrong-id": MALFORMED,
    "neither": MALFORMED,
    "result-list": MALFORMED,
    "error-text": MALFORMED,
    "big-integer": MALFORMED,
    "extra-response": "",
    "interim": "",
    "until-close": "",
    "headers": DOWN,
    "no-http": DOWN,
    "events-end": DOWN,
    "events-garbage": MALFORMED,
    "events-wrong-id": DOWN,
    "events-twice": "",
    "events-giant": DOWN,
    "drop": DOWN,
}


@pytest.mark.parametrize("era", [LEGACY, MODERN])
@pytest.mark.parametrize("how", POSTED)
async def test_garbage_over_http_harms_one_call_at_most(running: Gate, how: str, era: str) -> None:
    client = await Client(running, "/http/mcp", era=era).open()
    answer = await client.call("trick", {"how": how})
    assert reason(answer) == POSTED[how]
    assert words(answer) == "good" if not POSTED[how] else "http" in words(answer)
    found = await asyncio.gather(*(client.call("echo", {"text": str(number)}) for number in range(5)))
    assert [words(one) for one in found] == ["0", "1", "2", "3", "4"]


NEVER = {"slow-pipe": ["silent"], "slow-http": ["silent", "slow-loris", "events-endless"]}


@pytest.mark.parametrize("era", [LEGACY, MODERN])
async def test_an_upstream_that_never_ends_is_given_up(running: Gate, era: str) -> None:
    async def one(upstream: str, how: str) -> None:
        client = await Client(running, f"/{upstream}/mcp", era=era).open()
        answer = await client.call("trick", {"how": how})
        assert reason(answer) == LATE, how
        assert upstream in words(answer)
        assert words(await client.call("echo", {"text": "after"})) == "after"

    await asyncio.gather(*(one(upstream, how) for upstream, hows in NEVER.items() for how in hows))
    await good_still_works(running)


@pytest.mark.parametrize("era", [LEGACY, MODERN])
@pytest.mark.parametrize("upstream", ["closed", "missing", "ends"])
async def test_an_upstream_that_is_not_there_is_named(running: Gate, upstream: str, era: str) -> None:
    client = Client(running, f"/{upstream}/mcp", era=era)
    asked = client.request("tools/list" if era == MODERN else "initialize", {"protocolVersion": LEGACY})
    exchange = await client.post(asked)
    answer = (await exchange.all())[-1]
    assert answer["id"] == asked["id"]
    assert (reason(answer), upstream in answer["error"]["message"]) == (DOWN, True)
    await good_still_works(running)


@pytest.mark.parametrize("upstream", ["mute", "babbles"])
async def test_an_upstream_that_does_not_shake_hands_is_given_up(running: Gate, upstream: str) -> None:
    client = Client(running, f"/{upstream}/mcp", era=LEGACY)
    asked = client.request("initialize", {"protocolVersion": LEGACY, "capabilities": {}})
    answer = (await (await client.post(asked)).all())[-1]
    # One that babbles is ended for its noise, or for its time where the machine is slow to read it.
    assert reason(answer) in ((LATE,) if upstream == "mute" else (DOWN, LATE))
    await good_still_works(running)


async def test_bad_upstreams_take_none_away_from_the_aggregated_endpoint(running: Gate) -> None:
    for era in (LEGACY, MODERN):
        client = await Client(running, "/mcp", era=era).open()
        listed = (await client.ask("tools/list"))["result"]
        names = {tool["name"] for tool in listed["tools"]}
        assert {"good__echo", "http__echo", "pipe__echo"} <= names
        away = listed["_meta"]["toolgate/unavailable"]
        assert {"closed", "missing", "ends"} <= set(away)
        assert all(name in why for name, why in away.items())
        assert words(await client.call("good__echo", {"text": era})) == era


@pytest.mark.parametrize("era", [LEGACY, MODERN])
async def test_a_process_killed_in_mid_call_ends_the_call_and_is_started_again(
    running: Gate, era: str
) -> None:
    client = await Client(running, "/pipe/mcp", era=era).open()
    exchange = await client.start("wait", {"key": f"killed-{era}"})

    def held() -> list[Json]:
        return [one for one in running.events("pipe") if one.get("key") == f"killed-{era}"]

    os.kill((await until(held))[0]["pid"], signal.SIGKILL)
    answer = (await exchange.all())[-1]
    assert reason(answer) == DOWN
    assert "pipe" in words(answer)
    assert words(await client.call("echo", {"text": "again"})) == "again"


async def test_what_nobody_asked_for_is_dropped(running: Gate) -> None:
    client = await Client(running, "/pipe/mcp", era=LEGACY).open()
    strays: list[Json] = [
        {"id": 4711, "result": {}},
        {"id": None, "error": {"code": 1, "message": "x"}},
        {"a": 1},
    ]
    for stray in strays:
        await client.call("poke", {"method": "notifications/tools/list_changed", "params": stray})
    assert words(await client.call("echo", {"text": "after"})) == "after"


async def test_every_call_has_one_decision_and_one_outcome(running: Gate) -> None:
    def unended() -> list[Json]:
        records = running.records()
        ended = [one["call"] for one in records if one["kind"] == "outcome"]
        assert len(ended) == len(set(ended))
        return [one for one in records if one.get("verdict") == "allow" and one["call"] not in ended]

    assert await until(lambda: not unended())
    assert running.problems() == []
