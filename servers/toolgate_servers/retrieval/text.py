"""What is read from a document, whatever its format; offsets count characters of the body."""

import bisect
import codecs
from dataclasses import dataclass, field

MAX_TITLE = 200
MAX_MARKS = 2000


@dataclass(frozen=True, slots=True)
class Mark:
    """A heading: where it stands and how deep it is, 1 being the highest."""

    offset: int
    level: int
    title: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table, row by row, the first one being its head; and where it stands."""

    offset: int
    rows: tuple[tuple[str, ...], ...]
    total_rows: int


@dataclass(frozen=True, slots=True)
class Text:
    """The title and the plain text of a document, with what structure it has."""

    title: str
    body: str
    marks: tuple[Mark, ...] = ()
    pages: tuple[int, ...] = ()  # where each page begins; empty for formats without pages
    tables: tuple[Table, ...] = field(default=(), repr=False)

    def page_at(self, offset: int) -> int | None:
        """The number of the page, from 1, on which a character stands."""
        return bisect.bisect_right(self.pages, offset) or None

    def heading_at(self, offset: int) -> str | None:
        """The nearest heading at or before a character."""
        found = bisect.bisect_right(self.marks, offset, key=lambda mark: mark.offset)
        return self.marks[found - 1].title if found else None


def decoded(raw: bytes) -> str:
    """Read text: UTF-8, UTF-16 with its mark, or else Windows-1252, as old programs on Windows write it.

    Where some letters beyond ASCII are UTF-8, what is not is damaged, and becomes replacement characters.
    """
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return raw.decode("utf-16", errors="replace")
    written = raw.decode("utf-8-sig", errors="replace")
    if raw.startswith(codecs.BOM_UTF8) or "�" not in written or not written.replace("�", "").isascii():
        return written
    return raw.decode("cp1252", errors="replace")


def one_line(text: str) -> str:
    """Make a title of a text: one line, not too long."""
    return " ".join(text.split())[:MAX_TITLE]
