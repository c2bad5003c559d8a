"""The folder is listed and read, and never left."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from toolgate_servers.errors import CannotStart, Reason, Refused
from toolgate_servers.retrieval.backends.sqlite import SqliteIndex
from toolgate_servers.retrieval.folder import Contents, Folder
from toolgate_servers.retrieval.formats import MAX_BYTES
from toolgate_servers.retrieval.library import REFRESH_SECONDS, REST, Library


@pytest.fixture
def root(tmp_path: Path) -> Path:
    docs = tmp_path / "docs"
    (docs / "deep" / "er").mkdir(parents=True)
    (docs / "guide.md").write_text("# Guide\nhello")
    (docs / "deep" / "er" / "note.txt").write_text("deep note")
    (tmp_path / "secret.txt").write_text("outside")
    return docs


def refused(folder: Folder, path: str) -> Reason:
    with pytest.raises(Refused) as caught:
        folder.read(path)
    return caught.value.reason


def test_documents_are_listed_by_path_and_read(root: Path) -> None:
    folder = Folder(root)
    assert [entry.path for entry in folder.contents().entries] == ["deep/er/note.txt", "guide.md"]
    assert folder.read("deep/er/note.txt") == b"deep note"


def test_hidden_names_other_types_and_links_are_not_documents(root: Path) -> None:
    (root / ".hidden.md").write_text("x")
    (root / ".git").mkdir()
    (root / ".git" / "config.txt").write_text("x")
    (root / "key.pem").write_text("x")
    (root / "link.txt").symlink_to(root.parent / "secret.txt")
    (root / "inner.md").symlink_to(root / "guide.md")
    (root / "up").symlink_to(root.parent)
    (root / "folder.md").mkdir()
    os.mkfifo(root / "pipe.txt")
    folder = Folder(root)
    assert [entry.path for entry in folder.contents().entries] == ["deep/er/note.txt", "guide.md"]
    for path in (".hidden.md", ".git/config.txt", "key.pem", "folder.md", "pipe.txt"):
        assert refused(folder, path) is Reason.NO_SUCH_DOCUMENT


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt",
        "deep/../../secret.txt",
        "/etc/hosts.txt",
        "..\\secret.txt",
        "\\secret.txt",
        "deep/../guide.md",
    ],
)
def test_a_path_that_leaves_the_folder_is_refused(root: Path, path: str) -> None:
    assert refused(Folder(root), path) is Reason.OUTSIDE_FOLDER


def test_links_are_refused_wherever_they_point(root: Path) -> None:
    (root / "link.txt").symlink_to(root.parent / "secret.txt")
    (root / "inner.md").symlink_to(root / "guide.md")
    (root / "up").symlink_to(root.parent)
    folder = Folder(root)
    for path in ("link.txt", "inner.md", "up/secret.txt"):
        assert refused(folder, path) is Reason.OUTSIDE_FOLDER


@pytest.mark.parametrize(
    "path",
    [
        "missing.md",
        "deep",
        "guide.md/x.txt",
        "./guide.md",
        "deep//er/note.txt",
        "guide.md/",
        "gu\x00ide.md",
        "gu\nide.md",
        "\ud800.md",
        "x" * 5000 + ".md",
        " ",
    ],
)
def test_a_path_that_names_no_document_is_refused(root: Path, path: str) -> None:
    assert refused(Folder(root), path) is Reason.NO_SUCH_DOCUMENT


def test_a_file_that_is_too_large_is_counted_and_not_read(root: Path) -> None:
    (root / "large.txt").write_bytes(b"x" * (MAX_BYTES + 1))
    folder = Folder(root)
    assert folder.contents().skipped == 1
    assert refused(folder, "large.txt") is Reason.TOO_LARGE


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotStart):
        Folder(tmp_path / "nowhere")
    file = tmp_path / "file.md"
    file.write_text("x")
    with pytest.raises(CannotStart):
        Folder(file)


def test_a_refusal_never_repeats_the_path(root: Path) -> None:
    with pytest.raises(Refused) as caught:
        Folder(root).read("../hunter2.txt")
    assert "hunter2" not in str(caught.value)


class Hands:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def shelves(root: Path, clock: Hands) -> Iterator[Library]:
    index = SqliteIndex(None, str(root))
    yield Library(Folder(root), index, clock)
    index.close()


def test_a_new_document_is_found_after_the_refresh_time(root: Path, shelves: Library, clock: Hands) -> None:
    assert shelves.search("hello", 5).matched == "every word"
    (root / "new.md").write_text("zebra")
    assert shelves.search("zebra", 5).matched == "nothing"
    clock.now += REFRESH_SECONDS
    assert [hit.path for hit in shelves.search("zebra", 5).hits] == ["new.md"]


def test_a_large_folder_is_looked_at_behind_the_back_of_the_search(root: Path) -> None:
    class Slow(Folder):
        """A folder that takes its time, on the clock of the test."""

        def contents(self) -> Contents:
            clock.now += 1
            if threading.current_thread() is not threading.main_thread():
                looking.set()
                go.wait(10)
            return super().contents()

    clock, index = Hands(), SqliteIndex(None, str(root))
    looking, go = threading.Event(), threading.Event()
    library = Library(Slow(root), index, clock)
    assert library.search("hello", 5).matched == "every word"
    (root / "new.md").write_text("zebra")
    clock.now += REST
    assert library.search("zebra", 5).matched == "nothing"
    assert looking.wait(10)
    go.set()
    with library.settled:
        assert library.search("zebra", 5).matched == "every word"
    index.close()


def test_a_search_says_when_only_some_words_were_found(shelves: Library) -> None:
    assert shelves.search("hello unicorn", 5).matched == "any word"


def test_a_document_is_read_as_it_is_now(root: Path, shelves: Library) -> None:
    assert shelves.read("guide.md").body == "# Guide\nhello"
    (root / "guide.md").write_text("# Guide\nchanged")
    assert shelves.read("guide.md").body == "# Guide\nchanged"


def test_pages_of_documents_end_with_no_cursor(shelves: Library) -> None:
    first = shelves.page("", 1)
    assert (first.next_cursor, first.total, first.skipped) == ("deep/er/note.txt", 2, 0)
    assert first.next_cursor is not None
    assert shelves.page(first.next_cursor, 1).next_cursor is None
