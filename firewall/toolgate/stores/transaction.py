"""One transaction: charges and records of one batch, the head and the roster, all or nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from toolgate.core import chain
from toolgate.core.standing import NO_PAUSES, Pauses
from toolgate.ports import Exhausted
from toolgate.stores import schema
from toolgate.stores.chaining import Item, Row, Writer
from toolgate.stores.database import Presence, connect
from toolgate.stores.ledger import PAUSED, take
from toolgate.stores.shelf import SqliteShelf, pauses_of


class Transactor:
    """An open connection and this process's chain in it. After an error it is thrown away.

    A new one starts a new chain, so that a transaction whose commit failed half-way on the disk can
    never be followed by a record that denies it.
    """

    def __init__(self, path: Path, keys: chain.Keys) -> None:
        self.db = connect(path)
        self._presence = Presence(path)
        self._shelf = SqliteShelf(self.db)
        self._writer = Writer(keys)
        self._full = False
        self.pauses: Pauses = NO_PAUSES

    def write(self, items: Sequence[Item], now: float) -> list[Exhausted | None]:
        """Commit the items; one answer each. Raises sqlite3.Error, and then nothing was written."""
        self._presence.check()
        self._sync(any(item.durable for item in items))
        self.db.execute("begin immediate")
        try:
            answers, last = self._fill(items, now)
            self.db.execute("commit")
        except BaseException:
            self._roll_back()
            raise
        self._presence.wrote()
        if last is not None:
            self._writer.advance(last)
        return answers

    def close(self) -> None:
        """Close the connection; what was committed stays."""
        self.db.close()

    def _fill(self, items: Sequence[Item], now: float) -> tuple[list[Exhausted | None], Row | None]:
        self._shelf.begin()
        turn, writers, link, generation = self.db.execute(schema.READ_ROSTER).fetchone()
        if generation != self.pauses.generation:
            self.pauses = pauses_of(self.db, generation)
        # What was decided before something was paused is not written.
        answers = [
            PAUSED
            if item.under != generation and item.under is not None
            else (take(item.acts, self._shelf, now) if item.acts else None)
            for item in items
        ]
        self._shelf.flush()
        taken = items
        if any(answers):
            taken = [item for item, short in zip(items, answers, strict=True) if short is None]
        before = chain.Roster(turn, writers, link)
        rows = self._writer.append(taken, before.turn + 1)
        if rows:
            self._store(rows, before)
        return answers, rows[-1] if rows else None

    def _store(self, rows: Sequence[Row], before: chain.Roster) -> None:
        last = rows[-1]
        after = self._writer.roster_after(before, last)
        if len(rows) == 1:
            self.db.execute(schema.INSERT_RECORD, last)
        else:
            self.db.executemany(schema.INSERT_RECORD, rows)
        self.db.execute(schema.KEEP_HEAD, (last.writer, last.seq, last.mac, self._writer.seal(last)))
        self.db.execute(schema.KEEP_ROSTER, (after.turn, after.writers, after.link))

    def _sync(self, full: bool) -> None:
        if full is not self._full:
            self.db.execute("pragma synchronous = full" if full else "pragma synchronous = normal")
            self._full = full

    def _roll_back(self) -> None:
        try:
            if self.db.in_transaction:
                self.db.execute("rollback")
        except sqlite3.Error:
            pass  # the error that led here is the one to tell; closing the connection rolls back too
