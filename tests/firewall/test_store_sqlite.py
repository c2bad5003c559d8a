"""The SQLite store in a world that fails: full disks, files that vanish, other writers, other versions."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from toolgate.core.model import Approval, ApprovalState, Limit, Open, Rate, Tier
from toolgate.core.verification import Problem
from toolgate.errors import JournalDown
from toolgate.journal.reading import open_journal
from toolgate.journal.verify import verify_file
from toolgate.ports import Entry
from toolgate.stores import database, sqlite
from toolgate.stores.chaining import Item
from toolgate.stores.database import LOG_EVERY
from toolgate.stores.memory import TEST_KEYS
from toolgate.stores.sqlite import SqliteStore
from toolgate.stores.transaction import Transactor
from toolgate.stores.upkeep import EVERY, tend

NOW = 1_700_000_000.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "toolgate.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(path, TEST_KEYS, lambda: NOW)
    yield store
    await store.aclose()


def entry(name: str = "one", padding: int = 0) -> Entry:
    return Entry({"v": 1, "kind": "intent", "call": name, "session": "x" * padding})


def calls(path: Path) -> list[str]:
    with open_journal(path) as journal:
        return [str(line.body.get("call", line.body.get("status"))) for line in journal.lines()]


def move(path: Path, to: Path, suffixes: tuple[str, ...] = ("", "-wal", "-shm")) -> None:
    for suffix in suffixes:
        Path(f"{path}{suffix}").rename(f"{to}{suffix}")


def overwrite(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def problems(path: Path) -> list[Problem]:
    return list(verify_file(path, [TEST_KEYS]).problems)


def turns(path: Path) -> int:
    with open_journal(path) as journal:
        roster = journal.roster()
        return roster.turn if roster else -1


async def test_the_file_is_its_owners_only(store: SqliteStore, path: Path) -> None:
    await store.commit(entry())
    for name in ("toolgate.db", "toolgate.db-wal", "toolgate.db-shm"):
        assert stat.S_IMODE((path.parent / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_what_comes_in_one_turn_of_the_loop_is_one_transaction(store: SqliteStore, path: Path) -> None:
    await asyncio.gather(*(store.commit(entry(str(n))) for n in range(20)))
    assert turns(path) == 1
    assert problems(path) == []


async def test_a_note_rides_along_with_the_next_commit(store: SqliteStore, path: Path) -> None:
    store.note(entry("note"))
    await store.commit(entry("commit"))
    assert turns(path) == 1
    assert calls(path) == ["note", "commit"]


async def test_a_note_alone_is_written_soon(store: SqliteStore, path: Path) -> None:
    store.note(entry("note"))
    for _ in range(1000):
        if not calls(path):
            await asyncio.sleep(sqlite.LINGER)
    assert calls(path) == ["note"]


async def test_closing_writes_what_waits(path: Path) -> None:
    store = SqliteStore(path, TEST_KEYS)
    store.note(entry("note"))
    await store.aclose()
    assert calls(path) == ["note"]
    assert problems(path) == []


async def test_a_caller_who_left_before_the_commit_leaves_no_trace(store: SqliteStore, path: Path) -> None:
    waiting = asyncio.ensure_future(store.commit(entry("gone"), [Rate("k", Limit(1, 60.0))]))
    staying = asyncio.ensure_future(store.commit(entry("here")))
    await asyncio.sleep(0)
    waiting.cancel()
    await staying
    assert calls(path) == ["here"]
    assert await store.commit(entry("next"), [Rate("k", Limit(1, 60.0))]) is None


async def test_durable_and_ordinary_commits_take_turns(store: SqliteStore, path: Path) -> None:
    for number in range(6):
        await store.commit(entry(str(number)), durable=number % 2 == 0)
    assert len(calls(path)) == 6
    assert problems(path) == []


async def test_a_second_process_on_the_file_has_a_chain_of_its_own(store: SqliteStore, path: Path) -> None:
    other = SqliteStore(path, TEST_KEYS, lambda: NOW)
    for _ in range(3):
        await asyncio.gather(store.commit(entry("a")), other.commit(entry("b")))
    await other.aclose()
    report = verify_file(path, [TEST_KEYS])
    assert (report.records, report.writers, [*report.problems]) == (6, 2, [])


async def test_limits_are_shared_between_processes(store: SqliteStore, path: Path) -> None:
    other = SqliteStore(path, TEST_KEYS, lambda: NOW)
    rate = Rate("calls", Limit(3, 60.0))
    answers = [await one.commit(entry(), [rate]) for one in (store, other, store, other)]
    await other.aclose()
    assert [answer is None for answer in answers] == [True, True, True, False]


async def test_a_lock_held_for_a_moment_is_waited_for(store: SqliteStore, path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin immediate")
    waiting = asyncio.ensure_future(store.commit(entry("waited")))
    for _ in range(5):
        await asyncio.sleep(0.001)
    assert not waiting.done()
    other.execute("commit")
    other.close()
    assert await waiting is None
    assert calls(path) == ["waited"]


async def test_a_read_waits_while_another_process_has_the_file_to_itself(path: Path) -> None:
    store = SqliteStore(path, TEST_KEYS, lambda: NOW)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("pragma locking_mode = exclusive")
    other.execute("begin immediate")
    waiting = asyncio.ensure_future(store.by_id("a1"))
    for _ in range(5):
        await asyncio.sleep(0.001)
    assert not waiting.done()
    other.execute("rollback")
    other.close()
    assert await waiting is None
    await store.aclose()


async def test_a_read_does_not_wait_for_ever(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "PATIENCE", 0.02)
    store = SqliteStore(path, TEST_KEYS, lambda: NOW)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("pragma locking_mode = exclusive")
    other.execute("begin immediate")
    with pytest.raises(JournalDown):
        await store.by_id("a1")
    other.close()
    await store.aclose()


def test_a_log_that_another_process_made_first_is_no_alarm(path: Path) -> None:
    database.create(path)
    transactor = Transactor(path, TEST_KEYS)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin immediate")
    for _ in range(LOG_EVERY - 1):
        with pytest.raises(sqlite3.OperationalError):
            transactor.write([], NOW)
    other.execute("rollback")
    other.close()
    assert transactor.write([Item(b"{}", None)], NOW) == [None]
    transactor.close()


async def test_a_lock_held_for_too_long_is_a_journal_that_is_down(
    store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "PATIENCE", 0.02)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin immediate")
    store.note(entry("note"))
    with pytest.raises(JournalDown):
        await store.commit(entry("refused"))
    other.execute("rollback")
    other.close()
    await store.commit(entry("later"))
    assert calls(path) == ["note", "later"]


async def test_a_full_disk_refuses_and_recovers(store: SqliteStore, path: Path) -> None:
    """`max_page_count` of the connection is SQLite's own full disk: the same error at the same places."""
    await store.commit(entry("before"))
    with_limit = Transactor(path, TEST_KEYS)
    (pages,) = with_limit.db.execute("pragma page_count").fetchone()
    with_limit.db.execute(f"pragma max_page_count = {pages + 2}")
    setattr(store, "_transactor", with_limit)  # noqa: B010 - only a connection of its own can be given a limit
    rate = Rate("calls", Limit(1, 60.0))
    with pytest.raises(JournalDown):
        await store.commit(entry("full", padding=50_000), [rate])
    assert calls(path) == ["before"]
    assert await store.commit(entry("after"), [rate]) is None
    assert calls(path) == ["before", "after"]
    assert problems(path) == []


async def test_a_deleted_file_refuses_until_it_is_back(store: SqliteStore, path: Path) -> None:
    await store.commit(entry("before"))
    aside = path.with_name("aside.db")
    move(path, aside)
    for _ in range(2):
        with pytest.raises(JournalDown):
            await store.commit(entry("lost"))
    assert [found.suffix for found in aside.parent.glob("toolgate.db*")] == []
    with pytest.raises(JournalDown):
        await store.by_id("a1")
    move(aside, path)
    await store.commit(entry("after"))
    assert calls(path) == ["before", "after"]
    assert problems(path) == []


async def test_a_deleted_log_refuses_soon(store: SqliteStore, path: Path) -> None:
    await store.commit(entry("before"))
    move(Path(f"{path}-wal"), path.with_name("aside"), ("",))
    answers: list[object] = []
    for _ in range(LOG_EVERY):
        answers += await asyncio.gather(store.commit(entry()), return_exceptions=True)
    assert any(isinstance(answer, JournalDown) for answer in answers)


async def test_a_file_replaced_by_another_is_noticed(store: SqliteStore, path: Path) -> None:
    await store.commit(entry("before"))
    move(path, path.with_name("aside.db"), ("",))
    overwrite(path, b"")
    with pytest.raises(JournalDown):
        await store.commit(entry("lost"))


async def test_a_corrupt_file_refuses(store: SqliteStore, path: Path) -> None:
    await store.commit(entry("before"))
    await store.aclose()
    overwrite(path, b"this is no database" * 1000)
    with pytest.raises(JournalDown):
        await store.commit(entry("lost"))
    with pytest.raises(JournalDown):
        SqliteStore(path, TEST_KEYS)
    with pytest.raises(JournalDown):
        calls(path)


async def test_a_file_of_another_version_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as other:
        other.execute("pragma user_version = 99")
    other.close()
    with pytest.raises(JournalDown):
        SqliteStore(path, TEST_KEYS)


async def test_a_start_does_not_wait_for_ever(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "STARTING", 0.02)
    path.parent.mkdir()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin exclusive")
    with pytest.raises(JournalDown):
        SqliteStore(path, TEST_KEYS)
    other.close()


async def test_a_folder_that_is_a_file_refuses(path: Path) -> None:
    path.parent.write_text("in the way")
    with pytest.raises(JournalDown):
        SqliteStore(path, TEST_KEYS)


@pytest.mark.plain
async def test_notes_beyond_the_backlog_are_counted_and_told(
    store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BACKLOG", 3)
    for number in range(5):
        store.note(entry(str(number)))
    await store.commit(entry("next"))
    assert calls(path) == ["0", "1", "2", "next", "2 records lost"]
    await store.commit(entry("more"))
    assert calls(path)[-1] == "more"


async def test_upkeep_empties_the_log_and_forgets_what_expired(store: SqliteStore, path: Path) -> None:
    rate = Rate("calls", Limit(1, 60.0))
    pending = ApprovalState.PENDING
    old = Approval("a1", "ann", "actions", "email_send", "d1", "p", Tier.IRREVERSIBLE, pending, NOW, NOW + 10)
    await store.commit(entry(), [rate, Open(old, b"1")])
    await store.commit(entry(), [Open(replace(old, id="a2", digest="d2", expires=NOW + 9e5), b"2")])
    tend(path, NOW + 5000.0)
    assert await store.arguments("a1") is None
    assert await store.arguments("a2") == b"2"
    assert await store.by_id("a1") is not None
    tend(path, NOW + 700_000.0)
    assert await store.by_id("a1") is None
    assert await store.by_id("a2") is not None
    tend(path.with_name("nothing.db"), NOW)
    with sqlite3.connect(path) as db:
        assert db.execute("select count(*) from limits").fetchone() == (0,)
    db.close()
    assert problems(path) == []


async def test_upkeep_starts_by_itself_under_steady_traffic(store: SqliteStore, path: Path) -> None:
    for number in range(EVERY + 50):
        await store.commit(entry(str(number)))
    await store.aclose()
    assert len(calls(path)) == EVERY + 50
    assert problems(path) == []
