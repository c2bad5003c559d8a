"""The index in memory, fed with made-up entries: no file is touched."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from toolgate_servers.errors import CannotStart, Reason, Refused
from toolgate_servers.retrieval.backends.sqlite import SqliteIndex
from toolgate_servers.retrieval.folder import Entry
from toolgate_servers.retrieval.query import match_expression, words
from toolgate_servers.retrieval.text import Text


class Shelf:
    """Documents by path, and which of them were read."""

    def __init__(self, **texts: str) -> None:
        self.texts = {f"{name}.txt": text for name, text in texts.items()}
        self.versions = dict.fromkeys(self.texts, 1)
        self.read: list[str] = []

    def entries(self) -> list[Entry]:
        return [Entry(path, self.versions[path], len(text)) for path, text in self.texts.items()]

    def text(self, path: str) -> Text | None:
        self.read.append(path)
        return Text(path.removesuffix(".txt"), self.texts[path])


@pytest.fixture
def index() -> Iterator[SqliteIndex]:
    kept = SqliteIndex(None, "/docs")
    yield kept
    kept.close()


def found(index: SqliteIndex, query: str, *, every: bool = True) -> list[str]:
    return [hit.path for hit in index.search(words(query), every=every, limit=10)]


def test_a_search_finds_documents_with_every_word(index: SqliteIndex) -> None:
    shelf = Shelf(cats="cats sleep", dogs="dogs run", both="cats run from dogs")
    index.synchronise(shelf.entries(), shelf.text)
    assert found(index, "dogs run") == ["dogs.txt", "both.txt"]


def test_any_word_is_enough_when_asked_so(index: SqliteIndex) -> None:
    shelf = Shelf(cats="cats sleep", dogs="dogs run", fish="fish swim")
    index.synchronise(shelf.entries(), shelf.text)
    assert set(found(index, "cats run", every=False)) == {"cats.txt", "dogs.txt"}


def test_a_word_in_the_title_weighs_more_than_one_in_the_text(index: SqliteIndex) -> None:
    shelf = Shelf(filler="nothing here", other="more filler", refunds="money back", rules="refunds are rare")
    index.synchronise(shelf.entries(), shelf.text)
    assert found(index, "refunds")[0] == "refunds.txt"


def test_word_forms_and_accents_do_not_matter(index: SqliteIndex) -> None:
    shelf = Shelf(one="running in cafés")
    index.synchronise(shelf.entries(), shelf.text)
    assert found(index, "run CAFE") == ["one.txt"]


def test_only_what_changed_is_read_again(index: SqliteIndex) -> None:
    shelf = Shelf(same="alpha", changed="beta")
    index.synchronise(shelf.entries(), shelf.text)
    shelf.read.clear()
    shelf.texts["changed.txt"] = "gamma"
    shelf.versions["changed.txt"] = 2
    index.synchronise(shelf.entries(), shelf.text)
    assert shelf.read == ["changed.txt"]
    assert found(index, "beta") == []
    assert found(index, "gamma") == ["changed.txt"]


def test_what_is_gone_is_forgotten(index: SqliteIndex) -> None:
    shelf = Shelf(stays="alpha", goes="alpha")
    index.synchronise(shelf.entries(), shelf.text)
    del shelf.texts["goes.txt"]
    index.synchronise(shelf.entries(), shelf.text)
    assert found(index, "alpha") == ["stays.txt"]
    assert index.count() == 1


def test_what_cannot_be_read_is_counted_and_left_out(index: SqliteIndex) -> None:
    shelf = Shelf(fine="alpha", locked="alpha")
    unread = index.synchronise(
        shelf.entries(), lambda path: None if path == "locked.txt" else shelf.text(path)
    )
    assert unread == 1
    assert found(index, "alpha") == ["fine.txt"]


def test_pages_follow_each_other_without_gaps(index: SqliteIndex) -> None:
    shelf = Shelf(a="x", b="x", c="x")
    index.synchronise(shelf.entries(), shelf.text)
    first = index.page("", 2)
    assert [listed.path for listed in first] == ["a.txt", "b.txt"]
    assert [listed.path for listed in index.page(first[-1].path, 2)] == ["c.txt"]


@pytest.mark.parametrize(
    "query",
    [
        'say "hello',
        "NEAR(hello world, 5)",
        "title:hello",
        "hello OR world NOT",
        "-hello",
        "^hello*",
        "{title body}: hello",
        "hello' OR 1=1 --",
        "hello\x00world",
        "((((hello",
        "AND",
        "foo_bar ² hello",
    ],
)
def test_no_query_is_more_than_words(index: SqliteIndex, query: str) -> None:
    shelf = Shelf(one="hello world")
    index.synchronise(shelf.entries(), shelf.text)
    assert isinstance(index.search(words(query), every=False, limit=5), list)


def test_words_are_quoted_so_that_none_is_an_operator() -> None:
    assert match_expression(words("a NOT b"), every=True) == '"a" AND "NOT" AND "b"'


@pytest.mark.parametrize("query", ["", "   ", '"" ()', "***", "_ __", "\x00"])
def test_a_query_without_words_is_refused(query: str) -> None:
    with pytest.raises(Refused) as caught:
        words(query)
    assert caught.value.reason is Reason.NO_WORDS


def test_a_query_of_too_many_words_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        words("word " * 33)
    assert caught.value.reason is Reason.TOO_COMPLEX


def test_an_index_file_is_private_and_kept_for_the_next_start(tmp_path: Path) -> None:
    file = tmp_path / "index.db"
    shelf = Shelf(one="alpha")
    first = SqliteIndex(file, "/docs")
    first.synchronise(shelf.entries(), shelf.text)
    first.close()
    shelf.read.clear()
    second = SqliteIndex(file, "/docs")
    second.synchronise(shelf.entries(), shelf.text)
    assert shelf.read == []
    assert found(second, "alpha") == ["one.txt"]
    assert file.stat().st_mode & 0o077 == 0
    second.close()


def test_an_index_of_another_folder_is_refused(tmp_path: Path) -> None:
    SqliteIndex(tmp_path / "index.db", "/docs").close()
    with pytest.raises(CannotStart):
        SqliteIndex(tmp_path / "index.db", "/other")


def test_a_file_that_is_no_index_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("not a database, but long enough to be looked at" * 50)
    before = notes.read_bytes()
    with pytest.raises(CannotStart):
        SqliteIndex(notes, "/docs")
    assert notes.read_bytes() == before


def test_a_database_of_something_else_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "other.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE customers (name)")
    connection.close()
    before = file.read_bytes()
    with pytest.raises(CannotStart):
        SqliteIndex(file, "/docs")
    assert file.read_bytes() == before


def test_a_missing_folder_for_the_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotStart):
        SqliteIndex(tmp_path / "nowhere" / "index.db", "/docs")
