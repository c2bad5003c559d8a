"""The same journal and state in memory, for tests and `toolgate.testing`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import orjson

from toolgate.core import chain
from toolgate.core.model import Approval, ApprovalState, Charge, JsonObject, Tier
from toolgate.errors import JournalDown
from toolgate.ports import Entry, Exhausted
from toolgate.stores.chaining import Item, Row, Writer, itemise
from toolgate.stores.ledger import Act, Attempt, Clear, Conclude, Decide, Forgive, take

TEST_KEYS: Final = chain.Keys(b"r" * 32, b"c" * 32, b"h" * 32)


class MemoryShelf:
    """`toolgate.stores.ledger.Shelf` in dictionaries."""

    def __init__(self) -> None:
        self.tats: dict[str, int] = {}
        self.approvals: dict[str, Approval] = {}
        self.sealed: dict[str, bytes] = {}
        self.results: dict[str, bytes] = {}
        self.tiers: dict[tuple[str, str, str], tuple[Tier, str]] = {}
        self.attempts: dict[str, tuple[int, float]] = {}

    def tat(self, key: str) -> int:
        return self.tats.get(key, 0)

    def keep_tats(self, tats: Mapping[str, int]) -> None:
        self.tats.update(tats)

    def find(self, approval: str) -> Approval | None:
        return self.approvals.get(approval)

    def move(
        self, approval: str, state: ApprovalState, *, expires: float, approver: str | None = None
    ) -> None:
        held = self.approvals[approval]
        by = held.decided_by if approver is None else approver
        self.approvals[approval] = replace(held, state=state, expires=expires, decided_by=by)

    def give_tier(self, approval: Approval, tier: Tier, approver: str) -> None:
        self.approvals[approval.id] = replace(self.approvals[approval.id], tier=tier)
        self.tiers[approval.upstream, approval.target, approval.pin] = (tier, approver)

    def stands(self, wanted: Approval, now: float) -> bool:
        return any(_stands(held, wanted) for held in self._alike(wanted) if held.expires > now)

    def open(self, approval: Approval, sealed: bytes, now: float) -> None:
        for other in self._alike(approval):
            if other.state is ApprovalState.PENDING and other.expires <= now:
                del self.approvals[other.id]
        self.approvals[approval.id] = approval
        self.sealed[approval.id] = sealed

    def keep_result(self, approval: str, result: bytes) -> None:
        self.results[approval] = result

    def failures(self, name: str) -> tuple[int, float]:
        return self.attempts.get(name, (0, 0.0))

    def keep_failures(self, name: str, failures: int, until: float) -> None:
        self.attempts[name] = (failures, until)

    def _alike(self, wanted: Approval) -> list[Approval]:
        same = (wanted.caller, wanted.digest)
        return [held for held in self.approvals.values() if (held.caller, held.digest) == same]


class MemoryStore:
    """`toolgate.ports.Journal` and `Approvals`. Set `down` to see what happens without a journal."""

    def __init__(self, keys: chain.Keys = TEST_KEYS, now: Callable[[], float] = time.time) -> None:
        self._keys, self._now = keys, now
        self.shelf = MemoryShelf()
        self._writer = Writer(keys)
        self.rows: list[Row] = []
        self.roster = chain.EMPTY
        self.down = False

    @property
    def bodies(self) -> list[JsonObject]:
        """Every record written so far."""
        return [orjson.loads(row.body) for row in self.rows]

    @property
    def records(self) -> list[chain.Record]:
        """The same as links of the chain."""
        return [chain.Record(*row[:5]) for row in self.rows]

    @property
    def heads(self) -> list[chain.Head]:
        """The head of the one writer."""
        last = self.rows[-1:]
        return [chain.Head(row.writer, row.seq, row.mac, self._writer.seal(row)) for row in last]

    async def commit(
        self, entry: Entry, charges: Sequence[Charge] = (), durable: bool = False
    ) -> Exhausted | None:
        """Take every charge and write the record, or neither; see `toolgate.ports.Journal`."""
        return self._write(itemise(self._keys.commitments, entry, charges, durable=durable))

    def note(self, entry: Entry) -> None:
        """Write the record; while the journal is down it is dropped."""
        item = itemise(self._keys.commitments, entry, (), durable=False)
        if not self.down:
            self._write(item)

    async def conclude(self, entry: Entry, approval: str, sealed_result: bytes) -> None:
        """The outcome record and the result of the executed approval."""
        self._change(entry, Conclude(approval, sealed_result))

    async def by_digest(self, caller: str, digest: str) -> Approval | None:
        """The newest approval of this caller for this very call that still counts."""
        mine = [a for a in self.shelf.approvals.values() if (a.caller, a.digest) == (caller, digest)]
        alive = [a for a in reversed(mine) if a.expires > self._now()]
        spent = [a for a in alive if a.state is ApprovalState.SPENT]
        return next(iter(spent + alive), None)

    async def by_id(self, approval: str) -> Approval | None:
        """The approval of this id, expired or not."""
        return self.shelf.find(approval)

    async def arguments(self, approval: str) -> bytes | None:
        """The sealed held arguments."""
        return self.shelf.sealed.get(approval)

    async def result(self, approval: str) -> bytes | None:
        """The sealed result of an executed approval."""
        return self.shelf.results.get(approval)

    async def assigned(self, upstream: str, tool: str, pin: str) -> Tier | None:
        """The tier a person gave to this very definition of an unlisted tool."""
        given = self.shelf.tiers.get((upstream, tool, pin))
        return None if given is None else given[0]

    async def listing(self, state: ApprovalState | None = None, limit: int = 100) -> list[Approval]:
        """The newest approvals, of one state or of all."""
        newest = reversed(self.shelf.approvals.values())
        return [a for a in newest if state is None or a.state is state][:limit]

    async def decide(
        self, entry: Entry, approval: str, state: ApprovalState, approver: str, tier: Tier | None = None
    ) -> bool:
        """Approve or deny, with its record. False when it is no longer pending."""
        return self._change(entry, Decide(approval, state, approver, tier)) is None

    async def clear(self, entry: Entry, approval: str, approver: str) -> bool:
        """Let a call be asked for again whose outcome is unknown. False when it is not spent."""
        return self._change(entry, Clear(approval, approver)) is None

    async def attempt(self, name: str) -> float:
        """Count a passphrase attempt; seconds to wait, 0 when it may be checked now."""
        short = self._write(Item(None, None, (Attempt(name),)))
        return 0.0 if short is None else short.retry_after or 0.0

    async def forgive(self, name: str) -> None:
        """The passphrase was right: count from zero again."""
        self._write(Item(None, None, (Forgive(name),)))

    async def aclose(self) -> None:
        """Nothing waits and nothing is open."""

    def _change(self, entry: Entry, *acts: Act) -> Exhausted | None:
        return self._write(itemise(self._keys.commitments, entry, acts, durable=True))

    def _write(self, item: Item) -> Exhausted | None:
        if self.down:
            raise JournalDown("the journal in memory is set to be down")
        if short := take(item.acts, self.shelf, self._now()):
            return short
        for row in self._writer.append([item], self.roster.turn + 1):
            self.roster = self._writer.roster_after(self.roster, row)
            self._writer.advance(row)
            self.rows.append(row)
        return None


def _stands(held: Approval, wanted: Approval) -> bool:
    if held.state is ApprovalState.APPROVED:
        return held.tier is not None and held.tier is wanted.tier
    return held.state is ApprovalState.PENDING
