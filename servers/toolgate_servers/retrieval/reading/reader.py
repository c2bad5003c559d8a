"""Reading a document: at once where that is safe, in a process of its own where it is not."""

from typing import Any, TypeAlias

from toolgate_servers.isolation.parent import MEBIBYTE, Isolated
from toolgate_servers.retrieval.extract import extract
from toolgate_servers.retrieval.formats import is_isolated
from toolgate_servers.retrieval.text import Mark, Table, Text
from toolgate_servers.running import Run

READ_SECONDS = 20.0

Pages: TypeAlias = tuple[int, int]  # the first and the last


class Reader:
    """Reads documents and pages; one of the hostile kind at a time."""

    def __init__(self, seconds: float = READ_SECONDS, memory: int = 1024 * MEBIBYTE) -> None:
        self._seconds = seconds
        self._process = Isolated(
            "toolgate_servers.retrieval.reading.worker:read", where="path", memory=memory
        )

    def read(self, path: str, raw: bytes, run: Run | None = None, *, tables: Pages | None = None) -> Text:
        """Read a document; the tables of a PDF take time, and are there only of the pages wanted.

        Raises:
            Refused: ENCRYPTED, UNREADABLE, TOO_LARGE, TIMED_OUT or CANCELLED.
        """
        if not is_isolated(path):
            return extract(path, raw)
        request = {"as": "document", "path": path, "tables": tables}
        return _text(self._process.call(request, raw, seconds=self._seconds, run=run))

    def page(self, written: str, run: Run | None = None) -> Text:
        """Give the main text of a page of HTML.

        Raises:
            Refused: UNREADABLE, TOO_LARGE, TIMED_OUT or CANCELLED.
        """
        return _text(self._process.call({"as": "page"}, written.encode(), seconds=self._seconds, run=run))

    def close(self) -> None:
        """End the process."""
        self._process.close()


def _text(found: dict[str, Any]) -> Text:
    return Text(
        found["title"],
        found["body"],
        tuple(Mark(**mark) for mark in found["marks"]),
        tuple(found["pages"]),
        tuple(
            Table(table["offset"], tuple(tuple(row) for row in table["rows"]), table["total_rows"])
            for table in found["tables"]
        ),
    )
