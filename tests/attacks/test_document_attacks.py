"""Files made to break, blind or exhaust their reader, each by its name: refused, and the next is read."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from made_documents import docx_file, pdf, raw_pdf, with_part
from toolgate_servers.errors import Reason, Refused
from toolgate_servers.isolation.parent import MEBIBYTE, Isolated
from toolgate_servers.retrieval.backends.sqlite import SqliteIndex
from toolgate_servers.retrieval.folder import Folder
from toolgate_servers.retrieval.library import Library
from toolgate_servers.retrieval.reading.reader import Reader

DOCUMENT = "word/document.xml"
LAUGHS = b"".join(b'<!ENTITY l%d "&l%d;&l%d;&l%d;&l%d;&l%d;">' % (n, *[n - 1] * 5) for n in range(1, 30))
BOMB = b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY l0 "lol">' + LAUGHS + b"]><l>&l29;</l>"
SPY = b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]><l>&x;</l>'


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    """A reader that is soon out of time and memory."""
    kept = Reader(seconds=10, memory=600 * MEBIBYTE)
    yield kept
    kept.close()


def zipped(parts: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in parts.items():
            package.writestr(name, content)
    return made.getvalue()


def deep_pdf() -> bytes:
    """A page tree whose only child is itself."""
    return raw_pdf([b""], pages="<< /Type /Pages /Kids [2 0 R] /Count 1 >>")


def encrypted_zip() -> bytes:
    """A package whose first part says that it is encrypted."""
    package = bytearray(docx_file())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = package.find(mark)
        package[at + place] |= 1
    return bytes(package)


HOSTILE = {
    "a pdf that is none": ("x.pdf", b"hello", Reason.UNREADABLE),
    "an empty pdf": ("x.pdf", b"", Reason.UNREADABLE),
    "a pdf cut short": ("x.pdf", pdf("Hello")[:200], Reason.UNREADABLE),
    "only the head of a pdf": ("x.pdf", b"%PDF-1.7\n", Reason.UNREADABLE),
    "a pdf of noise": ("x.pdf", b"%PDF-1.7\n" + bytes(range(256)) * 500, Reason.UNREADABLE),
    "a pdf with a password": ("x.pdf", pdf("Secret", password="hunter2"), Reason.ENCRYPTED),
    "a page that unpacks to too much": (
        "x.pdf",
        raw_pdf([b"BT (x) Tj ET" + b" " * (100 * MEBIBYTE)], flate=True),
        Reason.TOO_LARGE,
    ),
    "a page tree in a circle": ("x.pdf", deep_pdf(), Reason.UNREADABLE),
    "dictionaries without end": ("x.pdf", raw_pdf([b""], pages="<< /A " * 20_000), Reason.UNREADABLE),
    "a page count that lies": (
        "x.pdf",
        raw_pdf([b""], pages="<< /Type /Pages /Kids [" + "4 0 R " * 6000 + "] /Count 6000 >>"),
        Reason.TOO_LARGE,
    ),
    "a docx that is none": ("x.docx", b"hello", Reason.UNREADABLE),
    "an empty docx": ("x.docx", b"", Reason.UNREADABLE),
    "a docx cut short": ("x.docx", docx_file()[:2000], Reason.UNREADABLE),
    "a zip that is no docx": ("x.docx", zipped({"a.txt": b"x"}), Reason.UNREADABLE),
    "a docx with a password": ("x.docx", bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 600, Reason.ENCRYPTED),
    "a docx with an encrypted part": ("x.docx", encrypted_zip(), Reason.ENCRYPTED),
    "a zip bomb": ("x.docx", zipped({"a.bin": b"\0" * (201 * MEBIBYTE)}), Reason.TOO_LARGE),
    "a bomb in one part": (
        "x.docx",
        with_part(docx_file(), DOCUMENT, b" " * (65 * MEBIBYTE)),
        Reason.TOO_LARGE,
    ),
    "too many parts": ("x.docx", zipped({f"{n}.xml": b"" for n in range(5001)}), Reason.TOO_LARGE),
    "an xml bomb": ("x.docx", with_part(docx_file(), DOCUMENT, BOMB), Reason.UNREADABLE),
    "an xml bomb in utf-16": (
        "x.docx",
        with_part(docx_file(), DOCUMENT, BOMB.decode().encode("utf-16")),
        Reason.UNREADABLE,
    ),
    "an xml bomb in the list of parts": (
        "x.docx",
        with_part(docx_file(), "[Content_Types].xml", BOMB),
        Reason.UNREADABLE,
    ),
    "an entity that is a file": ("x.docx", with_part(docx_file(), DOCUMENT, SPY), Reason.UNREADABLE),
    "elements without end": ("x.docx", with_part(docx_file(), DOCUMENT, b"<a>" * 100_000), Reason.UNREADABLE),
    "no document in it": ("x.docx", with_part(docx_file(), DOCUMENT, b"<a/>"), Reason.UNREADABLE),
}


@pytest.mark.parametrize(("path", "raw", "reason"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_file_is_refused_and_the_next_is_read(
    reader: Reader, path: str, raw: bytes, reason: Reason
) -> None:
    with pytest.raises(Refused) as caught:
        reader.read(path, raw)
    assert caught.value.reason is reason
    assert reader.read("leave.docx", docx_file()).title == "Leave"


def read_or_refused(reader: Reader, path: str, raw: bytes) -> bool:
    """Whether a file gives a short text, or is refused for what it is: nothing else may come of it."""
    try:
        text = reader.page(raw.decode()) if path.endswith(".html") else reader.read(path, raw)
    except Refused as refused:
        return refused.reason in (Reason.UNREADABLE, Reason.TOO_LARGE, Reason.TIMED_OUT)
    return len(text.body) <= len(raw)


def test_a_pdf_whose_page_unfolds_into_gigabytes_is_not_unfolded(reader: Reader) -> None:
    bomb = raw_pdf([b"BT /F1 24 Tf (x) Tj ET " + b" " * (300 * MEBIBYTE)], flate=True)
    assert len(bomb) < MEBIBYTE
    assert read_or_refused(reader, "bomb.pdf", bomb)
    assert reader.read("leave.docx", docx_file()).title == "Leave"


def test_markup_without_end_is_read_in_time(reader: Reader) -> None:
    for piece in (b"<div>", b"<table><tr><td>", b"<a href='x'>", b"<!--", b"<p>x"):
        assert read_or_refused(reader, "x.html", piece * 50_000)
    assert read_or_refused(reader, "x.pdf", raw_pdf([b"[" * 200_000]))
    assert reader.page("<p>hello</p>").body == "hello"


def test_a_file_that_cannot_be_read_is_counted_and_not_tried_at_every_search(tmp_path: Path) -> None:
    (tmp_path / "bad.pdf").write_bytes(b"hello")
    (tmp_path / "good.md").write_text("hello")
    moments = iter(range(0, 1000, 10))
    tried: list[str] = []

    class Counting(Reader):
        """A reader that notes what it is given."""

        def read(self, path: str, raw: bytes) -> object:  # type: ignore[override]  # passes on what it gets
            tried.append(path)
            return super().read(path, raw)

    counting = Counting()
    index = SqliteIndex(None, "x")
    library = Library(Folder(tmp_path), index, lambda: float(next(moments)), counting)
    assert [library.page("", 10).skipped for _ in range(3)] == [1, 1, 1]
    assert sorted(tried) == ["bad.pdf", "good.md"]
    counting.close()
    index.close()


def isolated(function: str, memory: int = 400 * MEBIBYTE) -> Isolated:
    return Isolated(f"toolgate_servers.retrieval.sql.worker:{function}", where="test", memory=memory)


def test_a_process_that_dies_is_replaced() -> None:
    process = isolated("work")
    with pytest.raises(Refused) as caught:
        process.call({"engine": "sqlite", "what": "query"}, seconds=5)
    assert caught.value.reason is Reason.UNREADABLE
    request: dict[str, object] = {"engine": "sqlite", "what": "schema", "tables": []}
    assert process.call(request, seconds=5) == {"tables": []}
    process.close()
    assert process.call(request, seconds=5) == {"tables": []}
    process.close()


def test_a_process_that_takes_too_long_is_ended() -> None:
    process = isolated("work")
    endless = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t"
    request: dict[str, object] = {
        "engine": "sqlite",
        "what": "query",
        "tables": [],
        "sql": endless,
        "parameters": [],
        "explain": False,
        "max_rows": 1,
        "max_bytes": 10,
        "seconds": 60,
    }
    with pytest.raises(Refused) as caught:
        process.call(request, seconds=0.5)
    assert caught.value.reason is Reason.TIMED_OUT
    again: dict[str, object] = {"engine": "sqlite", "what": "schema", "tables": []}
    assert process.call(again, seconds=5) == {"tables": []}
    process.close()
