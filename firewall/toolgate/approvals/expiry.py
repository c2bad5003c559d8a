"""Tells people that a held call ran out before anybody decided."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Protocol

from toolgate.core.model import Approval, ApprovalState
from toolgate.errors import PortDown
from toolgate.ports import Announcer, Clock, News


class Lookup(Protocol):
    """Where held calls are kept."""

    async def by_id(self, approval: str) -> Approval | None: ...


class Expiring:
    """`toolgate.ports.Announcer` in front of another one; the process that opened a hold sees to its end.

    A process that ends before tells nobody: the hold expires all the same.
    """

    def __init__(self, announcer: Announcer, lookup: Lookup, clock: Clock) -> None:
        self._announcer, self._lookup, self._clock = announcer, lookup, clock
        self._looking: set[asyncio.Task[None]] = set()

    def announce(self, news: News) -> None:
        """Pass it on; a hold is looked at again when its time is up."""
        self._announcer.announce(news)
        if news.kind == "held":
            left = max(0.0, news.approval.expires - self._clock.now())
            asyncio.get_running_loop().call_later(left, self._up, news)

    def _up(self, news: News) -> None:
        task = asyncio.ensure_future(self._look(news))
        self._looking.add(task)
        task.add_done_callback(self._looking.discard)

    async def _look(self, news: News) -> None:
        try:
            found = await self._lookup.by_id(news.approval.id)
        except PortDown:
            return  # the store is away, and with it everything there is to tell
        if found is not None and found.state is ApprovalState.PENDING:
            expired = replace(news, kind="expired", approval=found, at=self._clock.now())
            self._announcer.announce(expired)
