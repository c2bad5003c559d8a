"""DuckDB, inside the isolated process: views over CSV, Parquet and JSON files, and nothing else."""

import re
import threading
from typing import Any

import duckdb

from toolgate_servers.errors import Reason, Refused
from toolgate_servers.retrieval.sql.answers import Answer, collected
from toolgate_servers.retrieval.sql.checks import closest
from toolgate_servers.retrieval.sql.explaining import query_failed

READERS = {".csv": "read_csv", ".tsv": "read_csv", ".parquet": "read_parquet", ".json": "read_json"}
UNKNOWN = re.compile(
    r"(?:Table with name|Referenced column|column) \"?([\w.]+)\"? (?:does not exist|not found)",
    re.IGNORECASE,
)


def answer(request: dict[str, Any], _blob: bytes) -> Answer:
    """Run one query over files.

    Raises:
        Refused: TIMED_OUT, QUERY_FAILED, NO_SUCH_TABLE, NO_SUCH_COLUMN, NOT_A_QUERY or NOT_AVAILABLE.
    """
    with _locked(request["files"]) as connection:
        statements = _statements(connection, request["sql"])
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise Refused(
                Reason.NOT_A_QUERY, "sql", found="something that does not only read", expected="one SELECT"
            )
        timer = threading.Timer(request["seconds"], connection.interrupt)
        timer.start()
        try:
            sql = f"EXPLAIN {request['sql']}" if request["explain"] else request["sql"]
            cursor = connection.execute(sql, request["parameters"])
            columns = [column[0] for column in cursor.description or ()]
            return collected(columns, iter(cursor.fetchone, None), request["max_rows"], request["max_bytes"])
        except duckdb.Error as problem:
            raise _refused(problem, request["files"]) from None
        finally:
            timer.cancel()


def schema(request: dict[str, Any], _blob: bytes) -> list[dict[str, Any]]:
    """List the views with their columns; a file that cannot be read has none."""
    found: list[dict[str, Any]] = []
    with _locked(request["files"]) as connection:
        for name in sorted(request["files"]):
            try:
                columns = connection.execute(f'DESCRIBE "{name}"').fetchall()
            except duckdb.Error:
                columns = []
            found.append(
                {
                    "name": name,
                    "kind": "file",
                    "columns": [[str(column[0]), str(column[1])] for column in columns],
                }
            )
    return found


def _locked(files: dict[str, str]) -> duckdb.DuckDBPyConnection:
    """Open a database in memory that sees these files and can neither reach further nor be changed to."""
    connection = duckdb.connect(":memory:")
    for setting, value in (
        ("threads", "2"),
        ("memory_limit", "'512MB'"),
        ("temp_directory", "''"),
        ("autoinstall_known_extensions", "false"),
        ("autoload_known_extensions", "false"),
        ("allow_community_extensions", "false"),
        ("python_enable_replacements", "false"),
    ):
        connection.execute(f"SET {setting} = {value}")
    for name, path in files.items():
        ending = path[path.rfind(".") :].lower()
        try:
            source = f"{READERS[ending]}({_quoted(path)})"
            connection.execute(f'CREATE VIEW "{name}" AS FROM {source}')
        except duckdb.Error:
            continue  # a file that cannot be read is no table
    allowed = ", ".join(_quoted(path) for path in files.values())
    connection.execute(f"SET allowed_paths = [{allowed}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def _statements(connection: duckdb.DuckDBPyConnection, sql: str) -> list[Any]:
    try:
        return connection.extract_statements(sql)
    except duckdb.Error:
        raise Refused(
            Reason.BAD_SYNTAX, "sql", found="a mistake in the syntax", expected="SQL as DuckDB reads it"
        ) from None


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _refused(problem: duckdb.Error, files: dict[str, str]) -> Refused:
    text = str(problem)
    if isinstance(problem, duckdb.InterruptException):
        return Refused(
            Reason.TIMED_OUT,
            "sql",
            found="no answer within the time limit",
            expected="a query that looks at less",
        )
    if isinstance(problem, duckdb.PermissionException):
        return Refused(
            Reason.NOT_AVAILABLE,
            "sql",
            found="a reach beyond the tables",
            expected="the tables of list_tables only",
        )
    if isinstance(problem, duckdb.OutOfMemoryException):
        return Refused(
            Reason.TOO_LARGE, "sql", found="too much memory", expected="a query that holds less at once"
        )
    unknown = UNKNOWN.search(text)
    if isinstance(problem, duckdb.CatalogException):
        name = unknown.group(1) if unknown else ""
        return Refused(
            Reason.NO_SUCH_TABLE, "sql", found="an unknown table or function", expected=closest(name, files)
        )
    if isinstance(problem, duckdb.BinderException) and unknown:
        return Refused(
            Reason.NO_SUCH_COLUMN,
            "sql",
            found="an unknown column",
            expected="a column that list_tables gives",
        )
    if isinstance(problem, duckdb.ParserException):
        return Refused(
            Reason.BAD_SYNTAX, "sql", found="a mistake in the syntax", expected="SQL as DuckDB reads it"
        )
    return query_failed(text.partition("\n")[0])
