"""Values written so that a pattern does not see them: what is found all the same, and what is not."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from toolgate.core.model import Finding
from toolgate.core.policy import Action, Actions
from toolgate.core.redact import redact
from toolgate.core.streams import Stream
from toolgate.core.texts import texts
from toolgate.detect.engine import Engine
from toolgate.detect.matchers import Hyperscan, Re2

PAGE = Path(__file__).resolve().parents[2] / "docs" / "detection.md"
WANTED = frozenset(
    {"CREDIT_CARD", "EMAIL_ADDRESS", "IBAN_CODE", "US_SSN", "PHONE_NUMBER", "IP_ADDRESS", "SECRET"}
)
CARD, MAIL, TOKEN = "4111111111111111", "jane.doe@example.com", "ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
GROUPS = "4111 1111 1111 1111"
KNOWN = "correct-horse/battery staple"
WIDE = str.maketrans("0123456789@.abcdeghjlmnop_", "０１２３４５６７８９＠．ａｂｃｄｅｇｈｊｌｍｎｏｐ＿")
ARABIC, DEVANAGARI = (str.maketrans("0123456789", digits) for digits in ("٠١٢٣٤٥٦٧٨٩", "०१२३४५६७८९"))
BOLD = str.maketrans("0123456789", "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗")
CIRCLED = str.maketrans("123456789", "①②③④⑤⑥⑦⑧⑨")
CYRILLIC = str.maketrans("aeopcxy", "аеорсху")


@dataclass(frozen=True)
class Case:
    """One way to hide a value: how it is called, the message, what must be found in it."""

    group: str
    name: str
    value: Any
    entity: str
    caught: bool = True


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def two_bytes(text: str) -> str:
    """As PowerShell encodes a command."""
    return base64.b64encode(text.encode("utf-16-le")).decode()


def escaped(text: str) -> str:
    return "".join(f"\\u{ord(letter):04x}" for letter in text)


def percent(text: str) -> str:
    return "".join(f"%{ord(letter):02X}" for letter in text)


def blocks(*parts: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": part} for part in parts]}


def between(text: str, mark: str) -> str:
    return mark.join(text)


NUMBERS = "numbers, keys, nesting"
LETTERS = "letters and digits"
INVISIBLE = "invisible characters"
ENCODED = "encodings"
SPLIT = "splits"
STREAMS = "streams"
CARDS, MAILS, SECRETS = "CREDIT_CARD", "EMAIL_ADDRESS", "SECRET"

CASES = [
    Case(LETTERS, "card in full-width digits", CARD.translate(WIDE), CARDS),
    Case(LETTERS, "card in groups of full-width digits", GROUPS.translate(WIDE), CARDS),
    Case(LETTERS, "card in Arabic digits", CARD.translate(ARABIC), CARDS),
    Case(LETTERS, "card in Devanagari digits", CARD.translate(DEVANAGARI), CARDS),
    Case(LETTERS, "card in mathematical bold digits", CARD.translate(BOLD), CARDS),
    Case(LETTERS, "card in circled digits", CARD.translate(CIRCLED), CARDS),
    Case(LETTERS, "card with one full-width digit", "４" + CARD[1:], CARDS),
    Case(LETTERS, "card with no-break spaces", GROUPS.replace(" ", "\u00a0"), CARDS),
    Case(LETTERS, "card with narrow no-break spaces", GROUPS.replace(" ", "\u202f"), CARDS),
    Case(LETTERS, "card with en dashes", GROUPS.replace(" ", "–"), CARDS),
    Case(LETTERS, "card with minus signs", GROUPS.replace(" ", "−"), CARDS),
    Case(LETTERS, "social security number with figure dashes", "SSN 219‒09‒9999", "US_SSN"),
    Case(LETTERS, "mailbox with a full-width at sign", MAIL.replace("@", "＠"), MAILS),
    Case(LETTERS, "mailbox with a small at sign", MAIL.replace("@", "﹫"), MAILS),
    Case(LETTERS, "mailbox with a one-dot leader", MAIL.replace(".com", "․com"), MAILS),
    Case(LETTERS, "mailbox in full width", MAIL.translate(WIDE), MAILS),
    Case(LETTERS, "mailbox with Cyrillic letters", MAIL.translate(CYRILLIC), MAILS),
    Case(LETTERS, "name of a password with Cyrillic letters", "pаsswоrd = hunter2hunter9", SECRETS),
    Case(LETTERS, "token with Cyrillic letters", TOKEN.replace("c", "с").replace("a", "а"), SECRETS),
    Case(LETTERS, "token with a Greek letter", TOKEN.replace("o", "ο"), SECRETS),
    Case(LETTERS, "token with full-width letters", TOKEN.translate(WIDE), SECRETS),
    Case(LETTERS, "IBAN with full-width letters", "ＧＢ82 WEST 1234 5698 7654 32", "IBAN_CODE"),
    Case(LETTERS, "phone with a full-width plus", "＋44 20 7946 0958", "PHONE_NUMBER"),
    Case(LETTERS, "IP address in full-width digits", "from 8.8.4.4".translate(WIDE), "IP_ADDRESS"),
    Case(INVISIBLE, "card with zero-width spaces", between(CARD, "\u200b"), CARDS),
    Case(INVISIBLE, "card with zero-width joiners", between(CARD, "\u200d"), CARDS),
    Case(INVISIBLE, "card with word joiners", between(GROUPS, "\u2060"), CARDS),
    Case(INVISIBLE, "card with soft hyphens", CARD[:8] + "\u00ad" + CARD[8:], CARDS),
    Case(INVISIBLE, "card with byte-order marks", between(CARD, "\ufeff"), CARDS),
    Case(INVISIBLE, "card with marks of direction", f"\u202d{CARD[:6]}\u202c{CARD[6:]}", CARDS),
    Case(INVISIBLE, "card with combining strokes", between(CARD, "\u0336"), CARDS),
    Case(INVISIBLE, "card with variation selectors", between(CARD, "\ufe0f"), CARDS),
    Case(INVISIBLE, "card in tag characters", "".join(chr(0xE0000 + ord(d)) for d in CARD), CARDS),
    Case(INVISIBLE, "mailbox with a zero-width space", MAIL.replace("@", "\u200b@"), MAILS),
    Case(INVISIBLE, "token with a soft hyphen", TOKEN[:9] + "\u00ad" + TOKEN[9:], SECRETS),
    Case(INVISIBLE, "known value with zero-width spaces", between(KNOWN, "\u200b"), SECRETS),
    Case(ENCODED, "card in JSON escapes", escaped(CARD), CARDS),
    Case(ENCODED, "mailbox with a JSON escape", MAIL.replace("@", "\\u0040"), MAILS),
    Case(
        ENCODED,
        "mailbox in JSON inside JSON",
        json.dumps(json.dumps({"m": MAIL.replace("@", "\\u0040")})),
        MAILS,
    ),
    Case(ENCODED, "card in escapes of full-width digits", escaped(CARD.translate(WIDE)), CARDS),
    Case(ENCODED, "card with escaped zero-width spaces", between(CARD, "\\u200b"), CARDS),
    Case(ENCODED, "mailbox with a hexadecimal escape", MAIL.replace("@", "\\x40"), MAILS),
    Case(
        ENCODED,
        "slack webhook with escaped slashes",
        "https:\\/\\/hooks.slack.com\\/services\\/T0AB12CD3\\/B0AB12CD3\\/x8Zk",
        SECRETS,
    ),
    Case(ENCODED, "mailbox with a URL-encoded at sign", f"?to={quote(MAIL)}&x=1", MAILS),
    Case(ENCODED, "mailbox URL-encoded twice", quote(quote(MAIL, safe=""), safe=""), MAILS),
    Case(ENCODED, "card wholly URL-encoded", percent(CARD), CARDS),
    Case(ENCODED, "card with URL-encoded blanks", quote(GROUPS), CARDS),
    Case(ENCODED, "token behind a URL-encoded sign", f"next=%3Fkey%3D{TOKEN}", SECRETS),
    Case(ENCODED, "mailbox with a decimal HTML entity", MAIL.replace("@", "&#64;"), MAILS),
    Case(ENCODED, "mailbox with a hexadecimal HTML entity", MAIL.replace("@", "&#x40;"), MAILS),
    Case(ENCODED, "mailbox with named HTML entities", "jane&period;doe&commat;example&period;com", MAILS),
    Case(ENCODED, "password beside quoted HTML", "password=&quot;hunter2hunter9&quot;", SECRETS),
    Case(ENCODED, "card in base64", b64(f"card {CARD} exp 12/29"), CARDS),
    Case(ENCODED, "mailbox in base64 inside text", f"data: {b64('mail me: ' + MAIL)} end", MAILS),
    Case(ENCODED, "token in base64", b64(TOKEN), SECRETS),
    Case(
        ENCODED,
        "token in URL-safe base64",
        base64.urlsafe_b64encode(f"{TOKEN}??>>".encode()).decode(),
        SECRETS,
    ),
    Case(ENCODED, "card in base64 twice", b64(b64(f"card {CARD} exp 12/29")), CARDS),
    Case(ENCODED, "mailbox in a data address", "data:text/plain;base64," + b64(f"to {MAIL}, thanks"), MAILS),
    Case(
        ENCODED,
        "card in base64 lines",
        "\n".join(re.findall(".{1,76}", b64("x" * 70 + f" {CARD} " + "y" * 70))),
        CARDS,
    ),
    Case(
        ENCODED, "JSON in base64 with escapes", b64(json.dumps({"mail": MAIL}).replace("@", "\\u0040")), MAILS
    ),
    Case(
        ENCODED, "basic credentials in a header", "Authorization: Basic " + b64("ann:hunter2hunter9"), SECRETS
    ),
    Case(ENCODED, "known value in hexadecimal", KNOWN.encode().hex(), SECRETS),
    Case(ENCODED, "known value inside a longer base64", b64(f"a:{KNOWN}:b"), SECRETS),
    Case(NUMBERS, "card as a JSON number", {"card": int(CARD)}, CARDS),
    Case(NUMBERS, "card as a float", {"card": float(CARD)}, CARDS),
    Case(NUMBERS, "card as a number in a list", [[1, int(CARD)]], CARDS),
    Case(NUMBERS, "phone as a number below its name", {"phone": 4155550132}, "PHONE_NUMBER"),
    Case(NUMBERS, "card as a number in JSON text", {"text": json.dumps({"n": [int(CARD)]})}, CARDS),
    Case(NUMBERS, "card as a key", {CARD: 1}, CARDS),
    Case(NUMBERS, "mailbox as a key deep inside", [{"a": [{"b": {MAIL: None}}]}], MAILS),
    Case(NUMBERS, "password below its key", {"login": {"db_password": "hunter2!"}}, SECRETS),
    Case(
        NUMBERS,
        "password in JSON text in JSON text",
        {"text": json.dumps({"t": json.dumps({"password": "hunter2!x"})})},
        SECRETS,
    ),
    Case(
        NUMBERS,
        "value in an error's message",
        {"isError": True, "content": [{"type": "text", "text": f"no {MAIL}"}]},
        MAILS,
    ),
    Case(
        NUMBERS,
        "value in an embedded resource",
        {"content": [{"type": "resource", "resource": {"uri": "x:", "text": MAIL}}]},
        MAILS,
    ),
    Case(SPLIT, "card over two content blocks", blocks("pay 4111 1111", " 1111 1111 today"), CARDS),
    Case(SPLIT, "card over two blocks without a blank", blocks("pay 41111111", "11111111 today"), CARDS),
    Case(SPLIT, "mailbox over two content blocks", blocks("write to jane.doe@exam", "ple.com soon"), MAILS),
    Case(SPLIT, "token over two content blocks", blocks(f"it is {TOKEN[:17]}", f"{TOKEN[17:]} ok"), SECRETS),
    Case(
        SPLIT, "known value over two content blocks", blocks(f"it is {KNOWN[:9]}", f"{KNOWN[9:]} ok"), SECRETS
    ),
    Case(
        SPLIT,
        "private key in a list of lines",
        {"lines": ["-----BEGIN PRIVATE KEY-----", "MIIEowIBAAKCAQEA7bqF0zGk", "-----END PRIVATE KEY-----"]},
        SECRETS,
    ),
    Case(STREAMS, "mailbox over two progress texts", ["for jane.doe@exam", "ple.com now"], MAILS),
    Case(STREAMS, "card over two log texts", ["paid with 4111 1111 ", "1111 1111"], CARDS),
    Case(STREAMS, "card over three log texts", ["paid with 4111", " 1111 1111", " 1111."], CARDS),
    Case(STREAMS, "token over two log texts", [f"x {TOKEN[:20]}", f"{TOKEN[20:]} y"], SECRETS),
    Case(STREAMS, "known value over two log texts", [f"x {KNOWN[:8]}", f"{KNOWN[8:]} y"], SECRETS),
    Case(ENCODED, "card in octal escapes", "".join(f"\\{ord(d):o}" for d in CARD), CARDS),
    Case(ENCODED, "card in escapes of eight digits", "".join(f"\\U{ord(d):08x}" for d in CARD), CARDS),
    Case(ENCODED, "card in escapes with braces", "".join(f"\\u{{{ord(d):x}}}" for d in CARD), CARDS),
    Case(
        ENCODED,
        "mailbox in HTML entities without semicolons",
        "".join(f"&#{ord(letter)}" for letter in MAIL),
        MAILS,
    ),
    Case(ENCODED, "mailbox with Markdown escapes", "jane\\.doe\\@example\\.com", MAILS),
    Case(ENCODED, "token with a Markdown escape", TOKEN.replace("_", "\\_"), SECRETS),
    Case(ENCODED, "mailbox in base64 of two bytes a letter", two_bytes(MAIL), MAILS),
    Case(ENCODED, "token in colour", f"\x1b[32m{TOKEN}\x1b[0m", SECRETS),
    Case(ENCODED, "token with a part in colour", f"gh\x1b[01;31mp_\x1b[m{TOKEN[4:]}", SECRETS),
    Case(ENCODED, "token in colour in JSON", json.dumps(f"\x1b[32m{TOKEN}\x1b[0m"), SECRETS),
    Case(ENCODED, "long token behind a line break in JSON", f"x\\nglc_{TOKEN[4:] * 9}", SECRETS),
    Case(LETTERS, "token in bold", f"**{TOKEN}**", SECRETS),
    Case(LETTERS, "token before a fragment", f"https://example.com/?t={TOKEN}#a", SECRETS),
    Case(LETTERS, "token behind letters", f"abc{TOKEN}", SECRETS),
    Case(LETTERS, "token behind an underscore", f"_{TOKEN}", SECRETS),
    Case(LETTERS, "card behind an underscore", f"pan_{CARD}", CARDS),
    Case(LETTERS, "card with dots", GROUPS.replace(" ", "."), CARDS),
    Case(LETTERS, "card with slashes", GROUPS.replace(" ", "/"), CARDS),
    Case(LETTERS, "card with underscores", GROUPS.replace(" ", "_"), CARDS),
    Case(LETTERS, "card with tabs", GROUPS.replace(" ", "\t"), CARDS),
    Case(LETTERS, "card with spaced dashes", GROUPS.replace(" ", " - "), CARDS),
    Case(LETTERS, "card in groups of another network", "3782 8224 6310 005", CARDS),
    Case(LETTERS, "social security number with dots after its name", "SSN 219.09.9999", "US_SSN"),
    Case(LETTERS, "phone with spaced dashes", "+1 (415) 555 - 0132", "PHONE_NUMBER"),
    Case(
        STREAMS, "first half of a value already told", ["paid with 4111 1111", "later"], CARDS, caught=False
    ),
    Case(
        STREAMS,
        "value split further apart than 256 characters",
        ["4111 1111 1111 " + "." * 300, "1111"],
        CARDS,
        caught=False,
    ),
    Case(SPLIT, "card over three content blocks", blocks("4111", " 1111 1111", " 1111"), CARDS, caught=False),
    Case(SPLIT, "card over two items of a list", ["4111 1111", "1111 1111"], CARDS, caught=False),
    Case(SPLIT, "card over two keys", {"first": "41111111", "second": "11111111"}, CARDS, caught=False),
    Case(SPLIT, "card over two lines", "4111 1111\n1111 1111", CARDS, caught=False),
    Case(SPLIT, "token over two lines", f"{TOKEN[:20]}\n{TOKEN[20:]}", SECRETS, caught=False),
    Case(SPLIT, "token put together in code", f'"{TOKEN[:9]}" + "{TOKEN[9:]}"', SECRETS, caught=False),
    Case(SPLIT, "known value over two keys", {"a": KNOWN[:9], "b": KNOWN[9:]}, SECRETS, caught=False),
    Case(ENCODED, "mailbox in quoted-printable", MAIL.replace("@", "=40"), MAILS, caught=False),
    Case(ENCODED, "mailbox with a tag inside", MAIL.replace("@", "<wbr>@"), MAILS, caught=False),
    Case(ENCODED, "known value in capitals", KNOWN.upper(), SECRETS, caught=False),
    Case(ENCODED, "known value as a list of bytes", str(list(KNOWN.encode())), SECRETS, caught=False),
    Case(LETTERS, "token with accents", TOKEN.replace("a", "á"), SECRETS, caught=False),
    Case(LETTERS, "card in pairs", "41 11 11 11 11 11 11 11", CARDS, caught=False),
    Case(LETTERS, "card behind a letter", f"x{CARD}", CARDS, caught=False),
    Case(LETTERS, "mailbox with blanks round its sign", "jane.doe @ example.com", MAILS, caught=False),
    Case(ENCODED, "card in hexadecimal", CARD.encode().hex(), CARDS, caught=False),
    Case(ENCODED, "token in hexadecimal", TOKEN.encode().hex(), SECRETS, caught=False),
    Case(ENCODED, "token in base32", base64.b32encode(TOKEN.encode()).decode(), SECRETS, caught=False),
    Case(ENCODED, "mailbox in ROT13", "wnar.qbr ng rknzcyr.pbz", MAILS, caught=False),
    Case(ENCODED, "short value in base64", b64(MAIL[:12]), MAILS, caught=False),
    Case(ENCODED, "token reversed", TOKEN[::-1], SECRETS, caught=False),
    Case(LETTERS, "card in words", "four one one one, then twelve ones", CARDS, caught=False),
    Case(LETTERS, "card with a blank between all digits", between(CARD, " "), CARDS, caught=False),
    Case(LETTERS, "card with a letter for a digit", CARD.replace("1", "l"), CARDS, caught=False),
    Case(LETTERS, "mailbox written out", "jane dot doe at example dot com", MAILS, caught=False),
    Case(LETTERS, "mailbox with brackets", "jane.doe[at]example[dot]com", MAILS, caught=False),
    Case(LETTERS, "password in prose", "the password is open sesame", SECRETS, caught=False),
    Case(NUMBERS, "card as a number with a fraction", {"card": 411111111111.1}, CARDS, caught=False),
    Case(NUMBERS, "card as two numbers", [41111111, 11111111], CARDS, caught=False),
]


@pytest.fixture(params=[Hyperscan, Re2], scope="module")
def engine(request: pytest.FixtureRequest) -> Engine:
    """One engine of each kind, knowing one value."""
    made = Engine(request.param)
    made.register(KNOWN)
    return made


def streamed(engine: Engine, messages: list[str]) -> list[tuple[Finding, ...]]:
    """What is found in each of the texts of one stream."""
    stream, found = Stream(), list[tuple[Finding, ...]]()
    for text in messages:
        leaves = texts(text)
        found.append(stream.own(engine.find(stream.joined(leaves), WANTED), leaves))
    return found


def entities(engine: Engine, value: Any, group: str = "") -> set[str]:
    if group == STREAMS:
        return {finding.entity for found in streamed(engine, value) for finding in found}
    return {finding.entity for finding in engine.find(texts(value), WANTED)}


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.caught and case.group != STREAMS], ids=lambda case: case.name
)
def test_what_is_hidden_is_found_and_masked(engine: Engine, case: Case) -> None:
    leaves = texts(case.value)
    findings = [finding for finding in engine.find(leaves, WANTED) if finding.entity == case.entity]
    assert findings
    masked = redact(case.value, findings, Actions({}, Action.MASK), leaves)
    assert case.entity not in entities(engine, masked)
    for finding in findings:
        if finding.leaf not in leaves.numbers:
            assert leaves[finding.leaf][finding.start : finding.end] not in texts(masked)


@pytest.mark.parametrize("case", [case for case in CASES if not case.caught], ids=lambda case: case.name)
def test_what_is_known_not_to_be_found_is_not(engine: Engine, case: Case) -> None:
    assert case.entity not in entities(engine, case.value, case.group)


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.caught and case.group == STREAMS], ids=lambda case: case.name
)
def test_what_ends_in_a_later_text_of_a_stream_is_found_there(engine: Engine, case: Case) -> None:
    found = streamed(engine, case.value)
    assert [finding.entity for finding in found[-1]] == [case.entity]
    assert found[-1][0].start == 0
    assert not any(found[:-1])


@pytest.mark.parametrize(
    "text",
    [
        "Größe, Übung, naïve café, “quotes” — and a dash",
        "Обычный русский текст с числом 12 и словом API",
        "普通の日本語のテキスト、１２時３０分",
        "https://example.com/a%20b?c=%2Fd%2Fe&amp;x=1 50% & more",
        'C:\\users\\xavier\\new "quoted" \\u00e9',
        "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "550e8400-e29b-41d4-a716-446655440000 some/long/path/of/a/file/in/a/tree",
        b64("nothing at all in this perfectly ordinary sentence"),
    ],
)
def test_ordinary_text_in_other_letters_and_encodings_is_left_alone(engine: Engine, text: str) -> None:
    assert engine.find(texts({"text": text}), WANTED) == ()


def test_two_ordinary_blocks_are_not_read_as_one(engine: Engine) -> None:
    assert entities(engine, blocks("ends with 4111", "1111 items")) == set()
    assert entities(engine, blocks("see file@", "home")) == set()


def test_the_stretch_that_is_masked_is_the_one_that_was_written(engine: Engine) -> None:
    value = f"before {CARD.translate(WIDE)} \u200bafter %41"
    masked = redact(value, engine.find(texts(value), WANTED), Actions({}, Action.MASK))
    assert masked == "before <CREDIT_CARD> \u200bafter %41"


def table() -> str:
    """The table of docs/detection.md."""
    ordered = sorted(CASES, key=lambda case: (not case.caught, case.group))
    rows = [f"| {case.group} | {case.name} | {'yes' if case.caught else '**no**'} |" for case in ordered]
    return "\n".join(["| group | how it is written | found |", "|---|---|---|", *rows])


def test_the_page_lists_every_case_as_it_is() -> None:
    assert len(CASES) >= 60
    assert len({case.name for case in CASES}) == len(CASES)
    assert table() in PAGE.read_text(encoding="utf-8")
