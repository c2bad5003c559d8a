"""What patterns may cost: hostile ones are refused before they run, ordinary ones take any honest text."""

from __future__ import annotations

import time
from typing import Any

import pytest

from toolgate.core.pattern_cost import ANYWHERE, BACKTRACK_LIMIT, MOST_NAMES, MOST_STEPS, too_many, weight
from toolgate.core.schema import compile_schema

BOMB = "[ab]*a[ab]{5000}c"
LONG = "ab" * 50_000


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("^[a-z]{1,64}$", 1),
        (r"^[\w./-]{1,4096}$", 1),
        (r"^\d{4}-\d{2}-\d{2}$", 1),
        ("^[]a]{3}$", 1),
        ("^(?:ab){2}$", 1),
        ("(?i)abc", 4),
        (r"\p{L}\x{41}", 3),
        ("^a{2,}b{3}$", 4),
        ("^a*b{3}$", 4),
        ("^(a|bc)d$", 5),
        ("^(ab){1,3}$", 7),
        ("^(a+){5}$", 6),
        ("^(?<year>[0-9]+)-(?P<month>[0-9]{2})$", 4),
        ("a{2}b|c", 5),
        ("[ab]*a[ab]{500}c", 504),
        ("^[ab]*a[ab]{500}c", 503),
        ("((a{9}){9}){9}", 730),
        ("(a{999999999}){999999999}", MOST_STEPS + 1),
        ("a)b", 3),
        ("[ab", 2),
        ("[ab\\", 2),
        ("a{99999999999}", 15),
        (r"(?=(a+))\1b", BACKTRACK_LIMIT),
        (r"^(?!.*\.\.)[\w./-]+$", BACKTRACK_LIMIT),
        (r"a++b{100}", BACKTRACK_LIMIT * 25),
    ],
)
def test_a_pattern_weighs_what_may_be_active_at_once(pattern: str, expected: int) -> None:
    assert weight(pattern) == expected


def property_of(schema: Any) -> Any:
    return {"properties": {"a": schema}}


REFS: dict[str, Any] = {f"d{i}": {"anyOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(9)}

HOSTILE: dict[str, tuple[Any, Any]] = {
    "counted": (property_of({"pattern": BOMB}), {"a": LONG}),
    "in pieces": (property_of({"items": {"pattern": BOMB}}), {"a": ["ab" * 50] * 1000}),
    "backreference": (property_of({"pattern": r"(?=(a+))\1b"}), {"a": "a" * 400_000}),
    "many at once": (property_of({"allOf": [{"pattern": f"b{{50}}{i}"} for i in range(200)]}), {"a": LONG}),
    "by references": (
        {"$defs": {**REFS, "d9": {"pattern": "[ab]*a[ab]{50}c"}}, **property_of({"$ref": "#/$defs/d0"})},
        {"a": LONG},
    ),
    "of keys": ({"patternProperties": {BOMB: {}}}, {LONG: 1}),
    "of names": ({"propertyNames": {"pattern": BOMB}}, {"a": {LONG: 1}, LONG: 1}),
    "under any name": ({"additionalProperties": {"pattern": BOMB}}, {"x": LONG}),
    "under not": (property_of({"not": {"pattern": BOMB}}), {"a": LONG}),
    "of the last of many": (
        {"properties": {f"p{i}": {"pattern": BOMB} for i in range(MOST_NAMES + 5)}},
        {f"p{MOST_NAMES + 4}": LONG},
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_could_take_long_to_match_is_refused_at_once(name: str) -> None:
    schema, value = HOSTILE[name]
    check = compile_schema(schema)
    began = time.process_time()
    found = check(value)
    assert found is not None
    assert (found.path, found.keyword) == ("$", "pattern")
    assert time.process_time() - began < 0.1


def test_a_pattern_of_one_property_says_nothing_of_long_text_in_another() -> None:
    check = compile_schema({"properties": {"path": {"pattern": r"^(?!.*\.\.)[\w./-]+$"}, "text": {}}})
    assert check({"path": "notes/today.md", "text": LONG * 20, "more": [1, None]}) is None
    found = check({"path": "../x", "text": LONG * 20})
    assert found is not None
    assert found.path == "$.path"


def test_ordinary_patterns_take_text_of_any_size() -> None:
    check = compile_schema({"items": {"properties": {"id": {"pattern": "^[0-9a-f]{8}-[0-9a-f]{4}$"}}}})
    assert check([{"id": "01234567-89ab"}] * 50_000) is None


@pytest.mark.parametrize("pattern", ["[" * 60_000, "\\p{" * 60_000, "(" * 60_000, "(?<" * 60_000])
def test_weighing_a_hostile_pattern_takes_no_time_either(pattern: str) -> None:
    began = time.process_time()
    weight(pattern)
    assert time.process_time() - began < 2.0


def test_what_json_cannot_say_is_counted_letter_by_letter() -> None:
    assert not too_many({ANYWHERE: 1}, {"text": "\ud800", "number": 2**70})
    assert too_many({ANYWHERE: MOST_STEPS}, {"text": "\ud800"})
