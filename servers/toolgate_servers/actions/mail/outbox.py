"""Drafts, sent mail and what was sent to oneself, in SQLite."""

import base64
import json
import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias

from toolgate_servers.actions.mail.message import Attachment, FolderName, Mail, Message
from toolgate_servers.actions.mail.search import Found, Wanted, no_such_mail
from toolgate_servers.actions.mail.wire import message_id_of
from toolgate_servers.actions.times import utc_now
from toolgate_servers.database import Database
from toolgate_servers.errors import Reason, Refused
from toolgate_servers.idempotency import stable_id

APPLICATION_ID = 0x7467_6F78
MAX_DELETED = 1000

# synchronous = FULL: what was sent stays sent, also when the power fails.
SCHEMA = """
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS mails (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  folder TEXT NOT NULL CHECK (folder IN ('drafts', 'outbox', 'inbox', 'deleted')),
  at TEXT NOT NULL,
  sender TEXT NOT NULL,
  message_id TEXT NOT NULL,
  message TEXT NOT NULL,
  words TEXT NOT NULL,
  action TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS mails_by_folder ON mails (folder, position);
"""

COLUMNS = "id, folder, at, sender, message_id, message"
Shelf: TypeAlias = FolderName | Literal["deleted"]
LIMITS: dict[FolderName, int] = {"drafts": 1000, "outbox": 100_000, "inbox": 100_000}


class SqliteMail:
    """Keeps drafts, which never change, and mails; what an action has done is found again by its id."""

    def __init__(
        self,
        file: Path | None,
        address: str = "assistant@toolgate.invalid",
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._database = Database("the outbox", file, application_id=APPLICATION_ID, schema=SCHEMA)
        self.address = address
        self.clock = clock

    def draft(self, action: str, message: Message) -> Mail:
        """Keep a message as a draft, under the id of the action.

        Raises:
            Refused: STORE_FULL or STORE_FAILED.
        """
        with self._database.writing() as connection:
            kept = _find(connection, action, ("drafts", "outbox", "deleted"))
            return kept or self._add(connection, "drafts", self._mail(action, "drafts", message), action)

    def send(self, action: str, message: Message, *, received: bool = False) -> Mail:
        """Put a message into the outbox, under the id of the action; a copy for oneself into the inbox.

        Raises:
            Refused: STORE_FULL or STORE_FAILED.
        """
        with self._database.writing() as connection:
            kept = _find(connection, action, ("outbox",))
            return kept or self._sent(connection, action, self._mail(action, "outbox", message), received)

    def send_draft(
        self, action: str, draft_id: str, check: Callable[[Message], None], *, received: bool = False
    ) -> Mail:
        """Move a draft to the outbox if the check accepts it; its id stays.

        Raises:
            Refused: NO_SUCH_MAIL, STORE_FULL or STORE_FAILED, or what the check raises.
        """
        with self._database.writing() as connection:
            done = _find(connection, draft_id, ("outbox",), action)
            if done is not None:
                return done
            draft = _one(connection, draft_id, "drafts")
            check(draft.message)
            connection.execute("DELETE FROM mails WHERE id = ?", (draft_id,))
            sent = self._mail(draft_id, "outbox", draft.message, message_id_of(action, self.address))
            return self._sent(connection, action, sent, received)

    def delete_draft(self, action: str, draft_id: str) -> Mail:
        """Delete a draft and give what it held.

        Raises:
            Refused: NO_SUCH_MAIL or STORE_FAILED.
        """
        with self._database.writing() as connection:
            draft = _find(connection, draft_id, ("deleted",), action) or _one(connection, draft_id, "drafts")
            connection.execute(
                "UPDATE mails SET folder = 'deleted', action = ? WHERE id = ?", (action, draft_id)
            )
            connection.execute(
                "DELETE FROM mails WHERE folder = 'deleted' AND position <= "
                "(SELECT max(position) FROM mails) - ?",
                (MAX_DELETED,),
            )
            return draft

    def receive(self, mail: Mail) -> None:
        """Keep a mail that came from elsewhere.

        Raises:
            Refused: STORE_FULL or STORE_FAILED.
        """
        with self._database.writing() as connection:
            self._add(connection, "inbox", mail, "")

    def read(self, mail_id: str) -> Mail:
        """Give one mail of any folder.

        Raises:
            Refused: NO_SUCH_MAIL or STORE_FAILED.
        """
        with self._database.reading() as connection:
            return _one(connection, mail_id, None)

    def draft_of(self, draft_id: str) -> Mail:
        """Give a draft.

        Raises:
            Refused: NO_SUCH_MAIL or STORE_FAILED.
        """
        with self._database.reading() as connection:
            return _one(connection, draft_id, "drafts")

    def search(self, wanted: Wanted) -> Found:
        """List a folder, newest first, from below the cursor.

        Raises:
            Refused: STORE_FAILED.
        """
        where, values = _conditions(wanted)
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT position, {COLUMNS} FROM mails WHERE {where} AND position < ? "  # noqa: S608  # constants
                "ORDER BY position DESC LIMIT ?",
                (*values, 2**62 if wanted.cursor is None else wanted.cursor, wanted.limit + 1),
            ).fetchall()
            (total,) = connection.execute(f"SELECT count(*) FROM mails WHERE {where}", values).fetchone()  # noqa: S608  # constants
        more = len(rows) > wanted.limit
        mails = [_mail(row[1:]).summary() for row in rows[: wanted.limit]]
        return Found(mails, rows[wanted.limit - 1][0] if more else None, total)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _mail(
        self, mail_id: str, folder: FolderName, message: Message, message_id: str | None = None
    ) -> Mail:
        at = self.clock().isoformat(timespec="seconds")
        known = message_id or message_id_of(mail_id, self.address)
        return Mail(mail_id, folder, at, self.address, known, message)

    def _sent(self, connection: sqlite3.Connection, action: str, mail: Mail, received: bool) -> Mail:
        self._add(connection, "outbox", mail, action)
        message = mail.message
        if received and self.address.lower() in {one.lower() for one in (*message.to, *message.cc)}:
            copy = Mail(stable_id("inbox", action), "inbox", mail.at, mail.sender, mail.message_id, message)
            self._add(connection, "inbox", copy, action)
        return mail

    def _add(self, connection: sqlite3.Connection, folder: FolderName, mail: Mail, action: str) -> Mail:
        (held,) = connection.execute("SELECT count(*) FROM mails WHERE folder = ?", (folder,)).fetchone()
        if held >= LIMITS[folder]:
            raise Refused(
                Reason.STORE_FULL,
                f"the {folder}",
                found=f"{LIMITS[folder]} mails",
                expected="fewer; delete some, or use another file",
            )
        message = mail.message
        words = "\n".join((message.subject, message.body, *message.to, *message.cc, mail.sender)).casefold()
        connection.execute(
            f"INSERT INTO mails ({COLUMNS}, words, action) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608  # constants
            (mail.id, folder, mail.at, mail.sender, mail.message_id, _written(message), words, action),
        )
        return mail


def _conditions(wanted: Wanted) -> tuple[str, list[Any]]:
    where, values = ["folder = ?"], list[Any]([wanted.folder])
    for word in wanted.words:
        where.append("instr(words, ?) > 0")
        values.append(word.casefold())
    if wanted.sender:
        where.append("instr(lower(sender), ?) > 0")
        values.append(wanted.sender.lower())
    for day, comparison in ((wanted.since, ">="), (wanted.before, "<")):
        if day:
            where.append(f"at {comparison} ?")
            values.append(day)
    return " AND ".join(where), values


def _find(
    connection: sqlite3.Connection, mail_id: str, shelves: tuple[Shelf, ...], action: str | None = None
) -> Mail | None:
    row = connection.execute(
        f"SELECT {COLUMNS} FROM mails WHERE id = ? AND action = coalesce(?, action) "  # noqa: S608  # constants
        f"AND folder IN ({', '.join('?' * len(shelves))})",
        (mail_id, action, *shelves),
    ).fetchone()
    return None if row is None else _mail(row)


def _one(connection: sqlite3.Connection, mail_id: str, folder: FolderName | None) -> Mail:
    shelves: tuple[Shelf, ...] = ("drafts", "outbox", "inbox") if folder is None else (folder,)
    found = _find(connection, mail_id, shelves)
    if found is None:
        raise no_such_mail("id" if folder is None else "draft_id")
    return found


def _mail(row: tuple[str, FolderName, str, str, str, str]) -> Mail:
    mail_id, folder, at, sender, message_id, written = row
    content = json.loads(written)
    attachments = tuple(
        Attachment(name, kind, base64.b64decode(packed)) for name, kind, packed in content["attachments"]
    )
    message = Message(
        tuple(content["to"]),
        tuple(content["cc"]),
        content["subject"],
        content["body"],
        attachments,
        tuple(content["references"]),
    )
    return Mail(mail_id, folder, at, sender, message_id, message)


def _written(message: Message) -> str:
    return json.dumps(
        {
            "to": message.to,
            "cc": message.cc,
            "subject": message.subject,
            "body": message.body,
            "attachments": [
                (one.name, one.content_type, base64.b64encode(one.content).decode())
                for one in message.attachments
            ],
            "references": message.references,
        }
    )
