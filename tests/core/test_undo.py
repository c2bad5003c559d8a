"""The way back from a call, and where two arguments differ."""

from __future__ import annotations

import pytest

from toolgate.core.changes import changes
from toolgate.core.model import JsonObject
from toolgate.core.undo import inverse_of, reference

SENT: JsonObject = {"name": "old", "tags": ["a", {"b": 1}]}


def test_the_inverse_is_made_of_what_was_sent_and_what_came_back() -> None:
    template: JsonObject = {
        "id": "$result.ticket.id",
        "former": "$arguments.name",
        "all": "$arguments",
        "deep": [{"x": "$arguments.tags.1.b"}, "$$5", 7, None],
    }
    result: JsonObject = {"structuredContent": {"ticket": {"id": 12}}}
    assert inverse_of(template, SENT, result) == {
        "id": 12,
        "former": "old",
        "all": SENT,
        "deep": [{"x": 1}, "$5", 7, None],
    }


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ({"content": [{"type": "text", "text": '{"id": 3}'}]}, {"id": 3}),
        ({"content": [{"type": "image"}, {"type": "text", "text": '{"id": 4}'}]}, {"id": 4}),
        ({"content": [{"type": "text", "text": "done"}]}, "$result.id"),
        ({"content": ["x"]}, "$result.id"),
        ({"content": "x"}, "$result.id"),
        ({"structuredContent": {"other": 1}}, "$result.id"),
        ({"structuredContent": [{"id": 1}]}, "$result.id"),
    ],
)
def test_a_reference_that_leads_nowhere_makes_no_inverse(result: JsonObject, expected: object) -> None:
    assert inverse_of({"id": "$result.id"}, {}, result) == expected


def test_a_list_is_counted_from_nought_and_ends() -> None:
    assert inverse_of({"x": "$arguments.tags.0"}, SENT, {}) == {"x": "a"}
    assert inverse_of({"x": "$arguments.tags.2"}, SENT, {}) == "$arguments.tags.2"


def test_what_is_a_reference() -> None:
    assert reference("$result.a.0") == ("result", "a", "0")
    assert reference("$arguments") == ("arguments",)
    assert reference("plain") is reference("$$x") is None
    for wrong in ("$result", "$results.x", "$arguments..x", "$"):
        with pytest.raises(ValueError, match=r"\$result\.PATH"):
            reference(wrong)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1}, {"a": 1}, ()),
        ({"a": 1}, {"a": 1.0}, ("a: changed",)),
        ({"a": 1, "b": 2}, {"a": 1}, ("b: removed",)),
        ({"a": 1}, {"a": 1, "b": "a secret"}, ("b: added",)),
        ({"o": {"x": 1, "y": 2}}, {"o": {"x": 3, "z": 1}}, ("o.x: changed", "o.y: removed", "o.z: added")),
        ({"l": [1, 2, 3]}, {"l": [1, 3]}, ("l[1]: removed",)),
        ({"l": [1, 2, 3]}, {"l": []}, ("l[0]: removed", "l[1]: removed", "l[2]: removed")),
        ({"l": [1, 2]}, {"l": [2, 1]}, ("l: changed",)),
        ({"l": [1]}, {"l": [1, 2]}, ("l: changed",)),
        ({"l": [1]}, {"l": "1"}, ("l: changed",)),
    ],
)
def test_changes_are_named_by_place_and_never_by_value(
    before: JsonObject, after: JsonObject, expected: tuple[str, ...]
) -> None:
    assert changes(before, after) == expected
