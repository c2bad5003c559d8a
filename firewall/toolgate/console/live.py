"""Pages that change by themselves: one look at the journal for all who watch, told over event streams."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import Final

from toolgate.console.tail import Numbered, Tail
from toolgate.console.tally import DAY, Tally
from toolgate.errors import JournalDown

LOOK_SECONDS: Final = 0.25
_BEAT_SECONDS: Final = 15.0
_MOST_WATCHING: Final = 200
_MOST_OF_THE_PAST: Final = 200_000
# Which pages a record concerns; every record concerns the journal.
TOPICS: Final = {
    "hold": ("approvals", "callers", "traffic"),
    "decision": ("approvals", "callers"),
    "intent": ("approvals", "callers", "traffic"),
    "outcome": ("approvals", "traffic", "undo"),
    "refusal": ("callers", "traffic"),
    "grant": ("callers", "approvals"),
    "pause": ("switches",),
    "undo": ("undo",),
    "policy": ("policy",),
}
_log = logging.getLogger("toolgate.console")


class Live:
    """Follows the journal, whoever writes it, feeds the tally and tells the pages that are open."""

    def __init__(self, tail: Tail, tally: Tally, now: Callable[[], float]) -> None:
        self._tail, self._tally, self._now = tail, tally, now
        self._watching: set[asyncio.Queue[str]] = set()
        self._task: asyncio.Task[None] | None = None
        self._seen: int | None = None
        self._closed = asyncio.Event()
        self._turn = asyncio.Lock()

    def start(self) -> None:
        """Begin to follow."""
        self._task = asyncio.ensure_future(self._follow())

    async def close(self) -> None:
        """End every stream."""
        self._closed.set()
        for queue in self._watching:
            queue.put_nowait("over")
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def look(self) -> None:
        """Take in what was written since the last look. Raises JournalDown."""
        async with self._turn:
            if self._seen is None:
                self._seen = await self._tail.before(self._now() - DAY, _MOST_OF_THE_PAST)
            topics: set[str] = set()
            while found := await self._tail.after(self._seen):
                self._seen = found[-1].id
                topics |= self._take(found)
            if topics:
                self._tell(" ".join(sorted(topics)))

    async def stream(self, welcome: Callable[[], bool]) -> AsyncGenerator[str]:
        """The events for one page, as long as whoever watches is welcome."""
        if len(self._watching) >= _MOST_WATCHING:
            yield "retry: 30000\n\n"
            return
        queue: asyncio.Queue[str] = asyncio.Queue(100)
        self._watching.add(queue)
        try:
            yield "retry: 2000\nevent: hello\ndata: .\n\n"
            while welcome() and not self._closed.is_set():
                try:
                    topics = await asyncio.wait_for(queue.get(), _BEAT_SECONDS)
                except TimeoutError:
                    yield ": still here\n\n"
                    continue
                if topics != "over":
                    yield f"event: change\ndata: {topics}\n\n"
            yield "event: over\ndata: .\n\n"
        finally:
            self._watching.discard(queue)

    async def _follow(self) -> None:
        while True:
            try:
                await self.look()
            except JournalDown as down:
                _log.warning("the journal cannot be read: %s", down)
            await asyncio.sleep(LOOK_SECONDS)

    def _take(self, found: Iterable[Numbered]) -> set[str]:
        """Count records; the topics they concern."""
        topics: set[str] = set()
        for one in found:
            self._tally.feed(one.line.body)
            topics.update(TOPICS.get(str(one.line.body.get("kind")), ()), ("journal",))
        return topics

    def _tell(self, topics: str) -> None:
        for queue in self._watching:
            if not queue.full():
                queue.put_nowait(topics)
