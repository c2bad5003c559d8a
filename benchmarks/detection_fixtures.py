"""Labelled texts made here from public formats: nobody's data, the same every time."""

from __future__ import annotations

import base64
import json
import random
from importlib import import_module
from typing import Any
from urllib.parse import quote

from toolgate.detect.figures import IBAN_LENGTHS, iban, luhn, ssn

Row = dict[str, Any]
DIGITS = "0123456789"
UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LOWER = UPPER.lower()
ALNUM = UPPER + LOWER + DIGITS
HEX = "0123456789abcdef"

# Beginning and length of what each network issues.
CARDS = [
    ("4", 16),
    ("4", 13),
    ("4", 19),
    ("51", 16),
    ("55", 16),
    ("2221", 16),
    ("2720", 16),
    ("34", 15),
    ("37", 15),
]
CARDS += [
    ("6011", 16),
    ("65", 16),
    ("3528", 16),
    ("3589", 16),
    ("2131", 15),
    ("1800", 15),
    ("36", 14),
    ("38", 14),
]
CARDS += [("5018", 16), ("6304", 16), ("6759", 19), ("62", 16)]
REGIONS = ("US", "GB", "DE", "FR", "IN", "BR", "JP", "AU", "ZA", "SE", "CH", "ES", "IT", "PL", "NL", "MX")

PROSE = {
    "CREDIT_CARD": (
        "Please charge {} for the order.",
        "card: {}",
        "{} was declined yesterday",
        "my visa {}, exp 12/29",
    ),
    "EMAIL_ADDRESS": ("Write to {}.", "from {} to the team", "<{}>"),
    "IBAN_CODE": ("Transfer it to {} today.", "IBAN: {}", "account {}, thanks"),
    "US_SSN": ("SSN {}", "his social security number is {}.", "ssn: {}, born in May"),
    "IP_ADDRESS": ("Connection from {} refused", "host {}", "ping {} works"),
    "URL": ("See {} for more.", "the page {} is down", "My website is {}"),
    "PHONE_NUMBER": (
        "Call me at {}.",
        "Phone: {}",
        "please ring {} after five",
        "mobile {}",
        "Tel. {}",
        "Fax: {}",
    ),
}
HARMLESS = (
    "build 1732158439123 took {n} ms at 2024-11-05T12:34:56Z",
    "commit 3f786850e387550fdab836ed7e6dc881de23001b in v1.2.{n}",
    "order {n}-{n}, 3 items, total 129.95 EUR",
    "see section 4.1.1.1 of the guide, page {n}",
    "id 550e8400-e29b-41d4-a716-4466554400{n}",
)


def card(chance: random.Random) -> str:
    start, size = chance.choice(CARDS)
    body = start + "".join(chance.choices(DIGITS, k=size - len(start) - 1))
    number = next(body + last for last in DIGITS if luhn(body + last))
    joint = chance.choice(("", " ", "-")) if size == 16 else ""
    return joint.join(number[at : at + 4] for at in range(0, size, 4)) if joint else number


def account(chance: random.Random) -> str:
    country = chance.choice(("DE", "GB", "FR", "NL", "ES", "NO", "CH", "PL"))
    rest = "".join(chance.choices(DIGITS, k=IBAN_LENGTHS[country] - 4))
    number = next(f"{country}{n:02}{rest}" for n in range(2, 99) if iban(f"{country}{n:02}{rest}"))
    return number if chance.random() < 0.5 else " ".join(number[i : i + 4] for i in range(0, len(number), 4))


def social(chance: random.Random) -> str:
    while True:
        area, group, serial = (
            f"{chance.randrange(1000):03}",
            f"{chance.randrange(100):02}",
            f"{chance.randrange(10000):04}",
        )
        if ssn(area, group, serial):
            return f"{area}-{group}-{serial}"


def phone(chance: random.Random) -> str:
    library: Any = import_module("phonenumbers")
    region = chance.choice(REGIONS)
    example = library.example_number_for_type(region, chance.choice((0, 1)))
    style = (
        library.PhoneNumberFormat.INTERNATIONAL
        if chance.random() < 0.6
        else library.PhoneNumberFormat.NATIONAL
    )
    return str(library.format_number(example, style))


def word(chance: random.Random) -> str:
    return "".join(chance.choices(LOWER, k=chance.randrange(4, 10)))


def personal(chance: random.Random, entity: str) -> str:
    """One value of an entity."""
    match entity:
        case "CREDIT_CARD":
            return card(chance)
        case "IBAN_CODE":
            return account(chance)
        case "US_SSN":
            return social(chance)
        case "PHONE_NUMBER":
            return phone(chance)
        case "EMAIL_ADDRESS":
            return (
                f"{word(chance)}.{word(chance)}@{word(chance)}.{chance.choice(('com', 'org', 'de', 'co.uk'))}"
            )
        case "IP_ADDRESS":
            return ".".join(str(chance.randrange(11, 100)) for _ in range(4))
        case _:
            scheme = chance.choice(("https://", "http://www.", "www."))
            return f"{scheme}{word(chance)}.{chance.choice(('com', 'org', 'de'))}/"


def pii(chance: random.Random) -> list[Row]:
    rows: list[Row] = []
    for _ in range(60):
        for entity, sentences in PROSE.items():
            value = personal(chance, entity)
            before, after = chance.choice(sentences).split("{}")
            rows.append(
                {"text": before + value + after, "spans": [[len(before), len(before) + len(value), entity]]}
            )
        text = chance.choice(HARMLESS).replace("{n}", str(chance.randrange(10, 99)))
        rows.append({"text": text, "spans": []})
    return rows


# Beginning, alphabet and length of what follows, as the makers document them.
TOKENS = [
    ("AKIA", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16),
    ("ghp_", ALNUM, 36),
    ("gho_", ALNUM, 36),
    ("glpat-", ALNUM, 20),
    ("sk_live_", ALNUM, 24),
    ("rk_live_", ALNUM, 24),
    ("AIza", ALNUM, 35),
    ("npm_", ALNUM, 36),
    ("hf_", UPPER + LOWER, 34),
    ("SG." + "a1B2c3D4e5F6g7H8i9J0k1" + ".", ALNUM, 43),
    ("dop_v1_", HEX, 64),
    ("shpat_", HEX, 32),
    ("dapi", HEX, 32),
    ("lin_api_", ALNUM, 40),
    ("rubygems_", HEX, 48),
    ("sbp_", HEX, 40),
    ("glsa_", ALNUM, 32),
    ("tvly-", ALNUM, 32),
    ("xoxb-781236542736-2364535789652-", ALNUM, 24),
    ("hvs.", ALNUM, 24),
    ("pul-", HEX, 40),
    ("gsk_", ALNUM, 52),
]
CARRIERS = (
    "{}",
    'key = "{}"',
    "export TOKEN={}",
    '{{"token": "{}"}}',
    "use {} for now",
    "Authorization: Bearer {}",
)
LOOK_ALIKES = (
    "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "token = ${TOKEN}",
    "AKIAIOSFODNN7EXAMPLE",
    'api_key = os.environ["KEY"]',
    "password: <your password>",
    "sk_test_your_key_here",
    "next_token = page.next_token()",
    "public_key_token=b77a5c561934e089",
    "export GITHUB_TOKEN=$(gh auth token)",
    "secret_name = my-app-secret",
    "xoxb-your-token-here",
    "the token expires at noon",
    'credentialsId: "deploy-prod"',
    "max_tokens=4096",
    "token_type: bearer",
    "password = getpass.getpass()",
    "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
    "kms_key: arn:aws:kms:eu-west-1:111122223333:key/abc",
    "API_TOKEN=changeme",
    "AUTH_TOKEN=********",
    "token: ${{ secrets.GITHUB_TOKEN }}",
    "key = AKIAXXXXXXXXXXXXXXXX",
)


def tokens(chance: random.Random) -> list[Row]:
    rows: list[Row] = []
    for start, alphabet, size in TOKENS:
        for _ in range(4):
            value = start + "".join(chance.choices(alphabet, k=size))
            rows.append({"label": "secret", "text": chance.choice(CARRIERS).format(value)})
    return rows + [{"label": "clean", "text": text} for text in LOOK_ALIKES]


def tool_output(chance: random.Random) -> list[Row]:
    """Results of a password manager, as JSON text."""
    rows: list[Row] = []
    for _ in range(40):
        values = ["".join(chance.choices(ALNUM + "!#$%&*", k=chance.randrange(8, 16))) for _ in range(3)]
        entries = [
            {"site": f"{word(chance)}.com", "user": word(chance), "password": value} for value in values
        ]
        text = json.dumps(entries, indent=chance.choice((None, 2)))
        spans = [
            [text.index(json.dumps(v)) + 1, text.index(json.dumps(v)) + 1 + len(v), "PASSWORD"]
            for v in values
        ]
        rows.append({"tool_output": text, "spans": spans})
    return rows


def FIXTURES() -> dict[str, list[Row]]:  # noqa: N802 - read as a constant: it is the same every time
    """Every set, by the name of the file it stands for."""
    chance = random.Random(20)
    return {
        "pii_presidio": pii(chance),
        "secrets_gitleaks": tokens(chance),
        "secrets_tool_output": tool_output(chance),
    }


def known_forms() -> dict[str, list[tuple[str, str, tuple[int, int]]]]:
    """Form to (value, text that holds it in this form, where)."""
    chance = random.Random(30)
    values = ["".join(chance.choices(ALNUM + '/+&"\\ ä€', k=chance.randrange(12, 40))) for _ in range(40)]
    written = {
        "raw": lambda v: v,
        "base64": lambda v: base64.b64encode(v.encode()).decode().rstrip("="),
        "URL": lambda v: quote(v, safe=""),
        "hex": lambda v: v.encode().hex(),
        "JSON-escaped": lambda v: json.dumps(v)[1:-1],
    }
    return {
        form: [(v, f"got <{write(v)}> back", (5, 5 + len(write(v)))) for v in values]
        for form, write in written.items()
    }
