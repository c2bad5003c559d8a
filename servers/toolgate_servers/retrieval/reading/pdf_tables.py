"""Tables of a PDF, which has none: lines whose words stand below each other in columns."""

import re
from collections.abc import Iterator, Sequence
from itertools import islice

import pypdf
from pypdf.errors import PyPdfError

from toolgate_servers.retrieval.text import Table, one_line

MAX_TABLES = 200
MAX_ROWS = 5000
MAX_LINE = 2000
MAX_WORDS = 40  # characters of a cell, on average; columns of running text have more
GAP = re.compile(r" {2,}")
BLANK = re.compile(r"1{2,}")


def pdf_tables(reader: pypdf.PdfReader, starts: Sequence[int], first: int, last: int) -> Iterator[Table]:
    """Find the tables of these pages, from 1; a page that cannot be laid out has none."""
    for page, start in islice(zip(reader.pages, starts, strict=True), first - 1, last):
        try:
            laid_out = page.extract_text(extraction_mode="layout", layout_mode_space_vertically=False)
        except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, ArithmeticError):
            continue
        for rows in tables_in(laid_out):
            yield Table(start, rows[:MAX_ROWS], len(rows))


def tables_in(laid_out: str) -> Iterator[tuple[tuple[str, ...], ...]]:
    """Find the tables in text that is laid out as on its page."""
    run: list[str] = []
    for line in (*laid_out.splitlines(), ""):
        if len(line) <= MAX_LINE and GAP.search(line.strip()):
            run.append(line)
            continue
        rows = _rows(run)
        if rows:
            yield rows
        run = []


def _rows(run: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Cut lines where all of them have a gap; nothing if that makes no table."""
    width = max(map(len, run), default=0)
    lines = [line.ljust(width) for line in run]
    blank = "".join("1" if set(column) == {" "} else "0" for column in zip(*lines, strict=True))
    edges = [0, *(edge for gap in BLANK.finditer(blank) for edge in gap.span()), width]
    columns = [(begin, end) for begin, end in zip(edges[::2], edges[1::2], strict=True) if end > begin]
    rows = tuple(tuple(one_line(line[begin:end]) for begin, end in columns) for line in lines)
    words = sum(len(cell) for row in rows for cell in row)
    if len(rows) < 2 or len(columns) < 2 or words > MAX_WORDS * len(rows) * len(columns):
        return ()
    return rows
