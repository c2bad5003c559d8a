"""What redaction changes in a held call: shown and sent as the policy says, judged again by what came."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from toolgate.approvals.approvers import Approver
from toolgate.approvals.desk import Card, Declined, Desk
from toolgate.core.model import Approval, JsonObject
from toolgate.core.present import CONTINUE
from toolgate.policy.matchers import pattern
from toolgate.testing import Client, Upstream, World, caller, definition, text
from toolgate.upstream.link import Note
from toolgate.verdicts import Held, Reply

BOB, EVE = "bob@a.example", "eve@a.example"
SENSITIVE = {BOB: "EMAIL_ADDRESS", EVE: "EMAIL_ADDRESS", "DE021": "IBAN_CODE", "GB29N": "IBAN_CODE"}
LEAD = Approver("lead", ("lead",), "")
# A condition and a schema that no mask, pseudonym or hash meets.
POLICY = """
version: 1
tiers: {{irreversible: [mail/send]}}
roles:
  agent: {{tools: [mail/send]}}
  lead: {{may_approve: [irreversible]}}
tools: {{mail/send: {{when: {{to: {{each: {{suffix: [.example]}}}}}}}}}}
redaction:
  arguments: {{EMAIL_ADDRESS: {action}, IBAN_CODE: {action}, other: allow}}
"""
SEND = definition(
    "send",
    to={"type": "array", "items": {"type": "string"}},
    account={"type": "string", "maxLength": 5},
    body={"type": "string"},
)
ASKED: JsonObject = {"to": [BOB, EVE], "account": "DE021", "body": f"for {BOB}"}
HOW = {
    "mask": (r"<EMAIL_ADDRESS>", r"<IBAN_CODE>"),
    "hash": (r"<email#\w{10}>", r"<iban#\w{10}>"),
    "pseudonym": (r"<email-\w{10}>", r"<iban-\w{10}>"),
}


@pytest.fixture
def mail() -> Upstream:
    return Upstream("mail", [SEND], results={"send": lambda _: text("sent")})


@pytest.fixture(params=HOW)
def action(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def world(mail: Upstream, action: str) -> World:
    return World(POLICY.format(action=action), mail, sensitive=SENSITIVE)


@pytest.fixture
def client(world: World) -> Client:
    return world.client(caller("ann", "agent"), "mail")


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
    )


async def held(client: Client) -> Approval:
    reply = await client.call("send", ASKED)
    assert isinstance(reply, Held), reply
    return reply.approval


async def goes_on(client: Client, approval: Approval, by: str) -> Reply | None:
    if by == "repeat":
        return await client.call("send", ASKED)
    return await client.call(CONTINUE, {"approval": approval.id})


def sent(mail: Upstream) -> JsonObject:
    (only,) = mail.calls
    found: JsonObject = only["arguments"]
    return found


async def shown(desk: Desk, approval: Approval) -> JsonObject:
    card = await desk.card(approval.id)
    assert isinstance(card, Card)
    assert card.arguments is not None
    return card.arguments


@pytest.mark.parametrize("by", ["repeat", "continue"])
async def test_a_call_is_sent_as_its_card_showed_it_however_it_goes_on(
    mail: Upstream, client: Client, desk: Desk, action: str, by: str
) -> None:
    waiting = await held(client)
    seen = await shown(desk, waiting)
    email, iban = HOW[action]
    assert re.fullmatch(email, seen["to"][0])
    assert re.fullmatch(iban, seen["account"])
    assert not isinstance(await desk.approve(LEAD, waiting.id), Declined)
    assert isinstance(await goes_on(client, waiting, by), Note)
    assert sent(mail) == seen


@pytest.mark.parametrize("by", ["repeat", "continue"])
async def test_an_edit_is_redacted_like_any_call_and_sent(
    mail: Upstream, client: Client, desk: Desk, action: str, by: str
) -> None:
    waiting = await held(client)
    edited: JsonObject = {"to": [EVE], "account": "GB29N", "body": f"not for {BOB}"}
    done = await desk.approve(LEAD, waiting.id, edited=edited)
    assert not isinstance(done, Declined), done
    seen = await shown(desk, waiting)
    assert isinstance(await goes_on(client, waiting, by), Note)
    email, iban = HOW[action]
    assert re.fullmatch(email, sent(mail)["to"][0])
    assert re.fullmatch(iban, sent(mail)["account"])
    assert re.fullmatch(f"not for {email}", sent(mail)["body"])
    assert sent(mail) == seen
    assert isinstance(await goes_on(client, waiting, by), Note)
    assert len(mail.calls) == 1


async def test_what_an_approver_leaves_as_the_card_shows_it_stays_what_the_caller_gave(
    world: World, mail: Upstream, client: Client, desk: Desk, action: str
) -> None:
    waiting = await held(client)
    seen = await shown(desk, waiting)
    done = await desk.approve(LEAD, waiting.id, edited={**seen, "body": "short"})
    assert not isinstance(done, Declined), done
    assert isinstance(await goes_on(client, waiting, "continue"), Note)
    assert sent(mail) == {**seen, "body": "short"}
    decision = next(one for one in world.records if one["kind"] == "decision")
    assert decision["edited"] == ["body: changed"]
    assert BOB not in repr(world.records)


async def test_one_of_several_can_be_taken_away_where_the_card_tells_them_apart(
    mail: Upstream, client: Client, desk: Desk, action: str
) -> None:
    waiting = await held(client)
    seen = await shown(desk, waiting)
    done = await desk.approve(LEAD, waiting.id, edited={**seen, "to": seen["to"][:1]})
    if action == "mask":  # <EMAIL_ADDRESS> is either, and the condition says that it is no address
        assert isinstance(done, Declined)
        return
    assert not isinstance(done, Declined), done
    assert isinstance(await goes_on(client, waiting, "repeat"), Note)
    assert sent(mail) == {**seen, "to": seen["to"][:1]}


@pytest.mark.parametrize("action", ["mask"])
async def test_what_was_held_is_judged_by_the_policy_of_the_moment(
    world: World, mail: Upstream, client: Client, desk: Desk
) -> None:
    waiting = await held(client)
    assert not isinstance(await desk.approve(LEAD, waiting.id), Declined)
    world.change(POLICY.format(action="allow"))
    assert not isinstance(await goes_on(client, waiting, "continue"), Note)
    assert mail.calls == []


@pytest.mark.parametrize("action", ["mask"])
async def test_what_json_cannot_carry_exactly_is_no_edit_and_no_bound(client: Client, desk: Desk) -> None:
    waiting = await held(client)
    for odd in (1e400, float("nan"), 2**64, -(2**63) - 1, "\ud800"):
        done = await desk.approve(LEAD, waiting.id, edited={**ASKED, "body": odd})
        assert isinstance(done, Declined)
        assert done.why.startswith("the changed arguments: found")
        none = await desk.grant(LEAD, waiting.id, {"body": {"equals": odd}})
        assert isinstance(none, Declined)
        assert none.why.startswith("the pattern: found")
    assert await desk.grants() == []
    assert isinstance(await client.call("send", ASKED), Held)


@pytest.mark.parametrize("action", ["allow"])
@pytest.mark.parametrize(
    ("spec", "other"),
    [
        ({"body": {"equals": "another"}}, "body"),
        ({"to": {"each": {"equals": "another"}}}, "to"),
        ({"to": {"any": {"each": {"equals": BOB}}}}, "to"),
        ({"to": {"each": {"equals": BOB}}, "account": "any", "body": {"equals": f"for {BOB}"}}, ""),
    ],
)
async def test_what_reads_as_approved_is_what_the_call_had(
    client: Client, desk: Desk, spec: JsonObject, other: str
) -> None:
    waiting = await held(client)
    done = await desk.grant(LEAD, waiting.id, spec)
    if other:
        assert isinstance(done, Declined)
        assert done.why.startswith(f"the pattern: {other}: expected `equals`")
    else:
        assert not isinstance(done, Declined), done
        assert done.words[0] == "to: a list whose every item is exactly what was approved"
