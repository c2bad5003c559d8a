"""Titles, headings, tables and plain text of the formats that are text themselves."""

import csv
import html
import io
import json
import re
from collections.abc import Callable, Iterator
from itertools import islice, pairwise
from pathlib import PurePosixPath

from toolgate_servers.retrieval.formats import ending
from toolgate_servers.retrieval.text import MAX_MARKS, Mark, Table, Text, decoded, one_line

MAX_TABLES = 50
MAX_ROWS = 5000
MAX_CELLS = 200
# A heading of HTML until the text is put together; taken out of whatever a page itself contains.
SIGN = "\ue0d0"

BLOCK = re.compile(
    "address|article|aside|blockquote|br|dd|div|dl|dt|figure|footer|form|h[1-6]|header|hr|li|main|nav|ol|p|pre|"
    "section|table|td|th|tr|ul"
)
UNREAD = frozenset({"script", "style", "template", "noscript", "title"})

MARKDOWN_HEADING = re.compile(r"^ {0,3}# +(\S[^\n]*)", re.MULTILINE)
RST_ADORNMENT = re.compile(r"^([=\-~^\"'`#*+.:_])\1{2,}\s*$")
HTML_TITLE = re.compile(r"<title\b[^<>]{0,200}>([^<]{0,1000})", re.IGNORECASE)
LINE = re.compile(r"[^\n]+")
FENCE = re.compile(r" {0,3}(?:```|~~~)")
MARKDOWN_ANY_HEADING = re.compile(r" {0,3}(#{1,6}) +(\S.*)")
MARKDOWN_RULE = re.compile(r"\|(?:[ :|-])+\|")
HEADING_TAG = re.compile(r"h[1-6]")
HTML_TABLE = re.compile(r"<table\b[^<>]{0,1000}>", re.IGNORECASE)
HTML_ROW = re.compile(r"<tr\b[^<>]{0,1000}>", re.IGNORECASE)
HTML_CELL = re.compile(r"<t[dh]\b[^<>]{0,1000}>", re.IGNORECASE)
TAG_NAME = re.compile(r"/?([A-Za-z][A-Za-z0-9]*)")


def extract(path: str, raw: bytes) -> Text:
    """Read a document; titles are one line."""
    written = decoded(raw).replace("\x00", "�")
    suffix = ending(path)
    title = one_line(TITLES[suffix](written)) or PurePosixPath(path).stem
    if suffix in (".html", ".htm"):
        return Text(title, *html_text(written), tables=tuple(html_tables(written)))
    marks = tuple(islice(HEADINGS[suffix](written), MAX_MARKS)) if suffix in HEADINGS else ()
    tables = tuple(islice(TABLES[suffix](written), MAX_TABLES)) if suffix in TABLES else ()
    return Text(title, written, marks, tables=tables)


def _no_title(_written: str) -> str:
    return ""


def _markdown_title(written: str) -> str:
    heading = MARKDOWN_HEADING.search(written[:100_000])
    return heading.group(1).rstrip("# ") if heading else ""


def _rst_title(written: str) -> str:
    lines = written[:10_000].splitlines()
    for above, below in pairwise(lines):
        if above.strip() and not RST_ADORNMENT.match(above) and RST_ADORNMENT.match(below):
            return above
    return ""


def html_title(written: str) -> str:
    """Give what a page calls itself, or nothing."""
    title = HTML_TITLE.search(written)
    return html.unescape(title.group(1)) if title else ""


def _json_title(written: str) -> str:
    try:
        document: object = json.loads(written)
    except (ValueError, RecursionError):
        return ""
    match document:
        case {"title": str() as title}:
            return title
        case _:
            return ""


def _markdown_headings(written: str) -> Iterator[Mark]:
    fenced = False
    for line in LINE.finditer(written):
        if FENCE.match(line.group()):
            fenced = not fenced
        elif not fenced and (heading := MARKDOWN_ANY_HEADING.match(line.group()[:1000])):
            yield Mark(line.start(), len(heading.group(1)), one_line(heading.group(2).rstrip("# ")))


def _rst_headings(written: str) -> Iterator[Mark]:
    levels: list[str] = []
    for above, below in pairwise(LINE.finditer(written)):
        title, under = above.group().strip(), below.group()[:1000]
        if title and not RST_ADORNMENT.match(title[:1000]) and RST_ADORNMENT.match(under):
            if under[0] not in levels:
                levels.append(under[0])
            yield Mark(above.start(), levels.index(under[0]) + 1, one_line(title))


def _separated(written: str, delimiter: str) -> Iterator[Table]:
    rows: list[tuple[str, ...]] = []
    total = 0
    try:
        for row in csv.reader(io.StringIO(written, newline=""), delimiter=delimiter):
            total += 1
            if len(rows) < MAX_ROWS:
                rows.append(tuple(row[:MAX_CELLS]))
    except csv.Error:
        pass  # what was read until there is still a table
    if rows:
        yield Table(0, tuple(rows), total)


def _markdown_tables(written: str) -> Iterator[Table]:
    rows: list[tuple[str, ...]] = []
    start = 0
    for line in (*LINE.finditer(written), None):
        text = line.group().strip() if line else ""
        if text.startswith("|") and text.endswith("|") and len(text) > 1:
            start = line.start() if line and not rows else start
            if not MARKDOWN_RULE.fullmatch(text[:2000]):
                rows.append(tuple(cell.strip() for cell in text[1:-1].split("|")[:MAX_CELLS]))
        elif rows:
            yield Table(start, tuple(rows[:MAX_ROWS]), len(rows))
            rows = []


def html_tables(written: str) -> Iterator[Table]:
    """Find the tables of a page; a table in a table belongs to the outer one."""
    for table in islice(HTML_TABLE.split(written), 1, MAX_TABLES + 1):
        inside = table.partition("</table")[0]
        found = [row.partition("</tr")[0] for row in HTML_ROW.split(inside)[1:]]
        rows = tuple(
            tuple(one_line(plain_html(cell)) for cell in HTML_CELL.split(row)[1 : MAX_CELLS + 1])
            for row in found[:MAX_ROWS]
        )
        if rows:
            yield Table(0, rows, len(found))


TITLES: dict[str, Callable[[str], str]] = {
    ".md": _markdown_title,
    ".markdown": _markdown_title,
    ".txt": _no_title,
    ".rst": _rst_title,
    ".html": html_title,
    ".htm": html_title,
    ".json": _json_title,
    ".csv": _no_title,
    ".tsv": _no_title,
}
HEADINGS: dict[str, Callable[[str], Iterator[Mark]]] = {
    ".md": _markdown_headings,
    ".markdown": _markdown_headings,
    ".rst": _rst_headings,
}
TABLES: dict[str, Callable[[str], Iterator[Table]]] = {
    ".md": _markdown_tables,
    ".markdown": _markdown_tables,
    ".csv": lambda written: _separated(written, ","),
    ".tsv": lambda written: _separated(written, "\t"),
}


def plain_html(written: str) -> str:
    """Give the readable text of a page."""
    return html_text(written)[0]


def html_text(written: str) -> tuple[str, tuple[Mark, ...]]:
    """Give the readable text of a page, and its headings.

    The standard library's HTMLParser takes quadratic time on unfinished markup; this takes one pass, and
    drops whatever follows a tag, comment or script that is never closed.
    """
    pieces: list[str] = []
    position = 0
    written = written.replace(SIGN, "")
    while (tag := written.find("<", position)) != -1:
        pieces.append(written[position:tag])
        name = TAG_NAME.match(written, tag + 1)
        if name is None and written[tag + 1 : tag + 2] not in ("!", "?"):
            pieces.append("<")
            position = tag + 1
            continue
        if name is not None and BLOCK.fullmatch(name.group(1).lower()):
            pieces.append("\n")
            if HEADING_TAG.fullmatch(name.group(0).lower()):
                pieces.append(SIGN + name.group(0)[1])
        position = _after(written, tag, name.group(0).lower() if name else "")
    pieces.append(written[position:])
    return _laid_out(html.unescape("".join(pieces)))


def _laid_out(text: str) -> tuple[str, tuple[Mark, ...]]:
    """Put the lines of a page together, and turn the signs before headings into marks."""
    lines: list[str] = []
    marks: list[Mark] = []
    offset = 0
    for raw in text.splitlines():
        line = " ".join(raw.split())
        if line.startswith(SIGN):
            level, line = int(line[1]), line[2:].strip()
            if line and len(marks) < MAX_MARKS:
                marks.append(Mark(offset, level, one_line(line)))
        if line:
            lines.append(line)
            offset += len(line) + 1
    return "\n".join(lines), tuple(marks)


def _after(written: str, start: int, name: str) -> int:
    """Give the position after a tag, and after its content if that is not for reading."""
    if written.startswith("<!--", start):
        end, length = written.find("-->", start + 4), 3
    elif name in UNREAD:
        close = re.compile(rf"</{name}\s*>", re.IGNORECASE).search(written, start)
        end, length = (close.start(), len(close.group())) if close else (-1, 0)
    else:
        end, length = written.find(">", start), 1
    return len(written) if end == -1 else end + length
