"""Pseudonyms from a result to the next call, through a whole gateway: who gets a value and who never does."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from toolgate.core.model import JsonObject, Refuse
from toolgate.core.reasons import Reason
from toolgate.protocol.versions import Era
from toolgate.testing import Client, Upstream, World, assert_refused, caller, definition, result, text
from toolgate.upstream.link import Note
from toolgate.verdicts import Held, Reply

JANE, PHONE = "jane@example.com", "+1 415 555 0132"
POLICY = """
version: 1
tiers: {read: ["crm/find", "crm/card"], reversible: ["crm/write", "mail/draft"], irreversible: [mail/send]}
roles: {agent: {tools: ["*/*"], may_approve: [irreversible]}}
tools:
  mail/draft: {destinations_in: [to]}
  mail/send: {destinations_in: [to]}
redaction:
  results: {other: allow}
  upstreams: {crm: {results: {EMAIL_ADDRESS: pseudonym, PHONE_NUMBER: hash}}}
  restore: {"mail/{draft,send}": {to: [EMAIL_ADDRESS]}}
"""
SENSITIVE = {JANE: "EMAIL_ADDRESS", PHONE: "PHONE_NUMBER"}
CARD = {
    **definition("card"),
    "outputSchema": {
        "type": "object",
        "properties": {"mail": {"type": "string", "pattern": "^[^@ <>]+@[^@ <>]+$"}},
        "required": ["mail"],
    },
}
ANN, BOB = caller("ann", "agent"), caller("bob", "agent")


@pytest.fixture
def crm() -> Upstream:
    return Upstream("crm", [definition("find"), definition("write", content="string"), CARD])


@pytest.fixture
def mail() -> Upstream:
    address = {"type": "string", "maxLength": 200}
    tools = [definition(name, to=address, body="string") for name in ("draft", "send")]
    return Upstream("mail", tools)


@pytest.fixture
def world(crm: Upstream, mail: Upstream) -> World:
    crm.results["find"] = lambda _: text(f"{JANE} or {PHONE}")
    crm.results["write"] = lambda _: text("written")
    crm.results["card"] = lambda _: text("x", structuredContent={"mail": JANE})
    for name in ("draft", "send"):
        mail.results[name] = lambda sent: text(f"to {sent['arguments']['to']}")
    return World(POLICY, crm, mail, sensitive=SENSITIVE)


def said(reply: Reply | None) -> str:
    found: str = result(reply)["content"][0]["text"]
    return found


async def looked_up(client: Client) -> str:
    """The pseudonym of the customer, as the agent sees it."""
    return said(await client.call("crm__find")).partition(" ")[0]


def sent(upstream: Upstream) -> JsonObject:
    found: JsonObject = upstream.received[-1]["params"]["arguments"]
    return found


async def test_a_customer_is_looked_up_stays_a_pseudonym_and_is_mailed_at_the_real_address(
    world: World, mail: Upstream
) -> None:
    client = world.client(ANN)
    seen = said(await client.call("crm__find"))
    assert JANE not in seen
    assert PHONE not in seen
    token = seen.partition(" ")[0]
    answer = said(await client.call("mail__draft", dict(to=token, body="hello")))
    assert sent(mail) == {"to": JANE, "body": "hello"}
    assert answer == f"to {token}"


async def test_what_is_kept_of_it_tells_nothing(world: World) -> None:
    client = world.client(ANN)
    await client.call("mail__draft", dict(to=await looked_up(client)), body="x")
    kept = repr(world.store.shelf.aliases) + orjson.dumps(world.records).decode()
    assert world.store.shelf.aliases
    assert JANE not in kept
    assert "ann|" not in repr(world.store.shelf.aliases)


async def test_another_caller_gets_nothing_for_it(world: World, mail: Upstream) -> None:
    token = await looked_up(world.client(ANN))
    before = len(mail.received)
    assert_refused(
        await world.client(BOB).call("mail__draft", dict(to=token, body="x")), Reason.PSEUDONYM_UNKNOWN
    )
    assert not [one for one in mail.received[before:] if one.get("method") == "tools/call"]


async def test_an_argument_the_policy_does_not_name_refuses_it(world: World) -> None:
    client = world.client(ANN)
    token = await looked_up(client)
    reply = await client.call("mail__draft", dict(to="a@b.example", body=f"mail {token}"))
    assert_refused(reply, Reason.PSEUDONYM_UNKNOWN)
    assert isinstance(reply, Refuse)
    assert token not in reply.detail


async def test_one_that_was_miscopied_refuses_instead_of_being_mailed(world: World) -> None:
    client = world.client(ANN)
    token = await looked_up(client)
    wrong = token[:-2] + ("0" if token[-2] != "0" else "1") + ">"
    assert_refused(await client.call("mail__draft", dict(to=wrong, body="x")), Reason.PSEUDONYM_UNKNOWN)


async def test_it_goes_back_whole_to_the_upstream_it_came_from(world: World, crm: Upstream) -> None:
    client = world.client(ANN)
    token = await looked_up(client)
    await client.call("crm__write", dict(content=f"note: {token},\n"))
    assert sent(crm) == {"content": f"note: {JANE},\n"}


async def test_it_expires(world: World) -> None:
    client = world.client(ANN)
    token = await looked_up(client)
    world.clock.forward(31 * 86400.0)
    assert_refused(await client.call("mail__draft", dict(to=token, body="x")), Reason.PSEUDONYM_UNKNOWN)


async def test_giving_it_out_again_keeps_it_alive(world: World, mail: Upstream) -> None:
    client = world.client(ANN)
    token = await looked_up(client)
    for _ in range(3):
        world.clock.forward(20 * 86400.0)
        assert await looked_up(client) == token
    await client.call("mail__draft", dict(to=token, body="x"))
    assert sent(mail)["to"] == JANE


async def test_where_a_schema_wants_an_address_it_looks_like_one(world: World, mail: Upstream) -> None:
    client = world.client(ANN)
    shown: Any = result(await client.call("crm__card"))["structuredContent"]["mail"]
    assert shown.endswith("@pseudonym.invalid")
    await client.call("mail__draft", dict(to=shown, body="x"))
    assert sent(mail)["to"] == JANE


@pytest.mark.parametrize("through", ["repeat", "continue"])
async def test_an_approver_sees_and_the_upstream_gets_the_value_and_the_caller_never_learns_it(
    world: World, mail: Upstream, through: str
) -> None:
    client = world.client(ANN)
    token = await looked_up(client)
    held = await client.call("mail__send", dict(to=token, body="x"))
    assert isinstance(held, Held)
    assert await world.decide(held)
    again = (
        await client.call("mail__send", dict(to=token, body="x"))
        if through == "repeat"
        else await client.call("toolgate_continue", dict(approval=held.approval.id))
    )
    assert sent(mail)["to"] == JANE
    assert JANE not in said(again)
    assert token in said(again)


@pytest.mark.parametrize("era", list(Era))
async def test_a_form_does_not_show_the_client_what_its_caller_knows_by_pseudonym_only(
    crm: Upstream, mail: Upstream, world: World, era: Era
) -> None:
    world.change(f"{POLICY}\napproval: {{irreversible: {{channels: [elicit, cli]}}}}\n")
    client = world.client(ANN, era=era)
    client.session.capabilities = client.session.offers = {"elicitation": {}}
    sending = {"to": await looked_up(client), "body": "x"}
    held = await client.call("mail__send", sending)
    assert isinstance(held, Held)
    assert JANE not in repr(client.heard)
    assert await world.decide(held)
    await client.call("mail__send", sending)
    assert sent(mail)["to"] == JANE


async def test_an_error_does_not_quote_it_either(world: World, mail: Upstream) -> None:
    client = world.client(ANN)
    token = await looked_up(client)
    mail.errors["draft"] = {"code": -32000, "message": f"no mailbox {JANE}"}
    reply = await client.call("mail__draft", dict(to=token, body="x"))
    assert isinstance(reply, Note)
    assert JANE not in repr(reply.message)
    assert token in repr(reply.message)


@pytest.mark.parametrize(("within", "same"), [("tenant", True), ("caller", False), ("session", False)])
async def test_the_policy_says_who_shares_them(
    crm: Upstream, mail: Upstream, within: str, same: bool
) -> None:
    crm.results["find"] = lambda _: text(f"{JANE} or {PHONE}")
    world = World(f"{POLICY}  pseudonyms: {{within: {within}}}\n", crm, mail, sensitive=SENSITIVE)
    assert (await looked_up(world.client(ANN)) == await looked_up(world.client(BOB))) is same


async def test_without_a_place_to_keep_it_nothing_is_given_out(world: World) -> None:
    world.store.down = True
    with pytest.raises(Exception, match="journal"):
        await world.client(ANN).call("crm__find")


async def test_a_message_on_the_way_does_not_quote_it_either(world: World, mail: Upstream) -> None:
    client = world.client(ANN)
    sending = {"to": await looked_up(client), "body": "x"}
    await client.call("mail__draft", sending)
    about = {"level": "info", "data": f"sending to {JANE}"}
    mail.says = [{"jsonrpc": "2.0", "method": "notifications/message", "params": about}]
    await client.call("mail__draft", sending)
    assert client.heard[-1]["params"]["data"] == f"sending to {sending['to']}"
