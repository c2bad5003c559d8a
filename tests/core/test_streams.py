"""A value that is split over messages of one stream is found where it ends."""

from __future__ import annotations

from typing import Any

from toolgate.core.model import Finding
from toolgate.core.streams import KEPT, Stream
from toolgate.core.texts import texts


def told(stream: Stream, value: Any, known: str = "secret", first: int = 0, count: int | None = None) -> Any:
    """Where a word is found in one message, by (leaf, start, end)."""
    leaves = texts(value)
    looked = stream.joined(leaves, first, count)
    found = [
        Finding("SECRET", at, text.index(known), text.index(known) + len(known))
        for at, text in enumerate(looked)
        if known in text
    ]
    return [(one.leaf, one.start, one.end) for one in stream.own(found, leaves, first, count)]


def test_the_end_of_one_text_is_looked_at_with_the_next() -> None:
    stream = Stream()
    assert [told(stream, text) for text in ("a sec", "r", "et b", "et")] == [[], [], [(0, 0, 2)], []]


def test_what_stands_in_one_text_is_found_there_once() -> None:
    stream = Stream()
    assert told(stream, "a secret, and") == [(0, 2, 8)]
    assert told(stream, "more") == []


def test_what_stands_in_an_earlier_message_alone_is_no_longer_told() -> None:
    stream, first, second = Stream(), texts("seen late"), texts(" now")
    stream.own((), first)
    stream.joined(second)
    assert stream.own([Finding("SECRET", 0, 0, 4)], second) == ()


def test_nothing_goes_on_with_what_was_found_to_its_end() -> None:
    stream = Stream()
    told(stream, "secret")
    leaves = texts("ary")
    assert list(stream.joined(leaves)) == ["ary"]


def test_only_so_much_is_kept() -> None:
    stream = Stream()
    told(stream, "sec" + "x" * KEPT)
    assert list(stream.joined(texts("y"))) == ["x" * KEPT + "y"]


def test_texts_go_on_where_they_stand_and_keys_do_not() -> None:
    stream = Stream()
    first, second = {"one": "sec", "two": "x"}, {"one": "ret", "two": "ret"}
    assert told(stream, first) == []
    assert told(stream, second) == [(1, 0, 3)]
    keys = Stream()
    told(keys, {"sec": "sec"})
    assert told(keys, {"ret": 1}) == []


def test_only_the_part_that_goes_on_is_joined() -> None:
    stream = Stream()
    told(stream, {"data": "sec", "logger": "sec"}, first=1, count=1)
    assert told(stream, {"data": "ret", "logger": "ret", "more": "ret"}, first=1, count=1) == [(1, 0, 3)]
    assert told(stream, {"data": 7, "logger": "x"}, first=1, count=0) == []
