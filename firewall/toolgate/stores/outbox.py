"""Deliveries in the store's file, in a thread of their own: a call never waits for them."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from toolgate.core.delivery import Delivery
from toolgate.errors import JournalDown

T = TypeVar("T")

# So many messages wait for one receiver; what comes beyond that is not kept.
MOST: Final = 1000
# Whoever took a delivery and died holds it back for so many seconds.
LEASE: Final = 60.0
# Dead letters are kept for so many seconds.
KEPT: Final = 30 * 86400.0
_PATIENCE: Final = 5.0

_COLUMNS: Final = "id, target, subject, event, created, sealed, attempts, due, dead, why"
_TABLES: Final = """
create table if not exists deliveries(
    n integer primary key,
    id text not null unique,
    target text not null,
    subject text not null,
    event text not null,
    created real not null,
    sealed blob not null,
    attempts integer not null,
    due real not null,
    dead integer not null,
    why text not null);
create index if not exists deliveries_waiting on deliveries(target, dead, n);
create table if not exists nonces(nonce text primary key, until real not null) without rowid
"""
# The oldest that is due and has no earlier one of the same subject before it.
_CLAIM: Final = (
    "update deliveries set attempts = attempts + 1, due = ? where n = (select d.n from deliveries d"  # noqa: S608 - our own column names
    " where d.target = ? and not d.dead and d.due <= ? and not exists (select 1 from deliveries e"
    " where e.target = d.target and e.subject = d.subject and not e.dead and e.n < d.n)"
    f" order by d.n limit 1) returning {_COLUMNS}"
)


class SqliteOutbox:
    """`toolgate.approvals.outbox.Outbox` on the store's file, shared by processes. Raises JournalDown."""

    def __init__(self, path: Path, now: Callable[[], float]) -> None:
        self._path, self._now = path, now

    async def put(self, delivery: Delivery) -> bool:
        """Keep a message until it is delivered. False where too many wait for this receiver already.

        What died long ago is forgotten then.
        """
        long_ago = self._now() - KEPT
        return await self._run(lambda db: _put(db, delivery, long_ago))

    async def claim(self, target: str) -> Delivery | None:
        """Take the next one that is due; nobody else gets it until it is given back or the lease ends."""
        now = self._now()
        rows = await self._run(lambda db: db.execute(_CLAIM, (now + LEASE, target, now)).fetchall())
        return _delivery(rows[0]) if rows else None

    async def next_due(self, target: str) -> float | None:
        """When the next one is due; None where nothing waits."""
        sql = "select min(due) from deliveries where target = ? and not dead"
        rows = await self._run(lambda db: db.execute(sql, (target,)).fetchall())
        return None if rows[0][0] is None else float(rows[0][0])

    async def done(self, delivery: str) -> None:
        """It has arrived."""
        await self._execute("delete from deliveries where id = ?", delivery)

    async def later(self, delivery: str, due: float, why: str) -> None:
        """It has not arrived; try again then."""
        await self._execute("update deliveries set due = ?, why = ? where id = ?", due, why, delivery)

    async def bury(self, delivery: str, why: str) -> None:
        """It will not arrive."""
        await self._execute("update deliveries set dead = 1, why = ? where id = ?", why, delivery)

    async def dead(self, limit: int = 200) -> list[Delivery]:
        """The dead letters, newest first."""
        sql = f"select {_COLUMNS} from deliveries where dead order by n desc limit ?"  # noqa: S608 - our own names
        return [_delivery(row) for row in await self._run(lambda db: db.execute(sql, (limit,)).fetchall())]

    async def waiting(self) -> dict[str, int]:
        """How many wait, for each receiver that any wait for."""
        sql = "select target, count(*) from deliveries where not dead group by target"
        return dict(await self._run(lambda db: db.execute(sql).fetchall()))

    async def revive(self, delivery: str = "") -> int:
        """Let a dead one, or all of them, be tried as if new. How many there were."""
        sql = "update deliveries set dead = 0, attempts = 0, due = 0 where dead and (id = ? or ? = '')"
        return await self._execute(sql, delivery, delivery)

    async def drop(self, delivery: str = "") -> int:
        """Forget a dead one, or all of them. How many there were."""
        return await self._execute(
            "delete from deliveries where dead and (id = ? or ? = '')", delivery, delivery
        )

    async def take_nonce(self, nonce: str, until: float) -> bool:
        """Whether this is its first use. It is remembered until then."""
        now = self._now()

        def take(db: sqlite3.Connection) -> bool:
            db.execute("delete from nonces where until < ?", (now,))
            sql = "insert or ignore into nonces(nonce, until) values (?, ?)"
            return db.execute(sql, (nonce, until)).rowcount == 1

        return await self._run(take)

    async def _execute(self, sql: str, *values: object) -> int:
        return await self._run(lambda db: db.execute(sql, values).rowcount)

    async def _run(self, act: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return await asyncio.to_thread(self._in_one_transaction, act)
        except sqlite3.Error as error:
            raise JournalDown(f"{self._path}: {error}") from error

    def _in_one_transaction(self, act: Callable[[sqlite3.Connection], T]) -> T:
        with _opened(self._path) as db:
            db.execute("begin immediate")
            for table in _TABLES.split(";\n"):
                db.execute(table)
            done = act(db)
            db.execute("commit")
            return done


@contextmanager
def _opened(path: Path) -> Generator[sqlite3.Connection]:
    """A connection to the existing file; closing it takes back what was not committed."""
    db = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=_PATIENCE
    )
    try:
        db.execute("pragma wal_autocheckpoint = 0")  # the store's own upkeep moves the log
        yield db
    finally:
        db.close()


def _put(db: sqlite3.Connection, delivery: Delivery, long_ago: float) -> bool:
    db.execute("delete from deliveries where dead and created < ?", (long_ago,))
    count = "select count(*) from deliveries where target = ? and not dead"
    if db.execute(count, (delivery.target,)).fetchone()[0] >= MOST:
        return False
    one = delivery
    values = (one.id, one.target, one.subject, one.event, one.created, one.sealed)
    sql = f"insert into deliveries({_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - our own names
    db.execute(sql, (*values, one.attempts, one.due, int(one.dead), one.why))
    return True


def _delivery(row: Sequence[Any]) -> Delivery:
    ident, target, subject, event, created, sealed, attempts, due, dead, why = row
    return Delivery(ident, target, subject, event, created, sealed, attempts, due, bool(dead), why)
