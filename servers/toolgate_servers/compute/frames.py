"""Doing the steps of `transform_data`: each turns a table into a table, none runs what was sent."""

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from toolgate_servers.compute import steps
from toolgate_servers.compute.steps import Step
from toolgate_servers.compute.tables import MAX_ROWS, bad_data, check_names, check_size
from toolgate_servers.errors import Reason, Refused

if TYPE_CHECKING:
    import polars as pl

MAX_TEXT_BYTES: Final = 200_000_000
MAX_PIVOTED: Final = 200


class Bench:
    """A table that is worked on, the others beside it, and what `validate` found."""

    def __init__(self, table: "pl.DataFrame", others: Mapping[str, "pl.DataFrame"]) -> None:
        self.table = table
        self.violations: list[tuple[steps.Rule, int, list[int]]] = []
        self._others = others

    def do(self, step: Step, where: str) -> None:
        """Do one step.

        Raises:
            Refused: NO_SUCH_COLUMN, NO_SUCH_TABLE, BAD_DATA or TOO_LARGE.
        """
        import polars as pl  # late: an extra, and slow to load

        self._know_columns(step, where)
        try:
            if isinstance(step, steps.Validate):
                self.violations += [_violation(self.table, rule, where) for rule in step.rules]
            elif isinstance(step, steps.Join | steps.Append):
                self.table = _combined(self.table, self._other(step.table, where), step, where)
            else:
                self.table = _done(self.table, step, where)
        except (
            pl.exceptions.PolarsError,
            pl.exceptions.PanicException,
            TypeError,
            ValueError,
            OverflowError,
        ):
            raise bad_data(
                where, "values that this step cannot work with", "values of another type: cast them first"
            ) from None
        check_size(self.table.height, self.table.width, where)
        check_names(self.table.columns, where)

    def _other(self, name: str, where: str) -> "pl.DataFrame":
        if name in self._others:
            return self._others[name]
        raise Refused(
            Reason.NO_SUCH_TABLE,
            f"{where}.table",
            found="a table that was not given",
            expected=f"one of {', '.join(self._others) or 'a second table'}",
        )

    def _know_columns(self, step: Step, where: str) -> None:
        known = self.table.columns
        for name in _named(step):
            if name not in known:
                raise Refused(
                    Reason.NO_SUCH_COLUMN,
                    where,
                    found="a column that is not there at this step",
                    expected=f"one of {', '.join(known[:50])}",
                )


def _named(step: Step) -> list[str]:
    """Give the columns that a step expects to be there."""
    match step:
        case (
            steps.Select() | steps.Drop() | steps.Sort() | steps.Cast() | steps.Clean() | steps.Fill()
            | steps.DropNulls() | steps.Unique()
        ):  # fmt: skip
            return step.columns
        case steps.Rename() | steps.Filter() | steps.Replace():
            return [step.column]
        case steps.Compute():
            return [step.left, *([step.right_column] if step.right_column is not None else [])]
        case steps.Join():
            return step.on
        case steps.Group():
            return [*step.by, *(figure.column for figure in step.figures)]
        case steps.Pivot():
            return [*step.rows, step.columns, step.values]
        case steps.Unpivot():
            return [*step.keep, *step.columns]
        case steps.Validate():
            return [rule.column for rule in step.rules]
        case steps.Append() | steps.Head():
            return []


def _done(table: "pl.DataFrame", step: Step, where: str) -> "pl.DataFrame":
    match step:
        case steps.Select():
            return table.select(step.columns)
        case steps.Drop():
            return table.drop(step.columns)
        case steps.Rename():
            return table.rename({step.column: step.to})
        case steps.Sort():
            return table.sort(step.columns, descending=step.descending, nulls_last=True)
        case steps.DropNulls():
            return table.drop_nulls(step.columns)
        case steps.Unique():
            return table.unique(step.columns, keep="first", maintain_order=True)
        case steps.Head():
            return table.head(step.rows)
        case steps.Unpivot():
            check_size(table.height * len(step.columns), len(step.keep) + 2, where)
            return table.unpivot(
                step.columns, index=step.keep, variable_name=step.name, value_name=step.value
            )
        case _:
            return _figured(table, step, where)


def _figured(table: "pl.DataFrame", step: Step, where: str) -> "pl.DataFrame":
    import polars as pl  # late: an extra, and slow to load

    match step:
        case steps.Filter():
            return table.filter(_test(step, where))
        case steps.Compute():
            return table.with_columns(_computed(table, step, where).alias(step.column))
        case steps.Cast():
            return table.with_columns(_cast(step, table, name) for name in step.columns)
        case steps.Clean():
            return table.with_columns(_cleaned(step, name) for name in step.columns)
        case steps.Replace():
            return _replaced(table, step, where)
        case steps.Fill():
            return table.with_columns(_filled(step, name, where) for name in step.columns)
        case steps.Group():
            figures = [
                _aggregate(table, figure.column, figure.function).alias(figure.name)
                for figure in step.figures
            ]
            return (
                table.group_by(step.by, maintain_order=True).agg(figures)
                if step.by
                else table.select(figures)
            )
        case steps.Pivot():
            columns = table[step.columns].n_unique()
            check_size(table.height, columns if columns <= MAX_PIVOTED else MAX_ROWS, where)
            grouped = table.group_by([*step.rows, step.columns], maintain_order=True).agg(
                _aggregate(table, step.values, step.function).alias(step.values)
            )
            named = grouped.with_columns(pl.col(step.columns).cast(pl.String).fill_null("none"))
            return named.pivot(on=step.columns, index=step.rows, values=step.values)
        case _:
            raise AssertionError  # every other step is in _done


def _combined(
    table: "pl.DataFrame", other: "pl.DataFrame", step: "steps.Join | steps.Append", where: str
) -> "pl.DataFrame":
    import polars as pl  # late: an extra, and slow to load

    if isinstance(step, steps.Append):
        check_size(table.height + other.height, table.width + other.width, where)
        return pl.concat([table, other], how="diagonal_relaxed")
    if any(name not in other.columns for name in step.on):
        raise Refused(
            Reason.NO_SUCH_COLUMN,
            f"{where}.on",
            found="a column that the other table does not have",
            expected=f"one of {', '.join(other.columns[:50])}",
        )
    if step.how in ("inner", "left", "full"):
        counts = (
            table.group_by(step.on).len().join(other.group_by(step.on).len(), on=step.on, suffix=" other")
        )
        pairs = counts.select((pl.col("len").cast(pl.Float64) * pl.col("len other")).sum()).item() or 0
        check_size(int(pairs) + table.height + other.height, table.width + other.width, where)
    return table.join(other, on=step.on, how=step.how, coalesce=True, maintain_order="left")


def _test(step: "steps.Filter | steps.Rule", where: str) -> "pl.Expr":
    import polars as pl  # late: an extra, and slow to load

    column, value = pl.col(step.column), step.value
    if step.test == "is_null":
        return column.is_null()
    if step.test == "not_null":
        return column.is_not_null()
    if step.test in ("in", "not_in"):
        found = column.is_in(step.values)
        return found if step.test == "in" else ~found
    if value is None:
        raise Refused(Reason.ARGUMENT_NOT_VALID, f"{where}.value", found="nothing", expected="a value")
    text = column.cast(pl.String).str
    tests: dict[str, Callable[[], pl.Expr]] = {
        "eq": lambda: column == value,
        "ne": lambda: column != value,
        "lt": lambda: column < value,
        "le": lambda: column <= value,
        "gt": lambda: column > value,
        "ge": lambda: column >= value,
        "min": lambda: column >= value,
        "max": lambda: column <= value,
        "contains": lambda: text.contains(str(value), literal=True),
        "starts_with": lambda: text.starts_with(str(value)),
        "ends_with": lambda: text.ends_with(str(value)),
        "matches": lambda: text.contains(str(value)),
    }
    return tests[step.test]()


def _computed(table: "pl.DataFrame", step: steps.Compute, where: str) -> "pl.Expr":
    import polars as pl  # late: an extra, and slow to load

    left = pl.col(step.left)
    alone: dict[str, Callable[[], pl.Expr]] = {
        "year": left.dt.year,
        "month": left.dt.month,
        "day": left.dt.day,
        "round": lambda: left.round(step.right_value if isinstance(step.right_value, int) else 0),
    }
    if step.operation in alone:
        return alone[step.operation]()
    if step.right_column is None and step.right_value is None:
        raise Refused(
            Reason.ARGUMENT_NOT_VALID, f"{where}.right_value", found="nothing", expected="a column or a value"
        )
    right = pl.col(step.right_column) if step.right_column is not None else pl.lit(step.right_value)
    match step.operation:
        case "add" | "subtract" | "multiply":
            if _is_whole(table, step):
                # polars itself goes on from the smallest number after the largest
                wide = _reckoned(step.operation, left.cast(pl.Int128), right.cast(pl.Int128))
                return wide.cast(pl.Int64, strict=True)
            return _reckoned(step.operation, left, right)
        case "divide":
            return left / right
        case _:
            added = text_bytes(table, step.right_column) if step.right_column else 1000 * table.height
            _check_bytes(text_bytes(table, step.left) + added, where)
            return pl.concat_str([left.cast(pl.String), right.cast(pl.String)])


def _is_whole(table: "pl.DataFrame", step: steps.Compute) -> bool:
    if step.right_column is None:
        return table.schema[step.left].is_integer() and type(step.right_value) is int
    return table.schema[step.left].is_integer() and table.schema[step.right_column].is_integer()


def _reckoned(operation: str, left: "pl.Expr", right: "pl.Expr") -> "pl.Expr":
    if operation == "add":
        return left + right
    return left - right if operation == "subtract" else left * right


def _cast(step: steps.Cast, table: "pl.DataFrame", name: str) -> "pl.Expr":
    import polars as pl  # late: an extra, and slow to load

    strict = step.otherwise == "refuse"
    column, is_text = pl.col(name), table.schema[name] == pl.String
    if is_text and step.to == "date":
        return column.str.to_date("%Y-%m-%d", strict=strict)
    if is_text and step.to == "datetime":
        return column.str.to_datetime(strict=strict, time_unit="us")
    if is_text and step.to == "boolean":
        lower = column.str.to_lowercase()
        return lower.replace_strict(
            {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False},
            return_dtype=pl.Boolean,
            **({} if strict else {"default": None}),
        )
    types: dict[str, Any] = {
        "text": pl.String,
        "integer": pl.Int64,
        "number": pl.Float64,
        "boolean": pl.Boolean,
        "date": pl.Date,
        "datetime": pl.Datetime("us"),
    }
    if step.to == "integer" and table.schema[name].is_float():
        is_whole = column == column.floor()
        if strict and not table.select((is_whole | column.is_null()).all()).item():
            raise pl.exceptions.InvalidOperationError  # what comes after the point is not left out in silence
        column = pl.when(is_whole).then(column)
    return column.cast(types[step.to], strict=strict)


def _cleaned(step: steps.Clean, name: str) -> "pl.Expr":
    import polars as pl  # late: an extra, and slow to load

    column = pl.col(name).cast(pl.String)
    column = column.str.strip_chars() if step.trim else column
    if step.case != "keep":
        column = column.str.to_lowercase() if step.case == "lower" else column.str.to_uppercase()
    return pl.when(column == "").then(None).otherwise(column).alias(name) if step.empty_to_null else column


def _replaced(table: "pl.DataFrame", step: steps.Replace, where: str) -> "pl.DataFrame":
    import polars as pl  # late: an extra, and slow to load

    column = pl.col(step.column).cast(pl.String)
    found = table.select(column.str.count_matches(step.find, literal=not step.regex).sum()).item() or 0
    size = text_bytes(table, step.column)
    # A group in what is put may repeat all of what was found.
    groups = step.put.count("$") if step.regex else 0
    _check_bytes(size * (1 + groups) + int(found) * len(step.put.encode()), where)
    return table.with_columns(column.str.replace_all(step.find, step.put, literal=not step.regex))


def _filled(step: steps.Fill, name: str, where: str) -> "pl.Expr":
    import polars as pl  # late: an extra, and slow to load

    column = pl.col(name)
    match step.how:
        case "value":
            if step.value is None:
                raise Refused(
                    Reason.ARGUMENT_NOT_VALID, f"{where}.value", found="nothing", expected="a value"
                )
            return column.fill_null(step.value)
        case "forward" | "backward" | "min" | "max":
            return column.fill_null(strategy=step.how)
        case "mean" | "median":
            return column.fill_null(column.mean() if step.how == "mean" else column.median())


def _aggregate(table: "pl.DataFrame", name: str, function: str) -> "pl.Expr":
    import polars as pl  # late: an extra, and slow to load

    column = pl.col(name)
    if function == "sum" and table.schema[name] == pl.Int64:
        return column.cast(pl.Int128).sum().cast(pl.Int64, strict=True)  # as for add
    return {
        "sum": column.sum,
        "mean": column.mean,
        "median": column.median,
        "min": column.min,
        "max": column.max,
        "count": column.count,
        "count_unique": column.n_unique,
        "first": column.first,
        "last": column.last,
        "std": column.std,
    }[function]()


def _violation(table: "pl.DataFrame", rule: steps.Rule, where: str) -> tuple[steps.Rule, int, list[int]]:
    import polars as pl  # late: an extra, and slow to load

    column = pl.col(rule.column)
    if rule.test == "unique":
        broken = column.is_duplicated() & column.is_not_null()
    elif rule.test == "not_null":
        broken = column.is_null()
    else:
        broken = ~_test(rule, where) & column.is_not_null()
    rows = table.select(broken.fill_null(False).alias("broken"))["broken"].arg_true()  # noqa: FBT003  # polars
    return rule, len(rows), [int(row) + 1 for row in rows.head(10)]


def text_bytes(table: "pl.DataFrame", name: str) -> int:
    """Give how many bytes of text a column has."""
    import polars as pl  # late: an extra, and slow to load

    return int(table.select(pl.col(name).cast(pl.String).str.len_bytes().sum()).item() or 0)


def _check_bytes(size: float, where: str) -> None:
    if size > MAX_TEXT_BYTES or math.isnan(size):
        raise Refused(
            Reason.TOO_LARGE,
            where,
            found="a column that would grow too long",
            expected=f"at most {MAX_TEXT_BYTES} bytes of text",
        )
