"""Every way a held call can be decided, and everything that can happen on it: never sent without a valid yes,
and with one exactly once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from toolgate.aggregate import Aggregated
from toolgate.approvals.approvers import Approver
from toolgate.approvals.desk import Declined, Desk
from toolgate.approvals.elicit import KEY
from toolgate.asking import Leaving
from toolgate.core.attempts import Attempts
from toolgate.core.model import Approval, ApprovalState, JsonObject, Limit
from toolgate.core.present import CONTINUE
from toolgate.core.reasons import Reason
from toolgate.gateway import Gateway
from toolgate.policy.matchers import pattern
from toolgate.protocol.messages import request, response
from toolgate.protocol.versions import Era
from toolgate.testing import Client, Upstream, World, assert_refused, caller, definition
from toolgate.testing.upstream import Upstreams
from toolgate.upstream.link import Note
from toolgate.verdicts import Held, Reply

CONSOLE = "https://console.example.com"
ANN = caller("ann", "agent")
LEAD = Approver("lead", ("lead",), "")
TO: JsonObject = {"to": ["bob", "eve"]}
NARROWED: JsonObject = {"to": ["bob"]}


def policy(channels: str, wait: str = "", tools: str = '["mail/*"]') -> str:
    waits = f", wait: {wait}" if wait else ""
    return f"""
version: 1
tiers: {{irreversible: [mail/send]}}
roles:
  agent: {{tools: {tools}}}
  lead: {{may_approve: [irreversible]}}
approval: {{irreversible: {{channels: [{channels}], expires: 10m{waits}}}}}
"""


class Way:
    """One way from a call to its decision. A call is begun, something happens, and it ends in a reply."""

    channels, wait, era = "elicit, console, cli", "", Era.MODERN
    channel = "console"
    ability: ClassVar[JsonObject] = {}
    # Whether the client itself says yes or no, and whether it is kept waiting meanwhile.
    client_decides, waits = False, False

    def __init__(self) -> None:
        self.mail = Upstream("mail", [definition("send", to="array")])
        self.world = World(policy(self.channels, self.wait), self.mail, console=CONSOLE)
        self.client = self.new_client()
        self.gone = asyncio.Event()
        self.running: asyncio.Task[Reply | None] | None = None
        self.first: Reply | None = None
        self.ended: Reply | None = None

    def new_client(self, who: str = "ann") -> Client:
        client = self.world.client(replace(ANN, name=who), "mail", self.era)
        client.session.capabilities = client.session.offers = self.ability
        return client

    @property
    def approval(self) -> Approval:
        return next(iter(self.world.store.shelf.approvals.values()))

    @property
    def desk(self) -> Desk:
        world = self.world
        return Desk(
            world.store,
            world.keyring,
            Path("nowhere"),
            world.policies,
            self.channel,
            world.clock.now,
            detectors=world.spotter,
            patterns=pattern,
            announcer=world.announcer,
        )

    async def decide(self, action: str) -> None:
        """A person's word, where it is a person that decides."""
        if action == "accept":
            assert not isinstance(await self.desk.approve(LEAD, self.approval.id), Declined)
        if action == "decline":
            assert not isinstance(await self.desk.deny(LEAD, self.approval.id), Declined)

    async def edit(self) -> None:
        done = await self.desk.approve(LEAD, self.approval.id, edited=NARROWED)
        assert not isinstance(done, Declined), done

    async def call(self, **params: Any) -> Reply | None:
        return await self.client.call("send", TO, **params)

    async def begin(self) -> None:
        self.first = await self.call()

    async def answer(self, action: str) -> None:
        """The answer comes by this way; `end` then tells what became of the call."""
        await self.decide(action)

    async def end(self) -> Reply | None:
        """What the client gets in the end."""
        return await self.call()

    async def leave(self) -> None:
        """The client goes away while it is waiting or before it comes back."""

    async def forge(self) -> Reply | None:
        """An answer that this way never gave out."""
        return await self.client.call(CONTINUE, {"approval": "ap-0123456789"})

    def restart(self) -> None:
        """Another firewall process on the same store."""
        world = self.world
        world.gateway = Gateway(
            world.ports,
            Aggregated(Upstreams(world.upstreams), world.policies),
            Attempts(Limit(600, 60.0)),
        )
        self.client = self.new_client()
        self.running = None


class Plain(Way):
    """No ability: told that it waits, decided elsewhere, repeated."""


class PlainLegacy(Plain):
    era = Era.LEGACY


class Continued(Way):
    """Goes on by the approval's id."""

    async def end(self) -> Reply | None:
        return await self.client.call(CONTINUE, {"approval": self.approval.id})


class Terminal(Way):
    channel = "cli"


class Webhook(Way):
    """Decided by a signed answer to a webhook; Slack's links enter the desk the same way."""

    channels, channel = "webhook", "webhook"


class ModernForm(Way):
    """MCP 2026-07-28: `input_required` with a form, answered by a repeat with the sealed state."""

    ability: ClassVar[JsonObject] = {"elicitation": {}}
    client_decides = True
    action = "cancel"

    def asked(self) -> JsonObject:
        assert isinstance(self.first, Note)
        assert self.first.message is not None
        result: JsonObject = self.first.message["result"]
        assert result["resultType"] == "input_required"
        return result

    async def answer(self, action: str) -> None:
        self.action = action

    def given(self) -> JsonObject:
        content = {"content": {"approve": True}} if self.action == "accept" else {}
        return {KEY: {"action": self.action, **content}}

    async def end(self) -> Reply | None:
        state = self.asked()["requestState"]
        return await self.call(inputResponses=self.given(), requestState=state)

    async def forge(self) -> Reply | None:
        state = self.asked()["requestState"]
        self.action = "accept"
        forged = state[:-6] + ("AAAAAA" if state[-6:] != "AAAAAA" else "BBBBBB")
        return await self.call(inputResponses=self.given(), requestState=forged)


class ModernUrl(ModernForm):
    """The same leading to the console, where a person decides."""

    channels = "console, cli"
    ability: ClassVar[JsonObject] = {"elicitation": {"url": {}}}
    client_decides = False

    async def answer(self, action: str) -> None:
        self.action = "cancel" if action == "cancel" else "accept"
        await self.decide(action)


class Waiting(Way):
    """Kept waiting for a person."""

    channels, wait, waits = "console, cli", "50s", True

    async def begin(self) -> None:
        async def left() -> None:
            await self.gone.wait()

        leaving: Leaving | None = left if self.era is Era.LEGACY else None
        self.running = asyncio.ensure_future(self.sent(leaving))
        for _ in range(100):
            if not self.client.session.waiting:
                await asyncio.sleep(0)

    async def sent(self, leaving: Leaving | None) -> Reply | None:
        session = self.client.session
        params: JsonObject = {"name": "send", "arguments": TO, "_meta": {"progressToken": "p"}}
        asked = request(1, "tools/call", params)
        if self.era is Era.MODERN:
            return await self.client.request("tools/call", params)
        return await self.client.gateway.request(session, asked, self.client.hear, None, leaving)

    async def end(self) -> Reply | None:
        if self.running is None:
            return await self.call()
        return await self.running

    async def leave(self) -> None:
        assert self.running is not None
        if self.era is Era.MODERN:
            self.running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await self.running
        else:
            self.gone.set()
            assert isinstance(await self.running, Held)
        self.running = None


class WaitingLegacy(Waiting):
    era = Era.LEGACY


class LegacyForm(Waiting):
    """MCP 2025: `elicitation/create` on the call's own stream."""

    channels, wait, era = "elicit, console, cli", "", Era.LEGACY
    ability: ClassVar[JsonObject] = {"elicitation": {}}
    client_decides = True

    def question(self) -> JsonObject:
        return next(one for one in self.client.heard if one.get("method") == "elicitation/create")

    async def answer(self, action: str) -> None:
        content = {"content": {"approve": True}} if action == "accept" else {}
        assert await self.client.answer(self.question(), {"action": action, **content}) is None

    async def forge(self) -> Reply | None:
        told = response("toolgate-approval-99", {"action": "accept", "content": {"approve": True}})
        return await self.client.gateway.respond(self.client.session, told)


class LegacyUrl(LegacyForm):
    """The same leading to the console; yes means no more than that the page was opened."""

    channels, wait = "console, cli", "50s"
    ability: ClassVar[JsonObject] = {"elicitation": {"url": {}}}
    client_decides = False

    async def answer(self, action: str) -> None:
        opened = {"action": "cancel" if action == "cancel" else "accept"}
        assert await self.client.answer(self.question(), opened) is None
        await self.decide(action)


WAYS = [
    *(Plain, PlainLegacy, Continued, Terminal, Webhook, ModernForm, ModernUrl),
    *(Waiting, WaitingLegacy, LegacyForm, LegacyUrl),
]


@pytest.fixture(params=WAYS, ids=lambda way: way.__name__)
def way(request: pytest.FixtureRequest) -> Way:
    made: Way = request.param()
    return made


def delivered(reply: Reply | None) -> JsonObject:
    assert isinstance(reply, Note), reply
    assert reply.message is not None
    result: JsonObject = reply.message["result"]
    assert result.get("resultType", "complete") == "complete"
    return result


async def test_a_yes_sends_the_call_once_and_says_who_said_it(way: Way) -> None:
    await way.begin()
    assert way.mail.calls == []
    await way.answer("accept")
    delivered(await way.end())
    assert [one["arguments"] for one in way.mail.calls] == [TO]
    decision = next(one for one in way.world.records if one["kind"] == "decision")
    expected = ("the client", "elicit") if way.client_decides else ("lead", way.channel)
    assert (decision["approver"], decision["channel"]) == expected
    assert way.approval.decided_by == expected[0]


async def test_a_no_sends_nothing(way: Way) -> None:
    await way.begin()
    await way.answer("decline")
    assert_refused(await way.end(), Reason.APPROVAL_DENIED)
    assert_refused(await way.call(), Reason.APPROVAL_DENIED)
    assert way.mail.calls == []


async def test_neither_yes_nor_no_leaves_it_waiting(way: Way) -> None:
    await way.begin()
    await way.answer("cancel")
    assert isinstance(await way.end(), Held)
    assert (way.mail.calls, way.approval.state) == ([], ApprovalState.PENDING)


async def test_when_nobody_says_anything_in_time_it_goes_on_waiting(way: Way) -> None:
    await way.begin()
    way.world.clock.forward(60.0)
    if way.waits:
        assert isinstance(await way.end(), Held)
    assert (way.mail.calls, way.approval.state) == ([], ApprovalState.PENDING)
    await way.decide("accept")
    assert way.mail.calls == []


async def test_what_the_approver_changed_is_what_is_sent_and_the_caller_is_told(way: Way) -> None:
    await way.begin()
    await way.edit()
    if isinstance(way, ModernForm):
        way.action = "accept"
    told = delivered(await way.end())
    assert [one["arguments"] for one in way.mail.calls] == [NARROWED]
    assert told["_meta"]["toolgate/approval"] == {"id": way.approval.id, "edited": ["to[1]: removed"]}
    assert "to[1]: removed" in told["content"][-1]["text"]
    decision = next(one for one in way.world.records if one["kind"] == "decision")
    assert decision["edited"] == ["to[1]: removed"]
    assert decision["asked"] != decision["sends"]
    assert delivered(await way.call()) == told
    assert len(way.mail.calls) == 1


async def test_an_answer_counts_once_however_often_it_comes(way: Way) -> None:
    await way.begin()
    await way.answer("accept")
    first = delivered(await way.end())
    if way.waits:
        way.running = None
        if isinstance(way, LegacyForm):
            question = way.question()
            said = {"action": "accept", "content": {"approve": True}}
            assert_refused(await way.client.answer(question, said), Reason.MALFORMED)
    for _ in range(3):
        assert delivered(await way.end()) == first
    assert len(way.mail.calls) == 1


async def test_a_forged_answer_opens_nothing(way: Way) -> None:
    await way.begin()
    reply = await way.forge()
    assert_refused(reply, Reason.MALFORMED if isinstance(way, LegacyForm) else Reason.APPROVAL_UNKNOWN)
    assert (way.mail.calls, way.approval.state) == ([], ApprovalState.PENDING)


async def test_the_answer_given_to_another_caller_opens_nothing(way: Way) -> None:
    await way.begin()
    if way.waits:
        question = way.question() if isinstance(way, LegacyForm) else None
        way.client, ann = way.new_client("bob"), way.client
        if question is not None:
            assert_refused(await way.client.answer(question, {"action": "accept"}), Reason.MALFORMED)
        way.client, bob = ann, way.client
        await way.leave()
        way.client = bob
    else:
        await way.answer("accept")
        way.client = way.new_client("bob")
    if isinstance(way, ModernForm | Continued):
        assert_refused(await way.end(), Reason.APPROVAL_UNKNOWN)
    elif not isinstance(way, LegacyForm):
        await way.decide("accept" if way.waits else "")
        assert isinstance(await way.end(), Held)
    assert way.mail.calls == []


async def test_after_it_expired_a_yes_is_worth_nothing(way: Way) -> None:
    await way.begin()
    way.world.clock.forward(601.0)
    if isinstance(way, ModernForm):
        way.action = "accept"
    declined = await way.desk.approve(LEAD, way.approval.id)
    assert isinstance(declined, Declined)
    reply = await way.end()
    if isinstance(way, Continued):
        assert_refused(reply, Reason.APPROVAL_EXPIRED)
    else:
        assert isinstance(reply, Held) or asks_anew(reply)
    assert way.mail.calls == []


def asks_anew(reply: Reply | None) -> bool:
    assert isinstance(reply, Note)
    assert reply.message is not None
    return bool(reply.message["result"]["resultType"] == "input_required")


async def test_once_the_caller_has_left_a_yes_forwards_nothing_by_itself(way: Way) -> None:
    await way.begin()
    await way.leave()
    await way.decide("accept")
    for _ in range(50):
        await asyncio.sleep(0)
    assert way.mail.calls == []
    delivered(await way.call())
    assert len(way.mail.calls) == 1


async def test_a_firewall_that_restarts_meanwhile_loses_no_hold_and_sends_once(way: Way) -> None:
    await way.begin()
    if way.waits:
        await way.leave()
    way.restart()
    if isinstance(way, LegacyForm):
        assert_refused(await way.forge(), Reason.MALFORMED)
        await way.decide("accept")
        way.running = None
    elif way.waits:
        await way.decide("accept")
    else:
        await way.answer("accept")
    delivered(await way.end())
    delivered(await way.end())
    assert len(way.mail.calls) == 1


async def test_the_policy_of_the_moment_has_the_last_word(way: Way) -> None:
    await way.begin()
    if way.running is None:
        await way.answer("accept")
        way.world.change(policy(way.channels, way.wait, tools="[mail/other]"))
    else:
        changed = policy(way.channels, way.wait, tools="[mail/other]")
        await way.answer("accept")
        way.world.change(changed)
    assert_refused(await way.end(), Reason.NOT_ALLOWED)
    assert way.mail.calls == []


async def test_a_channel_that_the_policy_no_longer_names_decides_nothing(way: Way) -> None:
    await way.begin()
    way.world.change(policy("slack"))
    if not way.client_decides:
        assert isinstance(await way.desk.approve(LEAD, way.approval.id), Declined)
    elif not way.waits:
        await way.answer("accept")
        assert isinstance(await way.end(), Held)
    assert (way.mail.calls, way.approval.state) == ([], ApprovalState.PENDING)
    if way.running is not None:
        await way.leave()


async def test_a_tool_that_changed_meanwhile_is_not_what_was_approved(way: Way) -> None:
    await way.begin()
    first = way.approval
    changed = {**definition("send", to="array"), "description": "sends it to everybody"}
    way.mail.tools = [changed]
    way.world.routes.catalogue("mail").stale()
    await way.answer("accept")
    reply = await way.end()
    if isinstance(way, Continued):
        assert_refused(reply, Reason.APPROVAL_UNKNOWN)
    else:
        assert isinstance(reply, Held) or asks_anew(reply)
    assert len(way.world.store.shelf.approvals) == (1 if isinstance(way, Continued) else 2)
    assert way.mail.calls == []
    assert way.world.store.shelf.approvals[first.id].pin == first.pin
