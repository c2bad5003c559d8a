"""People hear that a held call ran out, unless somebody decided it."""

from __future__ import annotations

import asyncio

import pytest

from toolgate.approvals.expiry import Expiring
from toolgate.core.model import ApprovalState
from toolgate.ports import News
from toolgate.testing import Upstream, World, caller, definition
from toolgate.verdicts import Held

POLICY = """
version: 1
tiers: {irreversible: [mail/send]}
roles: {agent: {tools: ["mail/*"]}}
approval: {irreversible: {expires: 1s}}
"""


@pytest.mark.parametrize("state", [None, ApprovalState.APPROVED, ApprovalState.DENIED])
async def test_a_hold_that_nobody_decided_is_told_when_its_time_is_up(state: ApprovalState | None) -> None:
    world = World(POLICY, Upstream("mail", [definition("send")]))
    held = await world.client(caller("ann", "agent"), "mail").call("send")
    assert isinstance(held, Held)
    expiring = Expiring(world.announcer, world.store, world.clock)
    if state is not None:
        await world.decide(held, state)
    world.clock.forward(1.0)
    world.announcer.news.clear()
    for kind in ("decided", "held"):
        expiring.announce(News(kind, held.approval, ("cli",), "", world.clock.now()))
    for _ in range(20):
        await asyncio.sleep(0)
    kinds = [one.kind for one in world.announcer.news]
    assert kinds == ["decided", "held", *([] if state else ["expired"])]


async def test_where_the_store_is_away_nobody_is_told_anything(world_down: Expiring) -> None:
    held = World(POLICY, Upstream("mail", [definition("send")]))
    reply = await held.client(caller("ann", "agent"), "mail").call("send")
    assert isinstance(reply, Held)
    held.clock.forward(1.0)
    world_down.announce(News("held", reply.approval, ("cli",)))
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
def world_down() -> Expiring:
    from toolgate.core.model import Approval
    from toolgate.errors import JournalDown

    class Away:
        async def by_id(self, approval: str) -> Approval | None:
            raise JournalDown(approval)

    world = World(POLICY, Upstream("mail", [definition("send")]))
    world.clock.forward(10.0)
    return Expiring(world.announcer, Away(), world.clock)
