"""Webhooks are signed so that any library of the standard verifies them, and nothing else passes here."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from toolgate.approvals.signing import TOLERANCE, Signed, Unsigned, headers, key_of, sign, verify
from toolgate.errors import Misuse

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
IDENT = "msg_p5jXN8AQM9LWM0D4loKWxJek"
AT = 1614265330
BODY = b'{"test": 2432232314}'
KEY = key_of(SECRET)


def test_the_vector_of_the_standard_is_met() -> None:
    # Standard Webhooks, reference libraries: test "sign function works".
    assert sign(KEY, IDENT, AT, BODY) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("body", [b"", b"{}", b"\x00\xff.\n", b"x" * 100_000, "日本".encode()])
def test_independent_code_computes_the_same(body: bytes) -> None:
    message = IDENT.encode() + b"." + str(AT).encode() + b"." + body
    digest = hmac.new(base64.b64decode(SECRET[6:]), message, hashlib.sha256).digest()
    assert sign(KEY, IDENT, AT, body) == "v1," + base64.b64encode(digest).decode()


def test_what_was_signed_is_accepted_with_its_id() -> None:
    assert verify([KEY], headers(KEY, IDENT, AT, BODY), BODY, AT) == Signed(IDENT, AT)


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "msg_another_one"},
        {"webhook-id": ""},
        {"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek.1"},
        {"webhook-timestamp": str(AT + 1)},
        {"webhook-timestamp": f"0{AT}"},
        {"webhook-timestamp": f"{AT}.0"},
        {"webhook-timestamp": f" {AT}"},
        {"webhook-timestamp": "١٦١٤٢٦٥٣٣٠"},
        {"webhook-timestamp": ""},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
        {"webhook-signature": "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
        {"webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OF="},
        {"webhook-signature": "v1,\u00e9\ud800"},
        {"webhook-signature": "v2," * 5000},
    ],
)
def test_any_tampered_header_is_refused(change: dict[str, str]) -> None:
    assert isinstance(verify([KEY], headers(KEY, IDENT, AT, BODY) | change, BODY, AT), Unsigned)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_refused(name: str) -> None:
    given = headers(KEY, IDENT, AT, BODY)
    del given[name]
    assert isinstance(verify([KEY], given, BODY, AT), Unsigned)


@pytest.mark.parametrize("body", [BODY + b" ", BODY[:-1], b"", BODY.replace(b"2", b"3")])
def test_a_changed_body_is_refused(body: bytes) -> None:
    assert isinstance(verify([KEY], headers(KEY, IDENT, AT, BODY), body, AT), Unsigned)


@pytest.mark.parametrize(
    ("skew", "fits"), [(0, True), (TOLERANCE, True), (-TOLERANCE, True), (301, False), (-301, False)]
)
def test_clocks_may_differ_by_five_minutes(skew: float, fits: bool) -> None:
    found = verify([KEY], headers(KEY, IDENT, AT, BODY), BODY, AT + skew)
    assert isinstance(found, Signed) is fits


def test_while_secrets_are_changed_either_signature_counts() -> None:
    other = key_of("another secret of a good length")
    given = headers(KEY, IDENT, AT, BODY)
    both = given | {"webhook-signature": f"{sign(other, IDENT, AT, BODY)} {given['webhook-signature']}"}
    assert isinstance(verify([KEY], both, BODY, AT), Signed)
    assert isinstance(verify([other, KEY], given, BODY, AT), Signed)
    assert isinstance(verify([other], given, BODY, AT), Unsigned)
    assert isinstance(verify([], given, BODY, AT), Unsigned)


def test_no_part_can_be_moved_over_a_dot() -> None:
    mac = sign(KEY, "msg_aaaaaaaa", 12, b"345.body")
    moved = {"webhook-id": "msg_aaaaaaaa.12", "webhook-timestamp": "345", "webhook-signature": mac}
    assert isinstance(verify([KEY], moved, b"body", 345), Unsigned)


@pytest.mark.parametrize(
    "secret", ["", "short", "whsec_", "whsec_c2hvcnQ=", "whsec_not base64!!", "whsec_AAA"]
)
def test_a_secret_that_protects_nothing_is_a_mistake_and_is_not_quoted(secret: str) -> None:
    with pytest.raises(Misuse) as caught:
        key_of(secret)
    assert len(secret) < 7 or secret.removeprefix("whsec_") not in str(caught.value)


def test_a_secret_may_be_any_text_of_a_good_length() -> None:
    assert key_of("correct horse battery staple") == b"correct horse battery staple"
