"""The documents of one folder: found, listed and read."""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from toolgate_servers.errors import Reason, Refused
from toolgate_servers.retrieval.backends.sqlite import Hit, Listed, Ranked, SqliteIndex
from toolgate_servers.retrieval.embeddings import Embeds
from toolgate_servers.retrieval.folder import Folder
from toolgate_servers.retrieval.meaning import Meaning, fused
from toolgate_servers.retrieval.query import words
from toolgate_servers.retrieval.reading.reader import Pages, Reader
from toolgate_servers.retrieval.text import Text
from toolgate_servers.running import Run

log = logging.getLogger(__name__)

Matched: TypeAlias = Literal["every word", "any word", "meaning only", "nothing"]
Ranking: TypeAlias = Literal["words", "words and meaning"]

REFRESH_SECONDS = 2.0
NOTICEABLE_SECONDS = 0.05
REST = 20  # looking for changes takes at most a twentieth of the time
PER_DOCUMENT = 3
CANDIDATES = 100
VECTORS_AT_ONCE = 512
CACHED_CHARACTERS = 20_000_000


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found, whether every word or only some had to occur, and how it was ranked."""

    hits: list[Hit]
    matched: Matched
    ranking: Ranking


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
        self,
        folder: Folder,
        index: SqliteIndex,
        clock: Callable[[], float] = time.monotonic,
        reader: Reader | None = None,
        embeds: Embeds | None = None,
    ) -> None:
        self.folder = folder
        self._index = index
        self._clock = clock
        self._reader = reader or Reader()
        self._meaning = None if embeds is None else Meaning(index, embeds)
        self._lock = threading.Lock()  # of the texts
        self._refreshing = threading.Lock()
        self._refreshed: float | None = None
        self._took = 0.0
        self._skipped = 0
        self._texts: OrderedDict[tuple[str, int, Pages | None], Text] = OrderedDict()

    @property
    def settled(self) -> threading.Lock:
        """Held while the index is brought up to date."""
        return self._refreshing

    @property
    def is_kept(self) -> bool:
        """Whether the index is in a file and serves the next start too."""
        return self._index.is_kept

    def search(self, query: str, limit: int, run: Run | None = None) -> Found:
        """Find passages with every word of the query, or failing that any; and by meaning where that is on.

        Raises:
            Refused: NO_WORDS, TOO_COMPLEX, STORE_FAILED, CANCELLED or TIMED_OUT.
        """
        wanted = words(query)
        self.refresh(run)
        matched: Matched = "every word"
        by_words = self._index.match(wanted, every=True, limit=CANDIDATES)
        if not by_words:
            matched = "any word"
            by_words = self._index.match(wanted, every=False, limit=CANDIDATES)
        by_meaning = self._by_meaning(query, run)
        if not by_words:
            matched = "meaning only" if by_meaning else "nothing"
        ranked = by_words if by_meaning is None else fused(by_words, by_meaning)
        hits = self._index.cite(self._spread(ranked)[:limit], wanted)
        return Found(hits, matched, "words" if by_meaning is None else "words and meaning")

    def read(self, path: str, run: Run | None = None, *, tables: Pages | None = None) -> Text:
        """Read a document as it is now; the tables of a PDF are there only of the pages wanted.

        Raises:
            Refused: OUTSIDE_FOLDER, NO_SUCH_DOCUMENT, TOO_LARGE, ENCRYPTED, UNREADABLE, TIMED_OUT
                or CANCELLED.
        """
        raw = self.folder.read(path)
        key = (path, hash(raw), tables)
        with self._lock:
            if key in self._texts:
                self._texts.move_to_end(key)
                return self._texts[key]
        text = self._reader.read(path, raw, run, tables=tables)
        with self._lock:
            self._texts[key] = text
            while (
                len(self._texts) > 1
                and sum(len(kept.body) for kept in self._texts.values()) > CACHED_CHARACTERS
            ):
                self._texts.popitem(last=False)
        return text

    def page(self, cursor: str, limit: int, run: Run | None = None) -> Page:
        """List documents by path, from after the cursor.

        Raises:
            Refused: STORE_FAILED, CANCELLED or TIMED_OUT.
        """
        self.refresh(run)
        documents = self._index.page(cursor, limit + 1)
        more = len(documents) > limit
        shown = documents[:limit]
        return Page(shown, shown[-1].path if more else None, self._index.count(), self._skipped)

    def refresh(self, run: Run | None = None, step: Callable[[int, int], None] | None = None) -> None:
        """Bring the index up to date, unless that happened a moment ago.

        A folder so large that even looking for changes takes long is looked at behind the caller's back, and
        the search goes on with what is known.

        Raises:
            Refused: STORE_FAILED, CANCELLED or TIMED_OUT; what was read until then is kept.
        """
        if self._is_fresh():
            return
        if self._took > NOTICEABLE_SECONDS:
            if not self._refreshing.locked():
                threading.Thread(target=self._refresh_quietly, name="refresh", daemon=True).start()
            return
        self._refresh(step or _telling(run))

    def _is_fresh(self) -> bool:
        rest = max(REFRESH_SECONDS, REST * self._took)
        return self._refreshed is not None and self._clock() - self._refreshed < rest

    def _refresh_quietly(self) -> None:
        try:
            self._refresh(None)
        except Refused as refused:
            log.warning("the index is not brought up to date: %s", refused)

    def _refresh(self, step: Callable[[int, int], None] | None) -> None:
        with self._refreshing:
            if self._is_fresh():
                return
            began = self._clock()
            contents = self.folder.contents()
            unread = self._index.synchronise(contents.entries, self._text, step)
            self._skipped = contents.skipped + unread
            self._refreshed = self._clock()
            self._took = self._refreshed - began

    def vectors(self, run: Run | None = None, most: int | None = None) -> None:
        """Ask for missing vectors, if meaning is on.

        Raises:
            Refused: What the embeddings endpoint raises.
        """
        if self._meaning is not None:
            self._meaning.refresh(run, most)

    def _by_meaning(self, query: str, run: Run | None) -> list[Ranked] | None:
        """Rank by meaning; a search goes on with words alone when the endpoint does not answer."""
        if self._meaning is None:
            return None
        try:
            self._meaning.refresh(run, VECTORS_AT_ONCE)
            return self._meaning.rank(query, CANDIDATES, run)
        except Refused as refused:
            if refused.reason is Reason.CANCELLED or (run is not None and run.cancelled()):
                raise
            log.warning("searching by words alone: %s", refused)
            return None

    def _spread(self, ranked: Sequence[Ranked]) -> list[Ranked]:
        """Leave out passages of documents that have enough of them already."""
        files = self._index.files_of(ranked)
        seen: dict[int, int] = {}
        kept: list[Ranked] = []
        for one in ranked:
            file = files.get(one.passage, 0)
            seen[file] = seen.get(file, 0) + 1
            if seen[file] <= PER_DOCUMENT:
                kept.append(one)
        return kept

    def _text(self, path: str) -> Text | None:
        try:
            return self._reader.read(path, self.folder.read(path))
        except Refused:
            return None


def _telling(run: Run | None) -> Callable[[int, int], None] | None:
    if run is None:
        return None
    return lambda done, total: run.progress(done, total, "documents read")
