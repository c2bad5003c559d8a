"""A held call is sent at most once, exactly as it was approved, under the policy of that moment."""

from __future__ import annotations

import asyncio

import pytest

from held_mail import ANN, POLICY, TO, go_on, held, waiting_mail
from toolgate.core.model import ApprovalState, JsonObject, Tier
from toolgate.core.reasons import Reason
from toolgate.errors import JournalDown, UpstreamDown
from toolgate.testing import Client, Upstream, World, assert_refused, caller, definition, result, text
from toolgate.upstream.link import Note


@pytest.fixture
def world() -> World:
    return waiting_mail()


@pytest.fixture
def mail(world: World) -> Upstream:
    return world.upstreams["mail"]


@pytest.fixture
def client(world: World) -> Client:
    return world.client(ANN, "mail")


async def test_a_held_call_is_recorded_and_not_sent(world: World, mail: Upstream, client: Client) -> None:
    waiting = held(await client.call("send", TO))
    assert (waiting.tier, mail.calls) == (Tier.IRREVERSIBLE, [])
    assert world.kinds() == ["hold"]
    assert (world.records[0]["approval"], world.records[0]["tier"]) == (waiting.approval.id, "irreversible")


async def test_asking_again_asks_nobody_again(world: World, client: Client) -> None:
    first, again = held(await client.call("send", TO)), held(await client.call("send", TO))
    assert first.approval == again.approval
    assert await world.store.listing() == [first.approval]


async def test_once_approved_a_repeat_is_sent_once_and_later_ones_get_its_result(
    world: World, mail: Upstream, client: Client
) -> None:
    mail.results["send"] = text("sent as number 1")
    waiting = held(await client.call("send", TO))
    await world.decide(waiting)
    first = result(await client.call("send", TO))
    mail.results["send"] = text("sent as number 2")
    assert [result(await client.call("send", TO)), result(await go_on(client, waiting))] == [first, first]
    assert first == text("sent as number 1")
    assert mail.calls == [{"name": "send", "arguments": TO}]
    assert world.kinds() == [
        "hold",
        "decision approved",
        "intent",
        "outcome delivered",
        "intent replayed",
        "intent replayed",
    ]
    assert {one["approval"] for one in world.records if "approval" in one} == {waiting.approval.id}


async def test_when_the_stored_result_has_expired_a_repeat_is_a_new_call(
    world: World, mail: Upstream, client: Client
) -> None:
    waiting = held(await client.call("send", TO))
    await world.decide(waiting)
    result(await client.call("send", TO))
    world.clock.forward(901.0)
    assert held(await client.call("send", TO)).approval.id != waiting.approval.id
    assert_refused(await go_on(client, waiting), Reason.APPROVAL_SPENT)
    assert len(mail.calls) == 1


async def test_going_on_sends_exactly_what_was_approved(world: World, mail: Upstream, client: Client) -> None:
    waiting = held(await client.call("send", {"to": "bob@example.com"}))
    await world.decide(waiting)
    result(await go_on(client, waiting))
    assert mail.calls == [{"name": "send", "arguments": {"to": "<EMAIL_ADDRESS>"}}]
    assert world.kinds() == ["hold", "decision approved", "intent", "outcome delivered"]


async def test_going_on_before_anybody_decided_goes_on_waiting(mail: Upstream, client: Client) -> None:
    waiting = held(await client.call("send", TO))
    assert held(await go_on(client, waiting)).approval == waiting.approval
    assert mail.calls == []


async def test_calls_that_come_at_once_are_sent_once(world: World, mail: Upstream, client: Client) -> None:
    waiting = held(await client.call("send", TO))
    await world.decide(waiting)
    mail.hangs = True
    first = asyncio.ensure_future(client.call("send", TO))
    await mail.waiting.wait()
    assert_refused(await client.call("send", TO), Reason.OUTCOME_UNKNOWN)
    assert_refused(await go_on(client, waiting), Reason.OUTCOME_UNKNOWN)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert len(mail.calls) == 1


@pytest.mark.parametrize("trouble", ["down", "timeout"])
async def test_a_call_whose_outcome_is_unknown_is_not_sent_again(
    world: World, mail: Upstream, client: Client, trouble: str
) -> None:
    def die(_: JsonObject) -> JsonObject:
        raise UpstreamDown("mail: the connection broke")

    waiting = held(await client.call("send", TO))
    await world.decide(waiting)
    if trouble == "down":
        mail.results["send"] = die
    else:
        mail.hangs, mail.timeout = True, 0.0
    reason = Reason.UPSTREAM_DOWN if trouble == "down" else Reason.UPSTREAM_TIMEOUT
    assert_refused(await client.call("send", TO), reason)
    mail.hangs = False
    world.clock.forward(86400.0)
    for _ in range(2):
        assert_refused(await client.call("send", TO), Reason.OUTCOME_UNKNOWN)
    assert len(mail.calls) == 1


async def test_a_journal_that_fails_after_sending_leaves_the_outcome_unknown(
    world: World, mail: Upstream, client: Client
) -> None:
    def fail(_: JsonObject) -> JsonObject:
        world.store.down = True
        return text("sent")

    mail.results["send"] = fail
    await world.decide(held(await client.call("send", TO)))
    with pytest.raises(JournalDown):
        await client.call("send", TO)
    world.store.down = False
    assert_refused(await client.call("send", TO), Reason.OUTCOME_UNKNOWN)
    assert len(mail.calls) == 1


async def test_a_withheld_result_and_an_error_are_kept_for_repeats_too(
    world: World, mail: Upstream, client: Client
) -> None:
    await world.decide(held(await client.call("send", TO)))
    mail.results["send"] = {"content": "no list"}
    for _ in range(2):
        assert_refused(await client.call("send", TO), Reason.RESULT_MALFORMED)
    other = {"to": "eve"}
    await world.decide(held(await client.call("send", other)))
    mail.errors["send"] = {"code": -1, "message": "mailbox full"}
    for _ in range(2):
        reply = await client.call("send", other)
        assert isinstance(reply, Note)
        assert reply.message is not None
        assert reply.message["error"] == {"code": -1, "message": "mailbox full"}
    assert len(mail.calls) == 2


async def test_a_denied_call_stays_denied_until_the_denial_expires(
    world: World, mail: Upstream, client: Client
) -> None:
    waiting = held(await client.call("send", TO))
    await world.decide(waiting, ApprovalState.DENIED)
    assert_refused(await client.call("send", TO), Reason.APPROVAL_DENIED)
    assert_refused(await go_on(client, waiting), Reason.APPROVAL_DENIED)
    world.clock.forward(900.0)
    assert_refused(await go_on(client, waiting), Reason.APPROVAL_EXPIRED)
    held(await client.call("send", TO))
    assert mail.calls == []


async def test_an_approval_that_nobody_used_in_time_is_worth_nothing(
    world: World, mail: Upstream, client: Client
) -> None:
    waiting = held(await client.call("send", TO))
    await world.decide(waiting)
    world.clock.forward(900.0)
    assert_refused(await go_on(client, waiting), Reason.APPROVAL_EXPIRED)
    assert held(await client.call("send", TO)).approval.id != waiting.approval.id
    assert mail.calls == []


async def test_what_has_expired_cannot_be_approved_any_more(world: World, client: Client) -> None:
    waiting = held(await client.call("send", TO))
    world.clock.forward(900.0)
    assert not await world.decide(waiting)


async def test_other_arguments_are_another_call(world: World, mail: Upstream, client: Client) -> None:
    waiting = held(await client.call("send", TO))
    await world.decide(waiting)
    for other in ({"to": "eve"}, {"to": "bob", "cc": "eve"}):
        assert held(await client.call("send", other)).approval.id != waiting.approval.id
    assert mail.calls == []


async def test_a_tool_that_changed_since_it_was_held_is_not_what_was_approved(
    world: World, mail: Upstream, client: Client
) -> None:
    waiting = held(await client.call("send", TO))
    mail.tools = [{**definition("send", to="string"), "description": "sends it to everybody"}]
    mail.aside.append(Note({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}))
    await client.listen()
    await world.decide(waiting)
    assert_refused(await go_on(client, waiting), Reason.APPROVAL_UNKNOWN)
    again = held(await client.call("send", TO))
    assert again.approval.pin != waiting.approval.pin
    assert mail.calls == []


async def test_a_call_that_does_not_fit_the_changed_schema_is_refused_not_asked(
    world: World, mail: Upstream, client: Client
) -> None:
    waiting = held(await client.call("send", TO))
    await world.decide(waiting)
    mail.tools = [definition("send", to="integer")]
    world.clock.forward(301.0)
    assert_refused(await go_on(client, waiting), Reason.ARGUMENTS_INVALID)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (('tools: ["mail/*"', "tools: [mail/list"), Reason.NOT_ALLOWED),
        (("irreversible: [mail/send]", "irreversible: []"), Reason.NO_TIER),
        (
            ("redaction:", "tools: {mail/send: {when: {to: {equals: eve}}}}\nredaction:"),
            Reason.CONDITION_NOT_MET,
        ),
    ],
)
async def test_an_approved_call_is_judged_by_the_policy_of_the_moment(
    world: World, mail: Upstream, client: Client, change: tuple[str, str], reason: Reason
) -> None:
    waiting = held(await client.call("send", TO))
    await world.decide(waiting)
    assert change[0] in POLICY
    world.change(POLICY.replace(*change))
    assert_refused(await go_on(client, waiting), reason)
    assert_refused(await client.call("send", TO), reason)
    assert mail.calls == []
    world.change(POLICY)
    result(await go_on(client, waiting))


async def test_what_became_privileged_needs_an_approval_for_that(
    world: World, mail: Upstream, client: Client
) -> None:
    waiting = held(await client.call("send", TO))
    await world.decide(waiting)
    world.change(POLICY.replace("irreversible: [mail/send], privileged: [mail/wipe]", "privileged: [mail/*]"))
    again = held(await client.call("send", TO))
    assert (again.tier, mail.calls) == (Tier.PRIVILEGED, [])
    assert again.approval.id != waiting.approval.id
    await world.decide(again)
    result(await client.call("send", TO))
    assert len(mail.calls) == 1


async def test_what_became_harmless_is_sent_all_the_same(
    world: World, mail: Upstream, client: Client
) -> None:
    waiting = held(await client.call("send", TO))
    await world.decide(waiting)
    world.change(
        POLICY.replace("read: [mail/list], irreversible: [mail/send]", "read: [mail/list, mail/send]")
    )
    result(await go_on(client, waiting))
    assert len(mail.calls) == 1


async def test_a_caller_cannot_flood_the_person_who_approves(
    world: World, mail: Upstream, client: Client
) -> None:
    for name in ("one", "two", "three"):
        held(await client.call("send", {"to": name}))
    assert_refused(await client.call("send", {"to": "four"}), Reason.RATE_LIMITED)
    assert world.kinds() == ["hold", "hold", "hold", "refusal"]
    held(await client.call("send", {"to": "one"}))
    held(await world.client(caller("bob", "agent"), "mail").call("send", TO))


async def test_a_tool_without_a_tier_waits_for_a_person_to_class_it(
    world: World, mail: Upstream, client: Client
) -> None:
    world.change(POLICY + "unlisted: hold\n")
    waiting = held(await client.call("new"))
    assert (waiting.tier, "tier" in world.records[0]) == (None, False)
    await world.decide(waiting, tier=Tier.READ)
    for arguments in ({}, {"x": 1}):
        result(await client.call("new", arguments))
    assert (len(mail.calls), world.records[-2]["tier"]) == (2, "read")
    mail.tools = [{**definition("new"), "description": "does more now"}]
    world.clock.forward(301.0)
    assert held(await client.call("new", {"x": 2})).tier is None


async def test_a_tool_classed_as_irreversible_waits_for_every_call(
    world: World, mail: Upstream, client: Client
) -> None:
    world.change(POLICY + "unlisted: hold\n")
    await world.decide(held(await client.call("new")), tier=Tier.IRREVERSIBLE)
    result(await client.call("new"))
    assert held(await client.call("new", {"x": 1})).tier is Tier.IRREVERSIBLE
    assert len(mail.calls) == 1
