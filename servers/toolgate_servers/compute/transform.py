"""The tool that works on tables: typed steps, never a query language, nothing but what the call gives."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from toolgate_servers.compute import tables
from toolgate_servers.compute.frames import Bench
from toolgate_servers.compute.settings import TransformSettings
from toolgate_servers.compute.steps import Step
from toolgate_servers.compute.tables import Format
from toolgate_servers.errors import CannotStart, Reason, Refused
from toolgate_servers.running import Run
from toolgate_servers.server import Family
from toolgate_servers.strict import READS, Arguments, Outcome, described, strict_tool

if TYPE_CHECKING:
    import polars as pl

MAX_DATA = 2_000_000
EXAMPLE = {
    "tables": [{"name": "sales", "format": "csv", "data": "region,amount\nnorth,10\nsouth,5\nnorth,7"}],
    "steps": [
        {
            "do": "group",
            "by": ["region"],
            "figures": [{"column": "amount", "function": "sum", "name": "total"}],
        },
        {"do": "sort", "columns": ["total"], "descending": True},
    ],
}


class Table(Arguments):
    """One table that is given."""

    name: Annotated[
        str, Field(min_length=1, max_length=50, pattern=r"^\w+$", description="What steps call it.")
    ]
    format: Annotated[Format, Field(description="How it is written; JSON is an array of objects.")]
    data: Annotated[
        str | None, Field(max_length=MAX_DATA, description="The table itself; Parquet as Base64.")
    ] = None
    file: Annotated[
        str | None, Field(max_length=512, description="Or a file, as a path below the folder of the server.")
    ] = None
    separator: Annotated[
        Literal[",", ";", "\t", "|"], Field(description="What separates the columns of CSV.")
    ] = ","


class TransformData(Arguments):
    """What `transform_data` takes."""

    tables: Annotated[
        list[Table],
        Field(min_length=1, max_length=5, description="The first is worked on, the others can be joined."),
    ]
    steps: Annotated[list[Step], Field(max_length=50, description="What is done, in this order.")]
    output: Annotated[Format, Field(description="How the result is written; Parquet as Base64.")] = "json"
    limit: Annotated[int, Field(ge=1, le=10_000, description="How many rows of the result to give.")] = 200


class ColumnShown(Outcome):
    """One column of the result."""

    name: Annotated[str, Field(description="Its name.")]
    type: Annotated[str, Field(description="Its type, such as Int64, Float64, String, Date.")]


class Violation(Outcome):
    """How a rule of a validate step was broken."""

    column: Annotated[str, Field(description="The column.")]
    test: Annotated[str, Field(description="What should hold.")]
    rows: Annotated[int, Field(description="How many rows break it.")]
    first_rows: Annotated[list[int], Field(description="The first ten of them, from 1.")]


class Transformed(Outcome):
    """What `transform_data` gives."""

    data: Annotated[str, Field(description="The table, written as asked.")]
    columns: Annotated[list[ColumnShown], Field(description="Its columns.")]
    rows: Annotated[int, Field(description="How many rows it has in all.")]
    truncated: Annotated[bool, Field(description="True when `data` has only the first of them.")]
    violations: Annotated[list[Violation], Field(description="What validate steps found.")]


def family(settings: TransformSettings) -> Family:
    """Make the family of the tool that works on tables.

    Raises:
        CannotStart: The folder is not there.
    """
    folder = settings.folder
    if folder is not None and not folder.is_dir():
        raise CannotStart(f"transform.folder: found no folder {folder}, expected one")

    def transform_data(arguments: TransformData, run: Run) -> Transformed:
        given = {
            table.name: _read(table, settings, f"tables.{number}")
            for number, table in enumerate(arguments.tables)
        }
        if len(given) < len(arguments.tables):
            raise Refused(
                Reason.ARGUMENT_NOT_VALID, "tables", found="two of one name", expected="a name for each"
            )
        bench = Bench(given[arguments.tables[0].name], given)
        for number, step in enumerate(arguments.steps):
            run.progress(number, len(arguments.steps), step.do)
            bench.do(step, f"steps.{number}")
        run.check()
        return _written(bench, arguments)

    tool = strict_tool(
        transform_data,
        name="transform_data",
        takes=TransformData,
        gives=Transformed,
        title="Transform tables",
        description=described(
            "Clean, reshape, join, aggregate and validate tables in CSV, JSON or Parquet, step by step.",
            use="rows must be filtered, grouped, joined or checked, exactly and in one call",
            not_for="drawing or statistics beyond sums and averages: run_python does those",
            example=EXAMPLE,
        ),
        annotations=READS,
        timeout=60,
    )
    return Family("transform", f"tables in the call, files of {folder or 'no folder'}", [tool])


def _read(table: Table, settings: TransformSettings, where: str) -> "pl.DataFrame":
    if (table.data is None) == (table.file is None):
        raise Refused(
            Reason.ARGUMENT_NOT_VALID, where, found="none or both of data and file", expected="one of them"
        )
    content = _content(table, settings, where)
    frame = tables.read_table(content, table.format, table.separator, where)
    tables.check_names(frame.columns, where)
    return frame


def _content(table: Table, settings: TransformSettings, where: str) -> bytes:
    if table.data is not None:
        is_parquet = table.format == "parquet"
        return tables.from_base64(table.data, f"{where}.data") if is_parquet else table.data.encode()
    if settings.folder is None or table.file is None:
        raise Refused(
            Reason.NOT_AVAILABLE,
            f"{where}.file",
            found="a file, though this server has no folder for tables",
            expected="the table in data",
        )
    return tables.read_file(settings.folder, table.file, f"{where}.file")


def _written(bench: Bench, arguments: TransformData) -> Transformed:
    table = bench.table
    return Transformed(
        data=tables.write_table(table.head(arguments.limit), arguments.output),
        columns=[ColumnShown(name=name, type=str(kind)) for name, kind in table.schema.items()],
        rows=table.height,
        truncated=table.height > arguments.limit,
        violations=[
            Violation(column=rule.column, test=rule.test, rows=count, first_rows=first)
            for rule, count, first in bench.violations
        ],
    )
