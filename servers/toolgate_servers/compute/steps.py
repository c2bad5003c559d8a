"""What `transform_data` can do with a table, one model for each kind of step."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from toolgate_servers.strict import Arguments

Column = Annotated[str, Field(min_length=1, max_length=200, description="The name of a column.")]
Columns = Annotated[list[Column], Field(min_length=1, max_length=100, description="Names of columns.")]
Text = Annotated[str, Field(max_length=1000)]
Whole = Annotated[int, Field(ge=-(2**53) + 1, le=2**53 - 1)]
Real = Annotated[float, Field(ge=-1e300, le=1e300)]
Value: TypeAlias = Text | Whole | Real | bool
Values = Annotated[list[Value], Field(max_length=500)]
Test: TypeAlias = Literal[
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "in",
    "not_in",
    "contains",
    "starts_with",
    "ends_with",
    "matches",
    "is_null",
    "not_null",
]
Aggregate: TypeAlias = Literal[
    "sum", "mean", "median", "min", "max", "count", "count_unique", "first", "last", "std"
]


class Select(Arguments):
    """Keep these columns, in this order."""

    do: Annotated[Literal["select"], Field(description="Keep these columns, in this order.")]
    columns: Columns


class Drop(Arguments):
    """Leave columns out."""

    do: Annotated[Literal["drop"], Field(description="Leave these columns out.")]
    columns: Columns


class Rename(Arguments):
    """Rename a column."""

    do: Annotated[Literal["rename"], Field(description="Rename a column.")]
    column: Column
    to: Annotated[str, Field(min_length=1, max_length=200, description="Its new name.")]


class Filter(Arguments):
    """Keep the rows for which something holds."""

    do: Annotated[Literal["filter"], Field(description="Keep the rows for which this holds.")]
    column: Column
    test: Annotated[
        Test,
        Field(description="How the column is compared; matches takes a regular expression."),
    ]
    value: Annotated[Value | None, Field(description="What it is compared with.")] = None
    values: Annotated[Values, Field(description="For in and not_in.")] = []  # noqa: RUF012  # pydantic copies it


class Sort(Arguments):
    """Sort the rows."""

    do: Annotated[Literal["sort"], Field(description="Sort the rows; empty values come last.")]
    columns: Columns
    descending: Annotated[bool, Field(description="Largest first.")] = False


class Compute(Arguments):
    """Make a column out of another and a second one or a value."""

    do: Annotated[
        Literal["compute"], Field(description="Make a column from one column and another or a value.")
    ]
    column: Column
    operation: Annotated[
        Literal["add", "subtract", "multiply", "divide", "concat", "round", "year", "month", "day"],
        Field(
            description="concat joins texts; round takes digits as right_value; year, month, day take dates."
        ),
    ]
    left: Column
    right_column: Annotated[Column | None, Field(description="The second column.")] = None
    right_value: Annotated[Value | None, Field(description="Or a value.")] = None


class Cast(Arguments):
    """Turn columns into another type."""

    do: Annotated[Literal["cast"], Field(description="Turn columns into another type.")]
    columns: Columns
    to: Annotated[
        Literal["text", "integer", "number", "boolean", "date", "datetime"],
        Field(description="The type; dates are read as ISO 8601."),
    ]
    otherwise: Annotated[
        Literal["refuse", "empty"], Field(description="What becomes of values that cannot be turned.")
    ] = "refuse"


class Clean(Arguments):
    """Tidy the text of columns."""

    do: Annotated[Literal["clean"], Field(description="Tidy the text of columns.")]
    columns: Columns
    trim: Annotated[bool, Field(description="Take blanks off both ends.")] = True
    case: Annotated[Literal["keep", "lower", "upper"], Field(description="Change the case.")] = "keep"
    empty_to_null: Annotated[bool, Field(description="Make empty texts missing values.")] = True


class Replace(Arguments):
    """Replace text in a column."""

    do: Annotated[Literal["replace"], Field(description="Replace text in a column.")]
    column: Column
    find: Annotated[str, Field(min_length=1, max_length=200, description="What is replaced, everywhere.")]
    put: Annotated[str, Field(max_length=200, description="What takes its place.")]
    regex: Annotated[bool, Field(description="`find` is a regular expression, $1 in `put` its group.")] = (
        False
    )


class Fill(Arguments):
    """Fill missing values."""

    do: Annotated[Literal["fill"], Field(description="Fill missing values.")]
    columns: Columns
    how: Annotated[
        Literal["value", "forward", "backward", "mean", "median", "min", "max"],
        Field(description="With `value`, the neighbour before or after, or a figure of the column."),
    ] = "value"
    value: Annotated[Value | None, Field(description="For how: value.")] = None


class DropNulls(Arguments):
    """Leave out rows with missing values."""

    do: Annotated[Literal["drop_nulls"], Field(description="Leave out rows with a missing value in these.")]
    columns: Columns


class Unique(Arguments):
    """Leave out rows that repeat."""

    do: Annotated[Literal["unique"], Field(description="Keep the first of rows that agree in these columns.")]
    columns: Columns


class Join(Arguments):
    """Join another table."""

    do: Annotated[Literal["join"], Field(description="Join another table on columns that both have.")]
    table: Annotated[str, Field(min_length=1, max_length=50, description="The name of the other table.")]
    on: Columns
    how: Annotated[
        Literal["inner", "left", "full", "semi", "anti"], Field(description="Which rows stay.")
    ] = "inner"


class Append(Arguments):
    """Append the rows of another table."""

    do: Annotated[Literal["append"], Field(description="Append the rows of another table, by column names.")]
    table: Annotated[str, Field(min_length=1, max_length=50, description="The name of the other table.")]


class Figure(Arguments):
    """One figure of each group."""

    column: Column
    function: Annotated[Aggregate, Field(description="How the figure is made.")]
    name: Annotated[str, Field(min_length=1, max_length=200, description="The name of its column.")]


class Group(Arguments):
    """Make one row of each group."""

    do: Annotated[Literal["group"], Field(description="Make one row of each group, with figures.")]
    by: Annotated[
        list[Column], Field(max_length=20, description="Columns that make a group; none for one group.")
    ]
    figures: Annotated[list[Figure], Field(min_length=1, max_length=50, description="What is figured out.")]


class Pivot(Arguments):
    """Make columns out of values."""

    do: Annotated[
        Literal["pivot"], Field(description="Make a column of each value of a column, at most 200.")
    ]
    rows: Columns
    columns: Column
    values: Column
    function: Annotated[Aggregate, Field(description="For several values in one place.")] = "sum"


class Unpivot(Arguments):
    """Make rows out of columns."""

    do: Annotated[Literal["unpivot"], Field(description="Make a row of each of these columns.")]
    keep: Annotated[list[Column], Field(max_length=100, description="Columns that stay beside.")]
    columns: Columns
    name: Annotated[str, Field(min_length=1, max_length=200, description="The column of names.")] = "name"
    value: Annotated[str, Field(min_length=1, max_length=200, description="The column of values.")] = "value"


class Head(Arguments):
    """Keep the first rows."""

    do: Annotated[Literal["head"], Field(description="Keep the first rows.")]
    rows: Annotated[int, Field(ge=1, le=1_000_000, description="How many.")]


class Rule(Arguments):
    """What must hold for a column."""

    column: Column
    test: Annotated[
        Literal["not_null", "unique", "min", "max", "in", "matches"], Field(description="What must hold.")
    ]
    value: Annotated[Value | None, Field(description="For min, max and matches.")] = None
    values: Annotated[Values, Field(description="For in.")] = []  # noqa: RUF012  # pydantic copies it


class Validate(Arguments):
    """Look for rows that break rules."""

    do: Annotated[Literal["validate"], Field(description="Count the rows that break rules; changes nothing.")]
    rules: Annotated[list[Rule], Field(min_length=1, max_length=50, description="The rules.")]


Step: TypeAlias = Annotated[
    Select
    | Drop
    | Rename
    | Filter
    | Sort
    | Compute
    | Cast
    | Clean
    | Replace
    | Fill
    | DropNulls
    | Unique
    | Join
    | Append
    | Group
    | Pivot
    | Unpivot
    | Head
    | Validate,
    Field(discriminator="do"),
]
