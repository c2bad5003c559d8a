"""What two JSON parsers could read differently is refused; everything else is read exactly."""

from __future__ import annotations

import json

import pytest

from toolgate.core import decode as module
from toolgate.core.decode import MAX_DEPTH, decode, exactly, fault
from toolgate.core.model import Refuse
from toolgate.core.reasons import Reason


def nested(levels: int, opening: bytes = b'{"a":', closing: bytes = b"}") -> bytes:
    return opening * levels + b"1" + closing * levels


@pytest.mark.parametrize(
    "text",
    [
        '{"jsonrpc": "2.0", "id": 1, "method": "ping"}',
        "{}",
        '{"a": [1, 2.5, true, null, "x", {"b": []}]}',
        '{"time": "12:00:00", "url": "https://example.com/:"}',
        '{"escaped": "\\u003a\\ud83d\\ude00\\\\"}',
        '{"ü": "日本 😀"}',
        '{"most": 18446744073709551615, "least": -9223372036854775808}',
        '{"exact": 9007199254740993}',
        '{"large": 1e300, "small": -1e300}',
        '{"a": {"a": {"a": 1}}, "b": [{"a": 1}, {"a": 2}]}',
    ],
)
def test_a_message_is_read_exactly(text: str) -> None:
    assert decode(text.encode()) == json.loads(text)


@pytest.mark.parametrize("text", ['{"a": 18446744073709551615}', '{"a": 1.0}', '{"a": -0.0}', '{"a": 1}'])
def test_whole_numbers_and_decimals_stay_what_they_are(text: str) -> None:
    assert json.dumps(decode(text.encode())) == text


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", Reason.NOT_JSON),
        (b"{", Reason.NOT_JSON),
        (b"{}{}", Reason.NOT_JSON),
        (b"{'a': 1}", Reason.NOT_JSON),
        (b"\xef\xbb\xbf{}", Reason.NOT_JSON),
        (b'{"a": "\xff"}', Reason.NOT_JSON),
        (b'{"a": "\xed\xa0\x80"}', Reason.NOT_JSON),
        (b'{"a": "x\ny"}', Reason.NOT_JSON),
        (b"[]", Reason.MALFORMED),
        (b'[{"jsonrpc": "2.0"}]', Reason.MALFORMED),
        (b"null", Reason.MALFORMED),
        (b"true", Reason.MALFORMED),
        (b"7", Reason.MALFORMED),
        (b"7.5", Reason.MALFORMED),
        (b'"text"', Reason.MALFORMED),
        (b'{"a": "\\ud800"}', Reason.MALFORMED),
        (b'{"\\udc00": 1}', Reason.MALFORMED),
        (b'{"a": ["\\ud800 later \\udc00"]}', Reason.MALFORMED),
        (b'{"a": 1, "a": 2}', Reason.DUPLICATE_KEY),
        (b'{"a": {"b": 1, "b": 1}}', Reason.DUPLICATE_KEY),
        (b'{"a": 1, "\\u0061": 2}', Reason.DUPLICATE_KEY),
        (b'{"text": "clean:", "text": "4111"}', Reason.DUPLICATE_KEY),
        (b'{"a": [{"b": 1, "b": ":"}]}', Reason.DUPLICATE_KEY),
        (b'{"a": NaN}', Reason.BAD_NUMBER),
        (b'{"a": Infinity}', Reason.BAD_NUMBER),
        (b'{"a": -Infinity}', Reason.BAD_NUMBER),
        (b'{"a": 1e400}', Reason.BAD_NUMBER),
        (b'{"a": -1e400}', Reason.BAD_NUMBER),
        (b'{"a": 18446744073709551616}', Reason.BAD_NUMBER),
        (b'{"a": -9223372036854775809}', Reason.BAD_NUMBER),
        (b'{"a": ' + b"9" * 5000 + b"}", Reason.BAD_NUMBER),
        (nested(MAX_DEPTH + 1), Reason.TOO_DEEP),
        (b'{"a": ' + nested(MAX_DEPTH, b"[", b"]") + b"}", Reason.TOO_DEEP),
        (nested(2_000), Reason.TOO_DEEP),
        (nested(200_000), Reason.TOO_DEEP),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_parsers_disagree_on_is_refused(body: bytes, reason: Reason) -> None:
    verdict = decode(body)
    assert isinstance(verdict, Refuse)
    assert verdict.reason is reason


@pytest.mark.parametrize("body", [nested(MAX_DEPTH), b'{"a": ' + nested(MAX_DEPTH - 1, b"[", b"]") + b"}"])
def test_as_deep_as_is_allowed_is_read(body: bytes) -> None:
    assert decode(body) == json.loads(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"card": "4111111111111111", "card": 1}',
        b'{"card": "4111111111111111\\ud800"}',
        b'["4111111111111111"]',
    ],
)
def test_a_refusal_never_quotes_what_was_sent(body: bytes) -> None:
    verdict = decode(body)
    assert isinstance(verdict, Refuse)
    assert "4111" not in verdict.detail


@pytest.mark.parametrize("body", [b'{"a": 1, "b": [{"c": "d:e"}]}', b'{"a": "12:00", "b": 2}'])
def test_the_fast_parser_and_the_exact_one_agree(body: bytes) -> None:
    assert decode(body) == exactly(body)


def test_a_message_of_distinct_keys_never_takes_the_slow_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "exactly", None)
    assert decode(b'{"a": {"b": [1, {"c": 2}]}}') == {"a": {"b": [1, {"c": 2}]}}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"a": "fine", "ü": ["ü", 1, 1.5, None, True]}, None),
        ({"a": "\ud800"}, Reason.MALFORMED),
        ({"\ud800": "a"}, Reason.MALFORMED),
        ({"a": 2**64}, Reason.BAD_NUMBER),
        ({"a": float("inf")}, Reason.BAD_NUMBER),
    ],
)
def test_a_value_parsed_elsewhere_is_held_to_the_same(value: object, reason: Reason | None) -> None:
    verdict = fault(value)
    assert (verdict.reason if verdict else None) is reason
