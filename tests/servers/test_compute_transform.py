"""What `transform_data` makes of tables, and what it refuses."""

from __future__ import annotations

import base64
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tool_examples import run_examples
from toolgate_servers.compute.settings import TransformSettings
from toolgate_servers.compute.transform import TransformData, Transformed, family
from toolgate_servers.errors import CannotStart, Reason, Refused
from toolgate_servers.running import Run
from toolgate_servers.server import ToolServer

pl = pytest.importorskip("polars")

SALES = "region,amount,day\nnorth,10,2026-01-05\nsouth,,2026-01-06\nnorth,7,2026-02-01\n"
PEOPLE = json.dumps([{"region": "north", "who": "Ann"}, {"region": "east", "who": "Bob", "tags": ["a"]}])


def transform(*steps: dict[str, Any], folder: Path | None = None, **given: Any) -> Transformed:
    tables = given.pop("tables", [{"name": "t", "format": "csv", "data": SALES}])
    (tool,) = family(TransformSettings(folder=folder)).tools
    done: Callable[..., Transformed] = tool.fn
    return done(TransformData.model_validate({"tables": tables, "steps": list(steps), **given}), Run(60))


def rows(*steps: dict[str, Any], **given: Any) -> Any:
    return json.loads(transform(*steps, **given).data)


def refused(*steps: dict[str, Any], **given: Any) -> Reason:
    with pytest.raises(Refused) as caught:
        transform(*steps, **given)
    return caught.value.reason


def test_rows_are_filtered_sorted_and_chosen() -> None:
    assert rows(
        {"do": "filter", "column": "amount", "test": "ge", "value": 7},
        {"do": "sort", "columns": ["amount"]},
        {"do": "select", "columns": ["amount"]},
    ) == [{"amount": 7}, {"amount": 10}]
    assert len(rows({"do": "filter", "column": "region", "test": "in", "values": ["south"]})) == 1
    assert len(rows({"do": "filter", "column": "region", "test": "not_in", "values": ["south"]})) == 2
    assert len(rows({"do": "filter", "column": "amount", "test": "is_null"})) == 1
    assert len(rows({"do": "filter", "column": "day", "test": "matches", "value": "^2026-01"})) == 2
    assert rows({"do": "head", "rows": 1}, {"do": "drop", "columns": ["day", "amount"]}) == [
        {"region": "north"}
    ]


def test_values_are_cleaned_filled_cast_and_replaced() -> None:
    messy = [{"name": "t", "format": "json", "data": '[{"a": " X ", "b": "1"}, {"a": "", "b": "x"}]'}]
    assert rows({"do": "clean", "columns": ["a"], "case": "lower"}, tables=messy) == [
        {"a": "x", "b": "1"},
        {"a": None, "b": "x"},
    ]
    cast = {"do": "cast", "columns": ["b"], "to": "integer"}
    assert refused(cast, tables=messy) is Reason.BAD_DATA
    assert [row["b"] for row in rows({**cast, "otherwise": "empty"}, tables=messy)] == [1, None]
    assert [row["amount"] for row in rows({"do": "fill", "columns": ["amount"], "value": 0})] == [10, 0, 7]
    assert [row["amount"] for row in rows({"do": "fill", "columns": ["amount"], "how": "mean"})][1] == 8.5
    put = {"do": "replace", "column": "region", "find": "(n)or", "put": "$1", "regex": True}
    assert rows(put)[0]["region"] == "nth"
    assert len(rows({"do": "drop_nulls", "columns": ["amount"]})) == 2
    assert len(rows({"do": "unique", "columns": ["region"]})) == 2
    days = rows({"do": "cast", "columns": ["day"], "to": "date"}, _compute("month", "day"))
    assert [row["new"] for row in days] == [1, 1, 2]


def _compute(operation: str, left: str, **right: Any) -> dict[str, Any]:
    return {"do": "compute", "column": "new", "operation": operation, "left": left, **right}


def test_columns_are_computed() -> None:
    assert rows(_compute("multiply", "amount", right_value=1.5))[0]["new"] == 15.0
    assert rows(_compute("divide", "amount", right_column="amount"))[0]["new"] == 1.0
    assert rows(_compute("concat", "region", right_column="day"))[0]["new"] == "north2026-01-05"
    assert (
        rows(_compute("add", "amount", right_value=1), _compute("subtract", "new", right_value=1))[0]["new"]
        == 10
    )


def test_tables_are_joined_grouped_and_reshaped() -> None:
    both = [
        {"name": "t", "format": "csv", "data": SALES},
        {"name": "people", "format": "json", "data": PEOPLE},
    ]
    join = {"do": "join", "table": "people", "on": ["region"]}
    assert [row["who"] for row in rows(join, tables=both)] == ["Ann", "Ann"]
    assert len(rows({**join, "how": "left"}, tables=both)) == 3
    assert len(rows({**join, "how": "full"}, tables=both)) == 4
    assert len(rows({**join, "how": "anti"}, tables=both)) == 1
    assert len(rows({"do": "append", "table": "people"}, tables=both)) == 5
    figures = [
        {"column": "amount", "function": "sum", "name": "total"},
        {"column": "amount", "function": "count", "name": "n"},
    ]
    assert rows({"do": "group", "by": ["region"], "figures": figures}) == [
        {"region": "north", "total": 17, "n": 2},
        {"region": "south", "total": 0, "n": 0},
    ]
    assert rows({"do": "group", "by": [], "figures": figures}) == [{"total": 17, "n": 2}]
    wide = {"do": "pivot", "rows": ["day"], "columns": "region", "values": "amount"}
    assert rows(wide)[0] == {"day": "2026-01-05", "north": 10, "south": None}
    long = {"do": "unpivot", "keep": ["region"], "columns": ["amount"], "value": "v"}
    assert rows(long)[0] == {"region": "north", "name": "amount", "v": 10}


def test_rules_are_checked_and_rows_named() -> None:
    found = transform(
        {
            "do": "validate",
            "rules": [
                {"column": "amount", "test": "not_null"},
                {"column": "region", "test": "unique"},
                {"column": "amount", "test": "max", "value": 9},
                {"column": "day", "test": "matches", "value": "^2026"},
                {"column": "region", "test": "in", "values": ["north"]},
            ],
        }
    )
    assert [(one.rows, one.first_rows) for one in found.violations] == [
        *((1, [2]), (2, [1, 3]), (1, [1]), (0, [])),
        (1, [2]),
    ]


def test_what_goes_out_as_csv_or_parquet_comes_in_again() -> None:
    parquet = transform(output="parquet").data
    back = rows(tables=[{"name": "t", "format": "parquet", "data": parquet}])
    assert back == rows()
    csv = transform(output="csv").data
    assert rows(tables=[{"name": "t", "format": "csv", "data": csv}]) == rows()
    assert rows(tables=[{"name": "t", "format": "csv", "data": "a;b\n1;2", "separator": ";"}]) == [
        {"a": 1, "b": 2}
    ]


def test_a_long_result_says_that_there_is_more() -> None:
    found = transform(limit=1)
    assert (found.rows, found.truncated, len(json.loads(found.data))) == (3, True, 1)
    assert [(column.name, column.type) for column in found.columns][1] == ("amount", "Int64")


def test_files_come_from_the_folder_only(tmp_path: Path) -> None:
    folder = tmp_path / "tables"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "a.csv").write_text("a\n1\n")
    (tmp_path / "secret.csv").write_text("a\n2\n")
    (folder / "link.csv").symlink_to(tmp_path / "secret.csv")
    (folder / "up").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe.csv")

    def of(name: str) -> list[dict[str, str]]:
        return [{"name": "t", "format": "csv", "file": name}]

    assert rows(tables=of("sub/a.csv"), folder=folder) == [{"a": 1}]
    for name in ("../secret.csv", "/etc/passwd", "sub/../../secret.csv", "..", "C:/x", "a\\b", ""):
        assert refused(tables=of(name), folder=folder) is Reason.OUTSIDE_FOLDER
    for name in ("link.csv", "up/secret.csv", "missing.csv", "pipe.csv", "sub", "a\0b"):
        assert refused(tables=of(name), folder=folder) is Reason.NOT_FOUND
    assert refused(tables=of("sub/a.csv")) is Reason.NOT_AVAILABLE


@pytest.mark.parametrize(
    ("form", "data"),
    [
        ("json", "{}"),
        ("json", "[1]"),
        ("json", "[" * 5000),
        ("json", "nonsense"),
        ("parquet", "no base64"),
        ("parquet", base64.b64encode(b"PAR1" + b"\0" * 100 + b"PAR1").decode()),
        ("csv", "a,b\n1,2,3\n"),
    ],
)
def test_data_that_cannot_be_read_is_refused(form: str, data: str) -> None:
    assert refused(tables=[{"name": "t", "format": form, "data": data}]) is Reason.BAD_DATA


@pytest.mark.parametrize("name", ["/etc/passwd", "file:///etc/passwd", "http://169.254.169.254/", "s3://a/b"])
def test_data_is_never_taken_for_a_file_or_a_url(name: str) -> None:
    assert transform(tables=[{"name": "t", "format": "csv", "data": name}]).rows == 0


def test_a_parquet_file_that_says_it_is_huge_is_refused_unread() -> None:
    written = io.BytesIO()
    pl.DataFrame({"a": pl.repeat(1, 2_000_000, eager=True)}).write_parquet(written)
    data = base64.b64encode(written.getvalue()).decode()
    assert refused(tables=[{"name": "t", "format": "parquet", "data": data}]) is Reason.TOO_LARGE


def test_a_join_that_would_explode_is_refused_before_it_is_done() -> None:
    same = "a\n" + "1\n" * 5000
    tables = [{"name": name, "format": "csv", "data": same} for name in ("t", "u")]
    assert refused({"do": "join", "table": "u", "on": ["a"]}, tables=tables) is Reason.TOO_LARGE


def test_text_that_would_explode_is_refused() -> None:
    long = [{"name": "t", "format": "csv", "data": "a\n" + "x" * 1000}]
    doubling = {"do": "compute", "column": "a", "operation": "concat", "left": "a", "right_column": "a"}
    assert refused(*[doubling] * 40, tables=long) is Reason.TOO_LARGE
    growing = {"do": "replace", "column": "a", "find": "x", "put": "x" * 200}
    assert refused(*[growing] * 10, tables=long) is Reason.TOO_LARGE
    repeating = {"do": "replace", "column": "a", "find": "(.*)", "put": "$1" * 100, "regex": True}
    assert refused(*[repeating] * 10, tables=long) is Reason.TOO_LARGE


def test_a_table_with_too_many_columns_is_refused() -> None:
    sparse = json.dumps([{f"c{number}": 1} for number in range(600)])
    assert refused(tables=[{"name": "t", "format": "json", "data": sparse}]) is Reason.TOO_LARGE
    many = [{"name": "t", "format": "csv", "data": "a,b\n" + "".join(f"{n},1\n" for n in range(300))}]
    wide = {"do": "pivot", "rows": ["b"], "columns": "a", "values": "b"}
    assert refused(wide, tables=many) is Reason.TOO_LARGE


@pytest.mark.parametrize("pattern", ["(a+)+$", "a{1000}{1000}{1000}", "(?=x)", "\\1", "["])
def test_a_hostile_regular_expression_neither_hangs_nor_crashes(pattern: str) -> None:
    tables = [{"name": "t", "format": "csv", "data": "a\n" + "a" * 5000 + "b"}]
    step = {"do": "filter", "column": "a", "test": "matches", "value": pattern}
    if pattern == "(a+)+$":
        assert rows(step, tables=tables) == []
    else:
        assert refused(step, tables=tables) is Reason.BAD_DATA


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        ({"do": "select", "columns": ["missing"]}, Reason.NO_SUCH_COLUMN),
        ({"do": "group", "by": ["missing"], "figures": []}, None),
        ({"do": "join", "table": "missing", "on": ["region"]}, Reason.NO_SUCH_TABLE),
        ({"do": "filter", "column": "region", "test": "eq"}, Reason.ARGUMENT_NOT_VALID),
        ({"do": "filter", "column": "region", "test": "lt", "value": 3}, Reason.BAD_DATA),
        ({"do": "rename", "column": "region", "to": "amount"}, Reason.BAD_DATA),
        ({"do": "sql", "query": "SELECT 1"}, None),
        ({"do": "select", "columns": ["region"], "eval": "x"}, None),
    ],
)
def test_a_step_that_does_not_work_is_refused(step: dict[str, Any], reason: Reason | None) -> None:
    if reason is None:
        with pytest.raises(ValidationError):
            transform(step)
    else:
        assert refused(step) is reason


@pytest.mark.parametrize("name", ["*", "^a.*$"])
def test_a_name_that_would_be_a_pattern_is_refused_wherever_it_comes_from(name: str) -> None:
    odd = [{"name": "t", "format": "csv", "data": f"{name},b\n1,2\n"}]
    assert refused(tables=odd) is Reason.BAD_DATA
    assert refused({"do": "rename", "column": "region", "to": name}) is Reason.BAD_DATA
    named = [{"name": "t", "format": "csv", "data": f"a,b\n{name},2\n"}]
    pivot = {"do": "pivot", "rows": ["b"], "columns": "a", "values": "b"}
    assert refused(pivot, tables=named) is Reason.BAD_DATA


def test_two_tables_of_one_name_and_none_or_both_sources_are_refused() -> None:
    one = {"name": "t", "format": "csv", "data": "a\n1"}
    assert refused(tables=[one, one]) is Reason.ARGUMENT_NOT_VALID
    assert refused(tables=[{"name": "t", "format": "csv"}]) is Reason.ARGUMENT_NOT_VALID
    assert refused(tables=[{**one, "file": "a.csv"}]) is Reason.ARGUMENT_NOT_VALID


CODES = "id,zip,huge\n1,01067,123456789012345678901234567890\n2,80331,7\n"


def test_digits_that_are_no_number_stay_as_they_are_written() -> None:
    assert rows(tables=[{"name": "a", "format": "csv", "data": CODES}]) == [
        {"id": 1, "zip": "01067", "huge": "123456789012345678901234567890"},
        {"id": 2, "zip": "80331", "huge": "7"},
    ]


LARGE = [{"name": "a", "format": "csv", "data": f"n\n{2**62}\n{2**62}\n-5\n"}]


def test_whole_numbers_are_added_and_multiplied_exactly_or_not_at_all() -> None:
    total = {"do": "group", "by": [], "figures": [{"column": "n", "function": "sum", "name": "s"}]}
    assert rows(total, tables=LARGE) == [{"s": 2**63 - 5}]
    doubled = _compute("multiply", "n", right_value=2)
    assert refused(doubled, tables=LARGE) is Reason.BAD_DATA
    assert refused(doubled, total, tables=LARGE) is Reason.BAD_DATA
    more = [{"name": "a", "format": "csv", "data": f"n\n{2**62}\n{2**62}\n"}]
    assert refused(total, tables=more) is Reason.BAD_DATA


def test_what_comes_after_the_point_is_not_cut_off_in_silence() -> None:
    table = [{"name": "a", "format": "csv", "data": "n\n10.5\n2.0\n"}]
    cast_to = {"do": "cast", "columns": ["n"], "to": "integer"}
    assert refused(cast_to, tables=table) is Reason.BAD_DATA
    assert rows({**cast_to, "otherwise": "empty"}, tables=table) == [{"n": None}, {"n": 2}]


async def test_the_example_works() -> None:
    made = ToolServer("compute", families=[family(TransformSettings())])
    assert await run_examples(made) == ["transform_data"]


def test_a_folder_that_is_not_there_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(CannotStart):
        family(TransformSettings(folder=tmp_path / "nowhere"))
