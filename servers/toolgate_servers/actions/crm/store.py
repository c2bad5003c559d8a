"""The file of the CRM: contacts, unless a server keeps them, and what was done with them."""

import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from toolgate_servers.actions.crm.contact import (
    Contact,
    Fields,
    changed_meanwhile,
    no_such_contact,
)
from toolgate_servers.database import Database
from toolgate_servers.errors import Reason, Refused
from toolgate_servers.idempotency import stable_id
from toolgate_servers.running import Run

APPLICATION_ID = 0x7467_6F70
MAX_CONTACTS = 100_000
MAX_ACTIVITIES = 1_000_000

# `change` names the action that made the version, and `before` is what it was then: so a repeat finds both.
SCHEMA = """
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS contacts (
  id TEXT PRIMARY KEY,
  version INTEGER NOT NULL,
  fields TEXT NOT NULL,
  change TEXT NOT NULL,
  before TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS activities (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  contact TEXT NOT NULL,
  kind TEXT NOT NULL,
  day TEXT NOT NULL,
  text TEXT NOT NULL,
  at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS activities_by_contact ON activities (contact, position);
"""


@dataclass(frozen=True, slots=True)
class Activity:
    """Something that was done with a contact on a day; `at` is when it was noted, in UTC."""

    id: str
    contact: str
    kind: str
    day: str
    text: str
    at: str


def open_store(file: Path | None) -> Database:
    """Open the file of the CRM, or memory.

    Raises:
        CannotStart: It cannot be written, or is something else.
    """
    return Database("the contact store", file, application_id=APPLICATION_ID, schema=SCHEMA)


class LocalBook:
    """Contacts in the file."""

    def __init__(self, database: Database, about: str) -> None:
        self._database = database
        self.about = about

    def search(self, query: str | None, limit: int, run: Run) -> list[Contact]:
        """Give contacts that hold every word of the query, by name."""
        words = (query or "").split()
        holds = " AND ".join(["1", *["instr(lower(fields), lower(?)) > 0"] * len(words)])
        spelled = [json.dumps(word, ensure_ascii=False)[1:-1] for word in words]
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT id, version, fields FROM contacts WHERE {holds} "  # noqa: S608  # constants
                "ORDER BY fields ->> 'name', id LIMIT ?",
                (*spelled, limit),
            ).fetchall()
        return [_contact(*row) for row in rows]

    def read(self, contact_id: str, run: Run) -> Contact:
        """Give one contact."""
        with self._database.reading() as connection:
            return _one(connection, contact_id)

    def create(self, fields: Fields, run: Run) -> Contact:
        """Add a contact, once for each idempotency key."""
        contact_id = stable_id("contact", run.idempotency_key)
        with self._database.writing() as connection:
            (count,) = connection.execute("SELECT count(*) FROM contacts").fetchone()
            if count >= MAX_CONTACTS:
                raise full("contacts", MAX_CONTACTS)
            connection.execute(
                "INSERT OR IGNORE INTO contacts VALUES (?, 1, ?, ?, '')",
                (contact_id, _spelled(fields), run.idempotency_key),
            )
            return _one(connection, contact_id)

    def update(
        self, contact_id: str, etag: str, changes: Mapping[str, Any], run: Run
    ) -> tuple[Contact, Contact]:
        """Change fields of a contact that still has this etag; a repeat gives what the first gave."""
        with self._database.writing() as connection:
            there = _one(connection, contact_id)
            change, before = connection.execute(
                "SELECT change, before FROM contacts WHERE id = ?", (contact_id,)
            ).fetchone()
            if change == run.idempotency_key and before:
                return _contact(contact_id, _version(there.etag) - 1, before), there
            if there.etag != etag:
                raise changed_meanwhile()
            connection.execute(
                "UPDATE contacts SET version = version + 1, before = fields, fields = ?, change = ? "
                "WHERE id = ?",
                (_spelled(replace(there.fields, **changes)), run.idempotency_key, contact_id),
            )
            return there, _one(connection, contact_id)

    def delete(self, contact_id: str, etag: str, run: Run) -> Contact:
        """Remove a contact that still has this etag, and give what it was."""
        with self._database.writing() as connection:
            there = _one(connection, contact_id)
            if there.etag != etag:
                raise changed_meanwhile()
            connection.execute("DELETE FROM contacts WHERE id = ?", (contact_id,))
        return there


class Activities:
    """What was done with contacts, wherever they are kept."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._clock = clock

    def log(self, contact: str, kind: str, day: str | None, text: str, run: Run) -> Activity:
        """Note an activity, once for each idempotency key; without a day, of today."""
        now = self._clock()
        day, at = day or now.date().isoformat(), now.isoformat(timespec="seconds")
        activity_id = stable_id("activity", run.idempotency_key)
        with self._database.writing() as connection:
            (count,) = connection.execute("SELECT count(*) FROM activities").fetchone()
            if count >= MAX_ACTIVITIES:
                raise full("activities", MAX_ACTIVITIES)
            connection.execute(
                "INSERT OR IGNORE INTO activities (id, contact, kind, day, text, at) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (activity_id, contact, kind, day, text, at),
            )
            row = connection.execute(
                "SELECT id, contact, kind, day, text, at FROM activities WHERE id = ?", (activity_id,)
            ).fetchone()
        return Activity(*row)

    def page(self, contact: str, cursor: int | None, limit: int) -> tuple[list[Activity], int | None]:
        """List the activities of a contact, newest first, from below the cursor."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT position, id, contact, kind, day, text, at FROM activities "
                "WHERE contact = ? AND position < ? ORDER BY position DESC LIMIT ?",
                (contact, 2**62 if cursor is None else cursor, limit + 1),
            ).fetchall()
        more = len(rows) > limit
        return [Activity(*row[1:]) for row in rows[:limit]], rows[limit - 1][0] if more else None


def full(what: str, most: int) -> Refused:
    """Make the refusal of a store that takes no more."""
    return Refused(
        Reason.STORE_FULL,
        "the contact store",
        found=f"{most} {what}",
        expected="fewer; the operator can use another file",
    )


def _one(connection: sqlite3.Connection, contact_id: str) -> Contact:
    row = connection.execute(
        "SELECT id, version, fields FROM contacts WHERE id = ?", (contact_id,)
    ).fetchone()
    if row is None:
        raise no_such_contact()
    return _contact(*row)


def _contact(contact_id: str, version: int, fields: str) -> Contact:
    content: dict[str, Any] = json.loads(fields)
    content |= {name: tuple(content[name]) for name in ("emails", "phones")}
    return Contact(contact_id, f'"{version}"', Fields(**content))


def _version(etag: str) -> int:
    return int(etag.strip('"'))


def _spelled(fields: Fields) -> str:
    return json.dumps(asdict(fields), ensure_ascii=False)
