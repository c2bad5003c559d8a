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
    [
        "number 1732158439123",
        "line 12345678",
        "registered 2024-11-05",
        "contact 10.20.30.40",
        "text 1 2 3",
        "+35236450.6",
        "+9.869604",
        "doi.org/10.1111/0081-1750.00098",
        "0000-0001-2345-6789",
    ],
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


K = "q1W2e3R4t5Y6u7I8o9P0"
AWS = "wJa7rXUtnFEM/K7MDENGo/bPxRfiCYzq3kLmN8v2"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (f"ENV ACME_TOKEN {K}", K),
        (f"RUN x\nENV ACME_KEY {K}", K),
        (f"setx ACME_TOKEN {K}", K),
        (f'#define ACME_TOKEN "{K}"', K),
        (f'(def acme-token "{K}")', K),
        (f'acme_token <- "{K}"', K),
        (f'- name: ACME_TOKEN\n  value: "{K}"', K),
        ('{"name":"DB_PASSWORD","value":"d0gSw0rd99"}', "d0gSw0rd99"),
        ('<add key="ClearTextPassword" value="d0gSw0rd99" />', "d0gSw0rd99"),
        (f'const ACME_TOKEN: &str = "{K}";', K),
        (f'acmeToken?: string = "{K}"', K),
        (f"https://api.example/x?access_token={K}&format=json", K),
        (f"aws_secret_access_key = {AWS}", AWS),
        ("BUNDLE_GEMS__EXAMPLE__COM=1a2b3c4d:5e6f7a8b", "1a2b3c4d:5e6f7a8b"),
        ("machine h.example login ann password d0gSw0rd99", "d0gSw0rd99"),
        ('{"auths":{"h":{"auth":"am9objpkMGdTdzByZDk5"}}}', "am9objpkMGdTdzByZDk5"),
        (f"Authorization: {K}", K),
        (f"Authorization: Api-Token {K}", K),
        (f"sent Bearer {K} to it", K),
        (f"Cookie: theme=dark; sid={K}; lang=en", K),
        (f"curl -u {K}: https://x.example", K),
        ("curl -uann:d0gSw0rd99 https://x.example", "d0gSw0rd99"),
        ("sshpass -p d0gSw0rd99 ssh ann@h", "d0gSw0rd99"),
        ("mysql -u root -pd0gSw0rd99 db", "d0gSw0rd99"),
        ("docker login -u ann -p d0gSw0rd99 h", "d0gSw0rd99"),
        ("echo 'root:d0gSw0rd99' | chpasswd", "d0gSw0rd99"),
        ("auth=HTTPBasicAuth('ann', 'd0gSw0rd99')", "d0gSw0rd99"),
        ('user.set_password("d0gSw0rd99")', "d0gSw0rd99"),
        ('if (password.equals("d0gSw0rd99"))', "d0gSw0rd99"),
        ('if password != "d0gSw0rd99":', "d0gSw0rd99"),
        ("CREATE USER a IDENTIFIED BY d0gSw0rd99;", "d0gSw0rd99"),
        ('{"pass": "d0gsword99"}', "d0gsword99"),
        ("$dbpass = 'd0gSw0rd#9';", "d0gSw0rd#9"),
        ('Passwort: "d0gSw0rd99"', "d0gSw0rd99"),
        ("пароль: d0gSw0rd99", "d0gSw0rd99"),
        ("密码：d0gSw0rd99", "d0gSw0rd99"),
        ('password = """d0gSw0rd99"""', "d0gSw0rd99"),
        ("Password is: d0gSw0rd99!", "d0gSw0rd99!"),
        ("A3-ASWWYB-798JRY-LJVD4-23DC2-86TVM-H43EB", "A3-ASWWYB-798JRY-LJVD4-23DC2-86TVM-H43EB"),
        (f"x\\nglc_{K * 12}", f"glc_{K * 12}"),
        (f"Private-Lines: 1\n{AWS}\nPrivate-MAC: 1a", f"{AWS}\n"),
    ],
)
def test_a_value_whose_name_stands_apart_is_found(engine: Engine, text: str, what: str) -> None:
    assert seen(engine, text, SECRET) == [what]


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ({"user": "ann", "pass": "d0gsword99"}, "d0gsword99"),
        ({"dbPass": "d0gsword99"}, "d0gsword99"),
        ([{"name": "API_TOKEN", "value": K}], K),
        ({"auth": "am9objpkMGdTdzByZDk5"}, "am9objpkMGdTdzByZDk5"),
        ({"Cookie": f"sid={K}"}, K),
        ({"headers": {"Authorization": K}}, K),
    ],
)
def test_a_key_names_its_value_in_structured_content(engine: Engine, value: object, what: str) -> None:
    leaves = texts(value)
    assert [leaves[f.leaf][f.start : f.end] for f in engine.find(leaves, SECRET)] == [what]


@pytest.mark.parametrize(
    "text",
    [
        "ENV PATH /usr/local/bin:$PATH",
        f"ENV PYTHON_SHA256 {'8d3e' * 16}",
        "#define TOKEN_LENGTH 128",
        '{"name": "token", "value": "string"}',
        '{"name":"nextPageToken","value":"q1w2e3r4t5y6u7i8"}',
        '<input name="password" value="">',
        "Authorization: AWS4-HMAC-SHA256 Credential=x",
        '"AWS::Redshift::EndpointAuthorization": "e72be424d109da1d"',
        "Bearer authentication12 is required",
        "Set-Cookie: locale=en_US; Path=/; Expires=Wed, 21 Oct 2026 07:28:00 GMT",
        "mysql -u root -p mydatabase2",
        "docker run -p 8080:80 nginx1",
        "docker login -u ann --password-stdin",
        'sshpass -p "$PASS" ssh h',
        'getPassword("user_name1")',
        '"pass": "12 of 14"',
        "pass: 14/14 tests",
        'compass = "north-1"',
        '"auth": "dGhpcyBpcyBhIHRleHQgb25seQ=="',
        "BUNDLE_PATH: vendor/bundle",
        "s.getElementsByClassName1a",
        "xoxr-someone-elses-repo",
        'key_file = "/etc/ssl/private/server-key-2024.pem"',
    ],
)
def test_a_name_apart_from_something_harmless_says_nothing(engine: Engine, text: str) -> None:
    assert seen(engine, text, SECRET) == []


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
