"""Conditions on values: whole, typed, and told without the value."""

from __future__ import annotations

from typing import Any

import pytest

from toolgate.core import conditions as c
from toolgate.core.conditions import ArgumentCondition, Matcher

SECRET = "s3cr3t-value"


def fits(matcher: Matcher, value: Any) -> bool:
    failed = matcher(value, "arg")
    assert failed is None or failed.startswith("arg")
    return failed is None


@pytest.mark.parametrize(
    ("expected", "value", "same"),
    [
        (1, 1, True),
        (1, 1.0, True),
        (1, True, False),
        (True, True, True),
        (False, 0, False),
        ("a", "a", True),
        (None, None, True),
        ([1, {"a": 2}], [1, {"a": 2}], True),
        ([1], [True], False),
        ([1], [1, 2], False),
        ({"a": 1}, {"b": 1}, False),
        ({"a": 1}, {"a": 2}, False),
    ],
)
def test_equality_is_that_of_json(expected: Any, value: Any, same: bool) -> None:
    assert fits(c.equals(expected), value) is same


def test_in_and_not_in_compare_single_values() -> None:
    assert fits(c.among(["a", 2]), 2)
    assert not fits(c.among(["a", 2]), "b")
    assert fits(c.not_among(["a"]), "b")
    assert not fits(c.not_among(["a"]), "a")


def test_a_list_does_not_slip_past_not_in() -> None:
    assert not fits(c.not_among(["a"]), ["a"])
    assert not fits(c.not_among(["a"]), {"a": 1})


def test_texts_begin_end_and_look_as_stated() -> None:
    assert fits(c.prefix(["a", "b"]), "bc")
    assert not fits(c.prefix(["a"]), "ba")
    assert fits(c.suffix([".md"]), "x.md")
    assert not fits(c.suffix([".md"]), 7)
    assert fits(c.glob(["x-{a,b}-*"]), "x-b-1")
    assert not fits(c.glob(["x-*"]), "ax-1")


def test_a_regular_expression_must_fit_the_whole_value() -> None:
    assert fits(c.regex("[a-z]+"), "abc")
    assert not fits(c.regex("[a-z]+"), "abc1")
    assert not fits(c.regex("[a-z]+"), "abc\n")
    assert not fits(c.regex(".*"), "\ud800")


@pytest.mark.parametrize("expression", ["(a", r"(a)\1", "(?=a)", "\ud800"])
def test_an_expression_that_is_not_re2_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match="RE2"):
        c.regex(expression)


def test_a_catastrophic_expression_takes_linear_time() -> None:
    assert not fits(c.regex("(a+)+b"), "a" * 50_000)


@pytest.mark.parametrize(
    ("least", "most", "value", "within"),
    [
        (1, 5, 1, True),
        (1, 5, 5, True),
        (1, 5, 5.1, False),
        (None, 5, -9, True),
        (1, None, 0, False),
        (1, 5, True, False),
        (1, 5, "3", False),
    ],
)
def test_a_range_is_of_numbers_and_holds_its_bounds(
    least: float | None, most: float | None, value: Any, within: bool
) -> None:
    assert fits(c.between(least, most), value) is within


def test_length_counts_characters_or_items() -> None:
    assert fits(c.max_length(3), "äöü")
    assert fits(c.max_length(1), ["abc"])
    assert not fits(c.max_length(1), ["a", "b"])
    assert not fits(c.max_length(9), 1)


def test_each_wants_a_list_and_names_the_item() -> None:
    each = c.each(c.prefix(["a"]))
    assert fits(each, ["ab", "ac"])
    assert fits(each, [])
    assert not fits(each, "ab")
    failed = each(["ab", SECRET], "to")
    assert failed is not None
    assert failed.startswith("to[1]:")


def test_any_wants_one_item_that_fits() -> None:
    some = c.some(c.prefix(["a"]))
    assert fits(some, ["b", "ab"])
    assert not fits(some, ["b"])
    assert not fits(some, [])
    assert not fits(some, "ab")


def test_matchers_together_must_all_fit() -> None:
    both = c.together([c.prefix(["a"]), c.max_length(2)])
    assert fits(both, "ab")
    assert not fits(both, "abc")


@pytest.mark.parametrize(
    "matcher",
    [
        c.equals("a"),
        c.equals(True),
        c.equals(None),
        c.equals(2),
        c.equals(2.5),
        c.equals(["a"]),
        c.among(list("abcdefghijk")),
        c.not_among([SECRET]),
        c.domain(["example.com"]),
        c.url(["https"], ["example.com"]),
        c.path(["/srv"]),
        c.argv(["ls"]),
        c.cidr(["10.0.0.0/8"]),
    ],
)
def test_a_failure_names_the_place_and_the_expectation_only(matcher: Matcher) -> None:
    value = [SECRET] if fits(matcher, SECRET) else SECRET
    failed = matcher(value, "arg")
    assert failed is not None
    assert failed.startswith("arg: expected")


def test_no_failure_quotes_the_value() -> None:
    for matcher in (c.equals("a"), c.domain(["example.com"]), c.each(c.prefix(["a"])), c.path(["/srv"])):
        assert SECRET not in (matcher(SECRET, "arg") or "")
        assert SECRET not in (matcher([SECRET], "arg") or "")


def test_a_missing_argument_fails_unless_it_is_optional() -> None:
    stated = ArgumentCondition("cc", "cc", (c.prefix(["a"]),))
    optional = ArgumentCondition("cc", "cc", (c.prefix(["a"]),), optional=True)
    assert stated({}) == "cc: expected to be present"
    assert optional({}) is None
    assert optional({"cc": None}) is None
    assert stated({"cc": None}) is not None
    assert optional({"cc": "b"}) is not None
    assert stated({"cc": "ab"}) is None
