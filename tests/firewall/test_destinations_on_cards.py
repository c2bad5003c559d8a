"""An approver is told where the session read the address that something is about to go to."""

from __future__ import annotations

import orjson
import pytest

from toolgate.ports import HELD_ABOUT
from toolgate.testing import Upstream, World, caller, definition, text
from toolgate.verdicts import Held

POLICY = """
version: 1
tiers: {read: [crm/find], irreversible: [mail/send]}
roles: {agent: {tools: ["*/*"]}}
tools: {mail/send: {destinations_in: [to]}}
"""
ANN, BOB = caller("ann", "agent"), caller("bob", "agent")


@pytest.fixture
def world() -> World:
    crm, mail = Upstream("crm", [definition("find")]), Upstream("mail", [definition("send", to="string")])
    crm.results["find"] = text("Ask Jane@Example.com")
    return World(POLICY, crm, mail)


async def told(world: World, held: object) -> dict[str, str]:
    assert isinstance(held, Held)
    about = await world.store.about(held.approval.id)
    found: dict[str, str] = orjson.loads(world.keyring.unseal(HELD_ABOUT, about or b""))["origins"]
    return found


async def test_an_address_from_a_result_names_the_tool(world: World) -> None:
    client = world.client(ANN)
    await client.call("crm__find")
    held = await client.call("mail__send", {"to": "jane@example.com"})
    assert await told(world, held) == {"to": "crm/find"}


async def test_an_address_of_the_agents_own_is_said_to_be_so(world: World) -> None:
    client = world.client(ANN)
    await client.call("crm__find")
    assert await told(world, await client.call("mail__send", {"to": "eve@evil.example"})) == {"to": ""}


async def test_what_another_caller_read_does_not_count(world: World) -> None:
    await world.client(BOB).call("crm__find")
    held = await world.client(ANN).call("mail__send", {"to": "jane@example.com"})
    assert await told(world, held) == {"to": ""}
