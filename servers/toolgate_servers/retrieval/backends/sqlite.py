"""The index in SQLite: FTS5 with bm25, in a file or in memory."""

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from toolgate_servers.database import Database
from toolgate_servers.errors import CannotStart
from toolgate_servers.retrieval.extract import Text
from toolgate_servers.retrieval.folder import Entry
from toolgate_servers.retrieval.query import match_expression

APPLICATION_ID = 0x7467_6978
MAX_SNIPPET = 400

SCHEMA = """
CREATE TABLE IF NOT EXISTS origin (root TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS documents (
  id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, title TEXT NOT NULL,
  modified_ns INTEGER NOT NULL, size INTEGER NOT NULL
);
CREATE VIRTUAL TABLE IF NOT EXISTS texts USING fts5(
  title, body, tokenize = 'porter unicode61 remove_diacritics 2'
);
"""

SEARCH = """
SELECT documents.path, documents.title, snippet(texts, 1, '', '', '…', 32), -bm25(texts, 5.0, 1.0) AS score
FROM texts JOIN documents ON documents.id = texts.rowid
WHERE texts MATCH ? ORDER BY score DESC, documents.path LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class Hit:
    """One document that a search found; a higher score is a better match."""

    path: str
    title: str
    snippet: str
    score: float


@dataclass(frozen=True, slots=True)
class Listed:
    """One indexed document."""

    path: str
    title: str
    size: int


class SqliteIndex:
    """An index of titles and texts that is brought up to date from a list of entries."""

    def __init__(self, file: Path | None, root: str) -> None:
        self._database = Database("the index", file, application_id=APPLICATION_ID, schema=SCHEMA)
        with self._database.writing() as connection:
            known = connection.execute("SELECT root FROM origin").fetchone()
            if known is None:
                connection.execute("INSERT INTO origin VALUES (?)", (root,))
        if known is not None and known[0] != root:
            self._database.close()
            raise CannotStart(
                f"--index {file}: found the index of another folder, expected this folder's or a new file"
            )

    def synchronise(self, entries: Iterable[Entry], read: Callable[[str], Text | None]) -> int:
        """Read what is new or changed, forget what is gone; gives how many could not be read.

        A document is unchanged when its modification time and its size are.
        """
        unread = 0
        with self._database.writing() as connection:
            known = {
                path: (rowid, modified, size)
                for rowid, path, modified, size in connection.execute(
                    "SELECT id, path, modified_ns, size FROM documents"
                )
            }
            for entry in entries:
                rowid, *seen = known.pop(entry.path, (None,))
                if seen == [entry.modified_ns, entry.size]:
                    continue
                text = read(entry.path)
                if rowid is not None:
                    _forget(connection, rowid)
                if text is None:
                    unread += 1
                else:
                    _remember(connection, entry, text)
            for rowid, _, _ in known.values():
                _forget(connection, rowid)
        return unread

    def search(self, wanted: tuple[str, ...], *, every: bool, limit: int) -> list[Hit]:
        """Find the documents with every or any of the words, the best first."""
        with self._database.reading() as connection:
            rows = connection.execute(SEARCH, (match_expression(wanted, every=every), limit)).fetchall()
        return [
            Hit(path, title, " ".join(snippet.split())[:MAX_SNIPPET], float(f"{score:.6g}"))
            for path, title, snippet, score in rows
        ]

    def page(self, after: str, limit: int) -> list[Listed]:
        """List documents whose path sorts after the given one."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT path, title, size FROM documents WHERE path > ? ORDER BY path LIMIT ?", (after, limit)
            ).fetchall()
        return [Listed(*row) for row in rows]

    def count(self) -> int:
        """Say how many documents are indexed."""
        with self._database.reading() as connection:
            (count,) = connection.execute("SELECT count(*) FROM documents").fetchone()
        return int(count)

    def close(self) -> None:
        """Close the index."""
        self._database.close()


def _forget(connection: sqlite3.Connection, rowid: int) -> None:
    connection.execute("DELETE FROM texts WHERE rowid = ?", (rowid,))
    connection.execute("DELETE FROM documents WHERE id = ?", (rowid,))


def _remember(connection: sqlite3.Connection, entry: Entry, text: Text) -> None:
    rowid = connection.execute(
        "INSERT INTO documents (path, title, modified_ns, size) VALUES (?, ?, ?, ?)",
        (entry.path, text.title, entry.modified_ns, entry.size),
    ).lastrowid
    connection.execute(
        "INSERT INTO texts (rowid, title, body) VALUES (?, ?, ?)", (rowid, text.title, text.body)
    )
