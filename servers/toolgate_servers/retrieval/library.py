"""The folder and its index as one thing that is always fresh enough."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from toolgate_servers.errors import Reason, Refused
from toolgate_servers.retrieval.backends.sqlite import Hit, Listed, SqliteIndex
from toolgate_servers.retrieval.extract import Text, extract
from toolgate_servers.retrieval.folder import Folder
from toolgate_servers.retrieval.query import words

Matched: TypeAlias = Literal["every word", "any word", "nothing"]

REFRESH_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found, and whether every word or only some of them had to occur."""

    hits: list[Hit]
    matched: Matched


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a document's text; offsets count characters."""

    title: str
    text: str
    offset: int
    total: int
    next_offset: int | None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the list of documents."""

    documents: list[Listed]
    next_cursor: str | None
    total: int
    skipped: int


class Library:
    """Documents that can be searched, listed and read."""

    def __init__(
        self, folder: Folder, index: SqliteIndex, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.folder = folder
        self._index = index
        self._clock = clock
        self._lock = threading.Lock()
        self._refreshed: float | None = None
        self._skipped = 0

    def search(self, query: str, limit: int) -> Found:
        """Find documents with every word of the query, or failing that with any.

        Raises:
            Refused: NO_WORDS, TOO_COMPLEX or STORE_FAILED.
        """
        wanted = words(query)
        self.refresh()
        if hits := self._index.search(wanted, every=True, limit=limit):
            return Found(hits, "every word")
        hits = self._index.search(wanted, every=False, limit=limit)
        return Found(hits, "any word" if hits else "nothing")

    def read(self, path: str, offset: int, limit: int) -> Part:
        """Read a piece of a document's text as it is now.

        Raises:
            Refused: OUTSIDE_FOLDER, NO_SUCH_DOCUMENT, TOO_LARGE or OFFSET_BEYOND_END.
        """
        text = extract(path, self.folder.read(path))
        total = len(text.body)
        if offset > total:
            raise Refused(
                Reason.OFFSET_BEYOND_END,
                "offset",
                found="a position beyond the end",
                expected=f"at most {total}",
            )
        end = min(total, offset + limit)
        return Part(text.title, text.body[offset:end], offset, total, end if end < total else None)

    def page(self, cursor: str, limit: int) -> Page:
        """List documents by path, from after the cursor.

        Raises:
            Refused: STORE_FAILED.
        """
        self.refresh()
        documents = self._index.page(cursor, limit + 1)
        more = len(documents) > limit
        shown = documents[:limit]
        return Page(shown, shown[-1].path if more else None, self._index.count(), self._skipped)

    def refresh(self) -> None:
        """Bring the index up to date, unless that happened a moment ago."""
        with self._lock:
            now = self._clock()
            if self._refreshed is not None and now - self._refreshed < REFRESH_SECONDS:
                return
            contents = self.folder.contents()
            unread = self._index.synchronise(contents.entries, self._text)
            self._skipped = contents.skipped + unread
            self._refreshed = now

    def _text(self, path: str) -> Text | None:
        try:
            return extract(path, self.folder.read(path))
        except Refused:
            return None
