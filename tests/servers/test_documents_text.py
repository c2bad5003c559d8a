"""Titles and plain text of every kind of document."""

from __future__ import annotations

import pytest

from toolgate_servers.retrieval.extract import extract, plain_html
from toolgate_servers.retrieval.text import MAX_TITLE


@pytest.mark.parametrize(
    ("path", "written", "title"),
    [
        ("a/guide.md", "intro\n\n# The  Guide #\n\ntext", "The Guide"),
        ("guide.md", "no heading\n## only a second level", "guide"),
        ("guide.rst", "Intro\n\nThe Guide\n=========\n", "The Guide"),
        ("guide.rst", "=====\nOver\n=====\n", "Over"),
        ("notes.txt", "first line", "notes"),
        ("page.html", "<html><title>A &amp; B\n C</title><h1>x</h1>", "A & B C"),
        ("page.html", "<p>no title", "page"),
        ("data.json", '{"title": "Prices", "rows": []}', "Prices"),
        ("data.json", '{"title": 5}', "data"),
        ("data.json", "[1, 2", "data"),
        ("data.json", "[" * 100_000, "data"),
        ("DATA.JSON", '{"title": "Upper"}', "Upper"),
        ("guide.md", "# " + "x" * 1000, "x" * MAX_TITLE),
    ],
)
def test_the_title_is_the_heading_or_else_the_name_of_the_file(path: str, written: str, title: str) -> None:
    assert extract(path, written.encode()).title == title


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("<p>one</p><p>two<br>three</p>", "one\ntwo\nthree"),
        ("a <b>bold</b> word &lt;kept&gt;", "a bold word <kept>"),
        ("<script>alert('x')</script>seen<STYLE>b{}</STYLE >", "seen"),
        ("<!-- hidden -->seen", "seen"),
        ("<!doctype html><title>gone</title>seen", "seen"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("seen<script>never closed", "seen"),
        ("seen<!-- never closed", "seen"),
        ("seen<p never closed", "seen"),
        ("<noscript>gone</noscript><template>gone</template>seen", "seen"),
    ],
)
def test_of_html_only_the_readable_text_stays(written: str, text: str) -> None:
    assert plain_html(written) == text


@pytest.mark.parametrize("piece", ["<!--", "<script>", "<", "<a ", "<title", "</", "<![CDATA["])
def test_hostile_markup_takes_one_pass(piece: str) -> None:
    # Quadratic work would take minutes here and hit the time limit of the suite.
    extract("page.html", (piece * 500_000).encode())


@pytest.mark.parametrize("path", ["guide.md", "guide.rst", "data.json"])
def test_hostile_headings_take_one_pass(path: str) -> None:
    extract(path, ("# x" + " " * 1_000_000 + "y\n" + "=" * 1_000_000 + "x").encode())


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        ("Größe: 5 €".encode("cp1252"), "Größe: 5 €"),
        ("Größe: 5 €".encode("utf-16"), "Größe: 5 €"),
        ("Größe".encode() + b" \xff", "Größe �"),
        (b"\x81", "�"),
    ],
)
def test_text_of_old_programs_is_read_as_it_was_written(raw: bytes, body: str) -> None:
    assert extract("notes.txt", raw).body == body


def test_bytes_that_are_not_utf8_do_not_stop_the_reading() -> None:
    text = extract("notes.txt", b"\xef\xbb\xbfbefore \xff\xfe\x00 after")
    assert text.body == "before ��� after"
