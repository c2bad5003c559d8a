"""Our question and an upstream's own (MCP 2026-07-28 MRTR) nest: nobody is asked twice, nothing leaks."""

from __future__ import annotations

import pytest

from toolgate.approvals.elicit import KEY
from toolgate.core.model import JsonObject
from toolgate.core.reasons import Reason
from toolgate.protocol.versions import Era
from toolgate.testing import Client, Upstream, World, assert_refused, caller, definition, result, text
from toolgate.upstream.link import Note
from toolgate.verdicts import Held

POLICY = """
version: 1
tiers: {irreversible: [mail/send], read: [mail/list]}
roles: {agent: {tools: ["mail/*"], servers_may: [elicit]}}
approval: {irreversible: {channels: [elicit, cli], expires: 10m}}
redaction: {arguments: {EMAIL_ADDRESS: refuse}}
"""
YES: JsonObject = {KEY: {"action": "accept", "content": {"approve": True}}}
THEIRS: JsonObject = {"theirs": {"action": "accept", "content": {"x": 1}}}
TO: JsonObject = {"to": "bob"}


def asks(params: JsonObject) -> JsonObject:
    """An upstream that asks for input once and then is done."""
    if "inputResponses" in params:
        return text("sent", resultType="complete")
    form = {"method": "elicitation/create", "params": {"mode": "form", "message": "Which x?"}}
    return {
        "resultType": "input_required",
        "inputRequests": {"theirs": form},
        "requestState": "upstream state",
    }


@pytest.fixture
def mail() -> Upstream:
    return Upstream("mail", [definition("send", to="string"), definition("list")], results={"send": asks})


@pytest.fixture
def world(mail: Upstream) -> World:
    return World(POLICY, mail, sensitive={"bob@example.com": "EMAIL_ADDRESS"})


@pytest.fixture
def client(world: World) -> Client:
    made = world.client(caller("ann", "agent"), "mail", Era.MODERN)
    made.session.capabilities = {"elicitation": {}}
    return made


async def test_an_approved_call_whose_upstream_asks_goes_on_without_asking_again(
    world: World, mail: Upstream, client: Client
) -> None:
    ours = result(await client.call("send", TO))
    theirs = result(await client.call("send", TO, inputResponses=YES, requestState=ours["requestState"]))
    assert (list(theirs["inputRequests"]), theirs["requestState"]) == (["theirs"], "upstream state")
    done = result(await client.call("send", TO, inputResponses=THEIRS, requestState="upstream state"))
    assert done["content"] == text("sent")["content"]
    first, second = mail.calls
    assert "inputResponses" not in first
    assert "requestState" not in first
    assert (second["inputResponses"], second["requestState"]) == (THEIRS, "upstream state")
    assert world.kinds().count("decision approved") == 1


async def test_what_an_upstream_asked_before_the_hold_reaches_it_after_the_approval(
    world: World, mail: Upstream, client: Client
) -> None:
    """The call comes with an upstream's state, and only now a person is asked: both go on together."""
    ours = result(await client.call("send", TO, inputResponses=THEIRS, requestState="upstream state"))
    assert list(ours["inputRequests"]) == [KEY]
    done = result(await client.call("send", TO, inputResponses=YES, requestState=ours["requestState"]))
    assert done["content"] == text("sent")["content"]
    (sent,) = mail.calls
    assert (sent["inputResponses"], sent["requestState"]) == (THEIRS, "upstream state")


async def test_the_answer_to_us_never_reaches_the_upstream_and_theirs_is_judged(
    world: World, mail: Upstream, client: Client
) -> None:
    ours = result(await client.call("send", TO))
    secret: JsonObject = {**YES, "theirs": {"action": "accept", "content": {"x": "bob@example.com"}}}
    reply = await client.call("send", TO, inputResponses=secret, requestState=ours["requestState"])
    assert_refused(reply, Reason.SENSITIVE_ARGUMENTS)
    both: JsonObject = {**YES, **THEIRS}
    result(await client.call("send", TO, inputResponses=both, requestState=ours["requestState"]))
    (sent,) = mail.calls
    assert sent["inputResponses"] == THEIRS


async def test_an_upstreams_own_state_passes_untouched(mail: Upstream, client: Client) -> None:
    mail.results["list"] = text("listed", resultType="complete")
    result(await client.call("list", inputResponses=THEIRS, requestState="tg2.not ours"))
    assert mail.calls[0]["requestState"] == "tg2.not ours"


@pytest.mark.parametrize("state", ["tg1.", "tg1.AAAA", "tg1.%%%", "tg1." + "A" * 10_000])
async def test_a_state_that_claims_to_be_ours_and_is_not_is_refused(
    mail: Upstream, client: Client, state: str
) -> None:
    for name in ("send", "list"):
        reply = await client.call(name, TO, inputResponses=YES, requestState=state)
        assert_refused(reply, Reason.APPROVAL_UNKNOWN)
    assert mail.calls == []


@pytest.mark.parametrize(
    "said",
    [
        {},
        {KEY: {}},
        {KEY: {"action": "accept"}},
        {KEY: {"action": "accept", "content": {"approve": "true"}}},
        {KEY: {"action": "accept", "content": {"approve": 1}}},
        {KEY: "accept"},
        {KEY: None},
        {"other": {"action": "accept", "content": {"approve": True}}},
    ],
)
async def test_only_a_clear_yes_is_one(mail: Upstream, client: Client, said: JsonObject) -> None:
    ours = result(await client.call("send", TO))
    reply = await client.call("send", TO, inputResponses=said, requestState=ours["requestState"])
    assert not isinstance(reply, Note)
    assert mail.calls == []


async def test_arguments_too_long_for_a_form_go_to_the_next_channel(mail: Upstream, client: Client) -> None:
    assert isinstance(await client.call("send", {"to": "x" * 5000}), Held)


async def test_a_client_is_not_asked_what_it_did_not_declare(client: Client) -> None:
    offers: list[JsonObject] = [{}, {"elicitation": {"url": {}}}, {"elicitation": None}, {"sampling": {}}]
    for declared in offers:
        client.session.capabilities = declared
        assert isinstance(await client.call("send", TO), Held)


async def test_what_is_shown_is_what_is_sent_and_cannot_pass_for_something_else(client: Client) -> None:
    evil: JsonObject = {"to": "bob\x1b[2K\u202egnp.exe\nApproved: yes"}
    shown = result(await client.call("send", evil))["inputRequests"][KEY]["params"]["message"]
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert not any(line.startswith("Approved") for line in shown.splitlines())
