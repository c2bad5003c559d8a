"""Values whose name stands apart: in a command, in the entry before, in a header, in a file of logins."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from toolgate.detect.likeness import drawn, invented_short, mixed, placeholder
from toolgate.detect.named import NAME_WORDS, SUFFIX, name_before, secret
from toolgate.detect.rules import SEPARATOR, Rule, Span

_COMMAND: Final = re.compile(
    r"(?i)(?:^|[\n;&|(])[ \t]*(?:RUN |sudo )?(?:ENV|ARG|setx|setenv|set|export|def|setq|define|#define)"
    r"[ \t(]+(?:-\S+ +)*[\"']?[\w.-]*\Z"
)
_LOGIN: Final = re.compile(r"(?i)\b(?:machine[ \t]+\S+|login|user)\s+\S+\s+\Z")
_BLANK_VALUE: Final = re.compile(
    r"[ \t]{0,24}(?:(?:<-|=>|-|:)[ \t])?"
    r"(?:(?P<quote>[\"'`])(?P<quoted>[^\"'`\n\x1e]{6,256})(?P=quote)|(?P<bare>[^\s\"'`<>{}()\x1e]{6,256}))"
)


def spaced(text: str, end: int) -> Span | None:
    """The value in `ENV NAME value`, `#define NAME "value"`, a login's `password value`; the anchor ends
    in the blank."""
    found = _BLANK_VALUE.match(text, end)
    if found is None or found[0].isalpha():
        return None
    group = "bare" if found["bare"] else "quoted"
    value, name = found[group], name_before(text, end)
    if not name:
        return None
    line = text[max(0, end - 160) : end].rstrip()
    said = _COMMAND.search(line) or (_LOGIN.search(line[: len(line) - len(name)]) and mixed(value))
    said = said or text[end : found.start(group)].lstrip().startswith("<-")
    if not said and (group == "bare" or not drawn(value)):
        return None
    return found.span(group) if secret(value, name, group == "bare") else None


def spaced_key(text: str, end: int) -> Span | None:
    """The same for any other name that ends in key, in a command, where the value looks drawn."""
    if not _COMMAND.search(text[max(0, end - 160) : end].rstrip()):
        return None
    found = _BLANK_VALUE.match(text, end)
    group = "bare" if found and found["bare"] else "quoted"
    if found is None or not drawn(found[group], 12, 3.2) or not name_before(text, end):
        return None
    return found.span(group)


_PAIRED: Final = re.compile(
    r"[ \t]{0,4}(?P<quote>\\?[\"'])?(?P<value>(?(quote)[^\"'\n\x1e]{4,512}|[^\s\"'<>\x1e]{6,512}))"
)


def paired(text: str, end: int) -> Span | None:
    """The value in `name: API_TOKEN, value: …` or `key="Password" value="…"`; the anchor ends in its sign."""
    name = _first_of_pair(text, end)
    found = _PAIRED.match(text, end) if name else None
    if found is None:
        return None
    value = found["value"].rstrip("\\")
    start = found.start("value")
    return (start, start + len(value)) if secret(value, name, found["quote"] is None) else None


def paired_label(text: str, end: int) -> Span | None:
    """The same in structured content; the anchor ends behind the key `value`."""
    name = _first_of_pair(text, end)
    stop = text.find(SEPARATOR, end)
    value = text[end : stop if stop >= 0 else len(text)]
    return (
        (end, end + len(value)) if name and len(value) <= 4096 and secret(value, name, bare=False) else None
    )


def _first_of_pair(text: str, end: int) -> str:
    at = max(text.rfind("value", 0, end), text.rfind("Value", 0, end), text.rfind("VALUE", 0, end))
    before = text[max(0, at - 120) : at].rstrip(" \t\r\n,\\\"'" + SEPARATOR)
    return name_before(before, len(before))


_LOGIN_PAIR: Final = re.compile(r"[ \t]?[\"']?[^\s\"':$<>{}\x1e]{2,64}:(?P<word>[^\s\"'$<>{}\x1e]{6,128})")


def bundle(text: str, end: int) -> Span | None:
    """The login in BUNDLE_GEMS__EXAMPLE__COM=name:password, for Ruby; the anchor ends in the sign."""
    found = _LOGIN_PAIR.match(text, end)
    return None if found is None or placeholder(found["word"]) else found.span()


_ENCODED: Final = re.compile(r"[A-Za-z0-9+/]{12,512}={0,2}(?![A-Za-z0-9+/=])")
_WITH_NAME: Final = re.compile(r"[\x21-\x39\x3b-\x7e]{1,128}:[\x21-\x7e]{3,256}\Z")


def encoded_login(text: str, end: int) -> Span | None:
    """name:password in base64 below `auth`, as registries keep it; the anchor ends before it."""
    found = _ENCODED.match(text, end)
    if found is None:
        return None
    try:
        said = base64.b64decode(found.group() + "=" * (-len(found.group()) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return found.span() if _WITH_NAME.match(said) else None


_CREDENTIAL: Final = re.compile(
    r"(?:[A-Za-z-]{2,16} )?(?P<value>[A-Za-z0-9._~+/-]{16,4096}=*)(?![A-Za-z0-9]| [A-Za-z]+=)"
)


def credential(text: str, end: int) -> Span | None:
    """The credential in a header, with its scheme or without; the anchor ends at its first character."""
    found = _CREDENTIAL.match(text, end - 1)
    if found is None or not drawn(found["value"], 16, 3.2):
        return None
    return found.span("value")


_COOKIE: Final = re.compile(
    r"[^\s=;,\"']{1,64}=(?P<value>[^\s;,\"'\\\x1e]{16,4096})(?:; ?|(?=[\s\"'\\\x1e]|\Z))"
)
_PLAIN_COOKIE: Final = re.compile(r"[^\s=;,\"']{1,64}=[^\s;,\"'\\\x1e]{0,4096};? ?")


def cookie(text: str, end: int) -> Span | None:
    """The values of a cookie header, from the first drawn one to the last; the anchor ends in its sign."""
    first = last = 0
    end += len(text[end : end + 2]) - len(text[end : end + 2].lstrip(" \"'"))
    for _ in range(32):
        found = _COOKIE.match(text, end)
        if found and drawn(found["value"], 16, 3.2):
            first = first or found.start("value")
            last = found.end("value")
        found = found or _PLAIN_COOKIE.match(text, end)
        if found is None or found.end() == end:
            break
        end = found.end()
    return (first, last) if first else None


_NO_PASSWORD: Final = re.compile(r"[ ='\"]{0,3}(?P<value>[A-Za-z0-9._~+/-]{16,256}):(?=[\s\"'\x1e]|\Z)")
_JOINED: Final = re.compile(r"[^\s\"':$<>{}\x1e]{1,64}:(?P<value>[^\s\"'$<>{}\x1e]{3,128})")


def curl_key(text: str, end: int) -> Span | None:
    """The key in curl -u key: with nothing behind the colon, and the password in curl -uname:password."""
    if "curl" not in text[max(0, end - 256) : end]:
        return None
    end -= 1
    found = _NO_PASSWORD.match(text, end)
    if found:
        return found.span("value") if drawn(found["value"], 16) else None
    found = _JOINED.match(text, end) if text[end - 1] == "u" else None
    if found is None or placeholder(found["value"]) or invented_short(found["value"]):
        return None
    return found.span("value")


# Without blanks inside, so that an anchor has one end.
_NAMED: Final = rf"(?i)(?:{NAME_WORDS.replace('_ -', '_-')})s?{SUFFIX}"

APART: Final = (
    Rule("spaced", "SECRET", rf"{_NAMED}[\"']?[ \t]", spaced, 0.7),
    Rule("spaced key", "SECRET", r"[A-Za-z0-9]_(?:key|KEY)[ \t]", spaced_key, 0.6),
    Rule("pair", "SECRET", rf"{_NAMED}[\"']?,?[ \t\r\n]{{0,24}}[\"']?value[\"']? ?[:=]", paired, 0.8),
    Rule("pair of keys", "SECRET", rf"{_NAMED}{SEPARATOR}value{SEPARATOR}", paired_label, 0.8, labelled=True),
    Rule("bundle", "SECRET", r"\bBUNDLE_[A-Z0-9_]{3,64}[\"']? ?[:=]", bundle, 0.8),
    Rule("login in base64", "SECRET", r"\bauth\"? ?: ?\"", encoded_login, 0.9),
    Rule("login in base64, labelled", "SECRET", rf"\bauth{SEPARATOR}", encoded_login, 0.9, labelled=True),
    Rule(
        "authorization without scheme",
        "SECRET",
        r"(?i)\bauthorization[\"'\\]{0,2} ?[:=\x1e] ?[\"'\\]{0,2}[A-Za-z0-9]",
        credential,
        0.7,
    ),
    Rule("bearer", "SECRET", r"\b[Bb]earer [A-Za-z0-9]", credential, 0.8),
    Rule("cookie", "SECRET", r"(?i)\b(?:set-)?cookie[\"']?[:\x1e]", cookie, 0.7),
    Rule("curl key", "SECRET", r"[ '\"]-(?:u|-user)[ =A-Za-z0-9\"']", curl_key, 0.7),
)
