"""The grant that would have covered calls, and how a grant reads."""

from __future__ import annotations

from typing import Any

import pytest

from toolgate.core.model import JsonObject
from toolgate.core.offers import exactly, offered
from toolgate.core.wording import broad, reading
from toolgate.policy.matchers import pattern


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["a", "a"], {"equals": "a"}),
        ([None, None], {"equals": None}),
        (["bob@example.com", "eve@Example.com"], {"domain": ["example.com"]}),
        (["a@one.example", "b@two.example"], {"domain": ["one.example", "two.example"]}),
        (["a@1.example", "a@2.example", "a@3.example", "a@4.example"], "any"),
        (
            ["https://a.example/1", "https://a.example/2"],
            {"url": {"schemes": ["https"], "hosts": ["a.example"]}},
        ),
        (["https://a/", "http://b/", "https://c/", "https://d/"], "any"),
        (["https://[", "https://a.example"], "any"),
        (["reports/2026/a.txt", "reports/2026/b/c.txt"], {"path": ["reports/2026"]}),
        (["/srv/a/x", "/srv/b/x"], {"path": ["/srv"]}),
        (["/a", "/b"], "any"),
        (["reports/../a", "reports/b"], "any"),
        (["low", "high", "low"], {"in": ["high", "low"]}),
        (["one text", "another"], "any"),
        ([1, 5.5], {"range": {"min": 1, "max": 5.5}}),
        ([True, False], "any"),
        ([1, "1"], "any"),
        ([["a@b.example"], ["c@b.example", "d@b.example"]], {"each": {"domain": ["b.example"]}}),
        ([["x y"], ["z"]], "any"),
        ([{"a": 1}, {"a": 2}], "any"),
    ],
)
def test_what_values_have_in_common(values: list[Any], expected: JsonObject | str) -> None:
    found = offered([{"x": value} for value in values])
    assert found == {"x": expected}
    for condition in pattern(found):
        assert all(condition({"x": value}) is None for value in values)


def test_an_argument_that_only_some_calls_have_is_optional() -> None:
    found = offered(
        [{"to": "bob"}, {"to": "bob", "cc": "eve"}, {"to": "bob", "note": "x"}, {"to": "bob", "note": "y"}]
    )
    assert found == {
        "to": {"equals": "bob"},
        "cc": {"equals": "eve", "optional": True},
        "note": "any",
    }


def test_exactly_these_arguments() -> None:
    assert exactly({"a": [1], "b": None}) == {"a": {"equals": [1]}, "b": {"equals": None}}


@pytest.mark.parametrize(
    ("spec", "words", "wide"),
    [
        ("any", "anything", True),
        ({"equals": 1}, "exactly what was approved", False),
        ({"in": ["a", "b"], "optional": True}, "one of a, b, or left out", False),
        ({"in": list(range(10))}, "one of 0, 1, 2, 3, 4, 5, 6, 7 and 2 more", False),
        (
            {"each": {"domain": ["example.com"]}},
            "a list whose every item is any address or host at example.com",
            False,
        ),
        (
            {"each": {"max_length": 5}},
            "a list whose every item is anything of at most 5 characters or items",
            True,
        ),
        (
            {"any": {"equals": 1}},
            "a list with at least one item that is exactly what was approved, the others",
            True,
        ),
        ({"range": {"min": 1, "max": 5}}, "any number from 1 to 5", False),
        ({"range": {"max": 5}}, "any number to 5", False),
        ({"range": {"min": 0.5, "max": 12345678}}, "any number from 0.5 to 12345678", False),
        ({"range": {"max": 1e30}}, "any number to 1e+30", False),
        ({"url": {"hosts": ["a.example"]}}, "a URL at a.example", False),
        ({"url": {"hosts": ["*.com"]}}, "a URL at *.com", True),
        ({"url": {"schemes": ["https"]}}, "a URL anywhere", True),
        ({"domain": ["*.com"]}, "any address or host at *.com", True),
        ({"path": ["/"]}, "any file below /", True),
        ({"path": ["/srv"]}, "any file below /srv", False),
        ({"prefix": ""}, 'any text that begins with ""', True),
        ({"prefix": "re"}, "any text that begins with re", False),
        ({"suffix": ["", ".md"]}, 'any text that ends with "", .md', True),
        ({"glob": "*"}, "any text like *", True),
        ({"glob": ["team-*"]}, "any text like team-*", False),
        ({"regex": ".*x"}, "any text that matches the expression .*x", True),
        ({"regex": "(?s).+"}, 'any text that matches the expression "(?s).+"', True),
        ({"regex": r"[^@]+@[^@]+"}, 'any text that matches the expression "[^@]+@[^@]+"', True),
        ({"glob": "*@*"}, "any text like *@*", True),
        ({"glob": ["*.md", "{*,x}"]}, 'any text like *.md, "{*,x}"', True),
        ({"regex": "[a-z]"}, 'any text that matches the expression "[a-z]"', False),
        ({"cidr": ["0.0.0.0/0"]}, "any IP address in 0.0.0.0/0", True),
        ({"cidr": ["10.0.0.0/8"]}, "any IP address in 10.0.0.0/8", False),
        ({"not_in": ["a"]}, "anything but a", True),
        ({"argv": ["ls"]}, "any command line of ls", False),
        ({"max_length": 9, "prefix": "re"}, "anything of at most 9 characters or items and any text", False),
    ],
)
def test_a_pattern_says_how_wide_it_is(spec: JsonObject | str, words: str, wide: bool) -> None:
    line, last = reading({"x": spec})
    assert line.startswith(f"x: {words}")
    assert ("(as good as anything)" in line) == (
        wide and spec != "any" and "any_" not in line and _outer(line)
    )
    assert last == "no other argument"
    assert broad({"x": spec}) == (("x",) if wide else ())
    pattern({"x": spec})


def test_an_agents_words_do_not_read_like_the_pattern() -> None:
    said = 'a"; to: exactly what was approved; no other argument'
    assert reading({said: "any", "body": {"in": ["x, y", said]}}) == (
        '"a\\"; to: exactly what was approved; no other argument": anything',
        'body: one of "x, y", "a\\"; to: exactly what was approved; no other argument"',
        "no other argument",
    )


def _outer(line: str) -> bool:
    return line.endswith("(as good as anything)")


def test_a_pattern_of_no_argument_covers_calls_without_any() -> None:
    assert reading({}) == ("no argument at all",)


@pytest.mark.parametrize(
    "spec", [{}, {"optional": True}, {"regex": "("}, {"unheard": 1}, "every", 7, None, {"domain": ["a b"]}]
)
def test_what_no_policy_could_state_is_no_pattern(spec: object) -> None:
    with pytest.raises(ValueError, match=r"^x: expected"):
        pattern({"x": spec})
