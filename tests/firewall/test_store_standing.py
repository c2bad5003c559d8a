"""Grants, pauses and ways back in every store: counted once, in one transaction, over all that share it."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import pytest

from toolgate.core.model import (
    Approval,
    ApprovalState,
    Inverse,
    Limit,
    Open,
    Rate,
    Remember,
    Tier,
    UndoState,
    Use,
)
from toolgate.core.standing import Pause
from toolgate.errors import JournalDown
from toolgate.ports import Entry, Exhausted, Granting
from toolgate.stores import schema
from toolgate.stores.memory import TEST_KEYS, MemoryStore
from toolgate.stores.sqlite import SqliteStore

Store: TypeAlias = SqliteStore | MemoryStore
NOW = 1_700_000_000.0
GRANT = Granting("gr-1", "ann", "mail", "send", NOW + 60.0, b"sealed")
INVERSE = Inverse("c-1", "s-1", "ann", "mail/draft", "mail", "discard", NOW, NOW + 60.0)
HELD = Approval(
    "ap-1", "ann", "mail", "send", "d", "p", Tier.IRREVERSIBLE, ApprovalState.PENDING, NOW, NOW + 60.0,
    credential="key-ann", session="s-1", why="findings",
)  # fmt: skip


def entry(under: int | None = None) -> Entry:
    return Entry({"v": 1, "kind": "intent"}, under=under)


@pytest.fixture(params=["sqlite", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    if request.param == "memory":
        yield MemoryStore(now=lambda: NOW)
        return
    made = SqliteStore(tmp_path / "toolgate.db", TEST_KEYS, lambda: NOW)
    yield made
    await made.aclose()


def use(uses: int | None = 2, expires: float = NOW + 60.0) -> Use:
    return Use("gr-1", uses, expires)


async def test_a_grant_is_used_as_often_as_it_says(store: Store) -> None:
    assert await store.commit(entry(), [use()]) == Exhausted("gr-1", None)
    assert await store.grant(entry(), GRANT)
    answers = [await store.commit(entry(), [use()]) for _ in range(3)]
    assert answers == [None, None, Exhausted("gr-1", None)]
    assert [kept.used for kept in await store.granted("ann", "mail", "send")] == [2]
    assert await store.commit(entry(), [use(None)]) is None
    assert await store.commit(entry(), [use(None, NOW)]) == Exhausted("gr-1", None)


async def test_a_use_is_not_taken_when_another_charge_cannot_be(store: Store) -> None:
    await store.grant(entry(), GRANT)
    empty = Rate("calls|ann", Limit(1, 60.0), 2.0)
    assert await store.commit(entry(), [use(1), empty]) is not None
    assert await store.commit(entry(), [use(1)]) is None


async def test_a_revoked_grant_is_used_no_more(store: Store) -> None:
    await store.grant(entry(), GRANT)
    assert await store.revoke(entry(), "gr-1", "lead")
    assert not await store.revoke(entry(), "gr-1", "lead")
    assert await store.commit(entry(), [use()]) == Exhausted("gr-1", None)
    assert await store.granted("ann", "mail", "send") == []
    assert [kept.revoked for kept in await store.grants()] == ["lead"]


async def test_grants_are_those_of_one_caller_and_tool_that_have_not_expired(store: Store) -> None:
    await store.grant(entry(), GRANT)
    await store.grant(entry(), replace(GRANT, id="gr-2", caller="bob"))
    await store.grant(entry(), replace(GRANT, id="gr-3", target="wipe"))
    await store.grant(entry(), replace(GRANT, id="gr-4", expires=NOW))
    assert len(await store.granted("ann", "mail", "send")) == 1
    assert len(await store.grants()) == 4


async def test_what_was_decided_before_a_pause_is_not_written_after_it(store: Store) -> None:
    assert store.pauses.generation == 0
    assert await store.commit(entry(under=0)) is None
    assert await store.halt(entry(), Pause("pa-1", "mail", by="lead", at=NOW))
    assert await store.commit(entry(under=0)) == Exhausted("paused", None)
    assert (store.pauses.generation, [one.id for one in store.pauses.stops]) == (1, ["pa-1"])
    assert await store.commit(entry(under=1)) is None
    assert await store.pausing() == store.pauses.stops == (Pause("pa-1", "mail", by="lead", at=NOW),)


async def test_a_pause_is_lifted_by_its_id_or_with_all(store: Store) -> None:
    for ident in ("pa-1", "pa-2", "pa-3"):
        await store.halt(entry(), Pause(ident, caller=ident))
    assert await store.lift(entry(), "pa-1")
    assert not await store.lift(entry(), "pa-1")
    assert [one.id for one in await store.pausing()] == ["pa-2", "pa-3"]
    assert await store.lift(entry(), "")
    assert not await store.lift(entry(), "")
    assert await store.pausing() == ()
    assert await store.commit(entry(under=4)) == Exhausted("paused", None)
    assert await store.commit(entry(under=store.pauses.generation)) is None


async def test_a_way_back_goes_through_its_states_once(store: Store) -> None:
    assert await store.commit(entry(), [Remember(INVERSE, b"arguments")]) is None
    assert await store.inverse("c-1") == INVERSE
    assert await store.inverse_arguments("c-1") == b"arguments"
    assert await store.inverse("c-2") is None
    assert await store.inverse_arguments("c-2") is None
    assert await store.take_back(entry(), "c-1", UndoState.OPEN, UndoState.RUNNING)
    assert not await store.take_back(entry(), "c-1", UndoState.OPEN, UndoState.RUNNING)
    assert await store.take_back(entry(), "c-1", UndoState.RUNNING, UndoState.DONE)
    found = await store.inverse("c-1")
    assert found is not None
    assert found.state is UndoState.DONE


async def test_a_way_back_that_has_expired_is_not_begun(store: Store) -> None:
    await store.commit(entry(), [Remember(replace(INVERSE, until=NOW), b"")])
    assert not await store.take_back(entry(), "c-1", UndoState.OPEN, UndoState.RUNNING)
    assert not await store.take_back(entry(), "c-9", UndoState.OPEN, UndoState.RUNNING)


async def test_ways_back_are_listed_newest_first_and_by_session(store: Store) -> None:
    for number, session in enumerate(("s-1", "s-2", "s-1")):
        await store.commit(entry(), [Remember(replace(INVERSE, call=f"c-{number}", session=session), b"")])
    assert [one.call for one in await store.inverses()] == ["c-2", "c-1", "c-0"]
    assert [one.call for one in await store.inverses("s-1")] == ["c-2", "c-0"]
    assert [one.call for one in await store.inverses("s-1", 1)] == ["c-2"]


async def test_a_hold_keeps_who_made_it_and_an_edit_takes_the_place_of_what_came(store: Store) -> None:
    await store.commit(entry(), [Open(HELD, b"asked", b"about")])
    assert await store.by_id("ap-1") == HELD
    assert await store.about("ap-1") == b"about"
    done = await store.decide(
        entry(), "ap-1", ApprovalState.APPROVED, "lead", channel="console", sends="d2", sealed=b"edited"
    )
    assert done
    assert await store.by_id("ap-1") == replace(
        HELD, state=ApprovalState.APPROVED, decided_by="lead", channel="console", sends="d2"
    )
    assert (await store.arguments("ap-1"), await store.asked("ap-1")) == (b"edited", b"asked")


async def test_a_denial_keeps_no_edit(store: Store) -> None:
    await store.commit(entry(), [Open(HELD, b"asked")])
    await store.decide(entry(), "ap-1", ApprovalState.DENIED, "lead", sends="d2", sealed=b"edited")
    found = await store.by_id("ap-1")
    assert found is not None
    assert (found.sends, await store.arguments("ap-1")) == ("", b"asked")


async def test_conclusions_carry_the_way_back(store: Store) -> None:
    await store.commit(entry(), [Open(HELD, b"asked")])
    await store.conclude(entry(), "ap-1", b"result", [Remember(INVERSE, b"")])
    assert await store.inverse("c-1") == INVERSE


OLD_TABLES = """
create table records(id integer primary key, writer text not null, seq integer not null,
    turn integer not null, body blob not null, mac blob not null, salt blob);
create table heads(writer text primary key, seq integer not null, mac blob not null, seal blob not null);
create table roster(one integer primary key check (one = 1), turn integer not null, writers integer not null,
    link blob not null);
create table limits(key text primary key, tat integer not null) without rowid;
create table approvals(n integer primary key, id text not null unique, caller text not null,
    upstream text not null, target text not null, digest text not null, pin text not null, tier text,
    state text not null,
    created real not null, expires real not null, decided_by text not null, sealed blob, result blob);
create table assigned(upstream text, tool text, pin text, tier text, approver text,
    primary key (upstream, tool, pin));
create table attempts(name text primary key, failures integer not null, until real not null) without rowid;
insert into roster values (1, 0, 0, x'00');
insert into approvals values (1, 'ap-0', 'ann', 'mail', 'send', 'd', 'p', 'irreversible', 'pending', 1.0,
    1700000060.0, '', x'00', null);
pragma user_version = 1;
"""


async def test_a_file_of_the_version_before_is_brought_up_and_keeps_what_waits(tmp_path: Path) -> None:
    path = tmp_path / "toolgate.db"
    with sqlite3.connect(path) as db:
        db.executescript(OLD_TABLES)
    db.close()
    store = SqliteStore(path, TEST_KEYS, lambda: NOW)
    (waiting,) = await store.listing()
    assert (waiting.id, waiting.why, waiting.credential) == ("ap-0", "tier", "")
    assert await store.grant(entry(), GRANT)
    assert await store.halt(entry(), Pause("pa-1"))
    await store.aclose()
    again = SqliteStore(path, TEST_KEYS, lambda: NOW)
    assert len(await again.pausing()) == 1
    await again.aclose()


async def test_a_file_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "toolgate.db"
    with sqlite3.connect(path) as db:
        db.execute(f"pragma user_version = {schema.VERSION + 1}")
    db.close()
    with pytest.raises(JournalDown):
        SqliteStore(path, TEST_KEYS)
