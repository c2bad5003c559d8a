"""Reading tables out of bytes, and writing them: no reader is ever given a name of a file or a URL."""

import base64
import binascii
import io
import os
import stat
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, cast

import orjson
from pydantic import TypeAdapter, ValidationError

from toolgate_servers.errors import Reason, Refused

if TYPE_CHECKING:
    import polars as pl

ROWS: Final = TypeAdapter(list[dict[str, Any]])
Format: TypeAlias = Literal["csv", "json", "parquet"]
# What has only digits and is no number, such as a postal code.
CODE: Final = r"^[+-]?0[0-9]"
MAX_FILE: Final = 50_000_000
MAX_ROWS: Final = 1_000_000
MAX_COLUMNS: Final = 500
MAX_CELLS: Final = 20_000_000
MAX_WRITTEN: Final = 1_000_000


def read_table(content: bytes, form: Format, separator: str, where: str) -> "pl.DataFrame":
    """Read a table.

    Raises:
        Refused: BAD_DATA or TOO_LARGE.
    """
    import polars as pl  # late: an extra, and slow to load

    try:
        if form == "csv":
            return _csv(content, separator, where)
        if form == "json":
            return _json(content, where)
        # What it says of its rows costs nothing; what it would unpack to may be without measure.
        rows = pl.scan_parquet(io.BytesIO(content)).select(pl.len()).collect().item()
        check_size(rows, len(pl.read_parquet_schema(io.BytesIO(content))), where)
        return pl.read_parquet(io.BytesIO(content), use_pyarrow=False)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError, TypeError):
        raise bad_data(where, f"no {form} that can be read", f"a table as {form}") from None


def _csv(content: bytes, separator: str, where: str) -> "pl.DataFrame":
    import polars as pl  # late: an extra, and slow to load

    head = content.split(b"\n", 1)[0]
    check_size(content.count(b"\n"), head.count(separator.encode()) + 1, where)
    table = pl.read_csv(
        io.BytesIO(content), separator=separator, infer_schema_length=None, try_parse_dates=False
    )
    if not any(kind.is_integer() for kind in table.dtypes):
        return table
    written = pl.read_csv(io.BytesIO(content), separator=separator, infer_schema=False).get_columns()
    return table.with_columns(
        column
        for column, kind in zip(written, table.dtypes, strict=True)
        if kind.is_integer() and (kind != pl.Int64 or column.alias("").str.contains(CODE).any())
    )


def _json(content: bytes, where: str) -> "pl.DataFrame":
    import polars as pl  # late: an extra, and slow to load

    try:
        rows = ROWS.validate_python(orjson.loads(content), strict=True)
    except ValidationError:
        raise bad_data(where, "another JSON value", "an array of objects") from None
    names = list(dict.fromkeys(name for row in rows for name in row))
    check_size(len(rows), len(names), where)
    columns = {name: [_flat(row.get(name)) for row in rows] for name in names}
    return pl.DataFrame({name: pl.Series(name, values, strict=False) for name, values in columns.items()})


def _flat(value: Any) -> Any:
    if isinstance(value, dict | list):
        return orjson.dumps(cast("object", value)).decode()
    return value


def check_size(rows: int, columns: int, where: str) -> None:
    """Be sure that a table is not too large.

    Raises:
        Refused: TOO_LARGE.
    """
    if rows > MAX_ROWS or columns > MAX_COLUMNS or rows * columns > MAX_CELLS:
        raise Refused(
            Reason.TOO_LARGE,
            where,
            found="too many rows or columns",
            expected=f"at most {MAX_ROWS} rows, {MAX_COLUMNS} columns and {MAX_CELLS} cells",
        )


def check_names(names: list[str], where: str) -> None:
    """Be sure that polars takes every column name for a name; `*` and `^...$` are patterns to it.

    Raises:
        Refused: BAD_DATA.
    """
    if any(name == "*" or (name.startswith("^") and name.endswith("$")) for name in names):
        raise bad_data(where, "a column name that is a pattern", "names other than * and ^...$")


def write_table(table: "pl.DataFrame", form: Format) -> str:
    """Write a table as text; Parquet as Base64.

    Raises:
        Refused: TOO_LARGE.
    """
    if form == "csv":
        text = table.write_csv()
    elif form == "json":
        text = orjson.dumps(table.to_dicts(), default=str).decode()
    else:
        written = io.BytesIO()
        table.write_parquet(written)
        text = base64.b64encode(written.getvalue()).decode()
    if len(text) > MAX_WRITTEN:
        raise Refused(
            Reason.TOO_LARGE,
            "the result",
            found=f"more than {MAX_WRITTEN} characters",
            expected="a smaller limit, fewer columns, or a group step",
        )
    return text


def from_base64(text: str, where: str) -> bytes:
    """Read Base64.

    Raises:
        Refused: BAD_DATA.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise bad_data(where, "no Base64", "the bytes of a Parquet file as Base64") from None


def read_file(folder: Path, name: str, where: str) -> bytes:
    """Read a file below a folder; no part of its name may be a link or lead upwards.

    Raises:
        Refused: OUTSIDE_FOLDER, NOT_FOUND or TOO_LARGE.
    """
    parts = PurePosixPath(name).parts
    if not parts or any(part in ("/", "..") or "\\" in part or ":" in part for part in parts):
        raise Refused(
            Reason.OUTSIDE_FOLDER, where, found="a way out of the folder", expected="a path below it"
        )
    try:
        descriptor = _opened(folder, parts)
    except (OSError, ValueError):
        raise Refused(
            Reason.NOT_FOUND, where, found="no such file, or a link", expected="a file of the folder"
        ) from None
    about = os.fstat(descriptor)
    if not stat.S_ISREG(about.st_mode) or about.st_size > MAX_FILE:
        os.close(descriptor)
        reason = Reason.TOO_LARGE if stat.S_ISREG(about.st_mode) else Reason.NOT_FOUND
        raise Refused(
            reason,
            where,
            found="a larger or another file",
            expected=f"a plain file of at most {MAX_FILE} bytes",
        )
    with os.fdopen(descriptor, "rb") as file:
        return file.read(MAX_FILE + 1)


def _opened(folder: Path, parts: tuple[str, ...]) -> int:
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    if os.open not in os.supports_dir_fd:
        path = folder.resolve().joinpath(*parts)
        if path.resolve() != path:
            raise FileNotFoundError
        return os.open(path, flags)
    at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in parts[:-1]:
            further = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = further
        return os.open(parts[-1], flags | os.O_NOFOLLOW, dir_fd=at)
    finally:
        os.close(at)


def bad_data(where: str, found: str, expected: str) -> Refused:
    """Make the refusal of data that cannot be used."""
    return Refused(Reason.BAD_DATA, where, found=found, expected=expected)
