"""Tickets in SQLite."""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from toolgate_servers.actions.tickets.ticket import (
    Change,
    Comment,
    Found,
    State,
    Ticket,
    Wanted,
    Why,
    no_such_ticket,
)
from toolgate_servers.actions.times import utc_now
from toolgate_servers.database import Database
from toolgate_servers.errors import Reason, Refused
from toolgate_servers.running import Run

APPLICATION_ID = 0x7467_6F74
MAX_TICKETS = 100_000
MAX_COMMENTS = 10_000
AUTHOR = "assistant"

# `done` holds what an action changed, before and after, so that its repeat is told the same.
# synchronous = FULL: what was done stays done, also when the power fails.
SCHEMA = """
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS tickets (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  title TEXT NOT NULL, body TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'closed')), why TEXT,
  labels TEXT NOT NULL, assignees TEXT NOT NULL, author TEXT NOT NULL,
  created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
  words TEXT NOT NULL, action TEXT NOT NULL UNIQUE
);
CREATE TABLE IF NOT EXISTS comments (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  number INTEGER NOT NULL REFERENCES tickets (number),
  author TEXT NOT NULL, at TEXT NOT NULL, body TEXT NOT NULL, action TEXT NOT NULL UNIQUE
);
CREATE INDEX IF NOT EXISTS comments_by_ticket ON comments (number, id);
CREATE TABLE IF NOT EXISTS done (action TEXT PRIMARY KEY, change TEXT NOT NULL, at TEXT NOT NULL);
"""

COLUMNS = (
    "number, title, body, state, why, labels, assignees, author, created_at, updated_at, "
    "(SELECT count(*) FROM comments WHERE comments.number = tickets.number)"
)

HAS = {
    "assignees": "EXISTS (SELECT 1 FROM json_each(assignees) WHERE lower(value) = lower(?))",
    "labels": "EXISTS (SELECT 1 FROM json_each(labels) WHERE lower(value) = lower(?))",
}


class SqliteTickets:
    """Tickets in a file, or in memory."""

    def __init__(self, file: Path | None, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = Database("the tickets", file, application_id=APPLICATION_ID, schema=SCHEMA)
        self._clock = clock

    def search(self, wanted: Wanted, run: Run) -> Found:
        """List tickets, newest first."""
        where, values = _conditions(wanted)
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT {COLUMNS} FROM tickets WHERE {where} ORDER BY number DESC LIMIT ? OFFSET ?",  # noqa: S608  # constants
                (*values, wanted.limit + 1, (wanted.page - 1) * wanted.limit),
            ).fetchall()
        return Found([_ticket(row) for row in rows[: wanted.limit]], len(rows) > wanted.limit)

    def get(self, number: int, run: Run) -> Ticket:
        """Give one."""
        with self._database.reading() as connection:
            return _one(connection, number)

    def comments(self, number: int, page: int, limit: int, run: Run) -> tuple[list[Comment], bool]:
        """Give a page of what was said, oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT id, author, at, body FROM comments WHERE number = ? ORDER BY id LIMIT ? OFFSET ?",
                (number, limit + 1, (page - 1) * limit),
            ).fetchall()
        return [Comment(*row) for row in rows[:limit]], len(rows) > limit

    def create(
        self,
        action: str,
        title: str,
        body: str,
        labels: tuple[str, ...],
        assignees: tuple[str, ...],
        run: Run,
    ) -> Ticket:
        """Make one, or give the one that this action made."""
        now = self._now()
        with self._database.writing() as connection:
            row = connection.execute("SELECT number FROM tickets WHERE action = ?", (action,)).fetchone()
            if row is not None:
                return _one(connection, row[0])
            _check_room(connection, "SELECT count(*) FROM tickets", (), MAX_TICKETS)
            made = connection.execute(
                "INSERT INTO tickets (title, body, state, labels, assignees, author, created_at, updated_at, "
                "words, action) VALUES (?, ?, 'open', ?, ?, ?, ?, ?, ?, ?)",
                (
                    title,
                    body,
                    json.dumps(labels),
                    json.dumps(assignees),
                    AUTHOR,
                    now,
                    now,
                    _words(title, body),
                    action,
                ),
            )
            return _one(connection, made.lastrowid or 0)

    def change(self, action: str, number: int, change: Change, run: Run) -> tuple[Ticket, Ticket]:
        """Change one; gives it before and after, of a repeat those of the first time."""
        with self._database.writing() as connection:
            row = connection.execute("SELECT change FROM done WHERE action = ?", (action,)).fetchone()
            if row is not None:
                before, after = json.loads(row[0])
                return _remembered(before), _remembered(after)
            held = _one(connection, number)
            changed = replace(_changed(held, change), updated_at=self._now())
            connection.execute(
                "UPDATE tickets SET title = ?, body = ?, state = ?, why = ?, labels = ?, assignees = ?, "
                "updated_at = ?, words = ? WHERE number = ?",
                (
                    changed.title,
                    changed.body,
                    changed.state,
                    changed.why,
                    json.dumps(changed.labels),
                    json.dumps(changed.assignees),
                    changed.updated_at,
                    _words(changed.title, changed.body),
                    number,
                ),
            )
            connection.execute(
                "INSERT INTO done (action, change, at) VALUES (?, ?, ?)",
                (action, json.dumps([asdict(held), asdict(changed)]), changed.updated_at),
            )
            connection.execute(
                "DELETE FROM done WHERE rowid <= (SELECT max(rowid) FROM done) - ?", (MAX_COMMENTS,)
            )
            return held, changed

    def comment(self, action: str, number: int, body: str, run: Run) -> Comment:
        """Say something about one, once for each action."""
        now = self._now()
        with self._database.writing() as connection:
            row = connection.execute(
                "SELECT id, author, at, body FROM comments WHERE action = ?", (action,)
            ).fetchone()
            if row is not None:
                return Comment(*row)
            _one(connection, number)
            _check_room(connection, "SELECT count(*) FROM comments WHERE number = ?", (number,), MAX_COMMENTS)
            made = connection.execute(
                "INSERT INTO comments (number, author, at, body, action) VALUES (?, ?, ?, ?, ?)",
                (number, AUTHOR, now, body, action),
            )
            connection.execute("UPDATE tickets SET updated_at = ? WHERE number = ?", (now, number))
            return Comment(made.lastrowid or 0, AUTHOR, now, body)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _now(self) -> str:
        return self._clock().isoformat(timespec="seconds")


def _changed(held: Ticket, change: Change) -> Ticket:
    given = {
        name: value
        for name in ("title", "body", "labels", "assignees", "state")
        if (value := getattr(change, name)) is not None
    }
    return replace(held, **given, why=held.why if change.state is None else change.why)


def _conditions(wanted: Wanted) -> tuple[str, list[Any]]:
    where, values = ["1 = 1"], list[Any]()
    if wanted.state != "any":
        where.append("state = ?")
        values.append(wanted.state)
    for name, one in (("assignees", wanted.assignee), ("labels", wanted.label)):
        if one is not None:
            where.append(HAS[name])
            values.append(one)
    for word in wanted.words:
        where.append("instr(words, ?) > 0")
        values.append(word.casefold())
    return " AND ".join(where), values


def _one(connection: sqlite3.Connection, number: int) -> Ticket:
    row = connection.execute(f"SELECT {COLUMNS} FROM tickets WHERE number = ?", (number,)).fetchone()  # noqa: S608  # constants
    if row is None:
        raise no_such_ticket()
    return _ticket(row)


def _ticket(row: tuple[Any, ...]) -> Ticket:
    number, title, body, state, why, labels, assignees, author, created, updated, comments = row
    return Ticket(
        number=number,
        title=title,
        body=body,
        state=state,
        why=why,
        labels=tuple(json.loads(labels)),
        assignees=tuple(json.loads(assignees)),
        author=author,
        created_at=created,
        updated_at=updated,
        url="",
        comments=comments,
    )


def _remembered(fields: dict[str, Any]) -> Ticket:
    state: State = fields.pop("state")
    why: Why | None = fields.pop("why")
    labels, assignees = tuple(fields.pop("labels")), tuple(fields.pop("assignees"))
    return Ticket(state=state, why=why, labels=labels, assignees=assignees, **fields)


def _words(title: str, body: str) -> str:
    return f"{title}\n{body}".casefold()


def _check_room(connection: sqlite3.Connection, counting: str, values: tuple[int, ...], most: int) -> None:
    (held,) = connection.execute(counting, values).fetchone()
    if held >= most:
        raise Refused(
            Reason.STORE_FULL, "the tickets", found=f"{held} of them", expected="fewer, or another file"
        )
