"""Reads a journal from its first record to its last and says where it is not what was written.

What it cannot see: a whole file put back to an earlier state, because everything in it was once true.
An `anchor` noted down elsewhere shows that too.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from toolgate.core import chain
from toolgate.core.chain import Head, Keys, Record, Roster

# More problems than these say nothing more.
MOST: Final = 1000


class Flaw(StrEnum):
    """The ways in which a journal can be wrong."""

    EDITED = "edited"
    DELETED = "deleted"
    MOVED = "moved"
    RECHAINED = "re-chained"
    TRUNCATED = "truncated"
    MISSING_WRITER = "missing-writer"
    HEAD_FORGED = "head-forged"
    ROSTER_FORGED = "roster-forged"
    ROLLED_BACK = "rolled-back"


@dataclass(frozen=True, slots=True)
class Problem:
    """One flaw: whose chain, from which record on, and what was expected there."""

    flaw: Flaw
    writer: str
    seq: int
    detail: str


@dataclass(slots=True)
class _Trail:
    """How far one writer's chain was followed. `bad` counts the records in a row that do not fit."""

    keys: Keys
    seq: int
    mac: bytes
    bad: int = 0


@dataclass(slots=True)
class Verification:
    """Feed every record in the order of storage, then `finish`. `keys`: the current ones, then older ones.

    `anchor` is what `anchor_of` gave at an earlier time.
    """

    keys: Sequence[Keys]
    anchor: str = ""
    problems: list[Problem] = field(default_factory=list[Problem])
    _trails: dict[str, _Trail] = field(default_factory=dict[str, _Trail])
    _roster: Roster = chain.EMPTY
    _open: Record | None = None
    _opened_new: bool = False
    _linked: bool = True
    _anchored: bool = False

    def feed(self, record: Record) -> None:
        """Check the next record against its writer's chain and the order of the turns."""
        self._follow_turn(record)
        trail = self._trails.get(record.writer)
        if trail is None:
            trail = self._trails[record.writer] = self._begin(record)
        expected = trail.seq + 1
        if record.seq < expected:
            self._report(Flaw.MOVED, record.writer, record.seq, f"expected record {expected} here")
            return
        if record.seq > expected:
            self._close_run(trail, record.writer, to_the_end=False)
            self._report(Flaw.DELETED, record.writer, expected, f"the next one there is record {record.seq}")
        elif hmac.compare_digest(chain.next_mac(trail.keys.records, trail.mac, record.body), record.mac):
            self._close_run(trail, record.writer, to_the_end=False)
        else:
            trail.bad += 1
        trail.seq, trail.mac = record.seq, record.mac

    def finish(self, heads: Iterable[Head], roster: Roster | None) -> list[Problem]:
        """Check the ends of all chains; every problem found, in the order of discovery."""
        self._close_turn()
        unsound = {writer for writer, trail in self._trails.items() if trail.bad}
        for writer, trail in self._trails.items():
            self._close_run(trail, writer, to_the_end=True)
        self._check_heads({head.writer: head for head in heads}, unsound)
        if roster is not None:
            self._check_roster(roster)
        elif self._trails:
            self._report(Flaw.ROSTER_FORGED, "", 0, "the roster is missing")
        if self.anchor and not self._anchored:
            self._report(
                Flaw.ROLLED_BACK, "", 0, f"turn {self.anchor.partition(':')[0]} is not as it was noted"
            )
        return self.problems

    def _begin(self, record: Record) -> _Trail:
        """A writer's trail under the key its first record fits; the current key where none does."""
        start = chain.genesis(record.writer)
        for keys in self.keys:
            if hmac.compare_digest(chain.next_mac(keys.records, start, record.body), record.mac):
                return _Trail(keys, 0, start)
        return _Trail(self.keys[0], 0, start)

    def _follow_turn(self, record: Record) -> None:
        now = self._open.turn if self._open is not None else 0
        if record.turn != now:
            self._close_turn()
            self._opened_new = record.writer not in self._trails
        if record.turn < now or (record.turn == now and self._open and self._open.writer != record.writer):
            self._linked = False
            self._report(Flaw.MOVED, record.writer, record.seq, f"its turn {record.turn} was over")
        if record.turn > now + 1:
            self._linked = False
            gone = f"turns {now + 1} to {record.turn - 1} are gone"
            self._report(Flaw.DELETED, record.writer, record.seq, f"just before this record {gone}")
        self._open = record

    def _close_turn(self) -> None:
        last = self._open
        if last is None:
            return
        key = self._trails[last.writer].keys.heads
        self._roster = chain.next_roster(
            key, self._roster, last.writer, last.seq, last.mac, new=self._opened_new
        )
        if self._linked and self.anchor == anchor_of(self._roster):
            self._anchored = True

    def _close_run(self, trail: _Trail, writer: str, *, to_the_end: bool) -> None:
        """Report records in a row that do not fit: to the end of a chain they were chained anew."""
        bad, trail.bad = trail.bad, 0
        first = trail.seq - bad + 1
        if bad > 1 and to_the_end:
            self._report(Flaw.RECHAINED, writer, first, f"{bad} records to the end fit no key")
        elif bad:
            self._report(Flaw.EDITED, writer, first, f"{bad} in a row do not fit their mac")

    def _check_heads(self, heads: dict[str, Head], unsound: set[str]) -> None:
        for writer in self._trails.keys() - heads.keys():
            self._report(Flaw.HEAD_FORGED, writer, self._trails[writer].seq, "the writer's head is missing")
        for head in heads.values():
            trail = self._trails.get(head.writer)
            if not self._genuine(head):
                self._report(Flaw.HEAD_FORGED, head.writer, head.seq, "the head's seal does not fit")
            elif trail is None:
                self._report(Flaw.MISSING_WRITER, head.writer, 1, f"all of its {head.seq} records are gone")
            elif head.seq > trail.seq:
                self._report(Flaw.TRUNCATED, head.writer, trail.seq + 1, f"its head says {head.seq}")
            elif head.seq < trail.seq or (head.mac != trail.mac and head.writer not in unsound):
                self._report(Flaw.HEAD_FORGED, head.writer, trail.seq, f"its head says {head.seq}")

    def _genuine(self, head: Head) -> bool:
        seals = (chain.head_seal(keys.heads, head.writer, head.seq, head.mac) for keys in self.keys)
        return any(hmac.compare_digest(seal, head.seal) for seal in seals)

    def _check_roster(self, roster: Roster) -> None:
        last = self._open.turn if self._open is not None else 0
        if roster.writers > len(self._trails):
            missing = f"{roster.writers} writers were here, {len(self._trails)} are left"
            self._report(Flaw.MISSING_WRITER, "", 0, missing)
        if roster.turn > last:
            self._report(Flaw.TRUNCATED, "", 0, f"turns {last + 1} to {roster.turn} are gone")
        elif not self.problems and roster != self._roster:
            self._report(Flaw.ROSTER_FORGED, "", 0, "the roster does not follow from the turns")

    def _report(self, flaw: Flaw, writer: str, seq: int, detail: str) -> None:
        if len(self.problems) < MOST:
            self.problems.append(Problem(flaw, writer, seq, detail))


def anchor_of(roster: Roster) -> str:
    """What to note down elsewhere: it shows later that the journal was not put back to before this turn.

    A digest of the link, because with the link itself the roster could be put back.
    """
    return f"{roster.turn}:{hashlib.sha256(roster.link).hexdigest()[:32]}"


def verify(
    records: Iterable[Record],
    heads: Iterable[Head],
    roster: Roster | None,
    keys: Sequence[Keys],
    anchor: str = "",
) -> list[Problem]:
    """Every problem of a journal; none if it is what was written."""
    verification = Verification(keys, anchor)
    for record in records:
        verification.feed(record)
    return verification.finish(heads, roster)
