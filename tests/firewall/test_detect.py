"""What is found in a message, by either engine: the same things at the same places."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Sequence

import pytest

from toolgate.core.model import Finding
from toolgate.core.policy import ENTITIES, Action, Actions
from toolgate.core.redact import redact
from toolgate.core.texts import texts
from toolgate.detect import matchers
from toolgate.detect.engine import ENTITIES as FOUND
from toolgate.detect.engine import Engine
from toolgate.detect.matchers import Compile, Hyperscan, Re2
from toolgate.errors import PortDown

ALL = FOUND - {"URL"}
CARD = "4111 1111 1111 1111"
MASK = Actions({}, Action.MASK)


@pytest.fixture(params=[Hyperscan, Re2], scope="module")
def engine(request: pytest.FixtureRequest) -> Engine:
    """One engine of each kind."""
    compile_patterns: Compile = request.param
    return Engine(compile_patterns)


def seen(engine: Engine, *leaves: str, entities: frozenset[str] = ALL) -> list[tuple[str, str]]:
    """Entity and text of everything found."""
    found = engine.find(leaves, entities)
    return [(finding.entity, leaves[finding.leaf][finding.start : finding.end]) for finding in found]


@pytest.mark.parametrize(
    ("entity", "text", "what"),
    [
        ("EMAIL_ADDRESS", "write to jane.doe@example.com.", "jane.doe@example.com"),
        ("EMAIL_ADDRESS", "mailto:a+b@mail.example.co.uk?subject=x", "a+b@mail.example.co.uk"),
        ("EMAIL_ADDRESS", "грета jösé@exämple.com", "jösé@exämple.com"),
        ("CREDIT_CARD", f"card {CARD} declined", CARD),
        ("CREDIT_CARD", "4111-1111-1111-1111", "4111-1111-1111-1111"),
        ("CREDIT_CARD", "x=4111111111111111;", "4111111111111111"),
        ("CREDIT_CARD", "3782 822463 10005", "3782 822463 10005"),
        ("CREDIT_CARD", "2223003122003222", "2223003122003222"),
        ("CREDIT_CARD", "4000 0000 0000 0000 006", "4000 0000 0000 0000 006"),
        ("CREDIT_CARD", "3056 930902 5904", "3056 930902 5904"),
        ("CREDIT_CARD", "Maestro card 501800000009", "501800000009"),
        ("CREDIT_CARD", "4111 1111 1111 1111 12/27 123", CARD),
        ("CREDIT_CARD", "501800000009 was charged", "501800000009"),
        ("CREDIT_CARD", "3112000000000009", "3112000000000009"),
        ("IBAN_CODE", "IBAN GB82 WEST 1234 5698 7654 32.", "GB82 WEST 1234 5698 7654 32"),
        ("IBAN_CODE", "DE89370400440532013000 AND MORE", "DE89370400440532013000"),
        ("US_SSN", "SSN 219-09-9999 on file", "219-09-9999"),
        ("US_SSN", "social security number: 219099999", "219099999"),
        ("IP_ADDRESS", "from 8.8.4.4:53", "8.8.4.4"),
        ("IP_ADDRESS", "at 2001:4860:4860::8888.", "2001:4860:4860::8888"),
        ("PRIVATE_IP_ADDRESS", "on 192.168.1.20", "192.168.1.20"),
        ("PRIVATE_IP_ADDRESS", "on fe80::1", "fe80::1"),
        ("PHONE_NUMBER", "reach +1 415 555 0132 today", "+1 415 555 0132"),
        ("PHONE_NUMBER", "+44 20 7946 0958", "+44 20 7946 0958"),
        ("PHONE_NUMBER", "at 415-555-0132 x12", "415-555-0132 x12"),
        ("PHONE_NUMBER", "(415) 555-0132", "(415) 555-0132"),
        ("PHONE_NUMBER", "Phone: 0311 5550132", "0311 5550132"),
    ],
)
def test_personal_data_is_found_whole(engine: Engine, entity: str, text: str, what: str) -> None:
    assert seen(engine, text) == [(entity, what)]
    assert seen(engine, f"ü😀 {text} ü😀") == [(entity, what)], "offsets count characters, not bytes"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\x00\x1e\x1e\n",
        "no data at all",
        "epoch ms 1732158439123 and us 1732158439123456 and ns 1732158439123456789",
        "550e8400-e29b-41d4-a716-446655440000",
        "41111111-1111-1111-1111-501800000009",
        "order 4111111111111112 and 1234567890123456",
        "0000 0000 0000 0000",
        "4111 1111-1111 1111",
        "1.4111111111111111",
        "order 501800000009",
        "GB83 WEST 1234 5698 7654 32",
        "ZZ82 WEST 1234 5698 7654 32",
        "000-12-3456 666-12-3456 900-12-3456 123-00-4567 123-45-0000",
        "2024-123-45-6789-1",
        "version v1.2.3.4 and 1.2.3.4.5 and 256.1.1.1 and 1.2.3.04",
        "std::vector<int> a::b::c 12:34:56 and 00:1a:2b:3c:4d:5e",
        "@decorator user@ a@b @ logo@2x.png",
        "2024-11-05 12:34:56 +0000",
        "1-800",
        "call 2024-11-05",
        "115-555-0132 and 415-055-0132 and 415-555.0132",
        "+1753-06251",
    ],
)
def test_what_only_looks_like_personal_data_is_left_alone(engine: Engine, text: str) -> None:
    assert seen(engine, text) == []


SECRETS = [
    ("AKIA" + "QWERTYUIOP234567", "aws access key"),
    ("ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8", "github token"),
    ("glpat-" + "Ab1Cd2Ef3Gh4Ij5Kl6Mn", "gitlab token"),
    ("xoxb-" + "123456789012-abcdefghijkl", "slack token"),
    ("sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc", "stripe key"),
    ("sk-proj-" + "Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8", "openai key"),
    ("sk-ant-api03-" + "Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0_" * 3 + "AA", "anthropic key"),
    ("AIza" + "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q", "google key"),
    ("npm_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8", "npm token"),
    ("pypi-AgEIcHlwaS5vcmc" + "CJDEyMzQ1Njc4LTkwYWItY2Rl", "pypi token"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0." + "dBjftJeZ4CVP_mB92K27uhbU", "jwt"),
]


@pytest.mark.parametrize(("token", "rule"), SECRETS)
def test_a_documented_token_is_found_with_the_name_of_its_rule(engine: Engine, token: str, rule: str) -> None:
    (finding,) = engine.find([f"is '{token}' ok"], frozenset({"SECRET"}))
    assert (finding.rule, finding.start, finding.end) == (rule, 4, 4 + len(token))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("password = hunter2!", "hunter2!"),
        ('{"password": "pass phrase 1"}', "pass phrase 1"),
        ('{"db_password":"s3cr3t"}', "s3cr3t"),
        (r"{\"apiKey\": \"a1b2c3d4e5\"}", "a1b2c3d4e5"),
        ("export API_KEY='a1b2c3d4e5'", "a1b2c3d4e5"),
        ("postgres://app:s3cr3t@db.example.com/x", "s3cr3t"),
        ("Authorization: Bearer abc123def456==", "abc123def456=="),
        ("client_secret: a1b2c3d4e5", "a1b2c3d4e5"),
    ],
)
def test_a_value_that_a_name_calls_secret_is_found_without_the_name(
    engine: Engine, text: str, what: str
) -> None:
    assert seen(engine, text, entities=frozenset({"SECRET"})) == [("SECRET", what)]


@pytest.mark.parametrize(
    "text",
    [
        "password: string",
        'password = os.environ["DB"]',
        "password = get_password()",
        '"password": "<SECRET>"',
        '"password": "${DB_PASSWORD}"',
        '"password": "must be at least 8 characters"',
        "password=********",
        "max_tokens: 4096",
        '"nextPageToken": "CAUQAA12345678"',
        '"token": "Hello"',
        "the secret of success",
        "postgres://app:<password>@db",
        "sk-" + "a" * 30,
        "ghp_short",
        "eyJhbGciOiJIUzI1NiJ9",
    ],
)
def test_talk_about_secrets_is_left_alone(engine: Engine, text: str) -> None:
    assert seen(engine, text, entities=frozenset({"SECRET"})) == []


PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA7bq\n4f0aZZa==\n-----END RSA PRIVATE KEY-----"


def test_a_private_key_is_found_from_its_first_line_to_its_last(engine: Engine) -> None:
    assert seen(engine, f"key:\n{PEM}\nrest") == [("SECRET", PEM)]
    assert seen(engine, PEM[:61] + "\nand nothing") == [("SECRET", PEM[:61])]


def test_a_private_key_in_a_list_of_lines_is_found_on_every_line(engine: Engine) -> None:
    lines = PEM.split("\n")
    value = {"lines": [*lines, "rest"]}
    masked = redact(value, engine.find(texts(value), frozenset({"SECRET"})), MASK)
    assert masked == {"lines": ["<SECRET>"] * len(lines) + ["rest"]}


def test_a_key_of_an_object_says_that_its_value_is_secret(engine: Engine) -> None:
    value = {"user": "ann", "password": "correct-horse", "nested": {"apiKey": "a1b2c3d4"}}
    masked = redact(value, engine.find(texts(value), ALL), MASK)
    assert masked == {"user": "ann", "password": "<SECRET>", "nested": {"apiKey": "<SECRET>"}}


@pytest.mark.parametrize(
    "value",
    [
        ["password", "username", "a1b2c3d4"],
        {"password": {"type": "string"}},
        {"password": None, "note": "a1b2c3d4"},
        {"nextPageToken": "a1b2c3d4e5f6"},
        {"password": ""},
        {"last": ["x"], "password": 5},
        {"password\x1ea1b2c3d4": 1},
    ],
)
def test_a_secret_name_without_a_text_of_its_own_says_nothing(engine: Engine, value: object) -> None:
    assert engine.find(texts(value), frozenset({"SECRET"})) == ()


def test_a_label_before_its_value_counts_across_key_and_text(engine: Engine) -> None:
    value = {"phone": "0311 5550132", "ssn": "219099999"}
    masked = redact(value, engine.find(texts(value), ALL), MASK)
    assert masked == {"phone": "<PHONE_NUMBER>", "ssn": "<US_SSN>"}


def test_nothing_is_read_together_from_two_texts(engine: Engine) -> None:
    assert seen(engine, "4111 1111", "1111 1111") == []
    assert seen(engine, "jane@", "example.com") == []


def test_only_what_was_asked_for_is_returned(engine: Engine) -> None:
    text = f"jane@example.com {CARD} password=hunter2!"
    assert seen(engine, text, entities=frozenset({"CREDIT_CARD"})) == [("CREDIT_CARD", CARD)]
    assert seen(engine, text, entities=frozenset()) == []


def test_an_entity_that_nothing_can_find_is_an_error_not_a_pass(engine: Engine) -> None:
    with pytest.raises(ValueError, match="PERSON"):
        engine.find(["x"], frozenset({"PERSON"}))


def test_every_entity_a_policy_may_name_can_be_found() -> None:
    assert ENTITIES <= FOUND


def test_a_lone_surrogate_hides_nothing_and_shifts_nothing(engine: Engine) -> None:
    assert seen(engine, f"\ud800é {CARD} \udfff") == [("CREDIT_CARD", CARD)]


def test_findings_number_the_leaf_they_stand_in(engine: Engine) -> None:
    found = engine.find(["é", CARD, "", f"x {CARD}"], frozenset({"CREDIT_CARD"}))
    assert found == (
        Finding("CREDIT_CARD", 1, 0, 19, 1.0, "card in groups"),
        Finding("CREDIT_CARD", 3, 2, 21, 1.0, "card in groups"),
    )


def test_overlapping_findings_of_two_entities_are_both_reported(engine: Engine) -> None:
    found = seen(engine, "https://ann:pa55@mail.example.com/")
    assert {entity for entity, _ in found} == {"SECRET", "EMAIL_ADDRESS"}


@pytest.mark.parametrize(
    "unit",
    [
        "a@b.c ",
        "4111 1111 1111 1111 ",
        "1.1.1.1 ",
        "password=x1 ",
        "+1 ",
        "::::",
        "-----BEGIN ",
        "xoxb-aaaaaaaaaaa",
    ],
)
def test_a_huge_hostile_text_is_judged_or_refused_in_bounded_time(engine: Engine, unit: str) -> None:
    try:
        engine.find([unit * (200_000 // len(unit))], ALL)
    except PortDown:
        pass


@pytest.mark.plain
def test_more_candidates_than_can_be_judged_refuse_the_message(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matchers, "MAX_CANDIDATES", 10)
    with pytest.raises(PortDown):
        engine.find(["a@b.example " * 20], ALL)


async def test_the_port_scans_like_the_engine(engine: Engine) -> None:
    assert await engine.scan([CARD], ALL) == engine.find([CARD], ALL)


def pieces(random_number: random.Random) -> list[str]:
    """Texts of everything the rules look for, whole and broken, glued at random."""
    parts = [
        CARD,
        "4111111111111111",
        "jane@example.com",
        "@",
        "GB82WEST12345698765432",
        "219-09-9999",
        "8.8.8.8",
    ]
    parts += [
        "+1 415 555 0132",
        "(415) 555-0132",
        "password",
        "=",
        ": ",
        '"',
        "token",
        "\x1e",
        "é",
        "😀",
        "ß1",
        "::1",
    ]
    parts += [token for token, _ in SECRETS] + [
        "-----BEGIN PRIVATE KEY",
        "://u:",
        "1",
        "22",
        "-",
        ".",
        " ",
        "a",
        "\n",
    ]
    return ["".join(random_number.choices(parts, k=random_number.randrange(9))) for _ in range(4)]


def test_both_engines_find_the_same() -> None:
    one, other = Engine(Hyperscan), Engine(Re2)
    chance = random.Random(7)
    for _ in range(1500):
        leaves: Sequence[str] = pieces(chance)
        assert one.find(leaves, ALL) == other.find(leaves, ALL), leaves


def test_without_hyperscan_re2_takes_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hyperscan", None)
    assert seen(Engine(), CARD) == [("CREDIT_CARD", CARD)]


def test_importing_the_detectors_loads_nothing_heavy() -> None:
    heavy = "('presidio_analyzer', 'spacy', 'phonenumbers', 'hyperscan', 'tldextract')"
    imports = "import sys, toolgate.detect.engine, toolgate.detect.presidio"
    code = f"{imports}; sys.exit(any(name in sys.modules for name in {heavy}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
