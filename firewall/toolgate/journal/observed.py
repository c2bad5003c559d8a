"""A journal somebody watches: what was written is also given to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from toolgate.core.model import Charge, JsonObject
from toolgate.ports import Entry, Exhausted, Journal

Saw: TypeAlias = Callable[[JsonObject], None]


class Observed:
    """`toolgate.ports.Journal` in front of another one. `saw` gets each record's body and must not block.

    A record whose charges failed was not written, so nobody sees it.
    """

    def __init__(self, journal: Journal, saw: Saw) -> None:
        self._journal, self._saw = journal, saw

    async def commit(
        self, entry: Entry, charges: Sequence[Charge] = (), durable: bool = False
    ) -> Exhausted | None:
        """As the journal does."""
        short = await self._journal.commit(entry, charges, durable)
        if short is None:
            self._saw(entry.body)
        return short

    def note(self, entry: Entry) -> None:
        """As the journal does."""
        self._journal.note(entry)
        self._saw(entry.body)

    async def conclude(
        self, entry: Entry, approval: str, sealed_result: bytes, charges: Sequence[Charge] = ()
    ) -> None:
        """As the journal does."""
        await self._journal.conclude(entry, approval, sealed_result, charges)
        self._saw(entry.body)
