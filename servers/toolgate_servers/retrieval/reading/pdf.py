"""PDF: text page by page, the outline, and what looks like tables."""

import io
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import PurePosixPath
from typing import Any, TypeGuard

import pypdf
from pypdf.errors import DependencyError, LimitReachedError, PyPdfError, WrongPasswordError

from toolgate_servers.errors import Reason, Refused
from toolgate_servers.retrieval.reading.pdf_tables import MAX_TABLES, pdf_tables
from toolgate_servers.retrieval.reading.worker import MAX_CHARACTERS, encrypted, too_large, unreadable
from toolgate_servers.retrieval.text import MAX_MARKS, Mark, Text, one_line

MAX_PAGES = 5000
MAX_DEPTH = 10


def read_pdf(path: str, raw: bytes, tables: Sequence[int] | None = None) -> Text:
    """Read a PDF, with the tables from one page to another; scanned pages have no text and stay empty.

    Raises:
        Refused: ENCRYPTED, UNREADABLE or TOO_LARGE.
    """
    if b"%PDF-" not in raw[:1024]:
        raise unreadable("no PDF")
    try:
        reader = pypdf.PdfReader(io.BytesIO(raw))
        if reader.is_encrypted and not reader.decrypt(""):
            raise encrypted()
        return _text(reader, PurePosixPath(path).stem, tables)
    except (WrongPasswordError, DependencyError):
        raise encrypted() from None
    except Refused:
        raise
    except LimitReachedError:
        raise too_large("a PDF that unpacks to too much") from None
    except (
        PyPdfError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        IndexError,
        ArithmeticError,
    ) as broken:
        raise unreadable("a PDF that is damaged") from broken
    except (RecursionError, AssertionError, NotImplementedError, OSError, EOFError) as broken:
        raise unreadable("a PDF that leads its reader in circles") from broken


def _text(reader: pypdf.PdfReader, stem: str, tables: Sequence[int] | None) -> Text:
    count = len(reader.pages)
    if count > MAX_PAGES:
        raise Refused(
            Reason.TOO_LARGE, "path", found=f"{count} pages", expected=f"a document of at most {MAX_PAGES}"
        )
    bodies: list[str] = []
    starts: list[int] = []
    offset = 0
    for page in reader.pages:
        body = page.extract_text().replace("\x00", "�").strip()
        bodies.append(body)
        starts.append(offset)
        offset += len(body) + 2
        if offset > MAX_CHARACTERS:
            raise too_large(f"more than {MAX_CHARACTERS} characters")
    title = reader.metadata.title if reader.metadata else None
    marks = sorted(_outline(reader, starts), key=lambda mark: mark.offset)
    found = tuple(islice(pdf_tables(reader, starts, *tables), MAX_TABLES)) if tables else ()
    return Text(one_line(str(title or "")) or stem, "\n\n".join(bodies), tuple(marks), tuple(starts), found)


def _outline(reader: pypdf.PdfReader, starts: list[int]) -> list[Mark]:
    try:
        found = list(_entries(reader, reader.outline, 1, starts))
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        return []  # the text is worth having without its outline
    return found[:MAX_MARKS]


def _entries(reader: pypdf.PdfReader, entries: list[Any], level: int, starts: list[int]) -> Iterator[Mark]:
    for entry in entries[:MAX_MARKS]:
        if _is_list(entry):
            if level < MAX_DEPTH:
                yield from _entries(reader, entry, level + 1, starts)
        else:
            number = reader.get_destination_page_number(entry)
            if number is not None and 0 <= number < len(starts):
                yield Mark(starts[number], level, one_line(str(entry.title)))


def _is_list(entry: Any) -> TypeGuard[list[Any]]:
    return isinstance(entry, list)
