"""Nothing a stranger writes can change how the text around it is shown."""

from __future__ import annotations

import pytest

from toolgate.core.plain import plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, naïve 日本", "plain text, naïve 日本"),
        ("\x1b[2Jgone", "\\u{1b}[2Jgone"),
        ("two\nlines\r", "two\\u{a}lines\\u{d}"),
        ("abc\u202egnp.exe", "abc\\u{202e}gnp.exe"),
        ("a\u2066b\u2069", "a\\u{2066}b\\u{2069}"),
        ("zero\u200bwidth\ufeff", "zero\\u{200b}width\\u{feff}"),
        ("tag\U000e0041", "tag\\u{e0041}"),
        ("wide\u00a0\u3000blank", "wide\\u{a0}\\u{3000}blank"),
        ("hangul\u3164filler", "hangul\\u{3164}filler"),
        ("back\\slash", "back\\\\slash"),
        ("lone\ud800", "lone\\u{d800}"),
        ("e\u0301\u0302\u0303\u0304", "e\u0301\u0302\\u{303}\\u{304}"),
        ("\u0085\u2028\u2029", "\\u{85}\\u{2028}\\u{2029}"),
    ],
)
def test_what_cannot_be_seen_is_spelled_out(text: str, shown: str) -> None:
    assert plain(text) == shown
