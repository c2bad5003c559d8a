"""Drafts and the outbox in SQLite."""

import json
import secrets
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from toolgate_servers.actions.mail.message import FolderName, Mail, Message
from toolgate_servers.database import Database
from toolgate_servers.errors import Reason, Refused

APPLICATION_ID = 0x7467_6F78
MAX_DRAFTS = 1000
MAX_OUTBOX = 100_000

# synchronous = FULL: what was sent stays sent, also when the power fails.
SCHEMA = """
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS mail (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  folder TEXT NOT NULL CHECK (folder IN ('drafts', 'outbox')),
  at TEXT NOT NULL,
  recipients TEXT NOT NULL,
  copies TEXT NOT NULL,
  subject TEXT NOT NULL,
  body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS mail_by_folder ON mail (folder, position);
"""

COLUMNS = "id, folder, at, recipients, copies, subject, body"
LIMITS: dict[FolderName, int] = {"drafts": MAX_DRAFTS, "outbox": MAX_OUTBOX}


@dataclass(frozen=True, slots=True)
class MailPage:
    """One page of a folder, newest first."""

    mails: list[Mail]
    next_cursor: int | None
    total: int


def utc_now() -> datetime:
    """Give the time."""
    return datetime.now(UTC)


class SqliteMail:
    """Keeps drafts, which never change, and the mails that were sent."""

    def __init__(
        self,
        file: Path | None,
        clock: Callable[[], datetime] = utc_now,
        new_id: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        self._database = Database("the outbox", file, application_id=APPLICATION_ID, schema=SCHEMA)
        self._clock = clock
        self._new_id = new_id

    def draft(self, message: Message) -> Mail:
        """Keep a message as a draft.

        Raises:
            Refused: STORE_FULL or STORE_FAILED.
        """
        with self._database.writing() as connection:
            return self._add(connection, self._new_id(), "drafts", message)

    def send(self, message: Message) -> Mail:
        """Put a message into the outbox.

        Raises:
            Refused: STORE_FULL or STORE_FAILED.
        """
        with self._database.writing() as connection:
            return self._add(connection, self._new_id(), "outbox", message)

    def send_draft(self, draft_id: str, check: Callable[[Message], None]) -> Mail:
        """Move a draft to the outbox if the check accepts it; its id stays.

        Raises:
            Refused: NO_SUCH_MAIL, STORE_FULL or STORE_FAILED, or what the check raises.
        """
        with self._database.writing() as connection:
            draft = _one(connection, draft_id, "drafts")
            check(draft.message)
            connection.execute("DELETE FROM mail WHERE id = ?", (draft_id,))
            return self._add(connection, draft_id, "outbox", draft.message)

    def delete_draft(self, draft_id: str) -> None:
        """Delete a draft.

        Raises:
            Refused: NO_SUCH_MAIL or STORE_FAILED.
        """
        with self._database.writing() as connection:
            _one(connection, draft_id, "drafts")
            connection.execute("DELETE FROM mail WHERE id = ?", (draft_id,))

    def read(self, mail_id: str) -> Mail:
        """Give one mail of either folder.

        Raises:
            Refused: NO_SUCH_MAIL or STORE_FAILED.
        """
        with self._database.reading() as connection:
            return _one(connection, mail_id, None)

    def page(self, folder: FolderName, cursor: int | None, limit: int) -> MailPage:
        """List a folder, newest first, from below the cursor.

        Raises:
            Refused: STORE_FAILED.
        """
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT position, {COLUMNS} FROM mail WHERE folder = ? AND position < ? "  # noqa: S608  # constants
                "ORDER BY position DESC LIMIT ?",
                (folder, 2**62 if cursor is None else cursor, limit + 1),
            ).fetchall()
            total = _count(connection, folder)
        more = len(rows) > limit
        return MailPage([_mail(row[1:]) for row in rows[:limit]], rows[limit - 1][0] if more else None, total)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _add(
        self, connection: sqlite3.Connection, mail_id: str, folder: FolderName, message: Message
    ) -> Mail:
        if _count(connection, folder) >= LIMITS[folder]:
            raise Refused(
                Reason.STORE_FULL,
                f"the {folder}",
                found=f"{LIMITS[folder]} mails",
                expected="fewer; delete some, or use another file",
            )
        at = self._clock().isoformat(timespec="seconds")
        connection.execute(
            f"INSERT INTO mail ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608  # constants
            (
                mail_id,
                folder,
                at,
                json.dumps(message.to),
                json.dumps(message.cc),
                message.subject,
                message.body,
            ),
        )
        return Mail(mail_id, folder, at, message)


def _one(connection: sqlite3.Connection, mail_id: str, folder: FolderName | None) -> Mail:
    row = connection.execute(
        f"SELECT {COLUMNS} FROM mail WHERE id = ? AND folder = coalesce(?, folder)",  # noqa: S608  # constants
        (mail_id, folder),
    ).fetchone()
    if row is None:
        raise Refused(
            Reason.NO_SUCH_MAIL,
            "id" if folder is None else "draft_id",
            found="no such mail" if folder is None else "no such draft (it may have been sent or deleted)",
            expected="an id from email_draft, email_send or email_list",
        )
    return _mail(row)


def _count(connection: sqlite3.Connection, folder: FolderName) -> int:
    (count,) = connection.execute("SELECT count(*) FROM mail WHERE folder = ?", (folder,)).fetchone()
    return int(count)


def _mail(row: tuple[str, FolderName, str, str, str, str, str]) -> Mail:
    mail_id, folder, at, to, cc, subject, body = row
    return Mail(mail_id, folder, at, Message(tuple(json.loads(to)), tuple(json.loads(cc)), subject, body))
