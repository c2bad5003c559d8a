"""Events in SQLite."""

import hashlib
import sqlite3
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from toolgate_servers.actions.calendar.events import Kept, changed_meanwhile, no_such_event, uid_taken
from toolgate_servers.actions.calendar.expanding import repeats
from toolgate_servers.actions.calendar.ics import end_of, parse, start_of
from toolgate_servers.actions.calendar.when import moment
from toolgate_servers.database import Database
from toolgate_servers.errors import Reason, Refused
from toolgate_servers.running import Run

APPLICATION_ID = 0x7467_6F63
MAX_EVENTS = 50_000

# `last` is null for what repeats. synchronous = FULL: what was agreed stays, also when the power fails.
SCHEMA = """
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS events (
  id TEXT PRIMARY KEY,
  uid TEXT NOT NULL UNIQUE,
  etag TEXT NOT NULL,
  first REAL NOT NULL,
  last REAL,
  ics TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS events_by_time ON events (first);
"""


class SqliteEvents:
    """A calendar in a file, or in memory."""

    def __init__(self, file: Path | None, zone: ZoneInfo) -> None:
        self._database = Database("the calendar", file, application_id=APPLICATION_ID, schema=SCHEMA)
        self._zone = zone

    def between(self, start: datetime, end: datetime, run: Run) -> list[Kept]:
        """Give what may take place from one moment until another."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT id, ics, etag FROM events WHERE first < ? AND (last IS NULL OR last >= ?) "
                "ORDER BY first",
                (end.timestamp(), start.timestamp()),
            ).fetchall()
        return [Kept(*row) for row in rows]

    def get(self, event_id: str, run: Run) -> Kept:
        """Give one object."""
        with self._database.reading() as connection:
            return _one(connection, event_id)

    def add(self, event_id: str, uid: str, text: str, run: Run) -> Kept:
        """Keep a new object; what is there under the id stays."""
        with self._database.writing() as connection:
            row = connection.execute(
                "SELECT id FROM events WHERE id = ? OR uid = ?", (event_id, uid)
            ).fetchone()
            if row is not None:
                if row[0] != event_id:
                    raise uid_taken()
                return _one(connection, event_id)
            (held,) = connection.execute("SELECT count(*) FROM events").fetchone()
            if held >= MAX_EVENTS:
                raise Refused(
                    Reason.STORE_FULL,
                    "the calendar",
                    found=f"{held} events",
                    expected="fewer, or another file",
                )
            kept = Kept(event_id, text, _etag(text))
            connection.execute(
                "INSERT INTO events (id, uid, etag, first, last, ics) VALUES (?, ?, ?, ?, ?, ?)",
                (event_id, uid, kept.etag, *self._bounds(text), text),
            )
            return kept

    def change(self, kept: Kept, text: str, run: Run) -> Kept:
        """Replace an object, unless it was changed meanwhile."""
        changed = Kept(kept.id, text, _etag(text))
        first, last = self._bounds(text)
        with self._database.writing() as connection:
            done = connection.execute(
                "UPDATE events SET etag = ?, first = ?, last = ?, ics = ? WHERE id = ? AND etag = ?",
                (changed.etag, first, last, text, kept.id, kept.etag),
            )
            if done.rowcount != 1:
                raise changed_meanwhile()
        return changed

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _bounds(self, text: str) -> tuple[float, float | None]:
        series = parse(text, self._zone)
        assert series is not None  # only objects that were read or made are kept
        starts = [start for event in series.events() if (start := start_of(event, self._zone)) is not None]
        ends = [end for event in series.events() if (end := end_of(event, self._zone)) is not None]
        first = min(moment(start, self._zone).timestamp() for start in starts)
        last = max(moment(end, self._zone).timestamp() for end in ends)
        return first, None if repeats(series) else last


def _one(connection: sqlite3.Connection, event_id: str) -> Kept:
    row = connection.execute("SELECT id, ics, etag FROM events WHERE id = ?", (event_id,)).fetchone()
    if row is None:
        raise no_such_event()
    return Kept(*row)


def _etag(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
