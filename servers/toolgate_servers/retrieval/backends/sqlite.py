"""The index in SQLite: passages in FTS5 with bm25, and their vectors, in a file or in memory."""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolgate_servers.database import Database
from toolgate_servers.errors import CannotStart
from toolgate_servers.retrieval.folder import Entry
from toolgate_servers.retrieval.passages import passages
from toolgate_servers.retrieval.query import match_expression
from toolgate_servers.retrieval.text import Text

APPLICATION_ID = 0x7467_6978
MAX_SNIPPET = 400
BATCH = 200

# An index is made anew from the folder, so tables of an older kind are dropped and not converted.
SCHEMA = """
DROP TABLE IF EXISTS texts;
DROP TABLE IF EXISTS documents;
CREATE TABLE IF NOT EXISTS origin (root TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS files (
  id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, title TEXT NOT NULL,
  modified_ns INTEGER NOT NULL, size INTEGER NOT NULL, is_readable INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS passages (
  id INTEGER PRIMARY KEY, file INTEGER NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL,
  heading TEXT NOT NULL, page INTEGER
);
CREATE INDEX IF NOT EXISTS passages_by_file ON passages (file);
CREATE VIRTUAL TABLE IF NOT EXISTS passage_texts USING fts5(
  title, heading, body, tokenize = 'porter unicode61 remove_diacritics 2'
);
INSERT INTO passage_texts (passage_texts, rank) VALUES ('rank', 'bm25(5.0, 3.0, 1.0)');
CREATE TABLE IF NOT EXISTS vectors (passage INTEGER PRIMARY KEY, model TEXT NOT NULL, vector BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS vectors_by_model ON vectors (model);
"""

MATCHING = "SELECT rowid, rank FROM passage_texts WHERE passage_texts MATCH ? ORDER BY rank LIMIT ?"
SNIPPET = """
SELECT snippet(passage_texts, 2, '', '', '…', 32) FROM passage_texts WHERE passage_texts MATCH ? AND rowid = ?
"""
CITED = """
SELECT files.path, files.title, passages.heading, passages.page, passages.start, passages."end",
       substr(passage_texts.body, 1, ?)
FROM passages JOIN files ON files.id = passages.file JOIN passage_texts ON passage_texts.rowid = passages.id
WHERE passages.id = ?
"""


@dataclass(frozen=True, slots=True)
class Ranked:
    """A passage by its number in the index; a higher score is a better match."""

    passage: int
    score: float


@dataclass(frozen=True, slots=True)
class Hit:
    """One passage that a search found, with where it stands; a higher score is a better match."""

    path: str
    title: str
    heading: str
    page: int | None
    start: int
    end: int
    snippet: str
    score: float


@dataclass(frozen=True, slots=True)
class Listed:
    """One indexed document."""

    path: str
    title: str
    size: int


class SqliteIndex:
    """An index of passages that is brought up to date from a list of entries."""

    def __init__(self, file: Path | None, root: str) -> None:
        self._database = Database("the index", file, application_id=APPLICATION_ID, schema=SCHEMA)
        self.is_kept = file is not None
        self.changes = 0
        with self._database.writing() as connection:
            known = connection.execute("SELECT root FROM origin").fetchone()
            if known is None:
                connection.execute("INSERT INTO origin VALUES (?)", (root,))
        if known is not None and known[0] != root:
            self._database.close()
            raise CannotStart(
                f"--index {file}: found the index of another folder, expected this folder's or a new file"
            )

    def synchronise(
        self,
        entries: Iterable[Entry],
        read: Callable[[str], Text | None],
        step: Callable[[int, int], None] | None = None,
    ) -> int:
        """Read what is new or changed, forget what is gone; gives how many cannot be read.

        A document is unchanged when its modification time and its size are; one that cannot be read is not
        tried again until then. What was read is kept from batch to batch, so a reading that is broken off
        goes on where it was; `step` learns how far it is.
        """
        with self._database.reading() as connection:
            known = {
                path: (number, modified, size)
                for number, path, modified, size in connection.execute(
                    "SELECT id, path, modified_ns, size FROM files"
                )
            }
        changed: list[tuple[Entry, int | None]] = []
        for entry in entries:
            number, *seen = known.pop(entry.path, (None,))
            if seen != [entry.modified_ns, entry.size]:
                changed.append((entry, number))
        self._forget([number for number, _, _ in known.values()])
        for begin in range(0, len(changed), BATCH):
            batch = changed[begin : begin + BATCH]
            self._remember([(entry, number, read(entry.path)) for entry, number in batch])
            if step is not None:
                step(begin + len(batch), len(changed))
        with self._database.reading() as connection:
            (unread,) = connection.execute("SELECT count(*) FROM files WHERE NOT is_readable").fetchone()
        return int(unread)

    def match(self, wanted: tuple[str, ...], *, every: bool, limit: int) -> list[Ranked]:
        """Find the passages with every or any of the words, the best first."""
        with self._database.reading() as connection:
            rows = connection.execute(MATCHING, (match_expression(wanted, every=every), limit)).fetchall()
        return [Ranked(passage, float(f"{-rank:.6g}")) for passage, rank in rows]

    def cite(self, found: Sequence[Ranked], wanted: tuple[str, ...]) -> list[Hit]:
        """Say where passages stand, each with the part that fits the words best, or else its beginning."""
        expression = match_expression(wanted, every=False)
        hits: list[Hit] = []
        with self._database.reading() as connection:
            for ranked in found:
                row = connection.execute(CITED, (MAX_SNIPPET, ranked.passage)).fetchone()
                if row is not None:
                    path, title, heading, page, start, end, beginning = row
                    best = connection.execute(SNIPPET, (expression, ranked.passage)).fetchone()
                    snippet = " ".join((best[0] if best else beginning).split())[:MAX_SNIPPET]
                    hits.append(Hit(path, title, heading, page, start, end, snippet, ranked.score))
        return hits

    def search(self, wanted: tuple[str, ...], *, every: bool, limit: int) -> list[Hit]:
        """Find the passages with every or any of the words, and say where they stand."""
        return self.cite(self.match(wanted, every=every, limit=limit), wanted)

    def page(self, after: str, limit: int) -> list[Listed]:
        """List documents whose path sorts after the given one."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT path, title, size FROM files WHERE path > ? AND is_readable ORDER BY path LIMIT ?",
                (after, limit),
            ).fetchall()
        return [Listed(*row) for row in rows]

    def count(self) -> int:
        """Say how many documents are indexed."""
        with self._database.reading() as connection:
            (count,) = connection.execute("SELECT count(*) FROM files WHERE is_readable").fetchone()
        return int(count)

    def files_of(self, found: Sequence[Ranked]) -> dict[int, int]:
        """Say of which document each passage is a part."""
        marks = ",".join("?" * len(found))
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT id, file FROM passages WHERE id IN ({marks})",  # noqa: S608  # question marks only
                [ranked.passage for ranked in found],
            ).fetchall()
        return dict(rows)

    def without_vector(self, model: str, limit: int) -> list[tuple[int, str]]:
        """Give passages that have no vector of this model yet, with their text."""
        with self._database.reading() as connection:
            return connection.execute(
                "SELECT rowid, title || char(10) || heading || char(10) || body FROM passage_texts "
                "WHERE rowid NOT IN (SELECT passage FROM vectors WHERE model = ?) LIMIT ?",
                (model, limit),
            ).fetchall()

    def count_without_vector(self, model: str) -> int:
        """Say how many passages have no vector of this model yet."""
        with self._database.reading() as connection:
            (count,) = connection.execute(
                "SELECT (SELECT count(*) FROM passages) - (SELECT count(*) FROM vectors WHERE model = ?)",
                (model,),
            ).fetchone()
        return int(count)

    def add_vectors(self, model: str, vectors: Iterable[tuple[int, bytes]]) -> None:
        """Keep the vectors of passages, float32 in the order of this machine."""
        with self._database.writing() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO vectors SELECT id, ?, ? FROM passages WHERE id = ?",
                [(model, vector, passage) for passage, vector in vectors],
            )
            self.changes += 1

    def vectors(self, model: str) -> list[tuple[int, bytes]]:
        """Give every vector of a model."""
        with self._database.reading() as connection:
            return connection.execute(
                "SELECT passage, vector FROM vectors WHERE model = ? ORDER BY passage", (model,)
            ).fetchall()

    def close(self) -> None:
        """Close the index."""
        self._database.close()

    def _forget(self, numbers: Sequence[int]) -> None:
        if numbers:
            with self._database.writing() as connection:
                for number in numbers:
                    _forget(connection, number)
                self.changes += 1

    def _remember(self, batch: Sequence[tuple[Entry, int | None, Text | None]]) -> None:
        with self._database.writing() as connection:
            for entry, number, text in batch:
                if number is not None:
                    _forget(connection, number)
                _remember(connection, entry, text)
            self.changes += 1


def _forget(connection: sqlite3.Connection, number: int) -> None:
    for table, column in (("passage_texts", "rowid"), ("vectors", "passage")):
        connection.execute(
            f"DELETE FROM {table} WHERE {column} IN (SELECT id FROM passages WHERE file = ?)",  # noqa: S608  # constants
            (number,),
        )
    connection.execute("DELETE FROM passages WHERE file = ?", (number,))
    connection.execute("DELETE FROM files WHERE id = ?", (number,))


def _remember(connection: sqlite3.Connection, entry: Entry, text: Text | None) -> None:
    number = connection.execute(
        "INSERT INTO files (path, title, modified_ns, size, is_readable) VALUES (?, ?, ?, ?, ?)",
        (entry.path, "" if text is None else text.title, entry.modified_ns, entry.size, text is not None),
    ).lastrowid
    if text is None:
        return
    for passage in passages(text):
        row = connection.execute(
            'INSERT INTO passages (file, start, "end", heading, page) VALUES (?, ?, ?, ?, ?)',
            (number, passage.start, passage.end, passage.heading, passage.page),
        ).lastrowid
        connection.execute(
            "INSERT INTO passage_texts (rowid, title, heading, body) VALUES (?, ?, ?, ?)",
            (row, text.title, passage.heading, text.body[passage.start : passage.end]),
        )
