"""`toolgate call`: what its words mean, and how answers are shown."""

from __future__ import annotations

import pytest
import typer
from mcp_types import CallToolResult, ImageContent, TextContent

from toolgate_clients.call import lines, read, shown, valued
from toolgate_clients.connection import Place

URL = "http://127.0.0.1:8717/mcp"


def test_a_url_comes_before_the_tool_and_its_arguments() -> None:
    asked = read([URL, "compute__calculate", "expression=6*7"], "k")
    assert asked.place == Place(URL, "k")
    assert asked.tool == "compute__calculate"
    assert asked.pairs == (("expression", "6*7"),)


def test_a_command_comes_last_and_keeps_words_that_look_like_arguments() -> None:
    asked = read(["git_log", "repo_path=.", "env", "A=b", "server"], "")
    assert asked.place == Place(command=("env", "A=b", "server"))
    assert asked.pairs == (("repo_path", "."),)


def test_a_value_may_hold_further_equals_signs() -> None:
    assert read([URL, "t", "a=b=c"], "").pairs == (("a", "b=c"),)


def test_listing_needs_no_tool() -> None:
    assert read([URL], "", listing=True).place.url == URL
    assert read(["server", "--x", "a=b"], "", listing=True).place.command == ("server", "--x", "a=b")


@pytest.mark.parametrize("words", [[URL], [URL, "t", "notapair"], ["t", "a=b"], ["t"], []])
def test_words_without_a_meaning_are_misuse(words: list[str]) -> None:
    with pytest.raises(typer.BadParameter):
        read(words, "")


def test_text_stays_text_where_the_tool_wants_text() -> None:
    assert valued("5", {"type": "string"}) == "5"
    assert valued("5", {"type": "integer"}) == 5
    assert valued("5", None) == 5
    assert valued('["a"]', {"type": "array"}) == ["a"]
    assert valued("hello", {"type": "integer"}) == "hello"


def test_an_answer_cannot_move_the_cursor() -> None:
    assert shown("a\x1b[2Jb\u202ec\nd") == "a\\u{1b}[2Jb\\u{202e}c\nd"


def test_every_kind_of_content_has_a_line() -> None:
    picture = ImageContent(type="image", data="", mime_type="image/png")
    content: list[TextContent | ImageContent] = [TextContent(type="text", text="hello"), picture]
    assert lines(CallToolResult(content=[*content])) == ["hello", "[image image/png]"]
    assert lines(CallToolResult(content=[], structured_content={"a": 1})) == ['{\n  "a": 1\n}']
