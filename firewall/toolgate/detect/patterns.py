"""Personal data with a shape: e-mail addresses, cards, accounts, US social security, IP addresses."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from toolgate.detect.figures import IBAN_LENGTHS, iban, issued, luhn, public_ipv4, ssn
from toolgate.detect.rules import Rule, Span, Verify

_LOCAL: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._%+-"
_DOMAIN: Final = re.compile(r"(?:[\w-]{1,63}\.){1,8}([^\W\d_]{2,24}|xn--[A-Za-z0-9-]{2,59})(?![\w-])")
# `logo@2x.png` is a picture, not a mailbox.
_FILES: Final = frozenset(
    ("png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "css", "js", "json", "py", "txt")
)


def email(text: str, end: int) -> Span | None:
    """A mailbox; the anchor ends behind its @."""
    domain = _DOMAIN.match(text, end)
    if domain is None or domain[1] in _FILES:
        return None
    at = end - 1
    window = text[at - 64 if at > 64 else 0 : at]
    start = at - len(window) + len(window.rstrip(_LOCAL))
    while start > 0 and at - start < 64 and text[start - 1].isalnum():
        start -= 1
    while start < at and text[start] in ".-%+":
        start += 1
    return (start, domain.end()) if start < at else None


_GROUPED: Final = (
    r"[0-9]{4}([ \t./_-]{1,3})[0-9]{4}\1[0-9]{4}\1[0-9]{2,4}(?:\1[0-9]{3})?"
    r"|[0-9]{4}([ -])[0-9]{6}\2[0-9]{4,5}"
)
_CARD: Final = re.compile(rf"(?<![A-Za-z0-9.])(?:[0-9]{{12,19}}|{_GROUPED})\Z")
_CARD_WORD: Final = re.compile(
    r"(?i)card|maestro|debit|visa|amex|\bcc\b|\bpan\b|payment|\bpay with|\bcharged?\b|\batm\b|konto"
)
_CONTINUES: Final = re.compile(r"[.-][0-9]")


def card(text: str, end: int) -> Span | None:
    """A payment card: network range, length and Luhn; the anchor ends behind its last digit."""
    found = _CARD.search(text, end - 31 if end > 31 else 0, end)
    if found is None or (text[end : end + 1] in ".-" and _CONTINUES.match(text, end)):
        return None
    digits, separator = found.group(), found[1] or found[2]
    start = end - len(digits)
    if separator:
        digits = digits.replace(separator, "")
    if not issued(digits) or not luhn(digits) or digits.count(digits[0]) == len(digits):
        return None
    if text[start - 1 : start] == "-" and (found[1] == "-" or len(digits) < 14):
        return None  # the tail of a longer number, such as a UUID
    # Twelve digits with a good check digit are common by chance: one needs a word for it nearby.
    if len(digits) < 13 and not _CARD_WORD.search(text, max(0, start - 48), end + 48):
        return None
    return start, end


@cache
def _account(length: int) -> re.Pattern[str]:
    fours, rest = divmod(length - 1, 4)
    usual = rf"(?:[A-Za-z0-9]{{4}}[ -]?){{{fours}}}[A-Za-z0-9]{{{rest + 1}}}"  # what comes next, only faster
    return re.compile(rf"(?:{usual}|[A-Za-z0-9](?:[ -]?+[A-Za-z0-9]){{{length - 1}}})(?![A-Za-z0-9])")


def account(text: str, end: int) -> Span | None:
    """An IBAN: its country's length and the check digits; the anchor ends behind its eighth character."""
    start = end - (9 if text[end - 5] in " -" else 8)
    length = IBAN_LENGTHS.get(text[start : start + 2].upper())
    found = _account(length).match(text, start) if length else None
    if found is None or not iban(found.group()):
        return None
    return start, found.end()


def social(text: str, end: int) -> Span | None:
    """A US social security number in three groups; the anchor ends behind it."""
    start = end - 11
    if text[start + 3] != text[start + 6]:
        return None
    if text[start - 1 : start] in ("-", ".") or text[end : end + 1] == "-":
        return None
    area, group, serial = text[start : start + 3], text[start + 4 : start + 6], text[start + 7 : end]
    return (start, end) if ssn(area, group, serial) else None


_NINE: Final = re.compile(r"(?<![0-9])([0-9]{3})[ ./-]{0,3}([0-9]{2})[ ./-]{0,3}([0-9]{4})\Z")


def social_named(text: str, end: int) -> Span | None:
    """The same with other separators or none, where a word before it says what it is."""
    found = _NINE.search(text, max(0, end - 15), end)
    return found.span() if found and ssn(found[1], found[2], found[3]) else None


_OCTET: Final = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4: Final = re.compile(rf"(?<![\w-])({_OCTET})\.({_OCTET})\.{_OCTET}\.{_OCTET}(?!\w|\.[0-9])")


def _ipv4(public: bool) -> Verify:
    def verify(text: str, end: int) -> Span | None:
        window = text[end - 16 if end > 16 else 0 : end]
        found = _IPV4.match(text, end - len(window) + len(window.rstrip("0123456789.")))
        if found is None or public_ipv4(found[1], found[2]) is not public:
            return None
        return found.span()

    return verify


_IPV6: Final = re.compile(r"[0-9A-Fa-f:.]{0,45}")
_SIXES: Final = "0123456789abcdefABCDEF:."


def _ipv6(public: bool) -> Verify:
    def verify(text: str, end: int) -> Span | None:
        import ipaddress

        window = text[max(0, end - 46) : end]
        start = end - len(window) + len(window.rstrip(_SIXES))
        stop = _IPV6.match(text, end).end()  # type: ignore[union-attr]  # it matches the empty text too
        found = text[start:stop].rstrip(".")
        if not found.endswith("::"):
            found = found.rstrip(":")
        stop = start + len(found)
        if text[start - 1 : start].isalnum() or text[stop : stop + 1].isalnum():
            return None
        try:
            address = ipaddress.IPv6Address(found)
        except ValueError:
            return None
        here = address.is_private and not found.lower().startswith("2001:db8")
        local = here or address.is_loopback or address.is_link_local or address.is_multicast
        return (start, stop) if local is not public else None

    return verify


_QUAD: Final = r"\b[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]"
_COLONS: Final = r"[0-9A-Fa-f]:[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]|[0-9A-Fa-f]::[0-9A-Fa-f]"
_SSN_WORDS: Final = (
    r"(?i)(?:\bssn|social.?security)[^0-9]{0,24}[0-9]{3}[ ./-]{0,3}[0-9]{2}[ ./-]{0,3}[0-9]{4}\b"
)

PATTERNS: Final = (
    Rule("email", "EMAIL_ADDRESS", r"[A-Za-z0-9_%+\x80-\xff-]@", email),
    Rule("card", "CREDIT_CARD", r"(?:\b|_)[0-9]{12,19}\b", card),
    Rule("card in groups", "CREDIT_CARD", r"\b(?:[0-9]{4}[ \t./_-]{1,3}){3}[0-9]{2,4}\b", card),
    Rule("card in more groups", "CREDIT_CARD", r"\b(?:[0-9]{4}[ -]){4}[0-9]{3}\b", card),
    Rule("card in three groups", "CREDIT_CARD", r"\b[0-9]{4}[ -][0-9]{6}[ -][0-9]{4,5}\b", card),
    Rule("iban", "IBAN_CODE", r"(?i)\b[A-Z]{2}[0-9]{2}[ -]?[A-Z0-9]{4}", account),
    Rule("ssn", "US_SSN", r"\b[0-9]{3}[ -][0-9]{2}[ -][0-9]{4}\b", social),
    Rule("ssn named", "US_SSN", _SSN_WORDS, social_named, 0.9),
    Rule("ipv4", "IP_ADDRESS", _QUAD, _ipv4(public=True)),
    Rule("ipv6", "IP_ADDRESS", _COLONS, _ipv6(public=True)),
    Rule("private ipv4", "PRIVATE_IP_ADDRESS", _QUAD, _ipv4(public=False)),
    Rule("private ipv6", "PRIVATE_IP_ADDRESS", _COLONS, _ipv6(public=False)),
)
