"""The SQLite file itself: made private, opened with the right pragmas, and missed when it is gone."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from pathlib import Path
from typing import Final

from toolgate.core import chain
from toolgate.errors import JournalDown
from toolgate.stores import schema

# The file itself is looked for before every transaction, its log before every so many.
LOG_EVERY: Final = 16
# How long a starting process waits for others that start, in seconds.
STARTING: Final = 10.0
_NOWHERE: Final = (0, 0)
_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another process holds the write lock, so that trying again helps."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _BUSY


def create(path: Path) -> None:
    """Make the file (0600, in a folder made 0700) and its tables, unless they are there.

    Raises JournalDown where that is impossible or the file is of another version.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError:
            pass  # never open an existing file beside SQLite: closing it would drop SQLite's locks
        _settle(path)
    except (OSError, sqlite3.Error) as error:
        raise JournalDown(f"{path}: {error}") from error


def _settle(path: Path) -> None:
    """Lay out the file, waiting while others do.

    Turning a new file into a write-ahead one is refused at once, whatever the timeout, while another
    process is at it (SQLite calls no busy handler where two upgrades of a lock could wait for each other).
    """
    until = time.monotonic() + STARTING
    while True:
        try:
            _lay_out(path)
            return
        except sqlite3.Error as error:
            if not is_busy(error) or time.monotonic() >= until:
                raise
        time.sleep(random.uniform(0.002, 0.02))  # noqa: S311 - no secret depends on it


def _lay_out(path: Path) -> None:
    db = sqlite3.connect(path, isolation_level=None, timeout=STARTING)
    try:
        db.execute("pragma journal_mode = wal")
        db.execute("begin immediate")
        (version,) = db.execute("pragma user_version").fetchone()
        if not 0 <= version <= schema.VERSION:
            raise JournalDown(f"{path}: store version {version}, this toolgate reads {schema.VERSION}")
        if version < schema.VERSION:
            for statement in schema.UPGRADE if version == 1 else ():
                db.execute(statement)
            for statement in schema.TABLES.split(";\n"):
                db.execute(statement)
            db.execute(schema.FIRST_ROSTER, (chain.EMPTY.turn, chain.EMPTY.writers, chain.EMPTY.link))
            db.execute(f"pragma user_version = {schema.VERSION}")
        db.execute("commit")
    finally:
        db.close()


def connect(path: Path) -> sqlite3.Connection:
    """A connection to the existing file that never waits for a lock and never checkpoints by itself."""
    if not path.exists():
        raise sqlite3.OperationalError("the file is gone; put it back, or start anew to begin an empty one")
    uri = f"{path.absolute().as_uri()}?mode=rw"
    db = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=0, cached_statements=64)
    try:
        db.execute("pragma synchronous = normal")
        db.execute("pragma wal_autocheckpoint = 0")
        db.execute("pragma fullfsync = 1")
        db.execute("select turn from roster").fetchone()
    except BaseException:
        db.close()
        raise
    return db


class Presence:
    """Notices that the file, or its write-ahead log, was deleted or replaced while it is open.

    SQLite would go on writing into the deleted file, and every record would be lost.
    """

    def __init__(self, path: Path) -> None:
        self._main, self._log = os.fspath(path), f"{os.fspath(path)}-wal"
        self._main_was, self._log_was = _identity(self._main), _NOWHERE
        self._turns = 0

    def check(self) -> None:
        """Raise sqlite3.OperationalError when what is open is no longer what the path names."""
        if _identity(self._main) != self._main_was:
            raise sqlite3.OperationalError("the file was deleted or replaced while it was open")
        self._turns += 1
        watched = self._log_was != _NOWHERE and self._turns % LOG_EVERY == 0
        if watched and _identity(self._log) != self._log_was:
            raise sqlite3.OperationalError("the write-ahead log was deleted or replaced while it was open")

    def wrote(self) -> None:
        """After the first commit the log exists and is watched too."""
        if self._log_was == _NOWHERE:
            self._log_was = _identity(self._log)


def _identity(path: str) -> tuple[int, int]:
    try:
        found = os.stat(path)  # noqa: PTH116 - on every commit: building a Path costs more than the call
    except OSError:
        return _NOWHERE
    return found.st_dev, found.st_ino
