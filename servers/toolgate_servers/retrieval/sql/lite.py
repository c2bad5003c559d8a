"""SQLite, inside the isolated process: files that are only read, or tables made from CSV."""

import csv
import hashlib
import io
import re
import sqlite3
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from toolgate_servers.errors import Reason, Refused
from toolgate_servers.retrieval.sql.answers import Answer, collected
from toolgate_servers.retrieval.sql.checks import closest
from toolgate_servers.retrieval.sql.explaining import query_failed
from toolgate_servers.retrieval.text import decoded

READ_ONLY_ACTIONS = frozenset(
    {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
)
FORBIDDEN_FUNCTIONS = frozenset({"load_extension", "readfile", "writefile", "edit", "fts3_tokenizer"})
LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: 10_000_000,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 100_000,
    sqlite3.SQLITE_LIMIT_COLUMN: 500,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 200,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 50,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 50,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 1000,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 1,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
STEPS = 2000
MAX_COLUMNS = 400
UNKNOWN = re.compile(r"no such (table|column|function): (.*)")
INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
REAL = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+(?:[eE][+-]?[0-9]{1,3})?")

_loaded: dict[str, sqlite3.Connection] = {}  # the tables made from CSV last, by what they were made from


def answer(request: dict[str, Any], blob: bytes) -> Answer:
    """Run one query.

    Raises:
        Refused: TIMED_OUT, QUERY_FAILED, NO_SUCH_TABLE, NO_SUCH_COLUMN, NOT_A_QUERY or NOT_AVAILABLE.
    """
    file = request.get("file")
    connection = _opened(Path(file)) if file else _tables_of(request["tables"], blob)
    try:
        return _run(connection, request)
    finally:
        if file:
            connection.close()


def _run(connection: sqlite3.Connection, request: dict[str, Any]) -> Answer:
    ends = time.monotonic() + request["seconds"]
    connection.set_authorizer(_authorise)
    connection.set_progress_handler(lambda: time.monotonic() > ends, STEPS)
    sql = f"EXPLAIN QUERY PLAN {request['sql']}" if request["explain"] else request["sql"]
    try:
        cursor = connection.execute(sql, request["parameters"])
        columns = [column[0] for column in cursor.description or ()]
        return collected(columns, cursor, request["max_rows"], request["max_bytes"])
    except (sqlite3.Error, sqlite3.Warning, OverflowError) as problem:
        connection.set_authorizer(None)
        connection.set_progress_handler(None, 0)
        raise _refused(problem, connection) from None


def schema(request: dict[str, Any], blob: bytes) -> list[dict[str, Any]]:
    """List tables and views with their columns."""
    file = request.get("file")
    connection = _opened(Path(file)) if file else _tables_of(request["tables"], blob)
    connection.set_authorizer(None)
    listed = connection.execute(
        "SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view') "
        "AND name NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY name LIMIT 500"
    ).fetchall()
    found: list[dict[str, Any]] = []
    for name, kind in listed:
        columns = connection.execute("SELECT name, type FROM pragma_table_info(?)", (name,)).fetchall()
        found.append(
            {"name": name, "kind": kind, "columns": [[column, form or "ANY"] for column, form in columns]}
        )
    return found


def _opened(file: Path) -> sqlite3.Connection:
    uri = f"file:{quote(str(file))}?mode=ro"
    try:
        connection = _connected(uri)
        connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
    except sqlite3.OperationalError:
        try:
            # In WAL mode without a writer nothing is beside the file, and nothing may be made there.
            connection = _connected(f"{uri}&immutable=1")
            connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
        except sqlite3.Error:
            raise _broken() from None
    except sqlite3.Error:
        raise _broken() from None
    return connection


def _connected(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, timeout=2.0, isolation_level=None)
    for setting in ("query_only = ON", "trusted_schema = OFF", "temp_store = MEMORY", "mmap_size = 0"):
        connection.execute(f"PRAGMA {setting}")
    for limit, most in LIMITS.items():
        connection.setlimit(limit, most)
    return connection


def _authorise(action: int, _first: str | None, second: str | None, *_where: str | None) -> int:
    if action not in READ_ONLY_ACTIONS:
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in FORBIDDEN_FUNCTIONS:
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def _tables_of(tables: Sequence[Mapping[str, Any]], blob: bytes) -> sqlite3.Connection:
    """Make tables of CSV files, or take those of last time when nothing has changed."""
    signature = hashlib.sha256(repr(tables).encode() + blob).hexdigest()
    if signature in _loaded:
        return _loaded[signature]
    for old in _loaded.values():
        old.close()
    _loaded.clear()
    connection = sqlite3.connect(":memory:", isolation_level=None)
    position = 0
    connection.execute("BEGIN")
    for table in tables:
        written = decoded(blob[position : position + table["size"]])
        position += table["size"]
        _fill(connection, table["name"], written, table["delimiter"])
    connection.execute("COMMIT")
    connection.execute("PRAGMA query_only = ON")
    for limit, most in LIMITS.items():
        connection.setlimit(limit, most)
    _loaded[signature] = connection
    return connection


def _fill(connection: sqlite3.Connection, name: str, written: str, delimiter: str) -> None:
    rows = csv.reader(io.StringIO(written.replace("\0", ""), newline=""), delimiter=delimiter)
    try:
        first: list[str] | None = next(rows, None)
        columns = _column_names((first or [])[:MAX_COLUMNS]) or ["empty"]
        spelled = ", ".join(f'"{column}"' for column in columns)
        connection.execute(f'CREATE TABLE "{name}" ({spelled})')
        marks = ",".join("?" * len(columns))
        filled = ([_typed(cell) for cell in (row + [""] * len(columns))[: len(columns)]] for row in rows)
        connection.executemany(f'INSERT INTO "{name}" VALUES ({marks})', filled)  # noqa: S608  # names of our own making
    except csv.Error:
        return  # the rows until there are still worth asking about


def _column_names(head: list[str]) -> list[str]:
    names: list[str] = []
    for number, cell in enumerate(head, 1):
        name = re.sub(r"\W+", "_", cell.strip().lower()).strip("_")[:60] or f"column_{number}"
        while name in names:
            name = f"{name}_{number}"
        names.append(name)
    return names


def _typed(cell: str) -> str | int | float | None:
    if INTEGER.fullmatch(cell):
        return int(cell)
    if REAL.fullmatch(cell):
        return float(cell)
    return cell or None


def _refused(problem: Exception, connection: sqlite3.Connection) -> Refused:
    text = str(problem)
    if text == "interrupted":
        return Refused(
            Reason.TIMED_OUT,
            "sql",
            found="no answer within the time limit",
            expected="a query that looks at less",
        )
    if "not authorized" in text or "prohibited" in text:
        return Refused(
            Reason.NOT_A_QUERY,
            "sql",
            found="something that does not only read",
            expected="one SELECT that only reads",
        )
    if found := UNKNOWN.match(text):
        return _unknown(found.group(1), found.group(2), connection)
    if any(sign in text for sign in ("syntax error", "incomplete input", "unrecognized token")):
        return Refused(
            Reason.BAD_SYNTAX, "sql", found="a mistake in the syntax", expected="SQL as SQLite reads it"
        )
    if "binding" in text.lower():
        return Refused(
            Reason.ARGUMENT_NOT_VALID,
            "parameters",
            found="another number than there are ? in the query",
            expected="one for each",
        )
    return query_failed(text)


def _unknown(kind: str, name: str, connection: sqlite3.Connection) -> Refused:
    if kind == "function":
        return Refused(
            Reason.NOT_AVAILABLE, "sql", found="an unknown function", expected="a function of SQLite"
        )
    tables = [
        row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")
    ]
    if kind == "table":
        return Refused(Reason.NO_SUCH_TABLE, "sql", found="an unknown table", expected=closest(name, tables))
    columns = {
        column
        for table in tables
        for (column,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))
    }
    bare = name.rpartition(".")[2]
    return Refused(Reason.NO_SUCH_COLUMN, "sql", found="an unknown column", expected=closest(bare, columns))


def _broken() -> Refused:
    return Refused(
        Reason.UNREADABLE,
        "database",
        found="a file that is locked, damaged or no SQLite",
        expected="a SQLite file",
    )
