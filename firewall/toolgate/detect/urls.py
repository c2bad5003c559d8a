"""Addresses of pages: with a scheme, or bare below a top level that is no file's ending."""

from __future__ import annotations

import re
from typing import Final

from toolgate.detect.rules import Rule, Span

_SCHEME: Final = re.compile(r"(?i)(?:https?|ftp|wss?)\Z")
_REST: Final = re.compile(r"[^\s<>\"'`{}|\\^\x1e]{1,2048}")
_HOST: Final = re.compile(
    r"(?i)(?:[\w-]{1,63}\.){1,8}[a-z]{2,24}(?::[0-9]{1,5})?(?:[/?#][^\s<>\"'`{}|\\^\x1e]{0,2048})?"
)
_BEFORE: Final = re.compile(r"[\w.-]*\Z")
_ENDS: Final = ".,;:!?*_~'"
_PAIRS: Final = {")": "(", "]": "["}


def _trimmed(text: str, start: int, stop: int) -> Span:
    """The stretch without what belongs to the sentence around it."""
    while stop > start:
        last = text[stop - 1]
        if last in _ENDS or (
            last in _PAIRS and text.count(_PAIRS[last], start, stop) < text.count(last, start, stop)
        ):
            stop -= 1
        else:
            break
    return start, stop


def url(text: str, end: int) -> Span | None:
    """An address with its scheme; the anchor ends at its first character behind it."""
    scheme = _SCHEME.search(text, max(0, end - 10), end - 4)
    rest = _REST.match(text, end - 1)
    if scheme is None or rest is None:
        return None
    start, stop = _trimmed(text, scheme.start(), rest.end())
    return (start, stop) if stop > end else None


def bare(text: str, end: int) -> Span | None:
    """A host without a scheme, with what follows it; the anchor ends behind its top level or its www."""
    window = _BEFORE.search(text, max(0, end - 256), end)
    start = window.start() if window else end
    if start == end or text[start - 1 : start] in ("@", "/", ":", "\\", "=") or text[start] in ".-":
        return None
    found = _HOST.match(text, start)
    if found is None or found.end() < end or text[found.end() : found.end() + 1] in ("@", "("):
        return None
    return _trimmed(text, start, found.end())


# No `.py`, `.md`, `.rs` or `.sh`: in texts about programs those end file names.
_TOPS: Final = (
    "com|org|net|edu|gov|int|info|biz|dev|app|cloud|online|site|shop|store|blog|tech|xyz|eu|uk|de|fr|es|it|nl|se|ch"
    "|at|be|cz|dk|fi|gr|hu|ie|no|pt|ro|jp|cn|kr|au|nz|br|mx|ar|cl|ca|us|za|tr|ru|ua"
)

URLS: Final = (
    Rule("url", "URL", r"://[A-Za-z0-9\x80-\xff\[]", url),
    Rule("url with www", "URL", r"(?i)\bwww\.[a-z0-9]", bare, 0.7),
    Rule("url without scheme", "URL", rf"(?i)[a-z0-9]\.(?:{_TOPS})\b", bare, 0.5),
)
