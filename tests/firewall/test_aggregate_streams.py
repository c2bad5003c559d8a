"""Several upstreams on one stream: each is judged, answered under its own ids, and none ends the others."""

from __future__ import annotations

import pytest

from crm_and_docs import ANN, crm_and_docs
from toolgate.core.reasons import Reason
from toolgate.errors import UpstreamDown
from toolgate.protocol.messages import notification, request, response
from toolgate.protocol.versions import SUBSCRIPTION_KEY, Era
from toolgate.testing import Client, Upstream, World, assert_refused, result, text
from toolgate.upstream.link import Note


@pytest.fixture
def world() -> World:
    return crm_and_docs()


@pytest.fixture
def crm(world: World) -> Upstream:
    return world.upstreams["crm"]


@pytest.fixture
def docs(world: World) -> Upstream:
    return world.upstreams["docs"]


@pytest.fixture
def client(world: World) -> Client:
    return world.client(ANN)


async def test_ping_and_log_level_are_answered_here_and_the_level_told_to_those_that_log(
    crm: Upstream, docs: Upstream, client: Client
) -> None:
    await client.request("initialize", {})
    assert result(await client.request("ping")) == {}
    assert result(await client.request("logging/setLevel", {"level": "error"})) == {}
    assert (crm.named("logging/setLevel"), docs.named("logging/setLevel")) == ([{"level": "error"}], [])
    crm.down = "crm: gone"
    assert result(await client.request("logging/setLevel", {"level": "error"})) == {}


async def test_a_change_of_roots_is_told_to_all_that_are_there(
    crm: Upstream, docs: Upstream, client: Client
) -> None:
    await client.request("initialize", {})
    crm.down = "crm: gone"
    with pytest.raises(UpstreamDown):
        await client.notify("notifications/roots/list_changed")
    assert len(docs.named("notifications/roots/list_changed")) == 1


async def test_two_servers_that_use_one_id_are_each_answered(
    crm: Upstream, docs: Upstream, client: Client
) -> None:
    await client.request("initialize", {"capabilities": {"elicitation": {}}})
    for upstream in (crm, docs):
        await client.call(f"{upstream.name}__find", {"name": "x"})
        upstream.says = [request(1, "elicitation/create", {"message": upstream.name})]
        await client.call(f"{upstream.name}__find", {"name": "x"})
    asked = {one["params"]["message"]: one for one in client.heard}
    assert asked["crm"]["id"] != asked["docs"]["id"]
    await client.answer(asked["docs"], {"action": "accept"})
    assert response(1, {"action": "accept"}) in docs.received
    assert response(1, {"action": "accept"}) not in crm.received


async def test_one_upstream_cannot_answer_for_another(
    world: World, crm: Upstream, docs: Upstream, client: Client
) -> None:
    await client.request("initialize", {})
    crm.later.add("find")
    await client.call("crm__find", {"name": "x"})
    forged = Note(response(2, text("forged")))
    docs.aside.append(forged)
    await client.listen()
    assert client.heard == []
    crm.aside.append(Note(response(2, text("genuine"))))
    await client.listen()
    assert client.heard == [response(2, text("genuine"))]


async def test_one_upstream_without_a_stream_of_its_own_ends_no_others(
    crm: Upstream, docs: Upstream, client: Client
) -> None:
    await client.request("initialize", {})
    docs.down = "docs: no such stream"
    crm.aside.append(Note(notification("notifications/message", {"data": "heard"})))
    assert await client.listen() is None
    assert [one["params"]["data"] for one in client.heard] == ["heard"]


async def test_one_listen_hears_all_upstreams_and_what_they_say_is_judged(
    world: World, crm: Upstream, docs: Upstream
) -> None:
    client = world.client(ANN, era=Era.MODERN)
    await client.request("resources/list")
    crm.says = [
        notification("notifications/message", {"data": "bob@example.com"}),
        notification("notifications/message", {"data": "hunter2"}),
        request(7, "sampling/createMessage", {}),
        notification("notifications/tools/list_changed", {}),
    ]
    wanted = {"toolsListChanged": True, "resourceSubscriptions": ["crm:///1"]}
    closing = result(await client.request("subscriptions/listen", {"notifications": wanted}))
    assert closing["_meta"][SUBSCRIPTION_KEY] == 2
    assert [one["method"].rpartition("/")[2] for one in client.heard] == [
        "acknowledged",
        "message",
        "list_changed",
    ]
    assert client.heard[1]["params"]["data"] == "<EMAIL_ADDRESS>"
    by_upstream = [
        one.named("subscriptions/listen")[0]["notifications"]["resourceSubscriptions"] for one in (crm, docs)
    ]
    assert by_upstream == [["crm:///1"], []]


@pytest.mark.parametrize("uri", ["file:///private/a", "shared:///x", "unheard:///of"])
async def test_a_listen_for_what_the_caller_does_not_reach_is_refused_whole(
    world: World, crm: Upstream, uri: str
) -> None:
    client = world.client(ANN, era=Era.MODERN)
    await client.request("resources/list")
    wanted = {"toolsListChanged": True, "resourceSubscriptions": ["crm:///1", uri]}
    assert_refused(
        await client.request("subscriptions/listen", {"notifications": wanted}), Reason.NOT_ALLOWED
    )
    assert (client.heard, crm.named("subscriptions/listen")) == ([], [])


async def test_where_no_upstream_has_a_stream_the_client_is_told(world: World, client: Client) -> None:
    await client.request("initialize", {})
    for upstream in world.upstreams.values():
        upstream.down = f"{upstream.name}: no such stream"
    with pytest.raises(UpstreamDown):
        await client.listen()


async def test_nobody_listens_before_a_session_is_open(client: Client) -> None:
    assert_refused(await client.listen(), Reason.UNKNOWN_SESSION)
