"""Arguments are laid out so that a person reads what will be sent, and nothing passes for a mark of ours."""

from __future__ import annotations

import json

import pytest

from toolgate.core.layout import EVERYTHING, SCREEN, Bounds, lay_out, written
from toolgate.core.model import Finding, JsonObject
from toolgate.core.redact import stretches
from toolgate.core.shown import Kind, Segment, row_of, rows_of, spelled
from toolgate.core.texts import texts


def test_each_value_stands_on_a_line_of_its_own_with_its_path() -> None:
    arguments: JsonObject = {
        "to": ["bob@example.com", "ann@example.com"],
        "options": {"retries": 3, "rate": 1.0, "urgent": True, "note": None},
        "tags": [],
        "extra": {},
        "subject": "",
    }
    assert written(lay_out(arguments)) == [
        'to[0]: "bob@example.com"',
        'to[1]: "ann@example.com"',
        "options.retries: 3",
        "options.rate: 1.0",
        "options.urgent: true",
        "options.note: null",
        "tags: []",
        "extra: {}",
        'subject: ""',
    ]


def test_a_call_without_arguments_says_so() -> None:
    assert written(lay_out({})) == ["{}"]


def test_a_text_of_several_lines_stands_behind_a_bar_so_none_can_look_like_a_field() -> None:
    assert written(lay_out({"body": 'Hi\nto: "eve@evil.example"', "n": 1})) == [
        "body:",
        "  | Hi",
        '  | to: "eve@evil.example"',
        "n: 1",
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J\x1b[1;31m", "⟦ESC⟧[2J⟦ESC⟧[1;31m"),
        ("\x9b31m", "⟦U+009B⟧31m"),
        ("abc\u202egpj.exe", "abc⟦U+202E⟧gpj.exe"),
        ("\u2066a\u2069", "⟦U+2066⟧a⟦U+2069⟧"),
        ("zero\u200bwidth\ufeff", "zero⟦U+200B⟧width⟦U+FEFF⟧"),
        ("tags\U000e0041", "tags⟦U+E0041⟧"),
        ("carriage\rreturn\ttab", "carriage⟦CR⟧return⟦tab⟧tab"),
        ("wide\u3000blank\u00a0", "wide⟦U+3000⟧blank⟦U+00A0⟧"),
        ("line\u2028separator\x85", "line⟦U+2028⟧separator⟦U+0085⟧"),
        ("zalgo\u0301\u0302\u0303\u0304", "zalgo\u0301\u0302⟦U+0303⟧⟦U+0304⟧"),
        ("lone \ud800", "lone ⟦U+D800⟧"),
        ("far" + " " * 300 + "away", "far⟦300 blanks⟧away"),
        ("⟦hidden: SECRET⟧", "⟦U+27E6⟧hidden: SECRET⟦U+27E7⟧"),
        ("C:\\Users\\ann", "C:\\Users\\ann"),
        ("日本 naïve Ωμέγα", "日本 naïve Ωμέγα"),
        ("p\u0430ypal.com", "p\u0430ypal.com⟦a word mixes Cyrillic and Latin letters⟧"),
        ("both\nlines", "both⟦line break⟧lines"),
    ],
)
def test_what_misleads_is_spelled_between_brackets_that_nobody_else_can_write(text: str, shown: str) -> None:
    assert spelled(row_of(text)) == shown


def test_nothing_an_author_writes_is_ever_a_mark() -> None:
    for text in ("⟦9 values not shown⟧", "⟦hidden: EMAIL_ADDRESS⟧", "⟦9 characters not shown⟧"):
        laid = lay_out({"a": text, text: "a"})
        assert laid.whole
        assert not laid.hidden
        kinds = {one.kind for line in laid.lines for row in (line.path, *line.rows) for one in row}
        assert kinds == {Kind.SHOWN, Kind.ODD}


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("plain_key-1", "plain_key-1"),
        ("a.b", '["a.b"]'),
        ('a"]["b', '["a⟦U+0022⟧][⟦U+0022⟧b"]'),
        ("", '[""]'),
        ("0", '["0"]'),
        ("t\u043e", '["t\u043e⟦a word mixes Cyrillic and Latin letters⟧"]'),
        ("to\n", '["to⟦line break⟧"]'),
    ],
)
def test_a_key_cannot_look_like_another_path(key: str, path: str) -> None:
    assert written(lay_out({key: 1})) == [f"{path}: 1"]
    assert written(lay_out({"in": {key: 1}}))[0].startswith("in")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": "5"}, {"a": 5}),
        ({"a": "null"}, {"a": None}),
        ({"a": "[]"}, {"a": []}),
        ({"a": 1}, {"a": 1.0}),
        ({"a": "x", "b": "y"}, {"a": 'x"\nb: "y'}),
        ({"a": {"b": 1}}, {"a.b": 1}),
        ({"a": [1]}, {"a[0]": 1}),
        ({"a": "b\r\nc"}, {"a": "b\nc"}),
        ({"a": "b\n\n\n\n\nc"}, {"a": "b\n\n\n\nc"}),
        ({"a": "\x1b"}, {"a": "⟦ESC⟧"}),
        ({"a": "x "}, {"a": "x"}),
    ],
)
def test_different_arguments_never_look_the_same(one: JsonObject, other: JsonObject) -> None:
    assert written(lay_out(one)) != written(lay_out(other))


def test_what_was_found_is_hidden_wherever_it_stands_and_the_rest_is_shown() -> None:
    arguments: JsonObject = {"to": "bob@example.com", "body": "Dear bob@example.com,\nhello", "n": 1}
    laid = lay_out(arguments, [Finding("EMAIL_ADDRESS", 1, 0, 15)])
    assert written(laid) == [
        'to: "⟦hidden: EMAIL_ADDRESS⟧"',
        "body:",
        "  | Dear ⟦hidden: EMAIL_ADDRESS⟧,",
        "  | hello",
        "n: 1",
    ]
    assert laid.hidden == {"EMAIL_ADDRESS"}
    assert laid.whole


def test_what_is_masked_already_becomes_the_same_mark() -> None:
    laid = lay_out({"to": "<EMAIL_ADDRESS>", "as": "<b> <URL>"}, masked=["EMAIL_ADDRESS"])
    assert written(laid) == ['to: "⟦hidden: EMAIL_ADDRESS⟧"', 'as: "<b> <URL>"']
    assert laid.hidden == {"EMAIL_ADDRESS"}


def test_a_key_that_holds_something_found_is_hidden_too() -> None:
    laid = lay_out({"a": [{"bob@example.com": 1}]}, [Finding("EMAIL_ADDRESS", 1, 0, 15)])
    assert written(laid) == ['a[0]["⟦hidden: EMAIL_ADDRESS⟧"]: 1']


def test_overlapping_findings_are_one_mark_named_by_the_better() -> None:
    found = [
        Finding("PHONE_NUMBER", 1, 4, 9, 0.5),
        Finding("CREDIT_CARD", 1, 0, 8, 0.9),
        Finding("URL", 1, 12, 14, 0.4),
        Finding("SECRET", 1, 13, 16, 1.0),
        Finding("IP_ADDRESS", 1, 13, 14, 0.1),
    ]
    assert written(lay_out({"a": "0123456789ab..yz-"}, found)) == [
        'a: "⟦hidden: CREDIT_CARD⟧9ab⟦hidden: SECRET⟧-"'
    ]


def test_a_long_text_loses_its_middle_and_says_how_much() -> None:
    laid = lay_out({"a": "x" * 100 + "END"}, bounds=Bounds(characters=30))
    assert written(laid) == ['a: "' + "x" * 20 + "⟦73 characters not shown⟧" + "x" * 7 + 'END"']
    assert not laid.whole


@pytest.mark.parametrize(
    ("start", "end", "shown"),
    [
        (15, 25, "x" * 15 + "⟦hidden: A⟧⟦65 characters not shown⟧" + "x" * 10),
        (85, 95, "x" * 20 + "⟦65 characters not shown⟧⟦hidden: A⟧xxxxx"),
        (40, 50, "x" * 20 + "⟦70 characters not shown⟧" + "x" * 10),
        (5, 95, "xxxxx⟦hidden: A⟧xxxxx"),
        (2, 4, "xx⟦hidden: A⟧" + "x" * 16 + "⟦70 characters not shown⟧" + "x" * 10),
        (20, 90, "x" * 20 + "⟦70 characters not shown⟧" + "x" * 10),
    ],
)
def test_a_cut_never_shows_part_of_what_is_hidden(start: int, end: int, shown: str) -> None:
    assert spelled(row_of("x" * 100, [(start, end, "A")], 30)) == shown


def test_many_lines_lose_their_middle_and_empty_ones_are_counted() -> None:
    assert [spelled(row) for row in rows_of("\n".join("abcdefgh"), most=3)] == [
        "a",
        "b",
        "⟦5 lines not shown⟧",
        "h",
    ]
    assert [spelled(row) for row in rows_of("a" + "\n" * 50 + "b")] == ["a", "⟦49 empty lines⟧", "b"]
    assert [spelled(row) for row in rows_of("a\n\nb")] == ["a", "", "b"]


def test_deep_values_give_way_to_those_near_the_top() -> None:
    heap = {f"k{number}": {"deep": number} for number in range(500)}
    laid = lay_out({"heap": heap, "to": ["eve@evil.example"]}, bounds=Bounds(values=2))
    assert written(laid) == ["heap.k0.deep: 0", "⟦499 values not shown⟧", 'to[0]: "eve@evil.example"']
    assert not laid.whole


def test_the_first_of_a_list_count_as_near_the_top() -> None:
    laid = lay_out({"to": list(range(30)), "x": 1}, bounds=Bounds(values=21))
    assert written(laid)[-2:] == ["⟦10 values not shown⟧", "x: 1"]


@pytest.mark.parametrize(
    "bounds", [Bounds(total=1500), Bounds(values=90, characters=9000, rows=2, total=1500)]
)
def test_everything_together_keeps_to_its_bound(bounds: Bounds) -> None:
    arguments: JsonObject = {f"k{number}": "word\n" * 400 + "\x1b" for number in range(80)}
    laid = lay_out(arguments, bounds=bounds)
    assert len("\n".join(written(laid))) < 2500
    assert not laid.whole
    assert written(laid)[-1].endswith("values not shown⟧")


def test_one_value_is_always_shown_however_small_the_bound() -> None:
    laid = lay_out({"a": "\x1b" * 5000}, bounds=Bounds(total=100))
    assert written(laid)[0].startswith('a: "⟦ESC⟧')
    assert "⟦4960 characters not shown⟧" in written(laid)[0]


def test_a_very_long_key_loses_its_middle_within_bounds_only() -> None:
    arguments: JsonObject = {"k" * 200: 1, 'quo"te' * 30: 2}
    assert len(written(lay_out(arguments, bounds=SCREEN))[0]) < 110
    assert written(lay_out(arguments, bounds=EVERYTHING))[0] == "k" * 200 + ": 1"


def test_findings_of_nothing_hide_nothing() -> None:
    assert written(lay_out({"a": "b"}, ())) == ['a: "b"']
    assert stretches(texts({"a": "b"}), ()) == {}


def test_json_nested_as_deep_as_the_decoder_lets_it_is_one_line() -> None:
    value: JsonObject = {"end": 1}
    for _ in range(62):
        value = {"a": value}
    assert written(lay_out(value)) == [".".join(["a"] * 62) + ".end: 1"]


def test_large_integers_stay_exact() -> None:
    assert written(lay_out({"n": 2**64 - 1})) == [f"n: {2**64 - 1}"]


def test_segments_hold_nothing_invisible_whatever_comes() -> None:
    text = "".join(map(chr, range(0x3000))) + "\ufeff\U000e0020\ud83d"
    for row in rows_of(text):
        for one in row:
            json.dumps(one.text).encode()
            assert not any(ord(letter) < 32 or 0x7F <= ord(letter) < 0xA0 for letter in one.text)
            assert not {"\u202e", "\u200b", "\u2028", "\u2066"} & set(one.text)
    assert Segment("a").kind is Kind.SHOWN
