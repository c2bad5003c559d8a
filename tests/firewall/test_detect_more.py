"""Addresses, scores, and the rarer forms of cards, phones and secrets, by either engine."""

from __future__ import annotations

import pytest

from toolgate.core.texts import texts
from toolgate.core.wanted import Wanted
from toolgate.detect.engine import Engine
from toolgate.detect.matchers import Compile, Hyperscan, Re2

URL, SECRET, PHONE = frozenset({"URL"}), frozenset({"SECRET"}), frozenset({"PHONE_NUMBER"})


@pytest.fixture(params=[Hyperscan, Re2], scope="module")
def engine(request: pytest.FixtureRequest) -> Engine:
    """One engine of each kind."""
    compile_patterns: Compile = request.param
    return Engine(compile_patterns)


def seen(engine: Engine, text: str, wanted: frozenset[str]) -> list[str]:
    return [text[f.start : f.end] for f in engine.find([text], wanted)]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("see https://example.com/a(b)?c=d#e, then", "https://example.com/a(b)?c=d#e"),
        ("(http://user.example.org)", "http://user.example.org"),
        ("at www.example.de/x.", "www.example.de/x"),
        ("docs on example.co.uk and more", "example.co.uk"),
        ("ftp://files.example.net/pub/", "ftp://files.example.net/pub/"),
    ],
)
def test_an_address_is_found_without_the_sentence_around_it(engine: Engine, text: str, what: str) -> None:
    assert seen(engine, text, URL) == [what]


@pytest.mark.parametrize(
    "text", ["client.py", "README.md", "ctx.re", "jane@example.com", "a.b.c()", "x.com(1)"]
)
def test_names_of_files_calls_and_mailboxes_are_no_addresses(engine: Engine, text: str) -> None:
    assert seen(engine, text, URL) == []


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("31 205 550 1438-Office", "31 205 550 1438"),
        ("655 550 132 office", "655 550 132"),
        ("my registered 030-55501432 please", "030-55501432"),
        ("stop messages to 020 7946 0958", "020 7946 0958"),
        ("fax: 001-415-555-0132", "001-415-555-0132"),
        ("(415)555-0132", "(415)555-0132"),
        ("415-555-0132x4012", "415-555-0132x4012"),
        ("+44 (0)20 7946 0958", "+44 (0)20 7946 0958"),
        ("{'contact': '+351 912 345 678'}", "+351 912 345 678"),
        ("+358 40 123 4567", "+358 40 123 4567"),
        ("+47(0)40 61 23 45", "+47(0)40 61 23 45"),
        ("from 0044 20 7946 0958.", "0044 20 7946 0958"),
        ("contact_number: 5123 7874", "5123 7874"),
        ("my number is 450 0132", "450 0132"),
        ("reach me on 91 234 567", "91 234 567"),
    ],
)
def test_a_phone_is_found_by_a_word_on_either_side(engine: Engine, text: str, what: str) -> None:
    assert seen(engine, text, PHONE) == [what]


@pytest.mark.parametrize(
    "text",
    ["number 1732158439123", "line 12345678", "registered 2024-11-05", "contact 10.20.30.40", "text 1 2 3"]
    + ["+35236450.6", "+9.869604", "doi.org/10.1111/0081-1750.00098", "0000-0001-2345-6789"],
)
def test_a_number_after_a_common_word_is_no_phone_by_that(engine: Engine, text: str) -> None:
    assert seen(engine, text, PHONE) == []


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('ACME_TOKEN ?= "q1w2e3r4t5y6u7i8o9p0"', "q1w2e3r4t5y6u7i8o9p0"),
        ('setProperty("ACME_TOKEN", "q1w2e3r4t5y6u7i8")', "q1w2e3r4t5y6u7i8"),
        ("<acmeToken>\n    q1w2e3r4t5y6u7i8\n</acmeToken>", "q1w2e3r4t5y6u7i8"),
        ('"acmeToken" => "q1w2e3r4t5y6u7i8"', "q1w2e3r4t5y6u7i8"),
        ("const FOO_KEY = 'q1W2e3R4t5Y6u7I8'", "q1W2e3R4t5Y6u7I8"),
        ("curl -u joe:d0gSw0rd99 https://x.example", "d0gSw0rd99"),
        ("mysqldump --password Prl23Db#x db", "Prl23Db#x"),
        ("CREATE USER 'a'@'%' IDENTIFIED BY 'Pa5sTheW0rD';", "Pa5sTheW0rD"),
        ("id:ann pw:Xk3vTq9Z", "Xk3vTq9Z"),
        ("kind: Secret\ndata:\n  a: am9objpkMGdTdzByZDk5\n", "am9objpkMGdTdzByZDk5"),
        ("x MIIBOgIBAAJB" + "Ab1/" * 30, "MIIBOgIBAAJB" + "Ab1/" * 30),
    ],
)
def test_a_value_is_secret_by_what_stands_beside_it(engine: Engine, text: str, what: str) -> None:
    assert seen(engine, text, SECRET) == [what]


@pytest.mark.parametrize(
    "text",
    [
        "public_key_token=b77a5c561934e089",
        'credentialsId: "3f0c9a1e-5b7d-4c2a-9e68-0d1f2a3b4c5d"',
        'cache_key = "user:profile:1234abcd"',
        "secretName: my-app-secret-v2",
        'API_KEY_NAME = "CLIENT_X_API_KEY"',
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "xoxp-1234567890 and xoxb-my-bot-token",
        'token4 = "xoxp-123456789012-123456789012-123456789012-####################"',
        "-----BEGIN PRIVATE KEY-----\nanything\n-----END PRIVATE KEY-----",
        "curl -u $USER:$PASSWORD https://x.example",
        "getpass(prompt='Password: ', stream=None)",
        "kind: Secret\ndata:\n  htpasswd: {{ htpasswd }}\n",
        "s3://access_key_id:secret_access_key@bucket/key",
    ],
)
def test_what_only_looks_like_a_secret_is_left_alone(engine: Engine, text: str) -> None:
    assert seen(engine, text, SECRET) == []


def test_a_score_can_be_asked_for_each_entity(engine: Engine) -> None:
    text = "call 415-555-0132 or +1 415 555 0132; jane@example.com"
    sure = Wanted({"PHONE_NUMBER": 0.8, "EMAIL_ADDRESS": 0.0})
    assert seen(engine, text, sure) == ["+1 415 555 0132", "jane@example.com"]
    assert len(seen(engine, text, Wanted({"PHONE_NUMBER": 0.5}))) == 2


@pytest.mark.parametrize("score", [-0.1, 0.95, 7])
def test_a_score_that_nothing_can_reach_is_an_error(engine: Engine, score: float) -> None:
    with pytest.raises(ValueError, match="PHONE_NUMBER"):
        engine.prepare(Wanted({"PHONE_NUMBER": score}))


def test_a_number_is_read_by_the_name_before_it(engine: Engine) -> None:
    value = {"phone": 4155550132, "id": 4155550132}
    assert [finding.leaf for finding in engine.find(texts(value), PHONE)] == [1]


@pytest.mark.parametrize(
    "unit", ["%41", "\\u0041", "&amp;", "４", "\u200b1", "QUJD" * 8 + " ", "é\u0301", "рa"]
)
def test_a_huge_text_of_nothing_but_disguise_is_read_in_bounded_time(engine: Engine, unit: str) -> None:
    engine.find([unit * (100_000 // len(unit))], SECRET)
