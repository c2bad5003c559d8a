"""Time limits around awaits: one timer watches over all of them, so a limit costs a call next to nothing."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any

# How late a limit may strike, in seconds.
GRAIN = 0.1


class Deadlines:
    """The limits of one event loop. Used within it only."""

    def __init__(self) -> None:
        self._open: set[Deadline] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ticking = False

    def within(self, seconds: float) -> Deadline:
        """A context that turns into TimeoutError after `seconds`."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return Deadline(self, self._loop, seconds)

    def start(self, deadline: Deadline) -> None:
        """Watch over a limit."""
        self._open.add(deadline)
        if not self._ticking:
            self._ticking = True
            deadline.loop.call_later(GRAIN, self._tick, deadline.loop)

    def end(self, deadline: Deadline) -> None:
        """Watch over it no longer."""
        self._open.discard(deadline)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for deadline in [one for one in self._open if one.due <= now]:
            self._open.discard(deadline)
            deadline.expire()
        self._ticking = bool(self._open)
        if self._ticking:
            loop.call_later(GRAIN, self._tick, loop)


class Deadline:
    """Cancels its task when it is due and turns that into TimeoutError; other cancelling passes."""

    __slots__ = ("_expired", "_owner", "_task", "due", "loop")

    def __init__(self, owner: Deadlines, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._owner = owner
        self.loop = loop
        self.due = loop.time() + seconds
        self._expired = False

    def __enter__(self) -> None:
        self._task: Any = asyncio.current_task(self.loop)
        self._owner.start(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._owner.end(self)
        if self._expired and self._task.uncancel() <= 0 and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def expire(self) -> None:
        """Its time is up."""
        self._expired = True
        self._task.cancel()
