"""What is read out of a JSON value: every text, in order, and the way back."""

from __future__ import annotations

import random
from typing import Any, cast

import pytest

from toolgate.core.texts import is_text, texts


def plainly(value: Any) -> list[str]:
    """The same texts, by walking the value."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, int | float) and not isinstance(value, bool) and is_text(value):
        return [str(int(value))]
    if isinstance(value, list):
        return [text for item in cast("list[str]", value) for text in plainly(item)]
    if isinstance(value, dict):
        return [text for key, item in cast("dict[str, Any]", value).items() for text in [key, *plainly(item)]]
    return []


ALPHABET = [
    '"',
    "\\",
    "\\n",
    '\\"',
    "\x00",
    "\x01",
    "\x02",
    "\x1e",
    "a",
    ":",
    ",",
    "{",
    "é",
    "\u2028",
    "\U0001f600",
    "\x7f",
    "",
]


def some_text(dice: random.Random) -> str:
    return "".join(dice.choices(ALPHABET, k=dice.randrange(6)))


def some_value(dice: random.Random, depth: int) -> Any:
    kind = dice.randrange(4 if depth else 2)
    if kind == 0:
        return some_text(dice)
    if kind == 1:
        return dice.choice([None, True, 0, -7, 2**63, 1.5, 1e300, -0.0, 4e12, -123456789, 123456789.5])
    if kind == 2:
        return [some_value(dice, depth - 1) for _ in range(dice.randrange(4))]
    return {some_text(dice): some_value(dice, depth - 1) for _ in range(dice.randrange(4))}


@pytest.mark.parametrize("seed", range(300))
def test_any_value_gives_the_texts_that_walking_it_gives_and_can_be_written_back(seed: int) -> None:
    value = some_value(random.Random(seed), 4)
    read = texts(value)
    assert read == plainly(value)
    assert read.rewritten({}) == value


@pytest.mark.parametrize("seed", range(100))
def test_any_text_that_is_no_key_can_be_changed_to_any_other(seed: int) -> None:
    dice = random.Random(seed)
    value = [some_value(dice, 3), some_text(dice)]
    read, new = texts(value), some_text(dice)
    assert read.rewritten({len(read) - 1: new}) == [value[0], new]


def test_texts_are_numbered_in_document_order_with_each_key_before_its_value() -> None:
    value = {"a": "b", "c": ["d", {"e": {"f": "g"}}, 1, None, True], "h": 2.5}
    assert texts(value) == ["a", "b", "c", "d", "e", "f", "g", "h"]


def test_a_key_that_names_a_text_is_a_label_and_other_texts_are_not() -> None:
    read = texts({"a": "b", "c": ["d"], "e": 1, "f": {"g": "h"}, "i": ":"})
    labels = [text for leaf, text in enumerate(read) if read.is_label(leaf)]
    assert labels == ["a", "g", "i"]


@pytest.mark.parametrize("value", [None, 3, True, [], {}, [1, [2]]])
def test_a_value_without_text_has_no_leaves(value: Any) -> None:
    assert texts(value) == []


@pytest.mark.parametrize("value", [[b"x"], {1: "x"}, "\ud800", 2**64, {"x": object()}])
def test_what_json_cannot_say_is_an_error_instead_of_a_text_unseen(value: Any) -> None:
    with pytest.raises(TypeError, match="expected a JSON value"):
        texts(value)


def test_a_change_of_a_key_needs_more_than_the_texts() -> None:
    assert texts({"a": 1}).rewritten({0: "b"}) is None


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (4111111111111111, "4111111111111111"),
        ([1, [4111111111111111]], "4111111111111111"),
        ({"card": 4111111111111111, "n": 5}, "4111111111111111"),
        ({"card": 4111111111111111.0}, "4111111111111111"),
        ({"n": -123456789}, "-123456789"),
    ],
)
def test_a_long_whole_number_is_a_text(value: Any, number: str) -> None:
    read = texts(value)
    assert number in read
    assert read.numbers == {read.index(number)}
    assert read.rewritten({}) == value


@pytest.mark.parametrize("value", [12345678, 1234567890.5, 1e20, 1.5e-9, True, "4111111111111111"])
def test_other_numbers_are_no_texts(value: Any) -> None:
    assert texts([value]).numbers == frozenset()


def test_a_key_whose_value_is_a_long_number_is_its_label() -> None:
    read = texts({"phone": 4155550132, "other": [4155550132]})
    assert [read.is_label(leaf) for leaf in range(4)] == [True, False, False, False]


@pytest.mark.parametrize(("old", "new"), [(4111111111111111, 0), (4111111111111111.0, 0.0), (-123456789, 0)])
def test_a_number_that_changes_becomes_nought_of_its_own_kind(old: float, new: float) -> None:
    changed: Any = texts({"a": [old, old]}).rewritten({1: "<X>"})
    assert changed == {"a": [new, old]}
    assert type(cast("list[object]", changed["a"])[0]) is type(old)
