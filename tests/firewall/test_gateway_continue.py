"""`toolgate_continue`: only its own caller goes on with a held call, and only with what was approved."""

from __future__ import annotations

import pytest

from held_mail import ANN, POLICY, TO, go_on, held, waiting_mail
from toolgate.core.present import CONTINUE
from toolgate.core.reasons import Reason
from toolgate.ports import HELD_ARGUMENTS
from toolgate.testing import Client, Upstream, World, assert_refused, caller, definition, result


@pytest.fixture
def world() -> World:
    return waiting_mail()


@pytest.fixture
def mail(world: World) -> Upstream:
    return world.upstreams["mail"]


@pytest.fixture
def client(world: World) -> Client:
    return world.client(ANN, "mail")


@pytest.mark.parametrize("named", ["ap-0000000000", "", "../ap", None, 7, {"id": "ap"}, ["ap"]])
async def test_an_id_that_was_made_up_is_unknown(
    world: World, mail: Upstream, client: Client, named: object
) -> None:
    await world.decide(held(await client.call("send", TO)))
    assert_refused(await go_on(client, named), Reason.APPROVAL_UNKNOWN)
    assert (mail.calls, world.records[-1]["target"]) == ([], CONTINUE)


async def test_without_any_id_nothing_goes_on(client: Client) -> None:
    assert_refused(await client.call(CONTINUE), Reason.APPROVAL_UNKNOWN)
    assert_refused(await client.request("tools/call", {"name": CONTINUE}), Reason.APPROVAL_UNKNOWN)


async def test_nobody_goes_on_with_somebody_elses_call(world: World, mail: Upstream, client: Client) -> None:
    waiting = held(await client.call("send", TO))
    await world.decide(waiting)
    bob = world.client(caller("bob", "agent"), "mail")
    assert_refused(await go_on(bob, waiting), Reason.APPROVAL_UNKNOWN)
    assert held(await bob.call("send", TO)).approval.id != waiting.approval.id
    assert mail.calls == []


async def test_a_call_to_one_upstream_does_not_go_on_at_the_endpoint_of_another(
    world: World, mail: Upstream, client: Client
) -> None:
    waiting = held(await client.call("send", TO))
    await world.decide(waiting)
    assert_refused(await go_on(world.client(ANN, "post"), waiting), Reason.APPROVAL_UNKNOWN)
    assert mail.calls == []
    result(await go_on(world.client(ANN), waiting))
    assert len(mail.calls) == 1


async def test_held_arguments_that_were_tampered_with_are_not_sent(
    world: World, mail: Upstream, client: Client
) -> None:
    waiting = held(await client.call("send", TO))
    await world.decide(waiting)
    sealed = await world.store.arguments(waiting.approval.id)
    assert sealed is not None
    for forged in (sealed[:-1] + bytes([sealed[-1] ^ 1]), b"", world.keyring.seal("other", b"{}")):
        world.store.shelf.sealed[waiting.approval.id] = forged
        assert_refused(await go_on(client, waiting), Reason.APPROVAL_UNKNOWN)
    world.store.shelf.sealed[waiting.approval.id] = world.keyring.seal(HELD_ARGUMENTS, b'{"to":"eve"}')
    assert_refused(await go_on(client, waiting), Reason.APPROVAL_UNKNOWN)
    assert mail.calls == []


async def test_only_who_can_be_held_sees_the_tool_to_go_on_with(world: World, client: Client) -> None:
    async def tools(who: Client) -> list[str]:
        return [one["name"] for one in result(await who.request("tools/list"))["tools"]]

    assert await tools(client) == ["list", "send", "wipe", CONTINUE]
    world.change(POLICY.replace('"mail/*"', "mail/list"))
    assert await tools(client) == ["list"]


async def test_the_tool_to_go_on_with_hides_one_of_the_same_name(mail: Upstream, client: Client) -> None:
    mail.tools = [definition(CONTINUE), definition("list")]
    assert_refused(await client.call(CONTINUE, {}), Reason.APPROVAL_UNKNOWN)
    assert mail.calls == []
