"""`approvals watch`: each held call shown once, one key for each decision, nothing decided by accident."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from toolgate.approvals.approvers import Approver
from toolgate.approvals.desk import Desk
from toolgate.cli.watching import Terminal, watched, watching
from toolgate.core.model import ApprovalState
from toolgate.errors import Misuse
from toolgate.testing import Client, Upstream, World, caller, definition
from toolgate.verdicts import Held

POLICY = """
version: 1
tiers: {irreversible: [mail/send]}
roles: {agent: {tools: ["mail/*"]}, lead: {may_approve: [irreversible]}}
"""
LEAD = Approver("lead", ("lead",), "")


@pytest.fixture
def world() -> World:
    return World(POLICY, Upstream("mail", [definition("send", to="string")]))


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(world.store, world.keyring, Path("x"), world.policies, "cli", world.clock.now)


@pytest.fixture
def client(world: World) -> Client:
    return world.client(caller("ann", "agent"), "mail")


class Typist:
    """Keys to come and what was shown. A key may be something that happens meanwhile."""

    def __init__(self, *keys: str | Callable[[], object]) -> None:
        self.keys = list(keys)
        self.shown = ""
        self.settled = 0

    def terminal(self) -> Terminal:
        return Terminal(self.key, self.settle, self.say)

    async def settle(self) -> None:
        self.settled += 1

    async def key(self, _: float) -> str:
        pressed = self.keys.pop(0)
        if isinstance(pressed, str):
            return pressed
        pressed()
        return ""

    def say(self, text: str) -> None:
        self.shown += text + "\n"


async def held(client: Client, to: str) -> str:
    reply = await client.call("send", {"to": to})
    assert isinstance(reply, Held)
    return reply.approval.id


async def states(desk: Desk) -> list[ApprovalState]:
    return [one.state for one in reversed(await desk.listing())]


async def test_one_key_decides_one_call_the_oldest_first(world: World, desk: Desk, client: Client) -> None:
    for name in ("bob", "eve", "mia"):
        await held(client, name)
    terminal = Typist("a", "d", "s", "q")
    await watching(desk, LEAD, terminal.terminal(), world.clock.now)
    assert await states(desk) == ["approved", "denied", "pending"]
    shown = ('"bob"', '"eve"', '"mia"')
    assert sorted(map(terminal.shown.index, shown)) == [*map(terminal.shown.index, shown)]
    assert terminal.settled == 3  # no card is decided by a key that came before it


async def test_any_other_key_decides_nothing(world: World, desk: Desk, client: Client) -> None:
    await held(client, "bob")
    terminal = Typist("", "x", "\n", " ", "y", "q")
    await watching(desk, LEAD, terminal.terminal(), world.clock.now)
    assert await states(desk) == ["pending"]
    assert terminal.shown.count("bob") == 1


async def test_a_call_that_ran_out_meanwhile_is_left(world: World, desk: Desk, client: Client) -> None:
    await held(client, "bob")
    terminal = Typist(lambda: world.clock.forward(900.0), "q")
    await watching(desk, LEAD, terminal.terminal(), world.clock.now)
    assert "it expired" in terminal.shown


async def test_what_cannot_be_done_is_said(world: World, desk: Desk, client: Client) -> None:
    await held(client, "bob")
    terminal = Typist("a", "q")
    await watching(desk, Approver("eve", ("agent",), ""), terminal.terminal(), world.clock.now)
    assert "not done: eve may not approve" in terminal.shown
    assert await states(desk) == ["pending"]


async def test_a_strangers_escapes_do_not_reach_the_terminal(
    world: World, desk: Desk, client: Client
) -> None:
    await held(client, "\x1b[2J\x1b[31mbob\u202e\r\n[a] approve")
    terminal = Typist("q")
    await watching(desk, LEAD, terminal.terminal(), world.clock.now)
    assert "\x1b" not in terminal.shown
    assert "\u202e" not in terminal.shown
    assert not any(line.startswith("[a] approve") for line in terminal.shown.split("\n")[1:-3])


async def test_without_a_terminal_there_is_nothing_to_watch(desk: Desk) -> None:
    with pytest.raises(Misuse, match="found no terminal"):
        await watched(desk, LEAD)
