"""Channels and messages in SQLite."""

import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from toolgate_servers.actions.messaging.board import (
    Channel,
    Message,
    Post,
    Wanted,
    no_such_channel,
    no_such_message,
)
from toolgate_servers.actions.times import utc_now
from toolgate_servers.database import Database
from toolgate_servers.errors import Reason, Refused
from toolgate_servers.idempotency import stable_id
from toolgate_servers.running import Run

APPLICATION_ID = 0x7467_6F6D
MAX_MESSAGES = 100_000
DEFAULT_CHANNELS = ("general",)

SCHEMA = """
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS messages (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  channel TEXT NOT NULL,
  author TEXT NOT NULL,
  text TEXT NOT NULL,
  at TEXT NOT NULL,
  thread TEXT REFERENCES messages (id)
);
CREATE INDEX IF NOT EXISTS messages_by_channel ON messages (channel, position);
"""
COLUMNS = "id, channel, author, text, at, thread"
ONE = f"SELECT {COLUMNS} FROM messages WHERE id = ?"  # noqa: S608  # constants


class LocalBoard:
    """Keeps messages in a file, or in memory, in the channels that the settings name."""

    def __init__(
        self,
        file: Path | None,
        channels: tuple[str, ...] = (),
        sender: str = "assistant",
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._database = Database("the message store", file, application_id=APPLICATION_ID, schema=SCHEMA)
        self._channels = channels or DEFAULT_CHANNELS
        self._sender = sender
        self._clock = clock
        self.deletes = True
        self.about = f"local board {file or 'in memory'}"

    def channels(self, cursor: str | None, limit: int, run: Run) -> tuple[list[Channel], str | None]:
        """Give a page of the channels of the settings."""
        names = sorted(name for name in self._channels if cursor is None or name > cursor)
        page = [Channel(name, name, "") for name in names[:limit]]
        return page, page[-1].id if len(names) > limit else None

    def search(self, wanted: Wanted, run: Run) -> list[Message]:
        """Give messages that hold every word of the query, newest first.

        Raises:
            Refused: NOT_FOUND or STORE_FAILED.
        """
        if wanted.channel is not None:
            self._check(wanted.channel)
        words = (wanted.query or "").split()
        conditions = ["1", *["instr(lower(text), lower(?)) > 0"] * len(words)]
        values: list[str] = list(words)
        if wanted.channel is not None:
            conditions.append("channel = ?")
            values.append(wanted.channel)
        if wanted.thread is not None:
            conditions.append("(id = ? OR thread = ?)")
            values += [wanted.thread, wanted.thread]
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT {COLUMNS} FROM messages WHERE {' AND '.join(conditions)} "  # noqa: S608  # constants
                "ORDER BY position DESC LIMIT ?",
                (*values, wanted.limit),
            ).fetchall()
        return [Message(*row) for row in rows]

    def post(self, post: Post, run: Run) -> Message:
        """Keep a message; once for each idempotency key.

        Raises:
            Refused: NOT_FOUND, STORE_FULL or STORE_FAILED.
        """
        self._check(post.channel)
        message_id = stable_id("message", run.idempotency_key)
        with self._database.writing() as connection:
            kept = connection.execute(ONE, (message_id,)).fetchone()
            if kept is not None:
                return Message(*kept)
            _check_room(connection)
            root = None if post.thread is None else _root(connection, post.channel, post.thread)
            text = " ".join((*(f"@{name}" for name in post.mentions), post.text))
            at = self._clock().isoformat(timespec="seconds")
            values = (message_id, post.channel, self._sender, text, at, root)
            connection.execute(f"INSERT INTO messages ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)", values)  # noqa: S608  # constants
        return Message(*values)

    def delete(self, channel: str, message_id: str, run: Run) -> Message:
        """Remove a message and give what it was; its replies stay and stand alone.

        Raises:
            Refused: NOT_FOUND or STORE_FAILED.
        """
        self._check(channel)
        with self._database.writing() as connection:
            row = connection.execute(ONE, (message_id,)).fetchone()
            if row is None or row[1] != channel:
                raise no_such_message()
            connection.execute("UPDATE messages SET thread = NULL WHERE thread = ?", (message_id,))
            connection.execute("DELETE FROM messages WHERE id = ?", (message_id,))
        return Message(*row)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _check(self, channel: str) -> None:
        if channel not in self._channels:
            raise no_such_channel()


def _check_room(connection: sqlite3.Connection) -> None:
    (count,) = connection.execute("SELECT count(*) FROM messages").fetchone()
    if count >= MAX_MESSAGES:
        raise Refused(
            Reason.STORE_FULL,
            "the message store",
            found=f"{MAX_MESSAGES} messages",
            expected="fewer; the operator can use another file",
        )


def _root(connection: sqlite3.Connection, channel: str, message_id: str) -> str:
    """Give the message that a thread begins with."""
    row = connection.execute(
        "SELECT coalesce(thread, id) FROM messages WHERE id = ? AND channel = ?", (message_id, channel)
    ).fetchone()
    if row is None:
        raise no_such_message()
    return str(row[0])
