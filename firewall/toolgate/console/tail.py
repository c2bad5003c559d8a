"""The journal as the console reads it: the newest records, those of a time, and what comes in."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import orjson

from toolgate.core.model import JsonObject
from toolgate.errors import JournalDown
from toolgate.journal.reading import Line

T = TypeVar("T")
# Records looked through for one page; older ones are reached by its link.
_MOST: Final = 50_000
_BATCH: Final = 2_000
STEP: Final = 1_000
_PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class Numbered:
    """A record and its number, by which older ones are asked for."""

    id: int
    line: Line


@dataclass(frozen=True, slots=True)
class Wanted:
    """What records must say; empty fields ask nothing."""

    caller: str = ""
    upstream: str = ""
    target: str = ""
    verdict: str = ""
    kind: str = ""
    call: str = ""

    def fits(self, body: JsonObject) -> bool:
        """Whether a record says so."""
        return all(not word or body.get(name) == word for name, word in self.fields().items())

    def fields(self) -> dict[str, str]:
        """What is asked, by the field of the record."""
        names = ("caller", "upstream", "target", "verdict", "kind", "call")
        return {name: getattr(self, name) for name in names}


class Tail:
    """Reads one journal file from worker threads, one look at a time. Raises JournalDown."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._alone = asyncio.Lock()

    async def one(self, number: int) -> list[Numbered]:
        """The record of this number, nothing where there is none."""
        return await self._read(lambda db: _numbered(db, _ROWS + "where id = ?", (number,)))

    async def after(self, number: int) -> list[Numbered]:
        """The next records after this one, oldest first, at most `STEP` of them."""
        sql = _ROWS + "where id > ? order by id limit ?"
        return await self._read(lambda db: _numbered(db, sql, (number, STEP)))

    async def before(self, moment: float, most: int) -> int:
        """The number of the record before those of a time, or before the newest `most` of them."""
        return await self._read(lambda db: max(_first_since(db, moment) - 1, _newest(db) - most))

    async def around(self, moment: float, seconds: float = 5.0) -> list[Numbered]:
        """Records of about this time, oldest first."""

        def rows(db: sqlite3.Connection) -> list[Numbered]:
            first, last = _first_since(db, moment - seconds), _first_since(db, moment + seconds)
            return _numbered(
                db, _ROWS + "where id >= ? and id <= ? order by id limit ?", (first, last, _MOST)
            )

        return await self._read(rows)

    async def page(self, wanted: Wanted, before: int) -> tuple[list[Numbered], int]:
        """The newest records older than `before` that fit, newest first; where to go on, 0 at the end."""
        return await self._read(lambda db: _page(db, wanted, before))

    async def _read(self, ask: Callable[[sqlite3.Connection], T]) -> T:
        async with self._alone:
            return await asyncio.to_thread(self._ask, ask)

    def _ask(self, ask: Callable[[sqlite3.Connection], T]) -> T:
        with _opened(self._path) as db:
            return ask(db)


_ROWS: Final = "select id, writer, seq, body, salt is not null from records "


@contextmanager
def _opened(path: Path) -> Generator[sqlite3.Connection]:
    try:
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=5)
        try:
            yield db
        finally:
            db.close()
    except sqlite3.Error as error:
        raise JournalDown(f"{path}: {error}") from error


def _newest(db: sqlite3.Connection) -> int:
    return int(db.execute("select coalesce(max(id), 0) from records").fetchone()[0])


def _numbered(db: sqlite3.Connection, sql: str, parameters: Sequence[object]) -> list[Numbered]:
    return [
        Numbered(int(row[0]), Line(str(row[1]), int(row[2]), _object(row[3]), bool(row[4])))
        for row in db.execute(sql, parameters)
    ]


def _object(body: Any) -> JsonObject:
    try:
        found: Any = orjson.loads(body)
    except (orjson.JSONDecodeError, TypeError):
        found = None
    return cast("JsonObject", found) if isinstance(found, dict) else {"kind": "unreadable"}


def _first_since(db: sqlite3.Connection, moment: float) -> int:
    """The number of the first record not older than a time; records are nearly in that order."""
    low, high = 1, _newest(db) + 1
    while low < high:
        middle = (low + high) // 2
        found = _numbered(db, _ROWS + "where id >= ? order by id limit ?", (middle, 1))
        at = found[0].line.body.get("at", 0.0) if found else moment
        if isinstance(at, int | float) and at < moment:
            low = found[0].id + 1
        else:
            high = middle
    return low


def _page(db: sqlite3.Connection, wanted: Wanted, before: int) -> tuple[list[Numbered], int]:
    found: list[Numbered] = []
    looked, at = 0, before or _newest(db) + 1
    while looked < _MOST:
        rows = _numbered(db, _ROWS + "where id < ? order by id desc limit ?", (at, _BATCH))
        for one in rows:
            at, looked = one.id, looked + 1
            if wanted.fits(one.line.body):
                found.append(one)
                if len(found) == _PAGE:
                    return found, at
        if len(rows) < _BATCH:
            return found, 0
    return found, at
