"""vCards, RFC 2426 (3.0) and RFC 6350 (4.0), as far as contacts here need them; no I/O.

What is not ours to change is kept, line for line.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from toolgate_servers.actions.crm.contact import MAX_EACH, MAX_LINE, MAX_NOTE, Fields
from toolgate_servers.actions.plaintext import one_line, plain
from toolgate_servers.net import bad_answer

MAX_LINES = 2000
FOLD = 75

# RFC 6350 3.3: [group.]name *(;param) : value, where a quoted parameter may hold ; and :
LINE = re.compile(
    r'(?:(?P<group>[A-Za-z0-9-]+)\.)?(?P<name>[A-Za-z0-9-]+)(?P<params>(?:;(?:"[^"]*"|[^":])*)?):(?P<value>.*)',
    re.DOTALL,
)
ESCAPED = re.compile(r"\\(.)", re.DOTALL)
# Line ends to some reader or other. Python's str.splitlines knows them all.
BREAKS = re.compile(r"\r\n|[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
PROPERTIES = {
    "name": "FN",
    "emails": "EMAIL",
    "phones": "TEL",
    "organization": "ORG",
    "title": "TITLE",
    "note": "NOTE",
}


def read(card: str) -> Fields:
    """Read the first card of a text.

    Raises:
        Refused: BAD_ANSWER, when it is not one.
    """
    found: dict[str, list[str]] = {}
    for line in _lines(card):
        if match := LINE.fullmatch(line):
            found.setdefault(match["name"].upper(), []).append(match["value"])
    return Fields(
        name=one_line(_first(found, "FN"), MAX_LINE),
        emails=tuple(one_line(_unescaped(value), MAX_LINE) for value in found.get("EMAIL", ())[:MAX_EACH]),
        phones=tuple(_phone(value) for value in found.get("TEL", ())[:MAX_EACH]),
        organization=one_line(_unescaped(re.split(r"(?<!\\);", found.get("ORG", [""])[0])[0]), MAX_LINE),
        title=one_line(_first(found, "TITLE"), MAX_LINE),
        note=plain(_first(found, "NOTE"), MAX_NOTE),
    )


def uid(card: str) -> str:
    """Give the UID of a card, or nothing."""
    matches = [match for line in _lines(card) if (match := LINE.fullmatch(line))]
    return next((match["value"] for match in matches if match["name"].upper() == "UID"), "")


def write(card_uid: str, fields: Fields) -> str:
    """Make a card of version 3.0, which every server takes (RFC 6352 5.1)."""
    values = {field: getattr(fields, field) for field in PROPERTIES}
    lines = [line for field, value in values.items() for line in _properties(field, value)]
    return _folded(["BEGIN:VCARD", "VERSION:3.0", f"UID:{card_uid}", *lines, "END:VCARD"])


def changed(card: str, changes: Mapping[str, Any]) -> str:
    """Give the card with some fields changed and everything else as it is."""
    replaced = {PROPERTIES[field] for field in changes} | {"N" for field in changes if field == "name"}
    kept = [line for line in _lines(card) if _named(line) not in replaced]
    new = [line for field, value in changes.items() for line in _properties(field, value)]
    return _folded([*kept[:-1], *new, kept[-1]])


def _lines(card: str) -> list[str]:
    """Unfold the first card of a text into its lines."""
    lines = re.sub(r"\r?\n[ \t]", "", card).replace("\r\n", "\n").strip("\n").split("\n")
    upper = [line.strip().upper() for line in lines[:MAX_LINES]]
    if len(lines) > MAX_LINES or upper[0] != "BEGIN:VCARD" or upper.count("BEGIN:VCARD") != 1:
        raise bad_answer("something that is not one vCard", "one vCard")
    if upper[-1] != "END:VCARD":
        raise bad_answer("a vCard without an end", "a whole vCard")
    return lines


def _named(line: str) -> str:
    match = LINE.fullmatch(line)
    return match["name"].upper() if match else ""


def _first(found: Mapping[str, list[str]], name: str) -> str:
    return _unescaped(found.get(name, [""])[0])


def _phone(value: str) -> str:
    return one_line(_unescaped(value).removeprefix("tel:"), MAX_LINE)


def _properties(field: str, value: Any) -> list[str]:
    name = PROPERTIES[field]
    values = [value] if isinstance(value, str) else list(value)
    lines = [f"{name}:{_escaped(one)}" for one in values if one]
    return [*lines, _structured(str(value))] if field == "name" else lines


def _structured(name: str) -> str:
    """RFC 2426 3.1.2: a card has the name in parts too; the last word is taken for the family's."""
    given, _, family = name.rpartition(" ")
    return f"N:{_escaped(family)};{_escaped(given)};;;"


def _escaped(value: str) -> str:
    """RFC 6350 3.4: no character of a value ends it or begins another line."""
    for letter in ("\\", ",", ";"):
        value = value.replace(letter, f"\\{letter}")
    return BREAKS.sub(r"\\n", value)


def _unescaped(value: str) -> str:
    return ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], value)


def _folded(lines: list[str]) -> str:
    """RFC 6350 3.2: lines of at most 75 octets, never broken within a character."""
    return "".join(f"{part}\r\n" for line in lines for part in _parts(line))


def _parts(line: str) -> Iterator[str]:
    start = room = 0
    for number, letter in enumerate(line):
        room += len(letter.encode())
        if room > FOLD:
            yield f"{' ' if start else ''}{line[start:number]}"
            start, room = number, 1 + len(letter.encode())
    yield f"{' ' if start else ''}{line[start:]}"
