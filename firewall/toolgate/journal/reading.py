"""The journal as it stands in the SQLite file, read without writing anything."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, cast

import orjson

from toolgate.core.chain import Head, Record, Roster
from toolgate.core.model import JsonObject
from toolgate.errors import JournalDown


@dataclass(frozen=True, slots=True)
class Line:
    """A record for people: its place, its body, and whether its commitments can still be opened."""

    writer: str
    seq: int
    body: JsonObject
    salted: bool


class JournalFile:
    """One consistent look at a journal: what is written meanwhile does not show. Raises JournalDown."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._db = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=5.0
            )
            self._db.text_factory = _text
            self._db.execute("begin")
            self._db.execute("select turn from roster").fetchone()
        except sqlite3.Error as error:
            raise JournalDown(f"{path}: {error}") from error

    def __enter__(self) -> JournalFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()

    def count(self) -> int:
        """How many records there are."""
        return int(next(self._rows("select count(*) from records"))[0])

    def records(self) -> Iterator[Record]:
        """Every record in the order of storage, for checking."""
        for row in self._rows("select writer, seq, turn, body, mac from records order by id"):
            yield Record(str(row[0]), _count(row[1]), _count(row[2]), _bytes(row[3]), _bytes(row[4]))

    def heads(self) -> list[Head]:
        """The head of every writer."""
        rows = self._rows("select writer, seq, mac, seal from heads order by writer")
        return [Head(str(row[0]), _count(row[1]), _bytes(row[2]), _bytes(row[3])) for row in rows]

    def roster(self) -> Roster | None:
        """The roster, None where it was taken away."""
        for row in self._rows("select turn, writers, link from roster where one = 1"):
            return Roster(_count(row[0]), _count(row[1]), _bytes(row[2]))
        return None

    def lines(self) -> Iterator[Line]:
        """Every record in the order of storage, for reading; a body that is no JSON object shows as such."""
        for writer, seq, body, salted in self._rows(
            "select writer, seq, body, salt is not null from records order by id"
        ):
            yield Line(str(writer), _count(seq), _decoded(body), bool(salted))

    def _rows(self, sql: str) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self._db.execute(sql)
        except sqlite3.Error as error:
            raise JournalDown(f"{self._path}: {error}") from error


def open_journal(path: Path) -> JournalFile:
    """Open a journal for reading. Raises JournalDown where there is none."""
    return JournalFile(path)


# SQLite keeps any type in any column: what was put there must not stop the reading.
def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _bytes(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    return value if isinstance(value, bytes) else b""


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value >= 0 else 0


def _decoded(body: Any) -> JsonObject:
    try:
        found: Any = orjson.loads(body)
    except (orjson.JSONDecodeError, TypeError):
        return {"kind": "unreadable"}
    return cast("JsonObject", found) if isinstance(found, dict) else {"kind": "unreadable"}
