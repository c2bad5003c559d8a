"""The mail of strangers: whatever the bytes are, it becomes plain fields of limited size."""

import email
from collections.abc import Iterator
from datetime import UTC, datetime
from email.errors import MessageError
from email.header import decode_header
from email.message import Message as Parsed
from email.utils import getaddresses
from html.parser import HTMLParser
from itertools import islice
from typing import Any

from toolgate_servers.actions.mail.message import (
    MAX_ATTACHED,
    MAX_BODY,
    MAX_RECIPIENTS,
    MAX_REFERENCES,
    MESSAGE_ID,
    Attachment,
    Mail,
    Message,
)
from toolgate_servers.actions.plaintext import one_line, plain

MAX_PARTS = 100
MAX_DEPTH = 20
MAX_HEADER = 10_000
MAX_LINE = 500
UNSEEN = frozenset({"script", "style", "head", "template", "title"})
BREAKS = frozenset({"p", "br", "div", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "table", "blockquote"})


def read(raw: bytes, *, mail_id: str, at: datetime, is_cut: bool) -> Mail:
    """Make a mail of the inbox from its bytes."""
    parsed = _parsed(raw)
    references = [one for one in _header(parsed, "References").split() if MESSAGE_ID.fullmatch(one)]
    text, attachments = _content(parsed)
    return Mail(
        mail_id,
        "inbox",
        at.astimezone(UTC).isoformat(timespec="seconds"),
        next(iter(_addresses(parsed, "From")), ""),
        _header(parsed, "Message-ID").strip(),
        Message(
            _addresses(parsed, "To"),
            _addresses(parsed, "Cc"),
            one_line(_header(parsed, "Subject"), MAX_LINE),
            plain(text.replace("\r\n", "\n"), MAX_BODY),
            tuple(attachments),
            tuple(references[-MAX_REFERENCES:]),
        ),
        _addresses(parsed, "Reply-To"),
        is_cut or len(text) > MAX_BODY,
    )


def _parsed(raw: bytes) -> Parsed:
    try:
        return email.message_from_bytes(raw)
    except (RecursionError, MessageError, ValueError, LookupError):
        # Its headers can still be read when the parts inside are nested beyond reason.
        return email.message_from_bytes(raw.partition(b"\n\r\n")[0].partition(b"\n\n")[0])


def _header(parsed: Parsed, name: str) -> str:
    raw = str(parsed.get(name, ""))[:MAX_HEADER]
    try:
        return "".join(_decoded(text, charset) for text, charset in decode_header(raw))
    except (MessageError, ValueError, LookupError):
        return raw


def _decoded(text: Any, charset: str | None) -> str:
    if isinstance(text, str):
        return text
    try:
        return bytes(text).decode(charset or "utf-8", errors="replace")
    except (LookupError, ValueError):
        return bytes(text).decode("utf-8", errors="replace")


def _addresses(parsed: Parsed, name: str) -> tuple[str, ...]:
    values = [str(value)[:MAX_HEADER] for value in parsed.get_all(name, [])[:MAX_RECIPIENTS]]
    try:
        found = [one_line(address, MAX_LINE) for _, address in getaddresses(values) if address]
    except RecursionError:
        return ()  # brackets within brackets
    return tuple(found[:MAX_RECIPIENTS])


def _content(parsed: Parsed) -> tuple[str, list[Attachment]]:
    """Give the readable text, plain before HTML, and the attached files."""
    plains: list[str] = []
    htmls: list[str] = []
    attachments: list[Attachment] = []
    for part in islice(_leaves(parsed, 0), MAX_PARTS):
        name = _file_name(part)
        kind = part.get_content_type()
        if name or part.get_content_disposition() == "attachment" or not kind.startswith("text/"):
            attachments.append(Attachment(name or "unnamed", kind, _bytes(part)))
        elif kind == "text/html":
            htmls.append(_text(part))
        else:
            plains.append(_text(part))
    return "\n".join(plains) if "".join(plains).strip() else shown("\n".join(htmls)), attachments


def _leaves(part: Parsed, depth: int) -> Iterator[Parsed]:
    inner: Any = part.get_payload() if part.is_multipart() else None
    if inner is None or depth >= MAX_DEPTH:
        yield part
        return
    for one in inner:
        yield from _leaves(one, depth + 1)


def _file_name(part: Parsed) -> str:
    try:
        return one_line(str(part.get_filename() or ""), MAX_LINE)
    except (MessageError, ValueError, LookupError, TypeError):
        return "unnamed"


def _bytes(part: Parsed) -> bytes:
    try:
        content: Any = part.get_payload(decode=True)
    except (MessageError, ValueError, LookupError):
        return b""
    return content[:MAX_ATTACHED] if isinstance(content, bytes) else b""


def _text(part: Parsed) -> str:
    return _decoded(_bytes(part), part.get_content_charset("utf-8"))


class _Shown(HTMLParser):
    """Collects what a reader of the page would see."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin an element."""
        self._unseen += tag in UNSEEN
        if tag in BREAKS:
            self.texts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        """End an element."""
        self._unseen = max(0, self._unseen - (tag in UNSEEN))

    def handle_data(self, data: str) -> None:
        """Take text."""
        if not self._unseen:
            self.texts.append(data)


def shown(page: str) -> str:
    """Give the text of HTML, a line for each block."""
    parser = _Shown()
    try:
        parser.feed(page)
    except AssertionError:
        pass  # the standard library's parser gives up on some declarations; what came before is shown
    lines = (" ".join(line.split()) for line in "".join(parser.texts).splitlines())
    return "\n".join(line for line in lines if line)
