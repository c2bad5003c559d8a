"""One SQLite file of ours: private to its owner, recognisable, shared by threads and processes."""

import os
import sqlite3
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from toolgate_servers.errors import CannotStart, Reason, Refused

BUSY_SECONDS = 5.0


class Database:
    """A SQLite file, or memory, that holds one kind of content; one thread at a time uses it."""

    def __init__(self, name: str, file: Path | None, *, application_id: int, schema: str) -> None:
        self.name = name
        self._lock = threading.Lock()
        try:
            self._connection = _open(file)
        except (sqlite3.Error, OSError) as problem:
            raise _unusable(name, file, problem) from problem
        try:
            _recognise(self._connection, application_id, name)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.executescript(schema)
        except sqlite3.Error as problem:
            self._connection.close()
            raise _unusable(name, file, problem) from problem
        except CannotStart:
            self._connection.close()
            raise

    @contextmanager
    def reading(self) -> Generator[sqlite3.Connection, None, None]:
        """Lend the connection for reading.

        Raises:
            Refused: STORE_FAILED, when the file is locked, full or damaged.
        """
        with self._lock:
            try:
                yield self._connection
            except sqlite3.Error as problem:
                raise self._failed() from problem

    @contextmanager
    def writing(self) -> Generator[sqlite3.Connection, None, None]:
        """Lend the connection for one transaction: all of it happens, or nothing.

        Raises:
            Refused: STORE_FAILED, when the file is locked, full or damaged.
        """
        with self.reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close the file; the database cannot be used afterwards."""
        with self._lock:
            self._connection.close()

    def _failed(self) -> Refused:
        return Refused(
            Reason.STORE_FAILED,
            self.name,
            found="a file that is locked, full or damaged",
            expected="a file that can be used; nothing was changed",
        )


def _unusable(name: str, file: Path | None, problem: Exception) -> CannotStart:
    return CannotStart(f"{name} {file}: found {type(problem).__name__}, expected a file that can be written")


def _open(file: Path | None) -> sqlite3.Connection:
    if file is not None:
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
    return sqlite3.connect(
        file or ":memory:", timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )


def _recognise(connection: sqlite3.Connection, application_id: int, name: str) -> None:
    (found,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if found != application_id and (found or tables):
        raise CannotStart(f"{name}: found a SQLite file of something else, expected {name} or a new file")
    connection.execute(f"PRAGMA application_id = {application_id:d}")
