"""The same journal and state in memory, for tests and `toolgate.testing`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import orjson

from toolgate.core import chain
from toolgate.core.model import Approval, ApprovalState, Charge, Inverse, JsonObject, Tier, UndoState
from toolgate.core.standing import NO_PAUSES, Pause, Pauses
from toolgate.errors import JournalDown
from toolgate.ports import Alias, Entry, Exhausted, Granting, Kept
from toolgate.stores.chaining import Item, Row, Writer, itemise
from toolgate.stores.ledger import PAUSED, Act, Attempt, Conclude, Forgive, Name, take
from toolgate.stores.standing import Standing

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
        self.edited: dict[str, bytes] = {}
        self.abouts: dict[str, bytes] = {}
        self.grants: dict[str, tuple[Granting, Kept]] = {}
        self.aliases: dict[tuple[str, str, str], Alias] = {}
        self.pauses: Pauses = NO_PAUSES
        self.inverses: dict[str, tuple[Inverse, bytes]] = {}

    def tat(self, key: str) -> int:
        return self.tats.get(key, 0)

    def keep_tats(self, tats: Mapping[str, int]) -> None:
        self.tats.update(tats)

    def find(self, approval: str) -> Approval | None:
        return self.approvals.get(approval)

    def move(
        self,
        approval: str,
        state: ApprovalState,
        *,
        expires: float,
        approver: str | None = None,
        channel: str = "",
    ) -> None:
        held = self.approvals[approval]
        by, through = held.decided_by if approver is None else approver, channel or held.channel
        self.approvals[approval] = replace(held, state=state, expires=expires, decided_by=by, channel=through)

    def edit(self, approval: str, sends: str, sealed: bytes) -> None:
        self.approvals[approval] = replace(self.approvals[approval], sends=sends)
        self.edited[approval] = sealed

    def give_tier(self, approval: Approval, tier: Tier, approver: str) -> None:
        self.approvals[approval.id] = replace(self.approvals[approval.id], tier=tier)
        self.tiers[approval.upstream, approval.target, approval.pin] = (tier, approver)

    def stands(self, wanted: Approval, now: float) -> bool:
        return any(_stands(held, wanted) for held in self._alike(wanted) if held.expires > now)

    def open(self, approval: Approval, sealed: bytes, about: bytes, now: float) -> None:
        for other in self._alike(approval):
            if other.state is ApprovalState.PENDING and other.expires <= now:
                del self.approvals[other.id]
        self.approvals[approval.id] = approval
        self.sealed[approval.id] = sealed
        self.abouts[approval.id] = about

    def name(self, aliases: Sequence[Alias]) -> None:
        self.aliases.update({(one.namespace, one.token, one.upstream): one for one in aliases})

    def keep_result(self, approval: str, result: bytes) -> None:
        self.results[approval] = result

    def uses(self, grant: str) -> int | None:
        known = self.grants.get(grant)
        return None if known is None or known[1].revoked else known[1].used

    def use(self, grant: str) -> None:
        granting, kept = self.grants[grant]
        self.grants[grant] = (granting, kept._replace(used=kept.used + 1))

    def grant(self, grant: Granting) -> None:
        self.grants[grant.id] = (grant, Kept(grant.sealed, 0, ""))

    def revoke(self, grant: str, by: str) -> None:
        granting, kept = self.grants[grant]
        self.grants[grant] = (granting, kept._replace(revoked=by))

    def pause(self, pause: Pause) -> None:
        self.pauses = Pauses(self.pauses.generation + 1, (*self.pauses.stops, pause))

    def resume(self, pause: str) -> None:
        left = tuple(one for one in self.pauses.stops if pause and one.id != pause)
        self.pauses = Pauses(self.pauses.generation + 1, left)

    def paused(self, pause: str) -> bool:
        return any(not pause or one.id == pause for one in self.pauses.stops)

    def remember(self, inverse: Inverse, sealed: bytes) -> None:
        self.inverses[inverse.call] = (inverse, sealed)

    def inverse(self, call: str) -> Inverse | None:
        known = self.inverses.get(call)
        return None if known is None else known[0]

    def undone(self, call: str, state: UndoState) -> None:
        inverse, sealed = self.inverses[call]
        self.inverses[call] = (replace(inverse, state=state), sealed)

    def failures(self, name: str) -> tuple[int, float]:
        return self.attempts.get(name, (0, 0.0))

    def keep_failures(self, name: str, failures: int, until: float) -> None:
        self.attempts[name] = (failures, until)

    def _alike(self, wanted: Approval) -> list[Approval]:
        same = (wanted.caller, wanted.digest)
        return [held for held in self.approvals.values() if (held.caller, held.digest) == same]


class MemoryStore(Standing):
    """`toolgate.ports.Journal` and `Approvals`. Set `down` to see what happens without a journal."""

    def __init__(self, keys: chain.Keys = TEST_KEYS, now: Callable[[], float] = time.time) -> None:
        self._keys, self._now = keys, now
        self.shelf = MemoryShelf()
        self._writer = Writer(keys)
        self.rows: list[Row] = []
        self.roster = chain.EMPTY
        self.down = False
        self.pauses: Pauses = NO_PAUSES

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

    async def change(self, entry: Entry, *acts: Act) -> bool:
        """Do every act, with its record. False, and nothing done, when one cannot be done."""
        return self._change(entry, *acts) is None

    def note(self, entry: Entry) -> None:
        """Write the record; while the journal is down it is dropped."""
        item = itemise(self._keys.commitments, entry, (), durable=False)
        if not self.down:
            self._write(item)

    async def conclude(
        self, entry: Entry, approval: str, sealed_result: bytes, charges: Sequence[Charge] = ()
    ) -> None:
        """The outcome record and the result of the executed approval."""
        self._change(entry, Conclude(approval, sealed_result), *charges)

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
        """The sealed arguments that will be sent."""
        return self.shelf.edited.get(approval) or self.shelf.sealed.get(approval)

    async def asked(self, approval: str) -> bytes | None:
        """The sealed arguments that the caller gave."""
        return self.shelf.sealed.get(approval)

    async def about(self, approval: str) -> bytes | None:
        """What an approver is told beside the arguments, sealed."""
        return self.shelf.abouts.get(approval)

    async def granted(self, caller: str, upstream: str, target: str) -> list[Kept]:
        """The grants of one caller for one tool that are neither expired nor revoked."""
        wanted = (caller, upstream, target)
        return [
            kept
            for one, kept in self.shelf.grants.values()
            if (one.caller, one.upstream, one.target) == wanted
            and one.expires > self._now()
            and not kept.revoked
        ]

    async def name(self, aliases: Sequence[Alias]) -> None:
        """Keep what pseudonyms stand for."""
        self._write(Item(None, None, (Name(aliases),)))

    async def named(self, namespace: str, tokens: Sequence[str]) -> list[Alias]:
        """What these tokens stand for."""
        now = self._now()
        return [
            one
            for (space, token, _), one in self.shelf.aliases.items()
            if space == namespace and token in tokens and one.expires > now
        ]

    async def grants(self) -> list[Kept]:
        """Every grant there was, the one that lasts longest first."""
        lasting = sorted(self.shelf.grants.values(), key=lambda one: -one[0].expires)
        return [kept for _, kept in lasting]

    async def pausing(self) -> tuple[Pause, ...]:
        """What is paused now."""
        return self.shelf.pauses.stops

    async def inverses(self, session: str = "", limit: int = 100) -> list[Inverse]:
        """The ways back of one session or of all, the newest first."""
        newest = reversed(self.shelf.inverses.values())
        return [one for one, _ in newest if session in ("", one.session)][:limit]

    async def inverse(self, call: str) -> Inverse | None:
        """The way back from one call."""
        return self.shelf.inverse(call)

    async def inverse_arguments(self, call: str) -> bytes | None:
        """What it would send, sealed."""
        known = self.shelf.inverses.get(call)
        return None if known is None else known[1]

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
        self.pauses = self.shelf.pauses
        if item.under is not None and item.under != self.pauses.generation:
            return PAUSED
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
