"""The ways from a held call to its decision, each with the same few steps."""

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
from toolgate.core.model import Approval, JsonObject, Limit
from toolgate.core.present import CONTINUE
from toolgate.gateway import Gateway
from toolgate.policy.matchers import pattern
from toolgate.protocol.messages import request, response
from toolgate.protocol.versions import Era
from toolgate.testing import Client, Upstream, World, caller, definition
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
