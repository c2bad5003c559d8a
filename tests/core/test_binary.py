"""Binary content is opened where it is text, and held to what a policy lets pass."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from typing import Any

import pytest

from toolgate.core.binary import Binary, opened
from toolgate.core.model import JsonObject

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)) * 30


def b64(data: bytes) -> str:
    return b64encode(data).decode()


def blob(data: str, media: str | None = "application/octet-stream") -> JsonObject:
    """A result of `resources/read`."""
    held: JsonObject = {"uri": "file:///a", "blob": data}
    return {"contents": [held if media is None else {**held, "mimeType": media}]}


def said(value: JsonObject) -> Any:
    found = opened(value)
    return found and [piece.text for piece in found.pieces]


@pytest.mark.parametrize(
    ("data", "media", "text"),
    [
        (b"hello", "text/plain", "hello"),
        (b"hello", "TEXT/HTML; charset=utf-8", "hello"),
        (b"{}", "application/json", "{}"),
        (b"{}", "application/problem+json", "{}"),
        (b"<a/>", "image/svg+xml", "<a/>"),
        (b"<a/>", "application/xml", "<a/>"),
        (b"hello", "application/octet-stream", "hello"),
        (b"hello", None, "hello"),
        ("Größe".encode(), None, "Größe"),
        ("é".encode() * 3000, None, "é" * 3000),
        (b"x" * 3071 + "é".encode() + b"x" * 9, None, "x" * 3071 + "é" + "x" * 9),
        ("hi".encode("utf-16"), None, "\ufeffhi"),
        (b"\xfe\xff\x00h", "text/plain", "\ufeffh"),
        (b"\xff\xfeh", "text/plain", "ÿþh"),
        (b"caf\xe9", "text/plain", "café"),
        (b"", "text/plain", ""),
        (PNG, "image/png", None),
        (PNG, "application/octet-stream", None),
        (b"", None, None),
        (b"caf\xe9", None, None),
        (b"a\x00b", None, None),
    ],
)
def test_text_is_told_from_what_is_none(data: bytes, media: str | None, text: str | None) -> None:
    found = opened(blob(b64(data), media))
    assert found is not None
    (piece,) = found.pieces
    assert piece.text == text
    if text is not None:
        assert piece.size == len(data)
        held = found.value["contents"][0]
        assert held["blob"] == text
        assert found.closed({"contents": [{**held}]}) == blob(b64(data), media)


@pytest.mark.parametrize("data", ["not base64!", "a", b64(b"x" * 4000) + "!"])
def test_what_is_no_base64_is_left_as_it_stands(data: str) -> None:
    assert opened(blob(data)) is None


def test_other_spellings_of_base64_are_read() -> None:
    text = "??>>~~ plain text"
    spelled = urlsafe_b64encode(text.encode()).decode().rstrip("=")
    assert said(blob(spelled)) == [text]
    assert said(blob("\n".join(spelled[at : at + 8] for at in range(0, len(spelled), 8)))) == [text]


@pytest.mark.parametrize(
    "value",
    [
        {"content": [{"type": "resource", "resource": {"uri": "x", "blob": b64(b"hi")}}]},
        {"content": [{"type": "image", "data": b64(b"hi"), "mimeType": "image/png"}]},
        {"content": {"type": "audio", "data": b64(b"hi"), "mimeType": "audio/wav"}},
        {"messages": [{"content": {"data": b64(b"hi"), "mimeType": "image/png"}}]},
        {"result": {"content": {"data": b64(b"hi"), "mimeType": "image/png"}}},
        {"inputResponses": {"a": {"content": [{"data": b64(b"hi"), "mimeType": "image/png"}]}}},
    ],
)
def test_every_place_that_holds_binary_content_is_looked_at(value: JsonObject) -> None:
    assert said(value) == ["hi"]


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"content": [{"type": "text", "text": "x", "blob": b64(b"hi")}]},
        {"content": [{"type": "image", "data": 7, "mimeType": "image/png"}, "text", 7]},
        {"content": [{"type": "image", "data": b64(b"hi")}]},
        {"content": [{"type": "image", "data": b64(b"hi"), "mimeType": 7}]},
        {"contents": "text"},
    ],
)
def test_what_holds_none_is_not_opened(value: JsonObject) -> None:
    assert opened(value) is None


TWO: JsonObject = {
    "content": [
        {"type": "text", "text": "x"},
        {"type": "resource", "resource": {"mimeType": "text/csv", "blob": b64(b"a,bob")}},
        {"type": "image", "mimeType": "image/png", "data": b64(PNG)},
    ]
}


def closed(place: int, **changed: Any) -> Any:
    """The message after a mask has changed one block."""
    found = opened(TWO)
    assert found is not None
    blocks = [dict(block) for block in found.value["content"]]
    blocks[1]["resource"] = dict(blocks[1]["resource"])
    (blocks[1]["resource"] if place == 1 else blocks[place]).update(changed)
    return found.closed({"content": blocks})


def test_what_was_masked_is_written_in_base64_again() -> None:
    found = opened(TWO)
    assert found is not None
    assert found.closed(found.value) is TWO
    assert closed(0, text="<X>")["content"][1] == TWO["content"][1]
    assert closed(1, blob="a,<X>")["content"][1]["resource"]["blob"] == b64(b"a,<X>")


def test_a_mask_in_what_is_no_text_or_in_the_name_of_its_place_cannot_be_delivered() -> None:
    assert closed(2, data="<SECRET>") is None
    found = opened(TWO)
    assert found is not None
    assert found.closed({"<SECRET>": found.value["content"]}) is None
    texts = opened({"contents": [{"blob": b64(b"hi")}]})
    assert texts is not None
    assert texts.closed({"contents": [{"<X>": "hi"}]}) is None


@pytest.mark.parametrize(
    ("binary", "passes"),
    [
        (None, True),
        (Binary(), True),
        (Binary(10_000), True),
        (Binary(7_000), False),
        (Binary(None, ("image/*",)), True),
        (Binary(None, ("image/png",)), True),
        (Binary(None, ("audio/*", "image/jpeg")), False),
        (Binary(10, ("image/png",)), False),
    ],
)
def test_a_policy_says_what_may_pass_and_never_means_text(binary: Binary | None, passes: bool) -> None:
    found = opened(TWO)
    assert found is not None
    assert (found.stopped(binary) == "") is passes
