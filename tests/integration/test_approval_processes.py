"""Held calls over real connections: clients asked and gone, 200 repeats at once, two processes, one store."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from gate import HERE, POLICY, PROGRAM, Gate, Json, gate, piped, posted, until
from programs import free_port, healthy, running, wait_for
from toolgate.approvals.desk import Declined, Desk
from toolgate.asking import POLL
from toolgate.core.reasons import Reason
from toolgate.policy.compile import open_policy
from toolgate.policy.matchers import pattern
from toolgate.secrets.keyring import open_keyring
from toolgate.settings import chosen
from toolgate.stores.sqlite import SqliteStore
from wires import LEGACY, MODERN, Client, Exchange, reason, words

KEY = "toolgate.approval"
YES: Json = {"action": "accept", "content": {"approve": True}}
ASKING: Json = {
    **POLICY,
    "tiers": {"read": ["*/echo"], "irreversible": ["*/boom"]},
    "approval": {"irreversible": {"channels": ["elicit", "cli"], "wait": "5s"}},
}
PASSPHRASE = "a passphrase for tests"

pytestmark = pytest.mark.usefixtures("connections")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Generator[Gate]:
    folder: Path = tmp_path_factory.mktemp("ladder")
    pipe = piped(folder, "pipe", share="all")
    with posted(folder, "http") as http, gate(folder, {"pipe": pipe, "http": http}, ASKING) as started:
        yield started


@pytest.fixture(scope="module")
def second(first: Gate) -> Generator[Gate]:
    """Another process on the same policy, keys and store."""
    with beside(first) as started:
        yield started


@contextmanager
def beside(first: Gate) -> Generator[Gate]:
    port, folder = free_port(), first.folder
    settings = yaml.safe_load(first.settings.read_text())
    settings["listen"] = f"127.0.0.1:{port}"
    file = folder / "second.yaml"
    file.write_text(yaml.safe_dump(json.loads(json.dumps(settings))))
    log = folder / "second.log"
    command = [str(PROGRAM), "serve", "--settings", str(file)]
    with running(command, log, TOOLGATE_HOME=str(folder / "home"), PYTHONPATH=str(HERE)) as process:
        wait_for(process, log, lambda: healthy(port))
        yield Gate(port, folder, process.pid)


def booms(running: Gate, upstream: str, target: str) -> int:
    events = running.events(upstream)
    return sum(one["event"] == "boom" and one["arguments"].get("target") == target for one in events)


def id_of(answer: Json) -> str:
    found = re.search(r"ap-[0-9a-f]+", json.dumps(answer))
    assert found is not None, answer
    return found[0]


async def asked(exchange: Exchange) -> Json:
    """The question on the call's own stream."""
    while (message := await exchange.next()) is not None:
        if message.get("method") == "elicitation/create":
            return message
    raise AssertionError("the stream ended without a question")


async def at_the_desk(running: Gate, *orders: tuple[str, str]) -> None:
    """What a person does at the terminal: approve, deny, pause or resume."""
    places = chosen(file=running.settings)
    keyring = open_keyring(places.master_key)
    store = SqliteStore(places.store, keyring.journal_keys())
    policy = open_policy(places.policies)
    desk = Desk(store, keyring, places.approvers, policy, "cli", time.time, patterns=pattern)
    try:
        if not desk.has_approvers():
            await desk.enrol("judy", ("full",), PASSPHRASE, None)
        judy = desk.approver("judy")
        assert judy is not None
        for order, about in orders:
            if order == "pause":
                done: object = await desk.pause(judy, upstream=about)
            elif order == "resume":
                done = await desk.resume(judy)
            elif order == "grant":
                done = await desk.grant(judy, about, {"target": "any"}, uses=3)
            else:
                done = await (desk.approve(judy, about) if order == "approve" else desk.deny(judy, about))
            assert not isinstance(done, Declined), done
    finally:
        await store.aclose()


async def test_a_client_of_2026_answers_in_its_repeat_and_the_call_is_sent_once(first: Gate) -> None:
    client = Client(first, "/pipe/mcp")
    client.capabilities = {"elicitation": {}}
    arguments = {"target": "modern form"}
    question = (await client.call("boom", arguments))["result"]
    assert question["resultType"] == "input_required"
    assert '"modern form"' in question["inputRequests"][KEY]["params"]["message"]
    more = {"inputResponses": {KEY: YES}, "requestState": question["requestState"]}
    assert words(await client.call("boom", arguments, **more)) == "boom modern form"
    assert words(await client.call("boom", arguments, **more)) == "boom modern form"
    assert booms(first, "pipe", "modern form") == 1


async def test_the_state_of_one_call_opens_no_other(first: Gate) -> None:
    client = Client(first, "/pipe/mcp")
    client.capabilities = {"elicitation": {}}
    question = (await client.call("boom", {"target": "modest"}))["result"]
    more = {"inputResponses": {KEY: YES}, "requestState": question["requestState"]}
    other = (await client.call("boom", {"target": "greedy"}, **more))["result"]
    assert other["resultType"] == "input_required"
    bob = Client(first, "/pipe/mcp", "bob")
    bob.capabilities = {"elicitation": {}}
    assert reason(await bob.call("boom", {"target": "modest"}, **more)) == Reason.APPROVAL_UNKNOWN
    assert booms(first, "pipe", "greedy") == booms(first, "pipe", "modest") == 0


@pytest.mark.parametrize("upstream", ["pipe", "http"])
async def test_a_client_of_2025_is_asked_on_the_stream_of_its_call(first: Gate, upstream: str) -> None:
    client = await Client(first, f"/{upstream}/mcp", era=LEGACY).open({"elicitation": {}})
    target = f"legacy form {upstream}"
    exchange = await client.start("boom", {"target": target})
    question = await asked(exchange)
    assert question["params"]["mode"] == "form"
    answer = {"jsonrpc": "2.0", "id": question["id"], "result": YES}
    assert await (await client.post(answer)).only() == 202
    assert words((await exchange.all())[-1]) == f"boom {target}"
    assert booms(first, upstream, target) == 1
    assert await (await client.post(answer)).only() == 400
    decisions = [one for one in first.records() if one["kind"] == "decision" and one["channel"] == "elicit"]
    assert {one["approver"] for one in decisions} == {"the client"}


async def test_a_client_of_2025_that_says_no_is_refused(first: Gate) -> None:
    client = await Client(first, "/pipe/mcp", era=LEGACY).open({"elicitation": {}})
    exchange = await client.start("boom", {"target": "no"})
    answer = {"jsonrpc": "2.0", "id": (await asked(exchange))["id"], "result": {"action": "decline"}}
    await (await client.post(answer)).only()
    assert reason((await exchange.all())[-1]) == Reason.APPROVAL_DENIED
    assert booms(first, "pipe", "no") == 0


@pytest.mark.parametrize("era", [LEGACY, MODERN])
async def test_a_caller_that_waits_is_told_so_and_then_gets_the_result(first: Gate, era: str) -> None:
    client = await Client(first, "/pipe/mcp", era=era).open()
    target = f"waits {era}"
    exchange = await client.start("boom", {"target": target}, progressToken="p")
    told = await exchange.next()
    assert told is not None
    assert told["method"] == "notifications/progress"
    await at_the_desk(first, ("approve", id_of(told)))
    assert words((await exchange.all())[-1]) == f"boom {target}"
    assert booms(first, "pipe", target) == 1


@pytest.mark.parametrize("era", [LEGACY, MODERN])
async def test_an_approval_forwards_nothing_once_the_waiting_caller_is_gone(first: Gate, era: str) -> None:
    client = await Client(first, "/pipe/mcp", era=era).open()
    target = f"leaves {era}"
    exchange = await client.start("boom", {"target": target}, progressToken="p")
    told = await exchange.next()
    exchange.leave()
    # Two rounds of looking later whoever still waited would have gone on.
    await asyncio.sleep(2 * POLL)
    await at_the_desk(first, ("approve", id_of(told or {})))
    await asyncio.sleep(2 * POLL)
    assert booms(first, "pipe", target) == 0
    assert words(await client.call("boom", {"target": target})) == f"boom {target}"
    assert booms(first, "pipe", target) == 1


async def test_a_2025_client_that_cancels_waits_no_longer(first: Gate) -> None:
    client = await Client(first, "/pipe/mcp", era=LEGACY).open()
    exchange = await client.start("boom", {"target": "cancelled"}, ident="c-1", progressToken="p")
    told = await exchange.next()
    assert await client.tell("notifications/cancelled", {"requestId": "c-1"}) == 202
    assert reason((await exchange.all())[-1]) == Reason.APPROVAL_NEEDED
    await at_the_desk(first, ("approve", id_of(told or {})))
    await asyncio.sleep(2 * POLL)
    assert booms(first, "pipe", "cancelled") == 0


async def test_a_decision_made_elsewhere_wakes_a_caller_of_another_process(first: Gate, second: Gate) -> None:
    waiting = await Client(second, "/http/mcp").start("boom", {"target": "two"}, progressToken="p")
    told = await waiting.next()
    held = id_of(told or {})
    same = Client(first, "/http/mcp")
    repeated = asyncio.ensure_future(same.call("boom", {"target": "two"}))
    await at_the_desk(first, ("approve", held))
    answers = [(await waiting.all())[-1], await repeated]
    assert booms(first, "http", "two") == 1
    assert {words(one) for one in answers if not reason(one)} == {"boom two"}
    assert {reason(one) for one in answers} <= {"", Reason.OUTCOME_UNKNOWN}


@pytest.mark.parametrize("era", [LEGACY, MODERN])
async def test_200_repeats_at_once_on_two_processes_send_an_approved_call_once(
    first: Gate, second: Gate, era: str
) -> None:
    clients = [await Client(one, "/http/mcp", era=era).open() for one in (first, second)]
    arguments = {"target": f"many {era}"}
    begun = await clients[0].start("boom", arguments, progressToken="p")
    held = id_of(await begun.next() or {})
    begun.leave()
    await at_the_desk(first, ("approve", held))
    limit = asyncio.Semaphore(50)

    async def repeat(number: int) -> Json:
        async with limit:
            if number % 3:
                return await clients[number % 2].call("boom", arguments)
            return await clients[number % 2].call("toolgate_continue", {"approval": held})

    answers = await asyncio.gather(*(repeat(number) for number in range(200)))
    assert booms(first, "http", arguments["target"]) == 1
    delivered = [one for one in answers if words(one) == f"boom {arguments['target']}"]
    assert delivered
    assert {reason(one) for one in answers if one not in delivered} <= {Reason.OUTCOME_UNKNOWN}


async def test_the_uses_of_a_grant_are_counted_over_all_processes(first: Gate, second: Gate) -> None:
    clients = [Client(one, "/http/mcp", who="bob") for one in (first, second)]
    begun = await clients[0].start("boom", {"target": "granted"}, progressToken="p")
    held = id_of(await begun.next() or {})
    begun.leave()
    await at_the_desk(first, ("grant", held))

    async def one(number: int) -> Json:
        exchange = await clients[number % 2].start("boom", {"target": f"granted {number}"}, progressToken="p")
        answer = await exchange.next()
        exchange.leave()
        return answer or {}

    answers = await asyncio.gather(*(one(number) for number in range(12)))
    done = [answer for answer in answers if words(answer).startswith("boom granted")]
    assert len(done) == 3
    assert sum(booms(first, "http", f"granted {number}") for number in range(12)) == 3


async def test_what_is_paused_in_one_process_is_refused_by_the_next_call_in_all(
    first: Gate, second: Gate
) -> None:
    clients = [Client(one, "/pipe/mcp") for one in (first, second)]
    for client in clients:
        assert words(await client.call("echo", {"text": "before"}))
    await at_the_desk(first, ("pause", "pipe"))
    for client in clients:
        assert reason(await client.call("echo", {"text": "during"})) == Reason.PAUSED
    assert words(await Client(second, "/http/mcp").call("echo", {"text": "elsewhere"}))
    await at_the_desk(first, ("resume", ""))
    for client in clients:
        assert words(await client.call("echo", {"text": "after"}))


async def test_the_journal_of_both_processes_verifies(first: Gate) -> None:
    await until(lambda: first.problems() == [])
