"""What an upstream says or asks on its own, and what a client answers, is judged like calls and results."""

from __future__ import annotations

from typing import Any

import pytest

from toolgate.core.model import JsonObject
from toolgate.core.reasons import Reason
from toolgate.protocol.messages import METHOD_NOT_FOUND, REFUSED, error, notification, request, response
from toolgate.protocol.versions import Era
from toolgate.testing import Client, Upstream, World, assert_refused, caller, definition, result, text
from toolgate.upstream.link import Note

POLICY = """
version: 1
tiers: {read: [crm/find], irreversible: [crm/send]}
roles:
  agent: {tools: ["crm/*"], servers_may: [elicit]}
  quiet: {tools: ["crm/*"]}
redaction:
  arguments: {secrets: refuse, EMAIL_ADDRESS: mask}
  results: {secrets: refuse, EMAIL_ADDRESS: mask}
"""
SENSITIVE = {"hunter2": "SECRET", "bob@example.com": "EMAIL_ADDRESS"}
OFFERS: JsonObject = {"elicitation": {}, "sampling": {}, "roots": {}}
LOG = "notifications/message"
FIND = {"name": "x"}


@pytest.fixture
def crm() -> Upstream:
    return Upstream("crm", [definition("find", name="string"), definition("send")])


@pytest.fixture
def world(crm: Upstream) -> World:
    return World(POLICY, crm, sensitive=SENSITIVE)


async def opened(world: World, role: str = "agent", era: Era = Era.LEGACY, **offers: Any) -> Client:
    """A client that has offered things, and whose upstream has listed its tools already."""
    client = world.client(caller("ann", role), "crm", era)
    offered = offers.get("offers", OFFERS)
    if era is Era.LEGACY:
        await client.request("initialize", {"capabilities": offered, "clientInfo": {"name": "desk"}})
    client.session.capabilities = world.routes.allowed_offers(client.session, offered)
    await client.call("find", FIND)
    return client


def answers(crm: Upstream) -> list[JsonObject]:
    """What was sent to the upstream that is no request."""
    return [one for one in crm.received if "method" not in one]


@pytest.mark.parametrize("aside", [False, True])
async def test_a_notification_reaches_its_client_masked(world: World, crm: Upstream, aside: bool) -> None:
    client = await opened(world)
    said = notification(LOG, {"level": "info", "data": {"to": ["bob@example.com", 7]}})
    if aside:
        crm.aside.append(Note(said))
        await client.listen()
    else:
        crm.says = [said]
        await client.call("find", FIND)
    assert client.heard == [notification(LOG, {"level": "info", "data": {"to": ["<EMAIL_ADDRESS>", 7]}})]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (notification(LOG, {"data": "the password is hunter2"}), Reason.SENSITIVE_RESULT),
        (notification("notifications/progress", {"hunter2": 1}), Reason.SENSITIVE_RESULT),
        ({"jsonrpc": "2.0", "method": LOG, "params": ["hunter2"]}, Reason.RESULT_MALFORMED),
        ({"jsonrpc": "2.0", "method": LOG, "params": "hunter2"}, Reason.RESULT_MALFORMED),
    ],
)
async def test_a_notification_that_may_not_be_shown_stays_here_on_the_record(
    world: World, crm: Upstream, said: JsonObject, reason: Reason
) -> None:
    client = await opened(world)
    crm.says = [said]
    await client.call("find", FIND)
    assert client.heard == []
    refusal = next(one for one in world.records if one["kind"] == "refusal")
    assert (refusal["reason"], refusal["method"]) == (reason, said["method"])


@pytest.mark.parametrize(
    "said",
    [
        {"jsonrpc": "2.0", "method": "tools/call", "params": {}},
        {"jsonrpc": "2.0", "method": "anything"},
        {"jsonrpc": "2.0", "method": 7},
        {"jsonrpc": "2.0"},
        response("unheard-of", {"content": []}),
    ],
)
async def test_what_is_neither_notification_nor_request_stays_here(
    world: World, crm: Upstream, said: JsonObject
) -> None:
    client = await opened(world)
    crm.says = [said]
    await client.call("find", FIND)
    crm.aside.append(Note(said))
    await client.listen()
    assert client.heard == []


@pytest.mark.parametrize("params", [{}, {"params": None}, {"params": {"level": "info"}}])
async def test_of_a_notification_only_what_was_judged_is_passed_on(
    world: World, crm: Upstream, params: JsonObject
) -> None:
    client = await opened(world)
    crm.says = [{"jsonrpc": "2.0", "method": LOG, "more": "hunter2", **params}]
    await client.call("find", FIND)
    assert [one["method"] for one in client.heard] == [LOG]
    assert "hunter2" not in str(client.heard)


async def test_a_note_without_a_message_keeps_its_place_in_the_stream(world: World, crm: Upstream) -> None:
    client = await opened(world)
    heard: list[Note] = []

    async def hear(note: Note) -> None:
        heard.append(note)

    crm.aside.append(Note(None, "event-7", 3000))
    await world.gateway.listen(client.session, hear, None)
    assert heard == [Note(None, "event-7", 3000)]


async def test_a_server_asks_and_is_answered(world: World, crm: Upstream) -> None:
    client = await opened(world)
    crm.says = [request("q-1", "elicitation/create", {"message": "Mail bob@example.com?"})]
    await client.call("find", FIND)
    (asked,) = client.heard
    assert asked == request("q-1", "elicitation/create", {"message": "Mail <EMAIL_ADDRESS>?"})
    assert await client.answer(asked, {"action": "accept", "content": {"cc": "bob@example.com"}}) is None
    assert answers(crm) == [response("q-1", {"action": "accept", "content": {"cc": "<EMAIL_ADDRESS>"}})]


async def test_a_client_may_decline_with_an_error(world: World, crm: Upstream) -> None:
    client = await opened(world)
    crm.says = [request(7, "elicitation/create", {"message": "Sure?"})]
    await client.call("find", FIND)
    assert await client.decline(client.heard[0]) is None
    assert answers(crm) == [error(7, -1, "declined")]


async def test_an_answer_with_what_may_not_leave_is_refused_and_the_server_told(
    world: World, crm: Upstream
) -> None:
    client = await opened(world)
    crm.says = [request(7, "elicitation/create", {"message": "Password?"})]
    await client.call("find", FIND)
    refused = await client.answer(client.heard[0], {"action": "accept", "content": {"password": "hunter2"}})
    assert_refused(refused, Reason.SENSITIVE_ARGUMENTS)
    (told,) = answers(crm)
    assert (told["id"], told["error"]["code"]) == (7, REFUSED)
    assert world.records[-1]["reason"] == "sensitive-arguments"


async def test_nobody_answers_what_was_not_asked_or_answers_twice(world: World, crm: Upstream) -> None:
    client = await opened(world)
    assert_refused(await client.answer({"id": "made-up"}, {}), Reason.MALFORMED)
    crm.says = [request(7, "elicitation/create", {"message": "Sure?"})]
    await client.call("find", FIND)
    assert await client.answer(client.heard[0], {"action": "accept"}) is None
    assert_refused(await client.answer(client.heard[0], {"action": "accept"}), Reason.MALFORMED)
    other = await opened(world)
    assert_refused(await other.answer(client.heard[0], {}), Reason.MALFORMED)
    assert len(answers(crm)) == 1


@pytest.mark.parametrize(
    ("role", "offers", "method"),
    [
        ("quiet", OFFERS, "elicitation/create"),
        ("agent", OFFERS, "sampling/createMessage"),
        ("agent", OFFERS, "roots/list"),
        ("agent", {}, "elicitation/create"),
        ("agent", OFFERS, "tools/call"),
        ("agent", OFFERS, "anything"),
    ],
)
async def test_a_server_may_ask_only_what_policy_and_client_let_it(
    world: World, crm: Upstream, role: str, offers: JsonObject, method: str
) -> None:
    client = await opened(world, role, offers=offers)
    crm.says = [request(7, method, {"message": "Sure?"})]
    await client.call("find", FIND)
    assert client.heard == []
    assert [(one["id"], one["error"]["code"]) for one in answers(crm)] == [(7, METHOD_NOT_FOUND)]
    assert [one["reason"] for one in world.records if one["kind"] == "refusal"] == ["server-may-not"]


@pytest.mark.parametrize("params", [{"message": "hunter2"}, ["hunter2"]])
async def test_a_question_that_may_not_be_shown_is_refused_to_the_server(
    world: World, crm: Upstream, params: object
) -> None:
    client = await opened(world)
    crm.says = [{"jsonrpc": "2.0", "id": 7, "method": "elicitation/create", "params": params}]
    await client.call("find", FIND)
    assert client.heard == []
    assert [(one["id"], one["error"]["code"]) for one in answers(crm)] == [(7, REFUSED)]


async def test_a_server_that_asks_and_dies_takes_nobody_with_it(world: World, crm: Upstream) -> None:
    client = await opened(world, "quiet")
    crm.down = "crm: the process ended"
    asked, link = Note(request(7, "elicitation/create", {})), client.session.links["crm"]
    assert await world.gateway.relay.from_upstream(client.session, "crm", link, asked) is None


async def test_a_ping_reaches_the_client_and_its_answer_the_server(world: World, crm: Upstream) -> None:
    client = await opened(world, "quiet", offers={})
    crm.says = [{"jsonrpc": "2.0", "id": 7, "method": "ping"}]
    await client.call("find", FIND)
    assert [one["method"] for one in client.heard] == ["ping"]
    await client.answer(client.heard[0], {})
    assert answers(crm) == [response(7, {})]


async def test_a_ping_carries_nothing_past_the_policy(world: World, crm: Upstream) -> None:
    client = await opened(world)
    crm.says = [request(7, "ping", {"text": "hunter2"})]
    await client.call("find", FIND)
    assert client.heard == []


async def test_a_server_cannot_fill_the_memory_with_questions(world: World, crm: Upstream) -> None:
    client = await opened(world)
    crm.says = [request(number, "elicitation/create", {}) for number in range(1001)]
    await client.call("find", FIND)
    assert (len(client.heard), len(client.session.asked)) == (1000, 1000)
    assert [one["id"] for one in answers(crm)] == [1000]


async def test_in_the_newest_era_servers_ask_nothing_on_the_stream(world: World, crm: Upstream) -> None:
    client = await opened(world, era=Era.MODERN)
    for method in ("elicitation/create", "ping"):
        crm.says = [request(7, method, {})]
        await client.call("find", FIND)
    assert (client.heard, len(answers(crm))) == ([], 2)


def asking(*methods: str) -> JsonObject:
    wanted = {f"q{n}": {"method": method, "params": {"message": "?"}} for n, method in enumerate(methods)}
    return {"resultType": "input_required", "inputRequests": wanted, "requestState": "s"}


@pytest.mark.parametrize(
    ("role", "asked", "reason"),
    [
        ("agent", asking("elicitation/create"), None),
        ("agent", asking(), None),
        ("agent", {"resultType": "input_required", "requestState": "s"}, None),
        ("quiet", asking("elicitation/create"), Reason.SERVER_MAY_NOT),
        ("agent", asking("elicitation/create", "sampling/createMessage"), Reason.SERVER_MAY_NOT),
        ("agent", asking("tools/call"), Reason.SERVER_MAY_NOT),
        ("agent", {"resultType": "input_required", "inputRequests": {"q": "text"}}, Reason.SERVER_MAY_NOT),
        ("agent", {"resultType": "input_required", "inputRequests": {"q": {}}}, Reason.SERVER_MAY_NOT),
        ("agent", {"resultType": "input_required", "inputRequests": ["q"]}, Reason.RESULT_MALFORMED),
        ("agent", asking("hunter2"), Reason.SENSITIVE_RESULT),
    ],
)
async def test_a_result_that_asks_may_ask_only_what_the_policy_lets_servers_ask(
    world: World, crm: Upstream, role: str, asked: JsonObject, reason: Reason | None
) -> None:
    crm.results["find"] = asked
    client = world.client(caller("ann", role), "crm", Era.MODERN)
    client.session.capabilities = {"elicitation": {}, "sampling": {}, "roots": {}}
    reply = await client.call("find", FIND)
    if reason is None:
        assert result(reply) == asked
    else:
        assert_refused(reply, reason)
        assert (world.kinds()[-1], world.records[-1]["reason"]) == ("outcome withheld", reason)


@pytest.mark.parametrize(
    ("given", "sent", "reason"),
    [
        ({"q": {"action": "accept"}}, {"q": {"action": "accept"}}, None),
        ({"q": "bob@example.com"}, {"q": "<EMAIL_ADDRESS>"}, None),
        ({"q": {"content": {"password": "hunter2"}}}, None, Reason.SENSITIVE_ARGUMENTS),
    ],
)
async def test_answers_that_travel_with_a_repeat_are_held_to_the_policy_of_arguments(
    world: World, crm: Upstream, given: JsonObject, sent: JsonObject | None, reason: Reason | None
) -> None:
    client = world.client(caller("ann", "agent"), "crm", Era.MODERN)
    reply = await client.call("find", FIND, inputResponses=given, requestState="s")
    if reason is None:
        assert [(one["inputResponses"], one["requestState"]) for one in crm.calls] == [(sent, "s")]
    else:
        assert_refused(reply, reason)
        assert (crm.calls, world.kinds()) == ([], ["refusal"])


async def test_a_late_answer_on_another_stream_is_released_like_any_other(
    world: World, crm: Upstream
) -> None:
    crm.later.add("find")
    client = world.client(caller("ann", "agent"), "crm")
    assert await client.call("find", FIND) is None
    assert world.kinds() == ["intent"]
    crm.aside.append(Note(response(1, text("mail bob@example.com"))))
    await client.listen()
    assert client.heard == [response(1, text("mail <EMAIL_ADDRESS>"))]
    assert world.kinds() == ["intent", "outcome delivered"]
    crm.aside.append(Note(response(1, text("once more"))))
    await client.listen()
    assert len(client.heard) == 1


async def test_a_late_answer_that_is_withheld_says_so_to_the_client(world: World, crm: Upstream) -> None:
    crm.later.add("find")
    client = world.client(caller("ann", "agent"), "crm")
    await client.call("find", FIND)
    crm.aside.append(Note(response(1, text("the password is hunter2")), "event-1"))
    await client.listen()
    (told,) = client.heard
    assert (told["id"], told["result"]["isError"]) == (1, True)
    assert "hunter2" not in str(told)
    assert world.records[-1]["reason"] == "sensitive-result"
