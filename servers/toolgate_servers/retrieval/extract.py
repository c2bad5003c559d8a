"""From a file's bytes to a title and plain text."""

import html
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePosixPath

MAX_TITLE = 200

MIME_TYPES: dict[str, str] = {
    ".md": "text/markdown",
    ".txt": "text/plain",
    ".rst": "text/x-rst",
    ".html": "text/html",
    ".json": "application/json",
}

BLOCK = re.compile(
    "address|article|aside|blockquote|br|dd|div|dl|dt|figure|footer|form|h[1-6]|header|hr|li|main|nav|ol|p|pre|"
    "section|table|td|th|tr|ul"
)
UNREAD = frozenset({"script", "style", "template", "noscript", "title"})

MARKDOWN_HEADING = re.compile(r"^ {0,3}# +(\S[^\n]*)", re.MULTILINE)
RST_ADORNMENT = re.compile(r"^([=\-~^\"'`#*+.:_])\1{2,}\s*$")
HTML_TITLE = re.compile(r"<title\b[^<>]{0,200}>([^<]{0,1000})", re.IGNORECASE)
TAG_NAME = re.compile(r"/?([A-Za-z][A-Za-z0-9]*)")


@dataclass(frozen=True, slots=True)
class Text:
    """The title and the plain text of a document."""

    title: str
    body: str


def extract(path: str, raw: bytes) -> Text:
    """Read a document; bytes that are not UTF-8 become replacement characters, and titles are one line."""
    written = raw.decode("utf-8-sig", errors="replace").replace("\x00", "�")
    suffix = PurePosixPath(path).suffix.lower()
    title = " ".join(TITLES[suffix](written).split())[:MAX_TITLE]
    body = plain_html(written) if suffix == ".html" else written
    return Text(title or PurePosixPath(path).stem, body)


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


def _html_title(written: str) -> str:
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


TITLES: dict[str, Callable[[str], str]] = {
    ".md": _markdown_title,
    ".txt": _no_title,
    ".rst": _rst_title,
    ".html": _html_title,
    ".json": _json_title,
}


def plain_html(written: str) -> str:
    """Give the readable text of a page.

    The standard library's HTMLParser takes quadratic time on unfinished markup; this takes one pass, and
    drops whatever follows a tag, comment or script that is never closed.
    """
    pieces: list[str] = []
    position = 0
    while (tag := written.find("<", position)) != -1:
        pieces.append(written[position:tag])
        name = TAG_NAME.match(written, tag + 1)
        if name is None and written[tag + 1 : tag + 2] not in ("!", "?"):
            pieces.append("<")
            position = tag + 1
            continue
        if name is not None and BLOCK.fullmatch(name.group(1).lower()):
            pieces.append("\n")
        position = _after(written, tag, name.group(0).lower() if name else "")
    pieces.append(written[position:])
    lines = (" ".join(line.split()) for line in html.unescape("".join(pieces)).splitlines())
    return "\n".join(line for line in lines if line)


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
