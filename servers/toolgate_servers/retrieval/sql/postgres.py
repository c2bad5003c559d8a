"""PostgreSQL: a read-only transaction with a time limit, under a role that can do no harm."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from toolgate_servers.errors import CannotStart, Reason, Refused
from toolgate_servers.extras import need
from toolgate_servers.retrieval.sql.answers import Answer, Cell, collected
from toolgate_servers.retrieval.sql.databases import Limits, TableShape
from toolgate_servers.running import Run

CONNECT_SECONDS = 5.0
LOOKING = 0.05

# The roles that reach files and programs of the server; PostgreSQL 15 documentation, 22.5 Predefined Roles.
DANGEROUS = """
SELECT rolsuper OR rolreplication OR rolbypassrls OR rolcreaterole OR EXISTS (
  SELECT FROM pg_roles AS other WHERE other.rolname IN (
    'pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program', 'pg_signal_backend',
    'pg_checkpoint')
  AND pg_has_role(current_user, other.oid, 'member'))
FROM pg_roles WHERE rolname = current_user
"""
TABLES = """
SELECT CASE WHEN n.nspname = ANY (current_schemas(false)) THEN '' ELSE n.nspname || '.' END || c.relname,
       CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'f' THEN 'table' ELSE 'view' END,
       a.attname, format_type(a.atttypid, a.atttypmod)
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace JOIN pg_attribute AS a ON a.attrelid = c.oid
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.attnum > 0 AND NOT a.attisdropped
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_toast%'
  AND has_table_privilege(c.oid, 'SELECT')
ORDER BY n.nspname, c.relname, a.attnum LIMIT 20000
"""

SETTINGS = "working settings; tell whoever runs this server"
# What PostgreSQL says, and what the caller learns of it: its own texts quote values.
REFUSALS = (
    (("UndefinedTableError",), Reason.NO_SUCH_TABLE, "sql", "an unknown table", "one that list_tables gives"),
    (
        ("UndefinedColumnError",),
        Reason.NO_SUCH_COLUMN,
        "sql",
        "an unknown column",
        "one that list_tables gives",
    ),
    (
        ("PostgresSyntaxError",),
        Reason.BAD_SYNTAX,
        "sql",
        "a mistake in the syntax",
        "SQL as PostgreSQL reads it",
    ),
    (("ReadOnlySQLTransactionError",), Reason.NOT_A_QUERY, "sql", "a change", "one SELECT that only reads"),
    (("UndefinedFunctionError",), Reason.NOT_AVAILABLE, "sql", "an unknown function", "another one"),
    (
        ("InsufficientPrivilegeError",),
        Reason.ACCESS_DENIED,
        "sql",
        "what the role may not use",
        "another table",
    ),
    (
        ("GroupingError",),
        Reason.QUERY_FAILED,
        "sql",
        "a column that is not grouped, or an aggregate where none can be",
        "GROUP BY with every column that is not inside an aggregate; HAVING for conditions on those",
    ),
    (
        ("AmbiguousColumnError",),
        Reason.QUERY_FAILED,
        "sql",
        "a column that more than one table has",
        "the table before it, as in orders.id",
    ),
    (
        ("DivisionByZeroError",),
        Reason.ARGUMENT_NOT_VALID,
        "sql",
        "a division by zero",
        "NULLIF(…, 0) as the divisor",
    ),
    (
        ("InvalidAuthorizationSpecificationError", "InvalidCatalogNameError"),
        Reason.ACCESS_DENIED,
        "database",
        "a login that is not accepted",
        SETTINGS,
    ),
    (
        ("DataError", "InterfaceError", "IndeterminateDatatypeError"),
        Reason.ARGUMENT_NOT_VALID,
        "parameters",
        "values of another type or number than the query has",
        "one of the right type for each of $1, $2, …",
    ),
)

ResultT = TypeVar("ResultT")


class Postgres:
    """A PostgreSQL database; each query has a connection of its own, so nothing stays behind."""

    dialect = "postgres"
    placeholder = "$1"

    def __init__(self, name: str, dsn: str) -> None:
        self.name = name
        self._asyncpg: Any = need("asyncpg", f"databases.{name}")
        if not dsn.startswith(("postgresql://", "postgres://")):
            raise CannotStart(f"databases.{name}.postgresql: found no postgresql:// URL behind the reference")
        self._dsn = dsn

    def query(
        self, sql: str, parameters: list[Cell], limits: Limits, *, explain: bool, run: Run | None = None
    ) -> Answer:
        """Run one query.

        Raises:
            Refused: TIMED_OUT, CANCELLED, QUERY_FAILED, NO_SUCH_TABLE, NO_SUCH_COLUMN, NOT_A_QUERY,
                BAD_SYNTAX, ARGUMENT_NOT_VALID, ACCESS_DENIED, UNREACHABLE or NOT_AVAILABLE.
        """

        async def ask(connection: Any) -> Answer:
            statement = await connection.prepare(f"EXPLAIN {sql}" if explain else sql)
            columns = [attribute.name for attribute in statement.get_attributes()]
            cursor = await statement.cursor(*parameters)
            rows = await cursor.fetch(limits.rows + 1)
            return collected(columns, [tuple(row) for row in rows], limits.rows, limits.bytes)

        return self._during(ask, limits.seconds, run)

    def tables(self, limits: Limits, run: Run | None = None) -> list[TableShape]:
        """List the tables and views that the role may read.

        Raises:
            Refused: TIMED_OUT, ACCESS_DENIED or UNREACHABLE.
        """

        async def ask(connection: Any) -> list[TableShape]:
            found: dict[str, TableShape] = {}
            for table, kind, column, form in await connection.fetch(TABLES):
                found.setdefault(table, TableShape(table, kind, [])).columns.append((column, form))
            return list(found.values())

        return self._during(ask, limits.seconds, run)

    def close(self) -> None:
        """Nothing is open between calls."""

    def _during(self, ask: Callable[[Any], Awaitable[ResultT]], seconds: float, run: Run | None) -> ResultT:
        asked = self._connected(ask, seconds)
        try:
            return asyncio.run(asyncio.wait_for(_while_wanted(asked, run), seconds + CONNECT_SECONDS))
        except (TimeoutError, self._asyncpg.QueryCanceledError):
            raise Refused(
                Reason.TIMED_OUT,
                "sql",
                found="no answer within the time limit",
                expected="a query that looks at less",
            ) from None
        except (OSError, self._asyncpg.InterfaceError, self._asyncpg.PostgresError) as problem:
            raise self._refused(problem) from None

    async def _connected(self, ask: Callable[[Any], Awaitable[ResultT]], seconds: float) -> ResultT:
        settings = {
            "default_transaction_read_only": "on",
            "statement_timeout": str(int(seconds * 1000)),
            "lock_timeout": "2000",
            "idle_in_transaction_session_timeout": str(int(seconds * 1000) + 5000),
            "application_name": "toolgate-retrieval",
        }
        connection = await self._asyncpg.connect(
            self._dsn, timeout=CONNECT_SECONDS, server_settings=settings, statement_cache_size=0
        )
        try:
            if await connection.fetchval(DANGEROUS):
                raise Refused(
                    Reason.ACCESS_DENIED,
                    "database",
                    found="a role that can do more than read tables",
                    expected="a least-privilege role; tell whoever runs this server",
                )
            transaction = connection.transaction(readonly=True)
            await transaction.start()
            try:
                return await ask(connection)
            finally:
                # What a read-only transaction lets through, such as a notification, goes with it.
                await transaction.rollback()
        finally:
            connection.terminate()

    def _refused(self, problem: Exception) -> Refused:
        for names, reason, where, found, expected in REFUSALS:
            if isinstance(problem, tuple(getattr(self._asyncpg, name) for name in names)):
                return Refused(reason, where, found=found, expected=expected)
        reason, found = Reason.QUERY_FAILED, "a query that cannot be carried out"
        if isinstance(problem, OSError):
            reason, found = Reason.UNREACHABLE, "no server that answers"
        return Refused(reason, "sql", found=found, expected="another query, or a server that works")


async def _while_wanted(asked: Coroutine[Any, Any, ResultT], run: Run | None) -> ResultT:
    """Wait for an answer as long as somebody wants it; cancelled, the driver has the server stop as well."""
    task = asyncio.create_task(asked)
    began = time.monotonic()
    try:
        while not (await asyncio.wait({task}, timeout=LOOKING))[0]:
            if run is not None:
                run.progress(time.monotonic() - began, text="running")
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=CONNECT_SECONDS)
