"""What a query gives, in JSON's few types; values that JSON cannot hold exactly become text."""

import base64
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, time
from typing import Any, TypeAlias

Cell: TypeAlias = str | int | float | bool | None

MAX_CELL = 10_000
LARGEST_INTEGER = 2**53


@dataclass(frozen=True, slots=True)
class Answer:
    """Columns and rows; whether rows are missing because of a limit; for EXPLAIN, the plan as lines."""

    columns: list[str]
    rows: list[list[Cell]]
    is_cut: bool = False

    def as_json(self) -> dict[str, Any]:
        """The answer as a JSON object."""
        return asdict(self)


def collected(columns: Sequence[str], rows: Iterable[Sequence[Any]], max_rows: int, max_bytes: int) -> Answer:
    """Take rows until there are enough of them, or of their characters."""
    kept: list[list[Cell]] = []
    room = max_bytes
    for row in rows:
        cells = [plain(value) for value in row]
        room -= sum(len(cell) if isinstance(cell, str) else 8 for cell in cells) + 2 * len(cells)
        if len(kept) >= max_rows or (room < 0 and kept):
            return Answer(list(columns), kept, is_cut=True)
        kept.append(cells)
    return Answer(list(columns), kept)


def plain(value: Any) -> Cell:
    """Give a value as JSON can hold it."""
    match value:
        case None | bool():
            return value
        case int():
            return value if abs(value) <= LARGEST_INTEGER else str(value)
        case float():
            return value if math.isfinite(value) else str(value)
        case str():
            return value if len(value) <= MAX_CELL else f"{value[:MAX_CELL]}… ({len(value)} characters)"
        case bytes() | bytearray():
            held = bytes(value)
            text = base64.b64encode(held[:MAX_CELL]).decode()
            return f"base64:{text}" if len(held) <= MAX_CELL else f"base64:{text}… ({len(held)} bytes)"
        case datetime() | date() | time():
            return value.isoformat()
        case _:
            return str(value)[:MAX_CELL]
