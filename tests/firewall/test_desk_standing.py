"""At the desk: edits, grants, offers, pauses, what is hidden on a card, and whose call is whose."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from toolgate.approvals.approvers import Approver
from toolgate.approvals.counter import UNKNOWN_ID
from toolgate.approvals.desk import Card, Declined, Desk, Granted
from toolgate.core.model import Approval, JsonObject
from toolgate.core.reasons import Reason
from toolgate.core.standing import Pause
from toolgate.policy.matchers import pattern
from toolgate.testing import Client, Upstream, World, assert_refused, caller, definition
from toolgate.upstream.link import Note
from toolgate.verdicts import Held, Reply

POLICY = """
version: 1
unlisted: hold
tiers: {read: [mail/list], irreversible: [mail/send], privileged: [mail/wipe]}
roles:
  agent: {tools: ["mail/*"]}
  lead: {may_approve: [irreversible]}
  admin: {may_approve: [irreversible, privileged]}
tools:
  mail/send: {when: {to: {each: {suffix: [.example, .com]}}}}
redaction: {arguments: {IP_ADDRESS: mask}}
"""
LEAD, ADMIN = Approver("lead", ("lead",), ""), Approver("admin", ("admin",), "")
NOBODY = Approver("nobody", ("agent",), "")
ANN = caller("ann", "agent")
TO: JsonObject = {"to": ["bob@a.example", "eve@b.example"], "body": "hello"}
SENSITIVE = {"10.0.0.1": "IP_ADDRESS", "DE02100100109307118603": "IBAN_CODE", "4111": "CREDIT_CARD"}


@pytest.fixture
def mail() -> Upstream:
    send = definition("send", to={"type": "array", "items": {"type": "string"}}, body="string")
    return Upstream(
        "mail", [definition("list"), {**send, "title": "Send"}, definition("wipe"), definition("new")]
    )


@pytest.fixture
def world(mail: Upstream) -> World:
    return World(POLICY, mail, sensitive=SENSITIVE)


@pytest.fixture
def client(world: World) -> Client:
    return world.client(ANN, "mail")


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(
        world.store,
        world.keyring,
        Path("nowhere"),
        world.policies,
        "cli",
        world.clock.now,
        detectors=world.spotter,
        patterns=pattern,
        announcer=world.announcer,
    )


async def held(client: Client, arguments: JsonObject = TO, name: str = "send") -> Approval:
    reply = await client.call(name, arguments)
    assert isinstance(reply, Held), reply
    return reply.approval


def sent(reply: Reply | None) -> JsonObject:
    assert isinstance(reply, Note), reply
    assert reply.message is not None
    found: JsonObject = reply.message["result"]
    return found


def granted(done: Granted | Declined) -> Granted:
    assert isinstance(done, Granted), done
    return done


def why(done: object) -> str:
    assert isinstance(done, Declined), done
    return done.why


async def test_the_card_says_how_the_call_came_and_what_its_tool_takes(client: Client, desk: Desk) -> None:
    waiting = await held(client)
    card = await desk.card(waiting.id)
    assert isinstance(card, Card)
    assert (card.arguments, card.asked, card.hidden) == (TO, None, ())
    assert (card.title, card.roles, sorted(card.schema["required"])) == ("Send", ("agent",), ["body", "to"])
    assert (card.approval.credential, card.approval.why, card.similar) == ("key-ann", "tier", ())


async def test_what_is_too_sensitive_to_show_is_hidden_until_somebody_with_the_right_reveals_it(
    world: World, client: Client, desk: Desk
) -> None:
    secret: JsonObject = {**TO, "body": "pay DE02100100109307118603 from 10.0.0.1"}
    waiting = await held(client, secret)
    card = await desk.card(waiting.id)
    assert isinstance(card, Card)
    assert card.hidden == ("IBAN_CODE",)
    assert card.arguments == {**TO, "body": "pay <IBAN_CODE> from <IP_ADDRESS>"}
    assert why(await desk.reveal(NOBODY, waiting.id)).startswith("nobody may not approve")
    shown = await desk.reveal(LEAD, waiting.id)
    assert isinstance(shown, Card)
    assert shown.hidden == ()
    assert shown.arguments == {**TO, "body": "pay DE02100100109307118603 from <IP_ADDRESS>"}
    last = world.records[-1]
    assert (last["status"], last["approver"], last["approval"]) == ("revealed", "lead", waiting.id)
    assert why(await desk.reveal(LEAD, "ap-0")) == UNKNOWN_ID


@pytest.mark.parametrize(
    ("edited", "told"),
    [
        ({"to": "bob@a.example", "body": "x"}, "$.to: expected"),
        ({"to": ["bob@a.example"]}, "$: expected"),
        ({"to": ["bob@a.test"], "body": "x"}, "to[0]: expected text that ends with"),
        ({"to": [], "body": "card 4111"}, "found CREDIT_CARD"),
    ],
)
async def test_changed_arguments_are_judged_like_any_call(
    client: Client, desk: Desk, edited: JsonObject, told: str
) -> None:
    waiting = await held(client)
    assert told in why(await desk.approve(LEAD, waiting.id, edited=edited))
    found = await desk.card(waiting.id)
    assert found is not None
    assert (found.approval.state, found.approval.sends) == ("pending", "")


async def test_changed_arguments_are_masked_like_any_call(
    world: World, mail: Upstream, client: Client, desk: Desk
) -> None:
    waiting = await held(client)
    edited: JsonObject = {"to": ["bob@a.example"], "body": "from 10.0.0.1"}
    assert not isinstance(await desk.approve(LEAD, waiting.id, edited=edited), Declined)
    told = sent(await client.call("send", TO))
    assert mail.calls[0]["arguments"] == {"to": ["bob@a.example"], "body": "from <IP_ADDRESS>"}
    assert told["_meta"]["toolgate/approval"]["edited"] == ["body: changed", "to[1]: removed"]
    assert "10.0.0.1" not in str(told)
    card = await desk.card(waiting.id)
    assert card is not None
    assert card.asked == TO


async def test_a_mask_on_the_card_is_no_value_to_send(client: Client, desk: Desk) -> None:
    waiting = await held(client, {**TO, "body": "DE02100100109307118603"})
    edited: JsonObject = {"to": ["bob@a.example"], "body": "<IBAN_CODE>"}
    assert "reveal it first" in why(await desk.approve(LEAD, waiting.id, edited=edited))


async def test_a_desk_without_detectors_takes_no_edits(world: World, client: Client) -> None:
    waiting = await held(client)
    bare = Desk(world.store, world.keyring, Path("x"), world.policies.current, "cli", world.clock.now)
    assert "sensitive data" in why(await bare.approve(LEAD, waiting.id, edited=TO))
    assert "makes no grants" in why(await bare.grant(LEAD, waiting.id))


async def test_nobody_decides_a_call_made_with_the_credential_he_signed_in_with(
    client: Client, desk: Desk
) -> None:
    waiting = await held(client)
    self_approving = replace(LEAD, credential="key-ann")
    for done in (
        await desk.approve(self_approving, waiting.id),
        await desk.deny(self_approving, waiting.id),
        await desk.grant(self_approving, waiting.id),
    ):
        assert "your own call" in why(done)
    other = replace(LEAD, credential="key-lead")
    assert not isinstance(await desk.approve(other, waiting.id), Declined)


async def test_a_grant_lets_its_calls_go_unasked_as_often_as_it_says(
    world: World, mail: Upstream, client: Client, desk: Desk
) -> None:
    waiting = await held(client)
    made = granted(
        await desk.grant(LEAD, waiting.id, {"to": {"each": {"domain": ["a.example"]}}, "body": "any"}, 2)
    )
    assert made.broad == ("body",)
    for number in range(2):
        sent(await client.call("send", {"to": ["bob@a.example"], "body": str(number)}))
    await held(client, {"to": ["bob@a.example"], "body": "3"})
    assert [one["grant"] for one in world.records if one["kind"] == "intent"] == [made.grant.id] * 2
    assert [(one.used, one.state) for one in await desk.grants()] == [(2, "used-up")]
    assert len(mail.calls) == 2


async def test_a_grant_without_a_pattern_is_for_these_very_arguments(client: Client, desk: Desk) -> None:
    waiting = await held(client)
    granted(await desk.grant(LEAD, waiting.id, seconds=60.0))
    sent(await client.call("send", TO))
    sent(await client.call("send", TO))
    await held(client, {**TO, "body": "hello!"})


async def test_a_grant_covers_no_other_caller_and_no_argument_it_does_not_name(
    world: World, client: Client, desk: Desk
) -> None:
    world.change(POLICY.replace("tools:\n  mail/send", "tools:\n  mail/other"))
    waiting = await held(client)
    granted(await desk.grant(LEAD, waiting.id, {"to": "any", "body": "any"}))
    await held(client, {**TO, "bcc": ["eve@evil.test"]})
    reply = await world.client(caller("bob", "agent"), "mail").call("send", TO)
    assert isinstance(reply, Held)


async def test_a_grant_ends_when_it_is_revoked_when_time_is_up_and_when_the_tool_changes(
    world: World, mail: Upstream, client: Client, desk: Desk
) -> None:
    waiting = await held(client)
    first = granted(await desk.grant(LEAD, waiting.id, {"to": "any", "body": "any"}))
    sent(await client.call("send", TO))
    assert granted(await desk.revoke(LEAD, first.grant.id)).state == "revoked"
    assert why(await desk.revoke(LEAD, first.grant.id)) == "it is revoked already"
    again = await held(client, {**TO, "body": "2"})
    granted(await desk.grant(LEAD, again.id, {"to": "any", "body": "any"}, seconds=60.0))
    world.clock.forward(60.0)
    third = await held(client, {**TO, "body": "3"})
    granted(await desk.grant(LEAD, third.id, {"to": "any", "body": "any"}))
    tools = list(mail.tools)
    mail.tools = [tools[0], {**tools[1], "description": "sends it to everybody"}, *tools[2:]]
    world.routes.catalogue("mail").stale()
    await held(client, {**TO, "body": "4"})
    assert sorted(one.state for one in await desk.grants("ann")) == ["expired", "live", "revoked"]
    assert await desk.grants("bob") == []


async def test_what_may_not_be_granted(world: World, client: Client, desk: Desk) -> None:
    waiting, wiping = await held(client), await held(client, {}, "wipe")
    new = await held(client, {}, "new")
    assert why(await desk.grant(ADMIN, wiping.id)) == "by the policy every privileged call is asked about"
    assert "approve it first" in why(await desk.grant(ADMIN, new.id))
    assert "may not approve irreversible" in why(await desk.grant(NOBODY, waiting.id))
    assert "to: expected" in why(await desk.grant(LEAD, waiting.id, {"to": {"regex": "("}}))
    assert "expected 1 to 1000 uses" in why(await desk.grant(LEAD, waiting.id, uses=0))
    assert "within 90 days" in why(await desk.grant(LEAD, waiting.id, seconds=91 * 86400.0))
    assert why(await desk.grant(LEAD, "ap-0")) == UNKNOWN_ID
    assert why(await desk.revoke(LEAD, "gr-0")) == "no such grant"


async def test_a_grant_that_we_did_not_seal_is_none(world: World, client: Client, desk: Desk) -> None:
    waiting = await held(client)
    made = granted(await desk.grant(LEAD, waiting.id, {"to": "any", "body": "any"}))
    shelf = world.store.shelf
    granting, kept = shelf.grants[made.grant.id]
    shelf.grants[made.grant.id] = (granting, kept._replace(sealed=b"forged"))
    await held(client)
    other = replace(granting, caller="bob")
    shelf.grants[made.grant.id] = (other, kept)
    reply = await world.client(caller("bob", "agent"), "mail").call("send", TO)
    assert isinstance(reply, Held)


async def test_after_similar_approvals_the_card_offers_the_grant_that_would_have_covered_them(
    client: Client, desk: Desk
) -> None:
    for number in range(2):
        waiting = await held(client, {"to": ["bob@a.example"], "body": f"text {number}"})
        card = await desk.card(waiting.id)
        assert card is not None
        assert card.offer is None
        await desk.approve(LEAD, waiting.id)
    third = await held(client, {"to": ["eve@a.example"], "body": "another"})
    card = await desk.card(third.id)
    assert card is not None
    assert card.offer is not None
    assert card.offer.pattern == {"to": {"each": {"domain": ["a.example"]}}, "body": "any"}
    assert (card.offer.like, card.offer.broad, len(card.similar)) == (2, ("body",), 2)
    granted(await desk.grant(LEAD, third.id, card.offer.pattern))
    sent(await client.call("send", {"to": ["mia@a.example"], "body": "a fourth"}))


@pytest.mark.parametrize(
    ("where", "stopped", "goes_on"),
    [
        ({}, "list", ""),
        ({"upstream": "mail"}, "list", ""),
        ({"upstream": "mail", "tool": "list"}, "list", "new"),
        ({"caller": "ann"}, "list", ""),
    ],
)
async def test_what_is_paused_is_refused_from_the_next_call_on(
    world: World, client: Client, desk: Desk, where: dict[str, str], stopped: str, goes_on: str
) -> None:
    sent(await client.call(stopped))
    made = await desk.pause(LEAD, **where)
    assert isinstance(made, Pause)
    assert_refused(await client.call(stopped), Reason.PAUSED)
    if goes_on:
        await held(client, {}, goes_on)
    assert why(await desk.pause(LEAD, **where)) == "it is paused already"
    assert await desk.pauses() == (made,)
    assert await desk.resume(LEAD, made.id) == (made,)
    sent(await client.call(stopped))
    kinds = [(one["kind"], one["status"]) for one in world.records if one["kind"] == "pause"]
    assert kinds == [("pause", "paused"), ("pause", "resumed")]


async def test_a_pause_comes_before_an_approval_and_a_stored_result(
    world: World, mail: Upstream, client: Client, desk: Desk
) -> None:
    waiting = await held(client)
    await desk.approve(LEAD, waiting.id)
    await desk.pause(LEAD)
    assert_refused(await client.call("send", TO), Reason.PAUSED)
    await desk.resume(LEAD)
    sent(await client.call("send", TO))
    await desk.pause(LEAD)
    assert_refused(await client.call("send", TO), Reason.PAUSED)
    assert len(mail.calls) == 1


async def test_pausing_takes_the_right_to_approve_something(desk: Desk) -> None:
    assert "may not approve" in why(await desk.pause(NOBODY))
    assert "may not approve" in why(await desk.resume(NOBODY))
    assert "without its upstream" in why(await desk.pause(LEAD, tool="send"))
    assert "nothing of this" in why(await desk.resume(LEAD))
    assert "nothing of this" in why(await desk.resume(LEAD, "pa-0"))


async def test_people_hear_of_holds_decisions_and_floods(world: World, client: Client, desk: Desk) -> None:
    world.change(POLICY + "approval: {prompts: 2/hour, reversible: {channels: [webhook]}}\n")
    first = await held(client)
    await held(client)
    await desk.deny(LEAD, first.id)
    await held(client, {**TO, "body": "2"})
    for number in (3, 4):
        assert_refused(await client.call("send", {**TO, "body": str(number)}), Reason.RATE_LIMITED)
    assert [one.kind for one in world.announcer.news] == ["held", "decided", "held", "flooded"]
    assert world.announcer.news[-1].approval.id == ""  # there is nothing to look at
    assert world.announcer.news[1].approval.decided_by == "lead"


@pytest.mark.parametrize(("said", "limited"), [("", True), ("approval: {prompts: null}\n", False)])
async def test_nobody_is_flooded_by_a_policy_that_says_nothing_of_it(
    world: World, client: Client, said: str, limited: bool
) -> None:
    world.change(POLICY + said)
    replies = [await client.call("send", {**TO, "body": str(number)}) for number in range(61)]
    assert all(isinstance(one, Held) for one in replies[:60])
    assert isinstance(replies[60], Held) is not limited


async def test_people_hear_of_reversible_calls_where_the_policy_says_so(world: World, client: Client) -> None:
    reversible = POLICY.replace("irreversible: [mail/send]", "reversible: [mail/send]")
    world.change(reversible)
    sent(await client.call("send", TO))
    assert world.announcer.news == []
    world.change(reversible + "approval: {reversible: {channels: [cli, slack]}}\n")
    sent(await client.call("send", TO))
    (news,) = world.announcer.news
    assert (news.kind, news.channels, news.approval.target) == ("forwarded", ("cli", "slack"), "send")
    held_back = await client.call("send", {**TO, "body": "DE02100100109307118603"})
    assert isinstance(held_back, Held)
    assert held_back.approval.why == "findings"
