"""Now and then, in a thread of its own: move the write-ahead log into the file and drop what expired."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

from toolgate.core.gcra import SECOND

# Transactions between two rounds; a checkpoint of them takes a few milliseconds.
EVERY: Final = 2000
# The arguments and results of approvals outlive them by this many seconds.
KEPT: Final = 3600.0
# Decided and expired approvals are listed for this many seconds; the journal keeps them for good.
REMEMBERED: Final = 7 * 86400.0


class Upkeep:
    """Counts transactions and starts a round when it is time, never two at once."""

    def __init__(self, path: Path, now: Callable[[], float]) -> None:
        self._path, self._now = path, now
        self._since = 0
        self._running: asyncio.Future[None] | None = None

    def wrote(self) -> None:
        """One more transaction was committed."""
        self._since += 1
        if self._since >= EVERY and (self._running is None or self._running.done()):
            self._since = 0
            loop = asyncio.get_running_loop()
            self._running = loop.run_in_executor(None, tend, self._path, self._now())

    async def aclose(self) -> None:
        """Wait for the round under way."""
        if self._running is not None:
            await self._running


def tend(path: Path, now: float) -> None:
    """One round. A file that is busy or away is left for the next round: commits tell of it anyway."""
    try:
        db = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=0.05
        )
    except sqlite3.Error:
        return
    try:
        _prune(db, now)
        # Most of the log is moved while others write. The rest, a few pages, is moved under the write
        # lock: without that, under steady traffic, the log would never start over and only grow.
        db.execute("pragma wal_checkpoint(passive)")
        db.execute("pragma wal_checkpoint(restart)")
    except sqlite3.Error:
        pass  # the next round tries again
    finally:
        db.close()


def _prune(db: sqlite3.Connection, now: float) -> None:
    """Drop full buckets, the contents of expired approvals, and approvals long expired. Spent ones stay."""
    db.execute(
        "delete from limits where key in (select key from limits where tat < ? limit 1000)",
        (int(now * SECOND),),
    )
    db.execute(
        "update approvals set sealed = null, result = null"
        " where expires < ? and (sealed is not null or result is not null)",
        (now - KEPT,),
    )
    db.execute("delete from approvals where expires < ?", (now - REMEMBERED,))
    db.execute("delete from aliases where expires < ?", (now,))
