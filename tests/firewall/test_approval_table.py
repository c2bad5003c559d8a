"""Every way a held call can be decided, and everything that can happen on it: never sent without a valid yes,
and with one exactly once."""

from __future__ import annotations

import asyncio

import pytest

from toolgate.approvals.desk import Declined
from toolgate.core.model import ApprovalState, JsonObject
from toolgate.core.reasons import Reason
from toolgate.testing import assert_refused, definition, result
from toolgate.verdicts import Held, Reply
from ways import (
    LEAD,
    NARROWED,
    TO,
    Continued,
    LegacyForm,
    LegacyUrl,
    ModernForm,
    ModernUrl,
    Plain,
    PlainLegacy,
    Terminal,
    Waiting,
    WaitingLegacy,
    Way,
    Webhook,
    policy,
)

WAYS = [
    *(Plain, PlainLegacy, Continued, Terminal, Webhook, ModernForm, ModernUrl),
    *(Waiting, WaitingLegacy, LegacyForm, LegacyUrl),
]


@pytest.fixture(params=WAYS, ids=lambda way: way.__name__)
def way(request: pytest.FixtureRequest) -> Way:
    made: Way = request.param()
    return made


def delivered(reply: Reply | None) -> JsonObject:
    found = result(reply)
    assert found.get("resultType", "complete") == "complete"
    return found


async def test_a_yes_sends_the_call_once_and_says_who_said_it(way: Way) -> None:
    await way.begin()
    assert way.mail.calls == []
    await way.answer("accept")
    delivered(await way.end())
    assert [one["arguments"] for one in way.mail.calls] == [TO]
    decision = next(one for one in way.world.records if one["kind"] == "decision")
    expected = ("the client", "elicit") if way.client_decides else ("lead", way.channel)
    assert (decision["approver"], decision["channel"]) == expected
    assert way.approval.decided_by == expected[0]


async def test_a_no_sends_nothing(way: Way) -> None:
    await way.begin()
    await way.answer("decline")
    assert_refused(await way.end(), Reason.APPROVAL_DENIED)
    assert_refused(await way.call(), Reason.APPROVAL_DENIED)
    assert way.mail.calls == []


async def test_neither_yes_nor_no_leaves_it_waiting(way: Way) -> None:
    await way.begin()
    await way.answer("cancel")
    assert isinstance(await way.end(), Held)
    assert (way.mail.calls, way.approval.state) == ([], ApprovalState.PENDING)


async def test_when_nobody_says_anything_in_time_it_goes_on_waiting(way: Way) -> None:
    await way.begin()
    way.world.clock.forward(60.0)
    if way.waits:
        assert isinstance(await way.end(), Held)
    assert (way.mail.calls, way.approval.state) == ([], ApprovalState.PENDING)
    await way.decide("accept")
    assert way.mail.calls == []


async def test_what_the_approver_changed_is_what_is_sent_and_the_caller_is_told(way: Way) -> None:
    await way.begin()
    await way.edit()
    if isinstance(way, ModernForm):
        way.action = "accept"
    told = delivered(await way.end())
    assert [one["arguments"] for one in way.mail.calls] == [NARROWED]
    assert told["_meta"]["toolgate/approval"] == {"id": way.approval.id, "edited": ["to[1]: removed"]}
    assert "to[1]: removed" in told["content"][-1]["text"]
    decision = next(one for one in way.world.records if one["kind"] == "decision")
    assert decision["edited"] == ["to[1]: removed"]
    assert decision["asked"] != decision["sends"]
    assert delivered(await way.call()) == told
    assert len(way.mail.calls) == 1


async def test_an_answer_counts_once_however_often_it_comes(way: Way) -> None:
    await way.begin()
    await way.answer("accept")
    first = delivered(await way.end())
    if way.waits:
        way.running = None
        if isinstance(way, LegacyForm):
            question = way.question()
            said = {"action": "accept", "content": {"approve": True}}
            assert_refused(await way.client.answer(question, said), Reason.MALFORMED)
    for _ in range(3):
        assert delivered(await way.end()) == first
    assert len(way.mail.calls) == 1


async def test_a_forged_answer_opens_nothing(way: Way) -> None:
    await way.begin()
    reply = await way.forge()
    assert_refused(reply, Reason.MALFORMED if isinstance(way, LegacyForm) else Reason.APPROVAL_UNKNOWN)
    assert (way.mail.calls, way.approval.state) == ([], ApprovalState.PENDING)


async def test_the_answer_given_to_another_caller_opens_nothing(way: Way) -> None:
    await way.begin()
    if way.waits:
        question = way.question() if isinstance(way, LegacyForm) else None
        way.client, ann = way.new_client("bob"), way.client
        if question is not None:
            assert_refused(await way.client.answer(question, {"action": "accept"}), Reason.MALFORMED)
        way.client, bob = ann, way.client
        await way.leave()
        way.client = bob
    else:
        await way.answer("accept")
        way.client = way.new_client("bob")
    if isinstance(way, ModernForm | Continued):
        assert_refused(await way.end(), Reason.APPROVAL_UNKNOWN)
    elif not isinstance(way, LegacyForm):
        await way.decide("accept" if way.waits else "")
        assert isinstance(await way.end(), Held)
    assert way.mail.calls == []


async def test_after_it_expired_a_yes_is_worth_nothing(way: Way) -> None:
    await way.begin()
    way.world.clock.forward(601.0)
    if isinstance(way, ModernForm):
        way.action = "accept"
    declined = await way.desk.approve(LEAD, way.approval.id)
    assert isinstance(declined, Declined)
    reply = await way.end()
    if isinstance(way, Continued):
        assert_refused(reply, Reason.APPROVAL_EXPIRED)
    else:
        assert isinstance(reply, Held) or asks_anew(reply)
    assert way.mail.calls == []


def asks_anew(reply: Reply | None) -> bool:
    return bool(result(reply)["resultType"] == "input_required")


@pytest.mark.parametrize("kind", [ModernForm, ModernUrl])
async def test_a_client_that_never_comes_back_with_an_answer_is_told_in_plain_words(
    kind: type[ModernForm],
) -> None:
    way = kind()
    for _ in range(2):
        await way.begin()
        assert asks_anew(way.first)
    assert isinstance(await way.call(), Held)
    way.action = "cancel"
    assert isinstance(await way.end(), Held)
    assert asks_anew(await way.call())
    assert way.mail.calls == []


async def test_once_the_caller_has_left_a_yes_forwards_nothing_by_itself(way: Way) -> None:
    await way.begin()
    await way.leave()
    await way.decide("accept")
    for _ in range(50):
        await asyncio.sleep(0)
    assert way.mail.calls == []
    delivered(await way.call())
    assert len(way.mail.calls) == 1


async def test_a_firewall_that_restarts_meanwhile_loses_no_hold_and_sends_once(way: Way) -> None:
    await way.begin()
    if way.waits:
        await way.leave()
    way.restart()
    if isinstance(way, LegacyForm):
        assert_refused(await way.forge(), Reason.MALFORMED)
        await way.decide("accept")
        way.running = None
    elif way.waits:
        await way.decide("accept")
    else:
        await way.answer("accept")
    delivered(await way.end())
    delivered(await way.end())
    assert len(way.mail.calls) == 1


async def test_the_policy_of_the_moment_has_the_last_word(way: Way) -> None:
    await way.begin()
    if way.running is None:
        await way.answer("accept")
        way.world.change(policy(way.channels, way.wait, tools="[mail/other]"))
    else:
        changed = policy(way.channels, way.wait, tools="[mail/other]")
        await way.answer("accept")
        way.world.change(changed)
    assert_refused(await way.end(), Reason.NOT_ALLOWED)
    assert way.mail.calls == []


async def test_a_channel_that_the_policy_no_longer_names_decides_nothing(way: Way) -> None:
    await way.begin()
    way.world.change(policy("slack"))
    if not way.client_decides:
        assert isinstance(await way.desk.approve(LEAD, way.approval.id), Declined)
    elif not way.waits:
        await way.answer("accept")
        assert isinstance(await way.end(), Held)
    assert (way.mail.calls, way.approval.state) == ([], ApprovalState.PENDING)
    if way.running is not None:
        await way.leave()


async def test_a_tool_that_changed_meanwhile_is_not_what_was_approved(way: Way) -> None:
    await way.begin()
    first = way.approval
    changed = {**definition("send", to="array"), "description": "sends it to everybody"}
    way.mail.tools = [changed]
    way.world.routes.catalogue("mail").stale()
    await way.answer("accept")
    reply = await way.end()
    if isinstance(way, Continued):
        assert_refused(reply, Reason.APPROVAL_UNKNOWN)
    else:
        assert isinstance(reply, Held) or asks_anew(reply)
    assert len(way.world.store.shelf.approvals) == (1 if isinstance(way, Continued) else 2)
    assert way.mail.calls == []
    assert way.world.store.shelf.approvals[first.id].pin == first.pin
