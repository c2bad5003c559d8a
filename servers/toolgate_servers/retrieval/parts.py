"""Which part of a text a caller gets: by characters, by pages, or as tables; no I/O."""

from dataclasses import dataclass

from toolgate_servers.errors import Reason, Refused
from toolgate_servers.retrieval.text import Table, Text


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a document's text, from one character to before another; next_offset is None at the end."""

    text: str
    offset: int
    next_offset: int | None


@dataclass(frozen=True, slots=True)
class Excerpt:
    """As many rows of a table as there is room for; tables are numbered from 1."""

    number: int
    table: Table
    rows: tuple[tuple[str, ...], ...]


def part_of(text: Text, offset: int, limit: int, pages: str | None = None) -> Part:
    """Give the text from an offset, or of pages such as 3 or 3-5.

    Raises:
        Refused: OFFSET_BEYOND_END, NO_SUCH_PAGE or ARGUMENT_NOT_VALID.
    """
    total = len(text.body)
    begin, end = (offset, total) if pages is None else _between_pages(text, pages, offset)
    if begin > total:
        raise Refused(
            Reason.OFFSET_BEYOND_END, "offset", found="a position beyond the end", expected=f"at most {total}"
        )
    stop = min(end, begin + limit)
    return Part(text.body[begin:stop], begin, stop if stop < end else None)


def excerpts(
    text: Text, number: int | None, limit: int, pages: tuple[int, int] | None = None
) -> list[Excerpt]:
    """Give the tables of a document or some pages, or one, with as many rows as fit into so many characters.

    Raises:
        Refused: NO_SUCH_TABLE.
    """
    chosen = [
        (found, table) for found, table in enumerate(text.tables, 1) if is_on(text, table.offset, pages)
    ]
    if number is not None:
        chosen = [(found, table) for found, table in chosen if found == number]
        if not chosen:
            raise Refused(
                Reason.NO_SUCH_TABLE,
                "table",
                found="no table of that number",
                expected=f"1 to {len(text.tables)}",
            )
    room = limit
    given: list[Excerpt] = []
    for found, table in chosen:
        rows: list[tuple[str, ...]] = []
        for row in table.rows:
            room -= sum(map(len, row)) + len(row)
            if room < 0:
                break
            rows.append(row)
        given.append(Excerpt(found, table, tuple(rows)))
    return given


def _between_pages(text: Text, pages: str, offset: int) -> tuple[int, int]:
    if offset:
        raise Refused(
            Reason.ARGUMENT_NOT_VALID, "offset", found="an offset along with pages", expected="one of the two"
        )
    begin, end = page_range(text, pages)
    return text.pages[begin - 1], text.pages[end] if end < len(text.pages) else len(text.body)


def is_on(text: Text, offset: int, pages: tuple[int, int] | None) -> bool:
    """Whether a character stands on one of these pages, from the first to the last; without any, it does."""
    return pages is None or pages[0] <= (text.page_at(offset) or 0) <= pages[1]


def numbers(pages: str) -> tuple[int, int]:
    """Read a page such as 3, or a range such as 3-5."""
    first, _, last = pages.partition("-")
    return int(first), int(last or first)


def page_range(text: Text, pages: str) -> tuple[int, int]:
    """Give the first and the last page that are meant, such as 3 and 5.

    Raises:
        Refused: NO_SUCH_PAGE.
    """
    begin, end = numbers(pages)
    count = len(text.pages)
    if not 1 <= begin <= end <= count:
        expected = (
            f"1 to {count}, such as 1-{count}" if count else "no pages: this format has none, use offset"
        )
        raise Refused(Reason.NO_SUCH_PAGE, "pages", found="pages that are not there", expected=expected)
    return begin, end
