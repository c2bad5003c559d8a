"""Phone numbers: by their country code, by the shape of North America, by a word beside them."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

from toolgate.detect.rules import Rule, Span

_NANP: Final = re.compile(r"\+1[ .-]?\(?[2-9][0-9]{2}\)?[ .-]{0,2}[0-9]{3}[ .-]{0,3}[0-9]{4}(?![0-9])")
_ABROAD: Final = re.compile(r"\+[0-9](?:[ ()./-]{0,3}+[0-9]){6,14}(?![0-9])")
_DIALLED: Final = re.compile(
    r"(?<![\w.+/-])00[1-9][0-9]{0,2}[ (/.-][ ()./-]{0,2}[0-9](?:[ ()./-]{0,2}+[0-9]){4,12}(?![0-9])"
)
_LINE: Final = re.compile(
    r"[(+]{0,2}[0-9](?:[ ()./-]{0,3}+[0-9]){6,14}(?:\s?(?:x|ext\.?)\s?[0-9]{1,5})?(?![0-9\w])"
)
_DATE: Final = re.compile(
    r"[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{4}(?![0-9])"
)
_DECIMAL: Final = re.compile(r"\+[0-9]+\.[0-9]+\Z")
_EXTENSION: Final = re.compile(r"\s?(?:x|ext\.?)\s?[0-9]{1,5}(?![0-9A-Za-z])")


def _extended(text: str, end: int) -> int:
    after = text[end : end + 2]
    if "x" not in after and "e" not in after:
        return end
    found = _EXTENSION.match(text, end)
    return found.end() if found else end


def phone_abroad(text: str, end: int) -> Span | None:
    """A number with its country code; the anchor ends nine characters behind the +."""
    start = end - 9
    if text[start - 1 : start].isalnum():
        return None
    found = _NANP.match(text, start) if text[start + 1] == "1" else None
    if found:
        return start, _extended(text, found.end())
    found = _ABROAD.match(text, start)
    if found is None or _DECIMAL.match(found.group()) or not _possible(found.group()):
        return None
    return start, _extended(text, found.end())


def phone_dialled(text: str, end: int) -> Span | None:
    """The same with 00 for the +, in groups; the anchor ends ten characters in."""
    start = end - 10
    found = _DIALLED.match(text, start)
    if found is None or not _possible("+" + found.group()[2:], valid=True):
        return None
    return start, _extended(text, found.end())


def _possible(number: str, *, valid: bool = False) -> bool:
    """Whether a country has numbers of this length, or such a number, by libphonenumber's tables."""
    import phonenumbers

    library: Any = phonenumbers
    holds = library.is_valid_number if valid else library.is_possible_number
    try:
        return bool(holds(library.parse(number.replace("(0)", ""), None)))
    except library.NumberParseException:
        return False


# What makes of three groups of digits a part of something longer.
_JOINS: Final = ("-", "/", "_")


def phone_home(text: str, end: int) -> Span | None:
    """Three groups as in North America, 415-555-0132; the anchor ends behind it."""
    start = end - 12
    if text[start] in "01" or text[start + 4] in "01" or text[start + 3] != text[start + 7]:
        return None
    coded = start > 2 and text[start - 2] == "1" and text[start - 3] == "+" and text[start - 1] in " .-"
    if coded and not text[start - 4 : start - 3].isalnum():
        return None  # with its country code: `phone_abroad` finds it whole
    joined = text[start - 1 : start] in _JOINS or text[end : end + 1] in _JOINS
    before = text[start - 2 : start]
    if joined and before != "1-":
        return None
    if before in ("1-", "1.", "1 ") and not text[start - 3 : start - 2].isalnum():
        start -= 3 if coded else 2
    return start, _extended(text, end)


def phone_long(text: str, end: int) -> Span | None:
    """The same with an extension right behind it, 415-555-0132x12; the anchor ends behind the x."""
    return phone_home(text, end - 1) if text[end : end + 1].isdigit() else None


def phone_area(text: str, end: int) -> Span | None:
    """An area code in brackets, (415) 555-0132; the anchor ends behind it."""
    start = text.rfind("(", max(0, end - 16), end)
    if text[start + 1] in "01" or text[end : end + 1].isdigit():
        return None
    return start, _extended(text, end)


def phone_named(text: str, end: int) -> Span | None:
    """Any row of seven to fifteen digits that a word before it calls a phone; the anchor ends in it."""
    start = end - 1
    found = _LINE.match(text, start)
    if found is None or (text[start] not in "(+" and _DATE.match(text, start)):
        return None
    return start, found.end()


_PHONE_WORDS: Final = (
    r"(?i)(?:phone|telefon|mobile?|\btel|\bcell|\bfax|\bcall|whatsapp|\bdial|\bsms"
    r"|\bdesk|\boffice|landline|hotline|answering|handy|voicemail|pager"
    r"|\bph|\bwa\.me/|contact[ _-]?(?:number|no))"
    r"(?:s|ed|ing)?(?:[ _-]?(?:number|no|num|us|me|at|on|back))*"
    r"[.:'\"\\ =\n\x1e]{0,6}[0-9(+]"
)

# Words that are often beside a phone and often beside something else: what they name must be valid somewhere.
_WEAK_WORDS: Final = (
    r"(?i)\b(?:messages?|texts?|texted|reach(?:ed)?|contact|ring|number|registered|sms|line|voicemail|direct|available)"
    r"(?: [a-z]{1,10}){0,2}[.:]? ?[0-9(+][0-9 ()./-]{6}"
)
_REGIONS: Final = tuple(
    "US GB DE FR CH SE BE IT ES AU IN BR ZA PL NL CZ HU AT CY DK EE FI IE IS JP MX NO NZ PT RO"
    " SG SI TR UY".split()
)
_QUAD: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}\Z")
_LOCAL: Final = re.compile(r"[0-9]{3}[ -][0-9]{4}\Z")
_SPACED: Final = re.compile(r"[0-9][ .()/-]{1,2}[0-9]")


@lru_cache(maxsize=4096)
def _valid(number: str) -> bool:
    """Whether one of the larger countries has such a number, by libphonenumber's tables."""
    import phonenumbers

    library: Any = phonenumbers
    for region in _REGIONS:
        try:
            if library.is_valid_number(library.parse(number, region)):
                return True
        except library.NumberParseException:
            return False
    return False


def phone_near(text: str, end: int) -> Span | None:
    """A number as people write them after such a word; the anchor ends seven characters in."""
    start = end - 7
    found = _LINE.match(text, start)
    if found is None or _DATE.match(text, start) or _QUAD.match(found.group()):
        return None
    number = found.group()
    written = _SPACED.search(number) or number[0] in "0+("
    least = 7 if _LOCAL.match(number) else 8
    if not written or sum(c.isdigit() for c in number) < least or not _valid(number):
        return None
    return start, found.end()


_AFTER_WORDS: Final = r"(?i)[0-9][ \t]{0,2}[-(,]?[ \t]?(?:office|fax|mobile|cell|phone|landline)\b"
_BACK: Final = re.compile(r"(?<![\w.+-])[(+]{0,2}[0-9](?:[ ()./-]{0,3}+[0-9]){6,14}\Z")


def phone_before(text: str, end: int) -> Span | None:
    """A number that a word behind it calls a phone; the anchor ends with that word."""
    last = end - 1
    while not text[last].isdigit():
        last -= 1
    low = max(0, last - 28, text.rfind("\n", 0, last) + 1)
    found = _BACK.search(text, low, last + 1)
    return None if found is None or _DATE.match(found.group()) else found.span()


PHONES: Final = (
    Rule("phone abroad", "PHONE_NUMBER", r"\+[0-9][0-9 ()./-]{7}", phone_abroad, 0.9),
    Rule("phone dialled", "PHONE_NUMBER", r"\b00[1-9][0-9 (/.-][0-9 ()./-]{6}", phone_dialled, 0.75),
    Rule("phone home", "PHONE_NUMBER", r"\b[0-9]{3}[ .-][0-9]{3}[ .-][0-9]{4}\b", phone_home, 0.75),
    Rule("phone home, extended", "PHONE_NUMBER", r"\b[0-9]{3}[ .-][0-9]{3}[ .-][0-9]{4}x", phone_long, 0.75),
    Rule("phone area", "PHONE_NUMBER", r"\([0-9]{3}\)[ -]?[0-9]{3}[ .-]?[0-9]{4}", phone_area, 0.75),
    Rule("phone named", "PHONE_NUMBER", _PHONE_WORDS, phone_named, 0.7),
    Rule("phone near a word", "PHONE_NUMBER", _WEAK_WORDS, phone_near, 0.5),
    Rule("phone before a word", "PHONE_NUMBER", _AFTER_WORDS, phone_before, 0.6),
)
