"""The judge looks up what the core asks for, and commits a verdict with everything it takes, or nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import pytest

from toolgate.core.model import Approval, ApprovalState, Burn, Call, Charge, Limit, Rate, Refuse, Tier
from toolgate.core.reasons import Reason
from toolgate.errors import JournalDown, ToolgateError
from toolgate.holding import HeldArguments, opened
from toolgate.judge import Admitted, Judge, Replayed, burned
from toolgate.ports import Entry, Exhausted
from toolgate.testing import World, assert_refused, call, caller, tool
from toolgate.verdicts import Held

POLICY = """
version: 1
tiers: {read: [m/list], irreversible: [m/send]}
roles: {agent: {tools: ["m/*"]}}
tools: {m/list: {limits: {calls: 1/minute}}, m/send: {limits: {calls: 2/minute}}}
redaction: {arguments: {EMAIL_ADDRESS: mask}}
"""
ANN = caller("ann", "agent")
SEND = call("m/send", {"to": "bob@example.com"}, ANN)
LIST = call("m/list", {"all": "of them"}, ANN)
TOOL = tool("send")


class Crowded:
    """The world's journal, where another process gets in just before a commit."""

    def __init__(self, world: World, before: Callable[[], Awaitable[object]], times: int = 1) -> None:
        self._store, self._before, self._times = world.store, before, times

    async def commit(
        self, entry: Entry, charges: Sequence[Charge] = (), durable: bool = False
    ) -> Exhausted | None:
        if self._times:
            self._times -= 1
            await self._before()
        return await self._store.commit(entry, charges, durable)

    def note(self, entry: Entry) -> None:
        self._store.note(entry)

    async def conclude(
        self, entry: Entry, approval: str, sealed_result: bytes, charges: Sequence[Charge] = ()
    ) -> None:
        await self._store.conclude(entry, approval, sealed_result, charges)


@pytest.fixture
def world() -> World:
    return World(POLICY, sensitive={"bob@example.com": "EMAIL_ADDRESS"})


def crowded(world: World, before: Callable[[], Awaitable[object]], times: int = 1) -> Judge:
    return Judge(replace(world.ports, journal=Crowded(world, before, times)))


async def approved(world: World) -> Approval:
    held = await world.judge.judge(SEND, TOOL)
    assert isinstance(held, Held)
    await world.decide(held)
    return held.approval


async def test_an_admitted_call_is_on_record_with_its_charges_taken(world: World) -> None:
    admitted = await world.judge.judge(LIST, TOOL)
    assert isinstance(admitted, Admitted)
    assert (admitted.tool, admitted.policy, admitted.call) == (TOOL, world.policies.current, LIST)
    assert [one["call"] for one in world.records] == [admitted.id]
    refused = await world.judge.judge(LIST, TOOL)
    assert_refused(refused, Reason.RATE_LIMITED)
    assert isinstance(refused, Refuse)
    assert refused.retry_after == 60.0


async def test_what_is_scanned_are_the_keys_and_texts_of_the_arguments_once(world: World) -> None:
    await world.judge.judge(LIST, TOOL)
    assert world.spotter.scanned == [["all", "of them"]]


async def test_every_call_has_an_id_of_its_own_over_all_processes(world: World) -> None:
    judges = [Judge(world.ports) for _ in range(50)]
    assert len({judge.next_id() for judge in judges for _ in range(50)}) == 2500


async def test_a_hold_binds_caller_upstream_tool_definition_and_what_will_be_sent(world: World) -> None:
    base = await world.judge.judge(SEND, TOOL)
    assert isinstance(base, Held)
    others = [
        (replace(SEND, caller=caller("bob", "agent")), TOOL),
        (replace(SEND, arguments={"to": "eve@example.com"}), TOOL),
        (SEND, replace(TOOL, pin="another")),
    ]
    digests = {base.approval.digest}
    for asked, definition in others:
        held = await world.judge.judge(asked, definition)
        assert isinstance(held, Held)
        digests.add(held.approval.digest)
    assert len(digests) == 4


async def test_held_arguments_are_sealed_as_they_would_be_sent_beside_what_came(world: World) -> None:
    held = await world.judge.judge(SEND, TOOL)
    assert isinstance(held, Held)
    sealed = await world.store.arguments(held.approval.id)
    assert sealed is not None
    assert b"bob" not in sealed
    assert opened(world.keyring, sealed) == HeldArguments(
        {"to": "<EMAIL_ADDRESS>"}, {"to": "bob@example.com"}
    )
    assert held.arguments == {"to": "<EMAIL_ADDRESS>"}


async def test_an_approval_is_spent_in_the_transaction_of_the_intent(world: World) -> None:
    approval = await approved(world)
    assert isinstance(await world.judge.judge(SEND, TOOL), Admitted)
    spent = await world.store.by_id(approval.id)
    assert spent is not None
    assert spent.state is ApprovalState.SPENT
    assert world.records[-1]["approval"] == approval.id


async def test_an_approval_that_another_process_spends_first_is_not_spent_twice(world: World) -> None:
    await approved(world)
    judge = crowded(world, lambda: world.judge.judge(SEND, TOOL))
    assert_refused(await judge.judge(SEND, TOOL), Reason.OUTCOME_UNKNOWN)
    assert world.kinds() == ["hold", "decision approved", "intent", "refusal"]


async def test_of_two_processes_that_hold_the_same_call_one_opens_it(world: World) -> None:
    judge = crowded(world, lambda: world.judge.judge(SEND, TOOL))
    held = await judge.judge(SEND, TOOL)
    assert isinstance(held, Held)
    assert await world.store.listing() == [held.approval]


async def test_a_call_approved_while_it_is_held_again_goes_ahead(world: World) -> None:
    async def somebody_else() -> None:
        await approved(world)

    assert isinstance(await crowded(world, somebody_else).judge(SEND, TOOL), Admitted)


async def test_a_limit_that_another_process_uses_up_first_refuses(world: World) -> None:
    judge = crowded(world, lambda: world.judge.judge(LIST, TOOL))
    assert_refused(await judge.judge(LIST, TOOL), Reason.RATE_LIMITED)


async def test_a_refused_charge_leaves_the_approval_unspent(world: World) -> None:
    approval = await approved(world)
    for name in ("one", "two"):
        held = await world.judge.judge(replace(SEND, arguments={"to": name}), TOOL)
        assert isinstance(held, Held)
        await world.decide(held)
        assert isinstance(await world.judge.judge(replace(SEND, arguments={"to": name}), TOOL), Admitted)
    assert_refused(await world.judge.judge(SEND, TOOL), Reason.RATE_LIMITED)
    kept = await world.store.by_id(approval.id)
    assert kept is not None
    assert kept.state is ApprovalState.APPROVED
    world.clock.forward(30.0)
    assert isinstance(await world.judge.judge(SEND, TOOL), Admitted)


async def test_an_executed_call_is_given_out_again_on_the_record(world: World) -> None:
    approval = await approved(world)
    await world.judge.judge(SEND, TOOL)
    await world.store.conclude(Entry({"v": 1, "kind": "outcome"}), approval.id, b"sealed")
    again = await world.judge.judge(SEND, TOOL)
    assert isinstance(again, Replayed)
    assert again.approval.id == approval.id
    assert world.records[-1]["status"] == "replayed"


async def test_a_refusal_that_was_decided_before_is_recorded_as_it_is(world: World) -> None:
    refusal = Refuse(Reason.BAD_HEADER, "Mcp-Name: expected the name of the body")
    assert await world.judge.refused(LIST, refusal) is refusal
    assert (world.records[0]["reason"], world.records[0]["kind"]) == ("bad-header", "refusal")


async def test_a_world_that_never_settles_is_an_error_not_a_verdict(world: World) -> None:
    async def flip() -> None:
        newest = (await world.store.listing())[:1]
        if newest and newest[0].state is ApprovalState.APPROVED:
            world.store.shelf.approvals.clear()
        else:
            await approved(world)

    with pytest.raises(ToolgateError):
        await crowded(world, flip, times=100).judge(SEND, TOOL)


@pytest.mark.parametrize("asked", [LIST, SEND, call("m/list", who=caller("eve"))])
async def test_without_a_journal_there_is_no_verdict(world: World, asked: Call) -> None:
    world.store.down = True
    with pytest.raises(JournalDown):
        await world.judge.judge(asked, TOOL)
    assert world.records == []


def test_the_approval_that_charges_spend_is_named() -> None:
    assert burned((Rate("calls|ann", Limit(1, 60.0)), Burn("ap-1"))) == "ap-1"
    assert burned((Rate("calls|ann", Limit(1, 60.0)),)) == ""


async def test_a_tier_that_a_person_gave_counts_for_that_definition_only(world: World) -> None:
    world.change(POLICY + "unlisted: hold\n")
    new = call("m/new", who=ANN)
    held = await world.judge.judge(new, tool("new"))
    assert isinstance(held, Held)
    await world.decide(held, tier=Tier.REVERSIBLE)
    admitted = await world.judge.judge(new, tool("new"))
    assert isinstance(admitted, Admitted)
    assert admitted.allow.tier is Tier.REVERSIBLE
    assert isinstance(await world.judge.judge(new, replace(tool("new"), pin="another")), Held)
