"""DOCX: paragraphs, headings and tables in the order of the document."""

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import docx
from docx.opc.exceptions import OpcError
from docx.table import Table as DocxTable
from docx.text.paragraph import Paragraph

from toolgate_servers.errors import Refused
from toolgate_servers.retrieval.reading.worker import MAX_CHARACTERS, encrypted, too_large, unreadable
from toolgate_servers.retrieval.text import MAX_MARKS, Mark, Table, Text, one_line

MAX_PARTS = 5000
MAX_UNPACKED = 200 * 1024 * 1024
MAX_XML = 64 * 1024 * 1024
MAX_ROWS = 5000
OLE = bytes.fromhex("d0cf11e0a1b11ae1")  # what Office makes of a document with a password
DOCTYPE = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
HEADING = re.compile(r"heading ([1-9])", re.IGNORECASE)


def read_docx(path: str, raw: bytes) -> Text:
    """Read a DOCX file.

    Raises:
        Refused: ENCRYPTED, UNREADABLE or TOO_LARGE.
    """
    if raw.startswith(OLE):
        raise encrypted()
    try:
        check_package(raw)
        document: Any = docx.Document(io.BytesIO(raw))
        return _text(document, PurePosixPath(path).stem)
    except Refused:
        raise
    except (zipfile.BadZipFile, OpcError, KeyError, ValueError, SyntaxError, AttributeError) as broken:
        raise unreadable("a DOCX file that is damaged") from broken
    except (RecursionError, TypeError, IndexError, NotImplementedError, OSError, EOFError) as broken:
        raise unreadable("a DOCX file that is not what it says") from broken


def check_package(raw: bytes) -> None:
    """Refuse a package that unfolds into too much, or whose XML declares entities.

    Raises:
        Refused: TOO_LARGE, ENCRYPTED or UNREADABLE.
    """
    with zipfile.ZipFile(io.BytesIO(raw)) as package:
        parts = package.infolist()
        if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED:
            raise too_large(f"a file that unpacks to more than {MAX_UNPACKED} bytes or {MAX_PARTS} parts")
        for part in parts:
            if part.flag_bits & 1:
                raise encrypted()
            if part.filename.lower().endswith((".xml", ".rels")):
                if part.file_size > MAX_XML:
                    raise too_large(f"a part of more than {MAX_XML} bytes")
                # Zeros away: the same word in UTF-16. Office writes no document type.
                if DOCTYPE.search(package.read(part).replace(b"\0", b"")):
                    raise unreadable("XML that declares entities")


def _text(document: Any, stem: str) -> Text:
    lines: list[str] = []
    marks: list[Mark] = []
    tables: list[Table] = []
    offset = 0
    for block in document.iter_inner_content():
        if isinstance(block, Paragraph):
            line = block.text.strip()
            level = _level(block)
            if level and line and len(marks) < MAX_MARKS:
                marks.append(Mark(offset, level, one_line(line)))
        else:
            rows = list(_rows(block))
            tables.append(Table(offset, tuple(rows[:MAX_ROWS]), len(rows)))
            line = "\n".join("\t".join(row) for row in rows)
        if line:
            lines.append(line)
            offset += len(line) + 1
            if offset > MAX_CHARACTERS:
                raise too_large(f"more than {MAX_CHARACTERS} characters")
    title = one_line(str(document.core_properties.title or "")) or (marks[0].title if marks else stem)
    return Text(title, "\n".join(lines), tuple(marks), tables=tuple(tables))


def _level(paragraph: Paragraph) -> int:
    name = str(paragraph.style.name) if paragraph.style is not None else ""
    if name == "Title":
        return 1
    found = HEADING.fullmatch(name)
    return int(found.group(1)) if found else 0


def _rows(table: DocxTable) -> Iterator[tuple[str, ...]]:
    for row in table.rows:
        yield tuple(one_line(cell.text) for cell in row.cells)
