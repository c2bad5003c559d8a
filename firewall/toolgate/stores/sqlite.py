"""Journal and state in one SQLite file on the event loop: one transaction per turn of the loop.

Any number of processes share the file, each with a chain of its own.
"""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from toolgate.core import chain
from toolgate.core.canonical import canonical
from toolgate.core.model import Approval, ApprovalState, Charge, Inverse, Tier
from toolgate.core.standing import NO_PAUSES, Pause, Pauses
from toolgate.errors import JournalDown
from toolgate.ports import Alias, Entry, Exhausted, Kept
from toolgate.stores import shelf
from toolgate.stores.chaining import Item, itemise
from toolgate.stores.database import create, is_busy
from toolgate.stores.ledger import Act, Attempt, Conclude, Forgive, Name
from toolgate.stores.standing import Standing
from toolgate.stores.transaction import Transactor
from toolgate.stores.upkeep import Upkeep

# A note is written at the latest after this many seconds.
LINGER: Final = 0.005
# How many turns of the loop a transaction waits for company at the most, and how many without any coming.
GATHER: Final = 12
COMPANY: Final = 2
# How long commits wait for the write lock of other processes before the journal counts as down.
PATIENCE: Final = 2.0
# Notes kept while the disk is away; calls are refused meanwhile, so only their refusals pile up.
BACKLOG: Final = 10_000

Answer: TypeAlias = "asyncio.Future[Exhausted | None]"


class SqliteStore(Standing):
    """`toolgate.ports.Journal` and `Approvals` on one file. Raises JournalDown where it cannot be made.

    Used by one event loop in one thread. `now` gives seconds since the epoch.
    """

    def __init__(self, path: Path, keys: chain.Keys, now: Callable[[], float] = time.time) -> None:
        create(path)
        self._path, self._keys, self._now = path, keys, now
        self._transactor: Transactor | None = None
        self._waiting: list[tuple[Item, Answer | None]] = []
        self._scheduled = False
        self._lingering = False
        self._busy_since: float | None = None
        self._lost = 0
        self._upkeep = Upkeep(path, now)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._turns = self._gathered = self._company = 0
        # What is paused, as of the last transaction.
        self.pauses: Pauses = NO_PAUSES

    def commit(self, entry: Entry, charges: Sequence[Charge] = (), durable: bool = False) -> Answer:
        """Take every charge and write the record, or neither; see `toolgate.ports.Journal`."""
        return self._enqueue(itemise(self._keys.commitments, entry, charges, durable=durable))

    def note(self, entry: Entry) -> None:
        """Write the record with the next transaction, within milliseconds."""
        item = itemise(self._keys.commitments, entry, (), durable=False)
        if len(self._waiting) >= BACKLOG:
            self._lost += 1
            return
        self._waiting.append((item, None))
        if not self._scheduled and not self._lingering:
            self._lingering = True
            (self._loop or self._running()).call_later(LINGER, self._linger)

    async def conclude(
        self, entry: Entry, approval: str, sealed_result: bytes, charges: Sequence[Charge] = ()
    ) -> None:
        """The outcome record and the result of the executed approval, durably."""
        await self._change(entry, Conclude(approval, sealed_result), *charges)

    async def by_digest(self, caller: str, digest: str) -> Approval | None:
        """The newest approval of this caller for this very call that still counts."""
        return _one(await self._rows(shelf.BY_DIGEST, (caller, digest, self._now())))

    async def by_id(self, approval: str) -> Approval | None:
        """The approval of this id, expired or not."""
        return _one(await self._rows(shelf.BY_ID, (approval,)))

    async def arguments(self, approval: str) -> bytes | None:
        """The sealed arguments that will be sent, until they expire."""
        return await self._blob("select coalesce(edited, sealed) from approvals where id = ?", approval)

    async def asked(self, approval: str) -> bytes | None:
        """The sealed arguments that the caller gave, whatever an approver put in their place."""
        return await self._blob("select sealed from approvals where id = ?", approval)

    async def about(self, approval: str) -> bytes | None:
        """What an approver is told beside the arguments, sealed."""
        return await self._blob("select about from approvals where id = ?", approval)

    async def result(self, approval: str) -> bytes | None:
        """The sealed result of an executed approval, until it expires."""
        return await self._blob("select result from approvals where id = ?", approval)

    async def assigned(self, upstream: str, tool: str, pin: str) -> Tier | None:
        """The tier a person gave to this very definition of an unlisted tool."""
        rows = await self._rows(shelf.ASSIGNED, (upstream, tool, pin))
        return Tier(rows[0][0]) if rows else None

    async def listing(self, state: ApprovalState | None = None, limit: int = 100) -> list[Approval]:
        """The newest approvals, of one state or of all."""
        found = await self._rows(
            *((shelf.OF_STATE, (state.value, limit)) if state else (shelf.NEWEST, (limit,)))
        )
        return [shelf.approval_of(row) for row in found]

    async def change(self, entry: Entry, *acts: Act) -> bool:
        """Do every act durably, with its record. False, and nothing done, when one cannot be done."""
        return await self._change(entry, *acts) is None

    async def granted(self, caller: str, upstream: str, target: str) -> list[Kept]:
        """The grants of one caller for one tool that are neither expired nor revoked."""
        rows = await self._rows(shelf.GRANTS_OF, (caller, upstream, target, self._now()))
        return [Kept(*row) for row in rows]

    async def name(self, aliases: Sequence[Alias]) -> None:
        """Keep what pseudonyms stand for."""
        await self._enqueue(Item(None, None, (Name(aliases),)))

    async def named(self, namespace: str, tokens: Sequence[str]) -> list[Alias]:
        """What these tokens stand for."""
        rows = await self._rows(shelf.ALIASES, (namespace, json.dumps(list(tokens)), self._now()))
        return [Alias(*row) for row in rows]

    async def grants(self) -> list[Kept]:
        """Every grant there was, the one that lasts longest first."""
        return [Kept(*row) for row in await self._rows(shelf.GRANTS, ())]

    async def pausing(self) -> tuple[Pause, ...]:
        """What is paused now."""
        return tuple(Pause(*row) for row in await self._rows(shelf.PAUSES, ()))

    async def inverses(self, session: str = "", limit: int = 100) -> list[Inverse]:
        """The ways back of one session or of all, the newest first."""
        found = (shelf.INVERSES_IN, (session, limit)) if session else (shelf.INVERSES, (limit,))
        return [shelf.inverse_of(row) for row in await self._rows(*found)]

    async def inverse(self, call: str) -> Inverse | None:
        """The way back from one call."""
        rows = await self._rows(shelf.INVERSE_OF, (call,))
        return shelf.inverse_of(rows[0]) if rows else None

    async def inverse_arguments(self, call: str) -> bytes | None:
        """What it would send, sealed."""
        return await self._blob("select sealed from inverses where call = ?", call)

    async def attempt(self, name: str) -> float:
        """Count a passphrase attempt; seconds to wait, 0 when it may be checked now."""
        short = await self._enqueue(Item(None, None, (Attempt(name),), durable=True))
        return 0.0 if short is None else short.retry_after or 0.0

    async def forgive(self, name: str) -> None:
        """The passphrase was right: count from zero again."""
        await self._enqueue(Item(None, None, (Forgive(name),)))

    async def aclose(self) -> None:
        """Write what waits, then let go of the file."""
        if self._waiting:
            await self._enqueue(Item(None, None))
        await self._upkeep.aclose()
        self._drop()

    async def _change(self, entry: Entry, *acts: Act) -> Exhausted | None:
        return await self._enqueue(itemise(self._keys.commitments, entry, acts, durable=True))

    def _enqueue(self, item: Item) -> Answer:
        loop = self._loop or self._running()
        answer: Answer = loop.create_future()
        self._waiting.append((item, answer))
        if not self._scheduled:
            self._scheduled = True
            self._turns, self._gathered = 0, 1
            loop.call_soon(self._gather)
        return answer

    def _gather(self) -> None:
        """Write now, or after one more turn of the loop while turns keep bringing commits.

        A transaction costs as much as several calls, and under load the next turn brings company; alone,
        nobody is waited for.
        """
        if self._turns < GATHER and (len(self._waiting) > self._gathered or self._company > self._turns):
            self._turns += 1
            self._gathered = len(self._waiting)
            (self._loop or self._running()).call_soon(self._gather)
            return
        self._company = min(len(self._waiting) - 1, COMPANY)
        self._flush()

    def _running(self) -> asyncio.AbstractEventLoop:
        """The loop, asked for once: in Python 3.11 that is a system call."""
        self._loop = asyncio.get_running_loop()
        return self._loop

    def _linger(self) -> None:
        self._lingering = False
        if self._waiting and not self._scheduled:
            self._flush()

    def _flush(self) -> None:
        """Write everything that waits in one transaction, and answer."""
        self._scheduled = False
        batch, self._waiting = self._waiting, []
        batch = [pair for pair in batch if pair[1] is None or not pair[1].cancelled()]
        if not batch:
            return
        try:
            answers = self._write([item for item, _ in batch])
        except sqlite3.Error as error:
            self._failed(batch, error)
            return
        self._busy_since = None
        for (_, future), answer in zip(batch, answers, strict=True):
            if future is not None and not future.done():
                future.set_result(answer)
        self._upkeep.wrote()

    def _write(self, items: list[Item]) -> list[Exhausted | None]:
        now = self._now()
        transactor = self._open()
        if not self._lost:
            answers = transactor.write(items, now)
            self.pauses = transactor.pauses
            return answers
        told = canonical({"v": 1, "kind": "summary", "at": now, "status": f"{self._lost} records lost"})
        answers = transactor.write([*items, Item(told, None)], now)
        self._lost = 0
        self.pauses = transactor.pauses
        return answers[:-1]

    def _failed(self, batch: list[tuple[Item, Answer | None]], error: sqlite3.Error) -> None:
        """Another process writes: try again soon. Else whoever waits is told, and notes are kept."""
        loop = asyncio.get_running_loop()
        if is_busy(error):
            since = self._busy_since = self._busy_since or loop.time()
            if loop.time() - since < PATIENCE:
                self._waiting = batch + self._waiting
                self._scheduled = True
                loop.call_later(_jitter(), self._flush)
                return
        else:
            self._drop()
        self._busy_since = None
        self._waiting = [pair for pair in batch if pair[1] is None] + self._waiting
        for _, future in batch:
            if future is not None and not future.done():
                future.set_exception(self._down(error))

    def _open(self) -> Transactor:
        if self._transactor is None:
            self._transactor = Transactor(self._path, self._keys)
        return self._transactor

    def _drop(self) -> None:
        if self._transactor is not None:
            self._transactor.close()
            self._transactor = None

    def _down(self, error: sqlite3.Error) -> JournalDown:
        return JournalDown(f"{self._path}: {error}")

    async def _rows(self, sql: str, parameters: tuple[object, ...]) -> list[Any]:
        """Read; a reader waits too, while another process opens, recovers or closes the file."""
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE
        while True:
            try:
                return self._open().db.execute(sql, parameters).fetchall()
            except sqlite3.Error as error:
                if not is_busy(error):
                    self._drop()
                if not is_busy(error) or loop.time() >= until:
                    raise self._down(error) from error
            await asyncio.sleep(_jitter())

    async def _blob(self, sql: str, approval: str) -> bytes | None:
        rows = await self._rows(sql, (approval,))
        return rows[0][0] if rows else None


def _jitter() -> float:
    """Seconds before the lock is tried again, so that many processes do not try in step."""
    return random.uniform(0.0002, 0.002)  # noqa: S311 - no secret depends on it


def _one(rows: list[Any]) -> Approval | None:
    return shelf.approval_of(rows[0]) if rows else None
