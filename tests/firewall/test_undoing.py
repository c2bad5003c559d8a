"""Calls taken back: through the checks of any call, once, and a whole run in reverse until one fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolgate.approvals.approvers import Approver
from toolgate.approvals.desk import Declined, Desk
from toolgate.core.model import JsonObject, UndoState
from toolgate.errors import UpstreamDown
from toolgate.ports import INVERSE
from toolgate.protocol.versions import Era
from toolgate.testing import Client, Upstream, World, caller, definition, text
from toolgate.undoing import Step, Undoer
from toolgate.upstream.link import Note
from toolgate.verdicts import Held

POLICY = """
version: 1
tiers: {reversible: [desk/*], irreversible: [desk/send]}
roles:
  agent: {tools: ["desk/*"]}
  lead: {tools: [desk/close, desk/rename], may_approve: [irreversible]}
  weak: {may_approve: [irreversible]}
tools:
  desk/open: {undo: {call: desk/close, with: {id: $result.id}, within: 1h}}
  desk/rename: {undo: {call: desk/rename, with: {name: $result.former, to: $$x}, within: 1h}}
  desk/send: {undo: {call: desk/close, with: {id: $result.id}, within: 1h}}
"""
LEAD, WEAK = Approver("lead", ("lead",), ""), Approver("weak", ("weak",), "")


def numbered(params: JsonObject) -> JsonObject:
    return text("opened", structuredContent={"id": params["arguments"]["number"]})


@pytest.fixture
def upstream() -> Upstream:
    tools = [
        definition("open", number="integer"),
        definition("close", id="integer"),
        definition("rename"),
        definition("send", number="integer"),
    ]
    return Upstream("desk", tools, results={"open": numbered, "send": numbered})


@pytest.fixture
def world(upstream: Upstream) -> World:
    return World(POLICY, upstream)


@pytest.fixture
def client(world: World) -> Client:
    return world.client(caller("ann", "agent"), "desk")


@pytest.fixture
def undoer(world: World) -> Undoer:
    desk = Desk(world.store, world.keyring, Path("nowhere"), world.policies, "cli", world.clock.now)
    return Undoer(world.gateway, world.store, desk)


async def opened(client: Client, number: int = 1) -> str:
    reply = await client.call("open", {"number": number})
    assert isinstance(reply, Note)
    return str(client.gateway.world.journal.bodies[-1]["call"])  # type: ignore[attr-defined]  # the store in memory


def calls(upstream: Upstream, name: str) -> list[JsonObject]:
    return [one["arguments"] for one in upstream.calls if one["name"] == name]


def step(done: Step | Declined) -> Step:
    assert isinstance(done, Step), done
    return done


def why(done: object) -> str:
    assert isinstance(done, Declined), done
    return done.why


async def test_the_way_back_is_kept_encrypted_when_the_call_is_made(world: World, client: Client) -> None:
    call = await opened(client)
    assert world.records[-1]["undo"] == "desk/close"
    inverse = await world.store.inverse(call)
    assert inverse is not None
    assert (inverse.undoes, inverse.target, inverse.until - inverse.at) == ("desk/open", "close", 3600.0)
    sealed = await world.store.inverse_arguments(call)
    assert world.keyring.unseal(INVERSE, sealed or b"") == b'{"id":1}'


async def test_a_call_is_taken_back_once_as_a_call_of_the_person(
    world: World, upstream: Upstream, client: Client, undoer: Undoer
) -> None:
    call = await opened(client)
    assert step(await undoer.undo(LEAD, call)).status == "done"
    assert why(await undoer.undo(LEAD, call)) == "its way back is done already"
    assert why(await undoer.undo(LEAD, call, again=True)) == "its way back is done already"
    assert calls(upstream, "close") == [{"id": 1}]
    intents = [one for one in world.records if one["kind"] == "intent"]
    assert [(one["caller"], one["target"]) for one in intents] == [("ann", "open"), ("lead", "close")]
    assert [one["status"] for one in world.records if one["kind"] == "undo"] == ["undoing", "undo-done"]


async def test_taking_back_is_judged_like_any_call(
    world: World, upstream: Upstream, client: Client, undoer: Undoer
) -> None:
    call = await opened(client)
    refused = step(await undoer.undo(WEAK, call))
    assert refused.status == "refused"
    assert calls(upstream, "close") == []
    inverse = await world.store.inverse(call)
    assert inverse is not None
    assert inverse.state is UndoState.OPEN
    world.change(POLICY.replace("irreversible: [desk/send]", "irreversible: [desk/send, desk/close]"))
    waiting = step(await undoer.undo(LEAD, call))
    assert waiting.status == "held"
    await world.decide(next(iter(world.store.shelf.approvals.values())))
    assert step(await undoer.undo(LEAD, call)).status == "done"
    assert len(calls(upstream, "close")) == 1


async def test_who_takes_back_does_not_approve_that_himself(
    world: World, upstream: Upstream, client: Client, undoer: Undoer
) -> None:
    call = await opened(client)
    world.change(POLICY.replace("irreversible: [desk/send]", "irreversible: [desk/send, desk/close]"))
    assert step(await undoer.undo(LEAD, call)).status == "held"
    (waiting,) = world.store.shelf.approvals
    desk = Desk(world.store, world.keyring, Path("nowhere"), world.policies, "cli", world.clock.now)
    for one in (desk, desk.through("console")):
        assert "your own call" in why(await one.approve(LEAD, waiting))
        assert "your own call" in why(await one.grant(LEAD, waiting))
    assert not isinstance(await desk.approve(WEAK, waiting), Declined)
    assert step(await undoer.undo(LEAD, call)).status == "done"
    assert len(calls(upstream, "close")) == 1


async def test_who_may_approve_nothing_takes_nothing_back(client: Client, undoer: Undoer) -> None:
    call = await opened(client)
    assert "may approve nothing" in why(await undoer.undo(Approver("ann", ("agent",), ""), call))
    assert "no call of this id" in why(await undoer.undo(LEAD, "c-0"))
    assert "no call of this session" in why(await undoer.undo_run(LEAD, "s-0"))


async def test_a_way_back_ends_when_its_time_is_up(world: World, client: Client, undoer: Undoer) -> None:
    call = await opened(client)
    world.clock.forward(3600.0)
    assert why(await undoer.undo(LEAD, call)) == "its way back has expired"


async def test_a_run_is_taken_back_in_reverse(upstream: Upstream, client: Client, undoer: Undoer) -> None:
    made = [await opened(client, number) for number in (1, 2, 3)]
    steps = await undoer.undo_run(LEAD, client.session.id)
    assert isinstance(steps, list)
    assert [(one.call, one.status) for one in steps] == [(call, "done") for call in reversed(made)]
    assert calls(upstream, "close") == [{"id": 3}, {"id": 2}, {"id": 1}]
    assert "no call of this session" in why(await undoer.undo_run(LEAD, client.session.id))


async def test_where_there_are_no_sessions_a_run_ends_with_half_an_hour_of_silence(
    world: World, upstream: Upstream, client: Client, undoer: Undoer
) -> None:
    modern, other = (
        world.client(caller("ann", "agent"), "desk", Era.MODERN),
        world.client(caller("bob", "agent")),
    )
    modern.session.id = other.session.id = ""
    early = await opened(modern, 1)
    world.clock.forward(1801.0)
    late = [await opened(modern, 2)]
    world.clock.forward(1799.0)
    late.append(await opened(modern, 3))
    await other.call("desk__open", {"number": 4})
    runs = {one.call: one.session for one in await world.store.inverses()}
    assert runs[late[0]] == runs[late[1]]
    assert len({*runs.values()}) == 3
    steps = await undoer.undo_run(LEAD, runs[late[0]])
    assert isinstance(steps, list)
    assert [(one.call, one.status) for one in steps] == [(late[1], "done"), (late[0], "done")]
    assert calls(upstream, "close") == [{"id": 3}, {"id": 2}]
    assert early not in [one.call for one in steps]


async def test_a_run_stops_where_one_call_cannot_be_taken_back(
    upstream: Upstream, client: Client, undoer: Undoer
) -> None:
    def stubborn(params: JsonObject) -> JsonObject:
        return text("no", isError=params["arguments"]["id"] == 2)

    upstream.results["close"] = stubborn
    made = [await opened(client, number) for number in (1, 2, 3)]
    steps = await undoer.undo_run(LEAD, client.session.id)
    assert isinstance(steps, list)
    assert [(one.call, one.status) for one in steps] == [(made[2], "done"), (made[1], "failed")]
    again = await undoer.undo_run(LEAD, client.session.id)
    assert isinstance(again, list)
    assert [(one.call, one.detail) for one in again] == [(made[1], "its way back is failed already")]
    upstream.results["close"] = text("yes")
    assert step(await undoer.undo(LEAD, made[1], again=True)).status == "done"


async def test_when_nobody_knows_how_it_ended_it_is_not_tried_again_by_itself(
    upstream: Upstream, client: Client, undoer: Undoer
) -> None:
    def die(_: JsonObject) -> JsonObject:
        raise UpstreamDown("desk: the connection broke")

    call = await opened(client)
    upstream.results["close"] = die
    assert step(await undoer.undo(LEAD, call)).status == "unknown"
    assert why(await undoer.undo(LEAD, call)) == "its way back is unknown already"


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (text("opened"), "none: $result.id leads nowhere"),
        (text("opened", structuredContent={"number": 1}), "none: $result.id leads nowhere"),
        (text("failed", isError=True), None),
    ],
)
async def test_without_what_it_needs_there_is_no_way_back_and_the_record_says_so(
    world: World, upstream: Upstream, client: Client, result: JsonObject, told: str | None
) -> None:
    upstream.results["open"] = result
    call = await opened(client)
    assert world.records[-1].get("undo") == told
    assert await world.store.inverse(call) is None


async def test_an_approved_call_keeps_its_way_back_too(
    world: World, upstream: Upstream, client: Client, undoer: Undoer
) -> None:
    waiting = await client.call("send", {"number": 7})
    assert isinstance(waiting, Held)
    await world.decide(waiting)
    await client.call("send", {"number": 7})
    (inverse,) = await world.store.inverses()
    assert step(await undoer.undo(LEAD, inverse.call)).status == "done"
    assert calls(upstream, "close") == [{"id": 7}]


async def test_a_way_back_sealed_under_another_key_is_not_run(
    world: World, client: Client, undoer: Undoer
) -> None:
    call = await opened(client)
    inverse, _ = world.store.shelf.inverses[call]
    world.store.shelf.inverses[call] = (inverse, b"forged")
    assert step(await undoer.undo(LEAD, call)).status == "refused"


async def test_a_dollar_sign_of_its_own_is_kept(
    world: World, upstream: Upstream, client: Client, undoer: Undoer
) -> None:
    upstream.results["rename"] = text("done", structuredContent={"former": "old"})
    await client.call("rename", {"name": "new"})
    (inverse,) = await world.store.inverses()
    assert step(await undoer.undo(LEAD, inverse.call)).status == "done"
    assert calls(upstream, "rename")[1] == {"name": "old", "to": "$x"}
