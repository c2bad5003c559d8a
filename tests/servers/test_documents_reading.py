"""Text, headings, pages and tables of every format, and the passages that they are cut into."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from made_documents import docx_file, pdf, raw_pdf
from toolgate_servers.errors import Reason, Refused
from toolgate_servers.retrieval.extract import extract
from toolgate_servers.retrieval.parts import excerpts, part_of
from toolgate_servers.retrieval.passages import LONGEST, passages
from toolgate_servers.retrieval.reading.reader import Reader
from toolgate_servers.retrieval.text import Mark, Text


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    """One reader, and so one process, for all of the tests."""
    kept = Reader()
    yield kept
    kept.close()


def headings(text: Text) -> list[tuple[int, str]]:
    return [(mark.level, mark.title) for mark in text.marks]


def test_a_pdf_has_pages_and_an_outline(reader: Reader) -> None:
    text = reader.read("a/guide.pdf", pdf("First page", "Second page", title="The Guide", outline=True))
    assert (text.title, text.body) == ("The Guide", "First page\n\nSecond page")
    assert text.pages == (0, 12)
    assert headings(text) == [(1, "First page"), (1, "Second page")]
    assert (text.page_at(11), text.page_at(12)) == (1, 2)


def test_a_pdf_without_title_is_named_by_its_file_and_one_without_text_is_empty(reader: Reader) -> None:
    text = reader.read("scan.pdf", pdf(""))
    assert (text.title, text.body, len(text.pages)) == ("scan", "", 1)


def test_a_pdf_that_only_forbids_changes_is_read(reader: Reader) -> None:
    assert reader.read("x.pdf", pdf("Open", password="", owner="hunter2")).body == "Open"


def rows_of_pdf(*rows: tuple[str, ...]) -> bytes:
    """Words in columns, as a page has them."""
    words = (
        f"BT /F1 10 Tf {72 + 150 * column} {700 - 20 * row} Td ({cell}) Tj ET"
        for row, cells in enumerate(rows)
        for column, cell in enumerate(cells)
        if cell
    )
    return "\n".join(words).encode("latin-1")


def test_what_stands_in_columns_on_a_page_is_a_table(reader: Reader) -> None:
    prices = (("Item", "Count", "Price"), ("Widget A", "3", "10.50"), ("Gadget", "", "7.00"))
    raw = raw_pdf([rows_of_pdf(("An introduction in one column",)), rows_of_pdf(("Prices",), *prices)])
    assert reader.read("x.pdf", raw).tables == ()
    assert reader.read("x.pdf", raw, tables=(1, 1)).tables == ()
    text = reader.read("x.pdf", raw, tables=(1, 9))
    (table,) = text.tables
    assert (table.rows, text.page_at(table.offset)) == (prices, 2)
    assert [one.number for one in excerpts(text, None, 1000, (2, 2))] == [1]
    assert excerpts(text, None, 1000, (1, 1)) == []


def test_columns_of_running_text_are_no_table(reader: Reader) -> None:
    line = "words that go on and on until the end"
    raw = raw_pdf(
        [
            b"\n".join(
                f"BT /F1 6 Tf {40 + 280 * column} {700 - 20 * row} Td ({line} {line}) Tj ET".encode()
                for row in range(5)
                for column in range(2)
            )
        ]
    )
    assert reader.read("x.pdf", raw, tables=(1, 9)).tables == ()


def test_a_docx_file_has_headings_and_tables(reader: Reader) -> None:
    text = reader.read("leave.docx", docx_file())
    assert text.title == "Leave"
    assert headings(text) == [(1, "Leave"), (2, "Sick leave")]
    assert text.body.splitlines()[-1] == "2026\t30"
    (table,) = text.tables
    assert table.rows == (("Year", "Days"), ("2026", "30"))
    assert text.body[table.offset :].startswith("Year")
    assert reader.read("leave.docx", docx_file(title="Rules")).title == "Rules"


def test_a_page_is_its_main_text(reader: Reader) -> None:
    article = "<p>" + "The town library opens at nine on every working day. " * 20 + "</p>"
    page = f"<html><title>Hours</title><nav><a href=x>Home</a></nav><article>{article}</article></html>"
    text = reader.page(page)
    assert text.title == "Hours"
    assert "opens at nine" in text.body


def test_headings_of_markdown_are_not_looked_for_in_code() -> None:
    text = extract("a.md", b"# One\n\n```\n# not this\n```\n\n## Two ##\ntext\n")
    assert headings(text) == [(1, "One"), (2, "Two")]
    assert text.body[text.marks[1].offset :].startswith("## Two")


def test_headings_of_restructured_text_have_the_levels_of_their_lines() -> None:
    text = extract("a.rst", b"One\n===\n\ntext\n\nTwo\n---\n\nThree\n===\n")
    assert headings(text) == [(1, "One"), (2, "Two"), (1, "Three")]


def test_headings_of_html_stand_where_their_text_does() -> None:
    text = extract("a.html", b"<h1>One</h1><p>text</p><h2>T<b>w</b>o</h2>end")
    assert headings(text) == [(1, "One"), (2, "Two")]
    assert text.body[text.marks[1].offset :] == "Two\nend"


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("a.csv", b'name,"days"\nann,7\n'),
        ("a.tsv", b"name\tdays\nann\t7\n"),
        ("a.md", b"text\n\n| name | days |\n|------|-----:|\n| ann | 7 |\n\ntext"),
        ("a.html", b"<table><tr><th>name<th>days<tr><td>ann</td><td><b>7</b></td></table>"),
    ],
)
def test_tables_are_rows_of_cells(path: str, written: bytes) -> None:
    (table,) = extract(path, written).tables
    assert table.rows == (("name", "days"), ("ann", "7"))


def test_a_part_is_what_was_asked_for() -> None:
    text = Text("t", "0123456789", pages=(0, 4, 8))
    assert part_of(text, 0, 4).next_offset == 4
    assert part_of(text, 8, 100).text == "89"
    assert part_of(text, 10, 1).text == ""
    assert (part_of(text, 0, 100, "2").text, part_of(text, 0, 100, "2-3").text) == ("4567", "456789")
    assert part_of(text, 0, 2, "2-3").next_offset == 6


@pytest.mark.parametrize(
    ("offset", "pages", "reason"),
    [
        (11, None, Reason.OFFSET_BEYOND_END),
        (0, "0", Reason.NO_SUCH_PAGE),
        (0, "4", Reason.NO_SUCH_PAGE),
        (0, "2-4", Reason.NO_SUCH_PAGE),
        (0, "3-2", Reason.NO_SUCH_PAGE),
        (1, "2", Reason.ARGUMENT_NOT_VALID),
    ],
)
def test_a_part_that_is_not_there_is_refused(offset: int, pages: str | None, reason: Reason) -> None:
    with pytest.raises(Refused) as caught:
        part_of(Text("t", "0123456789", pages=(0, 4, 8)), offset, 5, pages)
    assert caught.value.reason is reason


def test_tables_are_given_as_far_as_there_is_room() -> None:
    text = extract("a.csv", b"name,days\n" + b"ann,7\n" * 100)
    (cut,) = excerpts(text, None, 45)
    assert (cut.number, len(cut.rows), cut.table.total_rows) == (1, 6, 101)
    with pytest.raises(Refused) as caught:
        excerpts(text, 2, 50)
    assert caught.value.reason is Reason.NO_SUCH_TABLE


@pytest.mark.parametrize(
    "text",
    [
        Text("t", ""),
        Text("t", "short"),
        Text("t", "word " * 2000),
        Text("t", "x" * 10_000),
        Text("t", "a. " * 100 + "\n\n" + "b " * 3000, marks=(Mark(0, 1, "A"), Mark(302, 1, "B"))),
        Text("t", "page one" * 50 + "page two", pages=(0, 400)),
        Text("t", "end", pages=(0, 3)),
    ],
)
def test_passages_cover_the_text_without_gaps_and_are_not_too_long(text: Text) -> None:
    found = list(passages(text))
    assert [passage.start for passage in found] == [0, *(passage.end for passage in found[:-1])]
    assert found[-1].end == len(text.body)
    assert all(passage.end - passage.start <= LONGEST for passage in found)


def test_a_passage_knows_its_heading_and_its_page() -> None:
    body = "Intro " * 100 + "Rules " * 100
    text = Text("t", body, marks=(Mark(0, 1, "Intro"), Mark(600, 1, "Rules")), pages=(0, 600))
    assert [(one.heading, one.page) for one in passages(text)] == [("Intro", 1), ("Rules", 2)]


def test_short_sections_are_kept_together_but_never_across_pages() -> None:
    marks = tuple(Mark(10 * number, 2, str(number)) for number in range(10))
    assert len(list(passages(Text("t", "0123456789" * 10, marks=marks)))) == 1
    assert len(list(passages(Text("t", "0123456789" * 10, marks=marks, pages=(0, 50))))) == 2


def test_what_comes_back_from_the_process_is_what_it_read(reader: Reader) -> None:
    again: Any = reader.read("leave.docx", docx_file())
    assert again == reader.read("leave.docx", docx_file())
    assert isinstance(again.marks[0], Mark)
