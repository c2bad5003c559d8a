"""Event streams cut anywhere are read alike, and what is written is read as it was."""

from __future__ import annotations

import pytest

from toolgate.protocol.sse import Event, Parser, TooLong, write


def parsed(*chunks: bytes) -> list[Event]:
    parser = Parser()
    return [event for chunk in chunks for event in parser.feed(chunk)]


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b'data: {"a":1}\n\n', [Event(b'{"a":1}')]),
        (b'data:{"a":1}\n\n', [Event(b'{"a":1}')]),
        (b"data:  two\n\n", [Event(b" two")]),
        (b"data: a\ndata: b\n\n", [Event(b"a\nb")]),
        (b"event: message\r\nid: 7\r\nretry: 3000\r\ndata: x\r\n\r\n", [Event(b"x", "7", 3000)]),
        (b"data: x\r\rdata: y\r\r", [Event(b"x"), Event(b"y")]),
        (b"id: 7\n\n", [Event(None, "7")]),
        (b"retry: 5\n\n", [Event(None, None, 5)]),
        (b"retry: soon\n\n", []),
        (b"id: a\0b\ndata: x\n\n", [Event(b"x")]),
        (b": keep-alive\n\n", []),
        (b"unknown: x\n\n", []),
        (b"data\n\n", []),
        (b"data: \n\n", []),
        (b"\n\n\n", []),
        (b"data: never ended\n", []),
        ("data: ü 日本\n\n".encode(), [Event("ü 日本".encode())]),
        (b"id: \xff\ndata: x\n\n", [Event(b"x", "\ufffd")]),
    ],
)
def test_a_stream_is_read_the_same_wherever_it_is_cut(stream: bytes, events: list[Event]) -> None:
    assert parsed(stream + b":\n") == events
    assert parsed(*[stream[i : i + 1] for i in range(len(stream))], b":\n") == events


@pytest.mark.parametrize(
    "event", [Event(b'{"a":1}'), Event(b"{}", "7"), Event(None, "7", 3000), Event(None, None, 5)]
)
def test_what_is_written_is_read_as_it_was(event: Event) -> None:
    assert parsed(write(event.data, event.id, event.retry)) == [event]


def test_an_id_cannot_begin_another_event() -> None:
    assert parsed(write(b"x", "7\r\n\r\ndata: forged")) == [Event(b"x", "7data: forged")]


@pytest.mark.parametrize("stream", [b"data: " + b"x" * 11, b"data: 12345\ndata: 123456\n", b"x" * 40])
def test_an_event_beyond_the_limit_ends_the_stream(stream: bytes) -> None:
    with pytest.raises(TooLong):
        Parser(10).feed(stream)


def test_many_events_within_the_limit_do_not_add_up() -> None:
    assert len(Parser(10).feed(b"data: 12345\n\n" * 100)) == 100
