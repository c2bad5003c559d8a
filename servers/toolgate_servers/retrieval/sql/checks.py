"""The first look at a query: one statement, that only reads. The engines behind it hold on their own."""

import difflib
import logging
from collections.abc import Iterable, Iterator

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from toolgate_servers.errors import Reason, Refused

MAX_NODES = 5000

logging.getLogger("sqlglot").setLevel(logging.CRITICAL)  # its warnings quote the query

READS = (exp.Select, exp.SetOperation, exp.Subquery, exp.Values)
# Everything that changes, locks, loads, or reaches beyond the tables; also inside a WITH.
CHANGES = (
    *(exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Create, exp.Drop, exp.Alter, exp.TruncateTable),
    *(
        exp.Copy,
        exp.Into,
        exp.Lock,
        exp.Attach,
        exp.Detach,
        exp.Pragma,
        exp.Set,
        exp.Command,
        exp.Transaction,
    ),
    *(exp.Commit, exp.Rollback, exp.Use, exp.Kill, exp.Describe, exp.Cache, exp.Analyze, exp.Install),
)
# Functions that read files, run other SQL, reach other servers, change settings, or hold things up; * is any
# beginning or end.
FORBIDDEN: dict[str, tuple[str, ...]] = {
    "sqlite": (
        "load_extension",
        "readfile",
        "writefile",
        "edit",
        "fts3_tokenizer",
        "pragma_*",
        "fsdir",
        "shell*",
    ),
    "duckdb": (
        *("read_*", "parquet_*", "glob", "sniff_csv", "query", "query_table", "*_scan", "scan_*", "*_attach"),
        *(
            "getenv",
            "which_secret",
            "duckdb_secrets",
            "pragma_*",
            "duckdb_extensions",
            "duckdb_settings",
            "load_*",
        ),
        *("current_setting", "set_config", "checkpoint", "force_checkpoint", "add_parquet_key", "write_log"),
        *(
            "enable_*",
            "disable_*",
            "from_substrait*",
            "duckdb_logs*",
            "sql_auto_complete",
            "json_execute_serialized*",
        ),
    ),
    "postgres": (
        *(
            "pg_read_*",
            "pg_ls_*",
            "pg_stat_file",
            "pg_sleep*",
            "pg_terminate_*",
            "pg_cancel_*",
            "pg_reload_conf",
        ),
        *(
            "pg_rotate_*",
            "pg_logical_*",
            "pg_create_*",
            "pg_drop_*",
            "pg_copy_*",
            "pg_replication_*",
            "pg_wal_*",
        ),
        *(
            "pg_backup_*",
            "pg_start_*",
            "pg_stop_*",
            "pg_switch_*",
            "pg_promote",
            "pg_advisory_*",
            "pg_notify",
        ),
        *(
            "pg_try_advisory_*",
            "pg_export_snapshot",
            "pg_current_logfile",
            "pg_file_*",
            "pg_logdir_ls",
            "pg_log_*",
        ),
        *(
            "lo_*",
            "loread",
            "lowrite",
            "dblink*",
            "set_config",
            "nextval",
            "setval",
            "query_to_*",
            "cursor_to_*",
        ),
        *("table_to_*", "schema_to_*", "database_to_*", "xpath_table", "ts_stat", "crosstab*", "connectby"),
        *(
            "http_*",
            "postgres_fdw_*",
            "pg_stat_reset*",
            "txid_*",
            "pg_import_*",
            "adminpack*",
            "plpy*",
            "ts_rewrite",
        ),
    ),
}


def check_query(sql: str, dialect: str) -> None:
    """Refuse what is not one statement that only reads.

    Raises:
        Refused: BAD_SYNTAX, NOT_A_QUERY, TOO_COMPLEX or NOT_AVAILABLE.
    """
    try:
        statements = [statement for statement in sqlglot.parse(sql, dialect=dialect) if statement is not None]
    except SqlglotError as problem:
        raise _bad_syntax(problem) from None
    except RecursionError:
        raise Refused(Reason.TOO_COMPLEX, "sql", found="deep nesting", expected="a flatter query") from None
    if len(statements) != 1:
        raise _not_a_query(f"{len(statements)} statements")
    (statement,) = statements
    if not isinstance(statement, READS) and not (dialect == "duckdb" and isinstance(statement, exp.From)):
        raise _not_a_query("a statement of another kind")
    for number, node in enumerate(statement.walk()):
        if number > MAX_NODES:
            raise Refused(Reason.TOO_COMPLEX, "sql", found="a very long query", expected="a shorter one")
        if isinstance(node, CHANGES):
            raise _not_a_query("a part that changes, locks or loads something")
        for name in _functions(node):
            if _is_forbidden(name, dialect):
                raise Refused(
                    Reason.NOT_AVAILABLE,
                    "sql",
                    found="a function that reaches beyond the tables",
                    expected="functions of values, rows and times only",
                )


def closest(name: str, known: Iterable[str]) -> str:
    """Say which known name is meant, or which there are."""
    names = sorted(known)
    near = difflib.get_close_matches(name.lower(), names, n=1)
    return f"one that list_tables gives, such as {near[0]}" if near else f"one of {', '.join(names[:20])}"


def _functions(node: exp.Expr) -> Iterator[str]:
    if isinstance(node, exp.Anonymous):
        yield str(node.this).lower()
    elif isinstance(node, exp.Func):
        yield from (name.lower() for name in (*node.sql_names(), type(node).__name__))


def _is_forbidden(name: str, dialect: str) -> bool:
    bare = name.strip('"').rpartition(".")[2].strip('"')
    for pattern in FORBIDDEN[dialect]:
        if pattern.endswith("*") and bare.startswith(pattern[:-1]):
            return True
        if pattern.startswith("*") and bare.endswith(pattern[1:]):
            return True
        if bare == pattern:
            return True
    return False


def _not_a_query(found: str) -> Refused:
    return Refused(Reason.NOT_A_QUERY, "sql", found=found, expected="one SELECT that only reads")


def _bad_syntax(problem: SqlglotError) -> Refused:
    errors: list[dict[str, object]] = getattr(problem, "errors", None) or [{}]
    line, column = errors[0].get("line"), errors[0].get("col")
    place = f", line {line}, column {column}" if line else ""
    return Refused(
        Reason.BAD_SYNTAX,
        f"sql{place}",
        found="something that does not parse",
        expected="one SELECT statement",
    )
