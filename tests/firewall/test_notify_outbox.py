"""Messages wait in the store's file: in order, for one process at a time, through restarts."""

from __future__ import annotations

import asyncio
import stat
from dataclasses import dataclass
from pathlib import Path

import pytest

from toolgate.core.delivery import Delivery
from toolgate.errors import JournalDown
from toolgate.stores.database import create
from toolgate.stores.outbox import KEPT, LEASE, MOST, SqliteOutbox


@dataclass
class Office:
    """An outbox and its clock."""

    path: Path
    now: float = 1000.0

    def __post_init__(self) -> None:
        create(self.path)
        self.outbox = self.another()

    def another(self) -> SqliteOutbox:
        """The same outbox in another process."""
        return SqliteOutbox(self.path, lambda: self.now)


def letter(ident: str, subject: str = "ap-1", target: str = "webhook-1") -> Delivery:
    return Delivery(ident, target, subject, "held", 1000.0, b"sealed")


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path / "toolgate.db")


async def claimed(outbox: SqliteOutbox, target: str = "webhook-1") -> str | None:
    found = await outbox.claim(target)
    return found.id if found else None


async def test_a_message_is_claimed_by_one_process_only(office: Office) -> None:
    await office.outbox.put(letter("m1"))
    both = await asyncio.gather(claimed(office.outbox), claimed(office.another()))
    assert sorted(both, key=str) == [None, "m1"] or sorted(both, key=str) == ["m1", None]


async def test_of_two_hundred_claims_at_once_each_gets_another_one(office: Office) -> None:
    for number in range(20):
        await office.outbox.put(letter(f"m{number}", f"ap-{number}"))
    found = await asyncio.gather(*(claimed(office.another()) for _ in range(60)))
    assert sorted(one for one in found if one) == sorted(f"m{number}" for number in range(20))


async def test_news_of_one_approval_stay_in_order_and_others_pass(office: Office) -> None:
    for ident, subject in (("m1", "ap-1"), ("m2", "ap-1"), ("m3", "ap-2")):
        await office.outbox.put(letter(ident, subject))
    assert await claimed(office.outbox) == "m1"
    await office.outbox.later("m1", 2000.0, "it answered 500")
    assert await claimed(office.outbox) == "m3"
    assert await claimed(office.outbox) is None
    await office.outbox.done("m1")
    assert await claimed(office.outbox) == "m2"


async def test_receivers_do_not_wait_for_one_another(office: Office) -> None:
    await office.outbox.put(letter("m1"))
    await office.outbox.put(letter("m2", target="slack-1"))
    assert await claimed(office.outbox, "slack-1") == "m2"


async def test_what_a_dead_process_claimed_comes_back_after_its_lease(office: Office) -> None:
    await office.outbox.put(letter("m1"))
    assert await claimed(office.outbox) == "m1"
    assert await claimed(office.another()) is None
    office.now += LEASE + 1
    again = await office.another().claim("webhook-1")
    assert again is not None
    assert again.attempts == 2


async def test_the_dead_are_listed_revived_and_dropped(office: Office) -> None:
    for number in range(3):
        await office.outbox.put(letter(f"m{number}", f"ap-{number}"))
        await office.outbox.bury(f"m{number}", "it answered 410")
    assert [one.id for one in await office.outbox.dead()] == ["m2", "m1", "m0"]
    assert await claimed(office.outbox) is None
    assert await office.outbox.next_due("webhook-1") is None
    assert await office.outbox.revive("m1") == 1
    assert await office.outbox.revive("m1") == 0
    found = await office.outbox.claim("webhook-1")
    assert found is not None
    assert (found.id, found.attempts, found.why) == ("m1", 1, "it answered 410")
    assert await office.outbox.drop() == 2
    assert await office.outbox.drop("m1") == 0
    assert await office.outbox.waiting() == {"webhook-1": 1}


async def test_a_receiver_that_takes_nothing_fills_nothing(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toolgate.stores.outbox.MOST", 3)
    assert MOST >= 100
    kept = [await office.outbox.put(letter(f"m{number}", f"ap-{number}")) for number in range(5)]
    assert kept == [True, True, True, False, False]
    assert await office.outbox.put(letter("other", target="slack-1"))


async def test_a_number_is_used_once_until_it_is_too_old_to_matter(office: Office) -> None:
    uses = await asyncio.gather(*(office.another().take_nonce("a", 1600.0) for _ in range(20)))
    assert sorted(uses) == [False] * 19 + [True]
    assert await office.outbox.take_nonce("b", 1600.0)
    office.now = 1601.0
    assert await office.outbox.take_nonce("a", 2200.0)


async def test_the_long_dead_are_forgotten(office: Office) -> None:
    await office.outbox.put(letter("m1"))
    await office.outbox.bury("m1", "gone")
    office.now += KEPT - 1
    await office.outbox.put(letter("m2"))
    assert [one.id for one in await office.outbox.dead()] == ["m1"]
    office.now += 2
    await office.outbox.put(letter("m3"))
    assert await office.outbox.dead() == []


async def test_a_store_that_is_gone_is_said_to_be_gone_and_not_made_anew(tmp_path: Path) -> None:
    outbox = SqliteOutbox(tmp_path / "gone.db", lambda: 0.0)
    with pytest.raises(JournalDown):
        await outbox.put(letter("m1"))
    assert not (tmp_path / "gone.db").exists()


async def test_the_file_stays_private(office: Office) -> None:
    await office.outbox.put(letter("m1"))
    assert stat.S_IMODE(office.path.stat().st_mode) == 0o600
