"""What the isolated process does: a document in, its text out."""

from dataclasses import asdict
from typing import Any

from toolgate_servers.errors import Reason, Refused
from toolgate_servers.retrieval.extract import html_text, html_title
from toolgate_servers.retrieval.formats import ending
from toolgate_servers.retrieval.text import Text, one_line

MAX_CHARACTERS = 20_000_000


def read(request: dict[str, Any], raw: bytes) -> dict[str, Any]:
    """Read a document, or the main text of a page.

    Raises:
        Refused: ENCRYPTED, UNREADABLE or TOO_LARGE.
    """
    if request["as"] == "page":
        return asdict(_page(raw.decode("utf-8", errors="replace")))
    path: str = request["path"]
    if ending(path) == ".pdf":
        from toolgate_servers.retrieval.reading.pdf import read_pdf  # late: one of them is enough

        text = read_pdf(path, raw, request["tables"])
    else:
        from toolgate_servers.retrieval.reading.docx import read_docx

        text = read_docx(path, raw)
    if len(text.body) > MAX_CHARACTERS:
        raise too_large(f"more than {MAX_CHARACTERS} characters")
    return asdict(text)


def too_large(found: str) -> Refused:
    """Make the refusal of a document that unfolds into too much."""
    return Refused(Reason.TOO_LARGE, "path", found=found, expected="a smaller document")


def unreadable(found: str) -> Refused:
    """Make the refusal of a document that is not what its name says."""
    return Refused(Reason.UNREADABLE, "path", found=found, expected="a well-formed file of its type")


def encrypted() -> Refused:
    """Make the refusal of a document that needs a password."""
    return Refused(
        Reason.ENCRYPTED, "path", found="a document that needs a password", expected="one without a password"
    )


def _page(written: str) -> Text:
    """Give the main text of a page as trafilatura finds it, or else all that is readable."""
    import trafilatura  # late: half a second, and only for pages

    body, marks = html_text(written)
    found = trafilatura.extract(written, include_comments=False, include_tables=True, favor_recall=True)
    title = one_line(html_title(written))
    if found and len(found) * 5 > len(body):
        return Text(title, found)
    return Text(title, body, marks)
