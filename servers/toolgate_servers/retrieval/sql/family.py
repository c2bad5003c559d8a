"""The family of tools for databases: ask, and see what can be asked."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from mcp.server.mcpserver.tools import Tool
from pydantic import Field, create_model

from toolgate_servers.errors import Reason, Refused
from toolgate_servers.retrieval.sql.checks import check_query, closest
from toolgate_servers.retrieval.sql.databases import Asked, Limits, TableShape
from toolgate_servers.running import Run
from toolgate_servers.server import Family
from toolgate_servers.strict import READS, READS_WORLD, Arguments, Outcome, described, strict_tool

MAX_SQL = 20_000
MAX_PARAMETERS = 100

Text = Annotated[str, Field(max_length=10_000)]
Whole = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
Number = Annotated[float, Field(ge=-1.7e308, le=1.7e308)]
Value = Text | Whole | Number | bool | None


class QuerySql(Arguments):
    """What `query_sql` takes."""

    sql: Annotated[
        str,
        Field(
            min_length=1,
            max_length=MAX_SQL,
            description="One SELECT in the dialect of the database. Values belong into parameters.",
        ),
    ]
    parameters: Annotated[
        list[Value],
        Field(
            default_factory=list,
            max_length=MAX_PARAMETERS,
            description="The values, in order: for ? in SQLite and DuckDB, for $1, $2 … in PostgreSQL.",
        ),
    ]
    limit: Annotated[int, Field(ge=1, le=1000, description="How many rows to give at most.")] = 100
    explain: Annotated[
        bool, Field(description="Give the plan in place of the rows; nothing is carried out.")
    ] = False
    database: str = ""


class Rows(Outcome):
    """What `query_sql` gives."""

    database: str
    columns: Annotated[list[str], Field(description="The names of the columns.")]
    rows: Annotated[
        list[list[str | int | float | bool | None]],
        Field(description="Row by row. Dates, exact decimals and integers beyond 2**53 are strings."),
    ]
    truncated: Annotated[
        bool, Field(description="True when rows are missing: ask for fewer, or for a sum of them.")
    ]


class ListTables(Arguments):
    """What `list_tables` takes."""

    table: Annotated[str, Field(max_length=200, description="Only this table; empty for all of them.")] = ""
    database: str = ""


class Column(Outcome):
    """One column."""

    name: str
    type: str


class TableColumns(Outcome):
    """One table."""

    name: str
    kind: Annotated[str, Field(description="table, view or file.")]
    columns: list[Column]


class Tables(Outcome):
    """What `list_tables` gives."""

    database: str
    dialect: Annotated[str, Field(description="sqlite, duckdb or postgres: how its SQL is written.")]
    placeholder: Annotated[str, Field(description="How the first parameter is written in a query.")]
    tables: Annotated[list[TableColumns], Field(description="At most 200; ask for one by name beyond that.")]


def family(databases: Sequence[Asked], limits: Limits, about: str) -> Family:
    """Make the two tools over databases, of which the first is asked when none is named."""
    known = {database.name: database for database in databases}
    annotations = READS_WORLD if any(database.dialect == "postgres" for database in databases) else READS
    return Family("sql", about, [_query(known, limits, annotations), _tables(known, limits, annotations)])


def _with_names(model: type[Any], known: dict[str, Asked]) -> type[Any]:
    """Make the argument `database` a choice of those that there are."""
    first = next(iter(known))
    described_as = f"Which database; {first} when left out."
    chosen: Any = Literal[tuple(known)]
    make: Any = create_model
    made: type[Any] = make(
        model.__name__,
        __base__=model,
        __doc__=model.__doc__,
        database=(chosen, Field(default=first, description=described_as)),
    )
    return made


def _query(known: dict[str, Asked], limits: Limits, annotations: Any) -> Tool:
    def query_sql(arguments: QuerySql, run: Run) -> Rows:
        database = known[arguments.database]
        check_query(arguments.sql, database.dialect)
        most = Limits(min(arguments.limit, limits.rows), limits.bytes, limits.seconds)
        parameters = [*arguments.parameters]
        answer = database.query(
            arguments.sql.strip().rstrip(";"), parameters, most, explain=arguments.explain, run=run
        )
        return Rows(database=database.name, columns=answer.columns, rows=answer.rows, truncated=answer.is_cut)

    return strict_tool(
        query_sql,
        name="query_sql",
        takes=_with_names(QuerySql, known),
        gives=Rows,
        title="Ask a database",
        description=described(
            "Run one SELECT that only reads, with a limit on rows, size and time.",
            use="you need rows, counts or sums from a database or CSV files, after list_tables has shown "
            "their columns",
            not_for="changing anything; a text that is in documents: search_knowledge finds it",
            example={"sql": "SELECT ? AS answer", "parameters": [42]},
        ),
        annotations=annotations,
        timeout=limits.seconds + 20,
    )


def chosen(tables: list[TableShape], name: str) -> list[TableShape]:
    """Give the table of a name, or all of them when there is none given.

    Raises:
        Refused: NO_SUCH_TABLE, saying which there are.
    """
    found = [table for table in tables if name.lower() in ("", table.name.lower())]
    if name and not found:
        expected = closest(name, [table.name for table in tables])
        raise Refused(Reason.NO_SUCH_TABLE, "table", found="no table of that name", expected=expected)
    return found


def _tables(known: dict[str, Asked], limits: Limits, annotations: Any) -> Tool:
    def list_tables(arguments: ListTables, run: Run) -> Tables:
        database = known[arguments.database]
        found = chosen(database.tables(limits, run), arguments.table)
        return Tables(
            database=database.name,
            dialect=database.dialect,
            placeholder=database.placeholder,
            tables=[
                TableColumns(
                    name=table.name,
                    kind=table.kind,
                    columns=[Column(name=name, type=form) for name, form in table.columns],
                )
                for table in found[:200]
            ],
        )

    return strict_tool(
        list_tables,
        name="list_tables",
        takes=_with_names(ListTables, known),
        gives=Tables,
        title="List tables",
        description=described(
            "List the tables of a database with their columns and types, and how its SQL is written.",
            use="you want to write a query and do not know the names yet",
            not_for="the rows of a table: query_sql gives those",
            example={},
        ),
        annotations=annotations,
        timeout=limits.seconds + 20,
    )
