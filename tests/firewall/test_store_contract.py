"""What every store promises, held against each of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

import pytest

from toolgate.core.model import Approval, ApprovalState, Burn, JsonObject, Limit, Open, Rate, Tier
from toolgate.journal.reading import open_journal
from toolgate.ports import Approvals, Entry, Exhausted, Journal
from toolgate.stores.memory import TEST_KEYS, MemoryStore
from toolgate.stores.sqlite import SqliteStore

Store: TypeAlias = SqliteStore | MemoryStore


@dataclass
class Time:
    now: float = 1_700_000_000.0


@dataclass
class Kept:
    """A store, its clock, and a look at its journal."""

    store: Store
    time: Time
    read: Callable[[], list[JsonObject]] = field(repr=False)

    async def bodies(self) -> list[JsonObject]:
        await self.store.forgive("nobody")  # a later commit carries every note before it
        return self.read()


def bodies(path: Path) -> list[JsonObject]:
    with open_journal(path) as journal:
        return [line.body for line in journal.lines()]


@pytest.fixture(params=["sqlite", "memory"])
async def kept(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Kept]:
    time = Time()
    if request.param == "memory":
        memory = MemoryStore(now=lambda: time.now)
        yield Kept(memory, time, lambda: memory.bodies)
        return
    path = tmp_path / "home" / "toolgate.db"
    store = SqliteStore(path, TEST_KEYS, lambda: time.now)
    yield Kept(store, time, lambda: bodies(path))
    await store.aclose()


def entry(name: str = "one", kind: str = "intent") -> Entry:
    return Entry({"v": 1, "kind": kind, "call": name})


def held(ident: str = "a1", digest: str = "d1", tier: Tier | None = Tier.IRREVERSIBLE) -> Approval:
    return Approval(
        id=ident,
        caller="ann",
        upstream="actions",
        target="email_send",
        digest=digest,
        pin="p1",
        tier=tier,
        state=ApprovalState.PENDING,
        created=1_700_000_000.0,
        expires=1_700_000_900.0,
    )


async def opened(kept: Kept, approval: Approval | None = None) -> Approval:
    approval = approval or held()
    assert await kept.store.commit(entry(kind="hold"), [Open(approval, b"sealed")]) is None
    return approval


async def approved(kept: Kept, approval: Approval | None = None) -> Approval:
    approval = await opened(kept, approval)
    assert await kept.store.decide(entry(kind="decision"), approval.id, ApprovalState.APPROVED, "boss")
    return approval


async def test_every_store_is_what_the_gateway_asks_for(kept: Kept) -> None:
    journal: Journal = kept.store
    approvals: Approvals = kept.store
    assert {journal, approvals} == {kept.store}


async def test_records_are_kept_in_order(kept: Kept) -> None:
    kept.store.note(entry("noted"))
    await kept.store.commit(entry("committed"))
    kept.store.note(entry("after"))
    assert [body["call"] for body in await kept.bodies()] == ["noted", "committed", "after"]


async def test_arguments_are_not_in_the_record(kept: Kept) -> None:
    await kept.store.commit(Entry({"v": 1}, b'{"to":"x"}', b"result"))
    await kept.store.commit(Entry({"v": 1}, b'{"to":"x"}', b"result"))
    first, second = await kept.bodies()
    assert {len(first["arguments"]), len(first["result"])} == {64}
    assert first["arguments"] != second["arguments"]


async def test_a_record_json_cannot_say_fails_its_own_caller_only(kept: Kept) -> None:
    good = asyncio.ensure_future(kept.store.commit(entry()))
    with pytest.raises(TypeError):
        await kept.store.commit(Entry({"n": 2**70}))
    assert await good is None
    assert len(await kept.bodies()) == 1


async def test_a_limit_is_exact_and_a_refused_entry_leaves_no_record(kept: Kept) -> None:
    rate = Rate("calls|ann", Limit(3, 60.0))
    answers = await asyncio.gather(*(kept.store.commit(entry(str(n)), [rate]) for n in range(5)))
    assert answers == [None, None, None, Exhausted("calls|ann", 20.0), Exhausted("calls|ann", 20.0)]
    assert len(await kept.bodies()) == 3
    kept.time.now += 20.0
    assert await kept.store.commit(entry(), [rate]) is None


async def test_when_one_charge_fails_none_is_taken(kept: Kept) -> None:
    wide, narrow = Rate("wide", Limit(2, 60.0)), Rate("narrow", Limit(1, 60.0))
    assert await kept.store.commit(entry(), [wide, narrow]) is None
    short = await kept.store.commit(entry(), [wide, narrow])
    assert short is not None
    assert short.key == "narrow"
    assert await kept.store.commit(entry(), [wide]) is None


async def test_the_same_bucket_twice_in_one_entry_counts_twice(kept: Kept) -> None:
    rate = Rate("calls", Limit(3, 60.0))
    assert await kept.store.commit(entry(), [rate, rate]) is None
    assert await kept.store.commit(entry(), [rate, rate]) is not None
    assert await kept.store.commit(entry(), [rate]) is None


async def test_an_approval_that_cannot_be_spent_leaves_the_budget_alone(kept: Kept) -> None:
    rate = Rate("calls", Limit(1, 60.0))
    assert await kept.store.commit(entry(), [rate, Burn("none")]) == Exhausted("none", None)
    assert await kept.store.commit(entry(), [rate]) is None


async def test_an_approval_is_spent_once(kept: Kept) -> None:
    approval = await approved(kept)
    answers = await asyncio.gather(*(kept.store.commit(entry(), [Burn(approval.id)]) for _ in range(4)))
    assert answers.count(None) == 1
    assert answers.count(Exhausted(approval.id, None)) == 3


@pytest.mark.parametrize("late", [False, True])
async def test_only_an_approved_unexpired_approval_can_be_spent(kept: Kept, *, late: bool) -> None:
    approval = await approved(kept) if late else await opened(kept)
    kept.time.now += 1000.0 if late else 0.0
    assert await kept.store.commit(entry(), [Burn(approval.id)]) == Exhausted(approval.id, None)


async def test_a_held_call_is_found_by_what_it_sends(kept: Kept) -> None:
    approval = await opened(kept)
    assert await kept.store.by_digest("ann", "d1") == approval
    assert await kept.store.by_digest("bob", "d1") is None
    assert await kept.store.by_digest("ann", "d2") is None
    assert await kept.store.by_id("a1") == approval
    assert await kept.store.by_id("a2") is None
    assert await kept.store.arguments("a1") == b"sealed"
    assert await kept.store.arguments("a2") is None


async def test_the_same_call_held_twice_at_once_is_one_approval(kept: Kept) -> None:
    first = kept.store.commit(entry(), [Open(held("a1"), b"1")])
    second = kept.store.commit(entry(), [Open(held("a2"), b"2")])
    assert [*await asyncio.gather(first, second)] == [None, Exhausted("a2", None)]
    found = await kept.store.by_digest("ann", "d1")
    assert found is not None
    assert found.id == "a1"
    assert len(await kept.bodies()) == 1


async def test_a_call_approved_meanwhile_is_not_held_again(kept: Kept) -> None:
    await approved(kept)
    assert await kept.store.commit(entry(), [Open(held("a2"), b"2")]) == Exhausted("a2", None)


async def test_an_approval_for_a_lesser_tier_does_not_keep_a_call_from_being_held(kept: Kept) -> None:
    await approved(kept)
    await opened(kept, held("a2", tier=Tier.PRIVILEGED))
    found = await kept.store.by_digest("ann", "d1")
    assert found is not None
    assert found.id == "a2"


async def test_an_expired_hold_makes_room_for_a_new_one(kept: Kept) -> None:
    await opened(kept)
    kept.time.now += 901.0
    assert await kept.store.by_digest("ann", "d1") is None
    await opened(kept, replace(held("a2"), expires=kept.time.now + 900.0))
    assert [approval.id for approval in await kept.store.listing()] == ["a2"]


async def test_a_decision_counts_once_and_is_on_record(kept: Kept) -> None:
    approval = await opened(kept)
    assert await kept.store.decide(entry(kind="decision"), approval.id, ApprovalState.DENIED, "boss")
    assert not await kept.store.decide(entry(kind="decision"), approval.id, ApprovalState.APPROVED, "boss")
    found = await kept.store.by_id(approval.id)
    assert found is not None
    assert (found.state, found.decided_by) == (ApprovalState.DENIED, "boss")
    assert [body["kind"] for body in await kept.bodies()] == ["hold", "decision"]


async def test_an_expired_hold_cannot_be_decided(kept: Kept) -> None:
    approval = await opened(kept)
    kept.time.now = approval.expires
    assert not await kept.store.decide(entry(), approval.id, ApprovalState.APPROVED, "boss")


async def test_a_tier_given_by_a_person_counts_for_that_very_definition(kept: Kept) -> None:
    approval = await opened(kept, held(tier=None))
    assert await kept.store.decide(entry(), approval.id, ApprovalState.APPROVED, "boss", Tier.REVERSIBLE)
    assert await kept.store.assigned("actions", "email_send", "p1") is Tier.REVERSIBLE
    assert await kept.store.assigned("actions", "email_send", "p2") is None
    found = await kept.store.by_id(approval.id)
    assert found is not None
    assert found.tier is Tier.REVERSIBLE


async def test_denying_gives_no_tier(kept: Kept) -> None:
    approval = await opened(kept, held(tier=None))
    assert await kept.store.decide(entry(), approval.id, ApprovalState.DENIED, "boss", Tier.READ)
    assert await kept.store.assigned("actions", "email_send", "p1") is None


async def test_the_result_of_an_executed_approval_is_given_to_repeats(kept: Kept) -> None:
    approval = await approved(kept)
    await kept.store.commit(entry(), [Burn(approval.id)], durable=True)
    await kept.store.conclude(entry(kind="outcome"), approval.id, b"sealed result")
    kept.time.now += 800.0
    found = await kept.store.by_digest("ann", "d1")
    assert found is not None
    assert found.state is ApprovalState.EXECUTED
    assert await kept.store.result(approval.id) == b"sealed result"
    kept.time.now += 101.0
    assert await kept.store.by_digest("ann", "d1") is None


async def test_a_spent_approval_without_an_outcome_stays_until_a_person_clears_it(kept: Kept) -> None:
    approval = await approved(kept)
    await kept.store.commit(entry(), [Burn(approval.id)])
    kept.time.now += 30 * 86400.0
    found = await kept.store.by_digest("ann", "d1")
    assert found is not None
    assert found.state is ApprovalState.SPENT
    assert found.expires > kept.time.now
    assert await kept.store.clear(entry(kind="decision"), approval.id, "boss")
    assert await kept.store.by_digest("ann", "d1") is None
    assert not await kept.store.clear(entry(kind="decision"), approval.id, "boss")


async def test_an_outcome_after_the_clearing_is_recorded_and_changes_nothing(kept: Kept) -> None:
    approval = await approved(kept)
    await kept.store.commit(entry(), [Burn(approval.id)])
    assert await kept.store.clear(entry(), approval.id, "boss")
    await kept.store.conclude(entry(kind="outcome"), approval.id, b"late")
    assert await kept.store.result(approval.id) is None
    assert (await kept.bodies())[-1]["kind"] == "outcome"


async def test_wrong_passphrases_cost_ever_longer_waits(kept: Kept) -> None:
    waits: list[float] = []
    for _ in range(7):
        waits.append(await kept.store.attempt("boss"))
        kept.time.now += waits[-1]
    assert waits == [0.0] * 5 + [5.0, 0.0]
    assert await kept.store.attempt("boss") == 10.0
    await kept.store.forgive("boss")
    assert await kept.store.attempt("boss") == 0.0


async def test_the_newest_approvals_are_listed_first(kept: Kept) -> None:
    for number in range(3):
        await opened(kept, held(f"a{number}", f"d{number}"))
    await kept.store.decide(entry(), "a1", ApprovalState.DENIED, "boss")
    assert [a.id for a in await kept.store.listing()] == ["a2", "a1", "a0"]
    assert [a.id for a in await kept.store.listing(ApprovalState.PENDING)] == ["a2", "a0"]
    assert [a.id for a in await kept.store.listing(limit=1)] == ["a2"]
