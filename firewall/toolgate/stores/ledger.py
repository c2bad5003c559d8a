"""What an entry changes besides the journal, and the rule that it changes all of it or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from toolgate.core.gcra import SECOND, Wait, draw
from toolgate.core.model import (
    Approval,
    ApprovalState,
    Burn,
    Charge,
    Inverse,
    Open,
    Rate,
    Remember,
    Tier,
    UndoState,
    Use,
)
from toolgate.core.standing import Pause
from toolgate.ports import Alias, Exhausted, Granting

# The stored result of an executed approval is given to repeats for this many seconds.
KEEP_RESULT: Final = 900.0
# A spent approval waits for its outcome or for a person, however long that takes: the end of year 9999.
NEVER: Final = 253_402_300_799.0
FREE_FAILURES: Final = 5
LONGEST_DELAY: Final = 900.0
# What an entry is told that was decided before something was paused.
PAUSED: Final = Exhausted("paused", None)


@dataclass(frozen=True, slots=True)
class Conclude:
    """The approved call was executed: keep its sealed result for repeats."""

    approval: str
    result: bytes


@dataclass(frozen=True, slots=True)
class Decide:
    """A person's word on a pending approval. `tier` is given to a tool that had none.

    `sends` and `sealed` are the digest and the arguments, encrypted, where the person changed them.
    """

    approval: str
    state: ApprovalState
    approver: str
    tier: Tier | None
    channel: str = ""
    sends: str = ""
    sealed: bytes = b""


@dataclass(frozen=True, slots=True)
class Clear:
    """A person looked into a spent approval without an outcome: the call may be asked for again."""

    approval: str
    approver: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """Count a passphrase as wrong until `Forgive` says otherwise; fails while the name has to wait."""

    name: str


@dataclass(frozen=True, slots=True)
class Forgive:
    """The passphrase was right."""

    name: str


@dataclass(frozen=True, slots=True)
class Revoke:
    """A person takes a grant back."""

    grant: str
    by: str


@dataclass(frozen=True, slots=True)
class Halt:
    """A person pauses something."""

    pause: Pause


@dataclass(frozen=True, slots=True)
class Lift:
    """A person lifts one pause, or with an empty id all of them."""

    pause: str


@dataclass(frozen=True, slots=True)
class TakeBack:
    """A way back goes from one state to another."""

    call: str
    before: UndoState
    after: UndoState


@dataclass(frozen=True, slots=True)
class Name:
    """Keep what pseudonyms stand for."""

    aliases: Sequence[Alias]


Act: TypeAlias = (
    Name | Charge | Conclude | Decide | Clear | Attempt | Forgive | Granting | Revoke | Halt | Lift | TakeBack
)


class Shelf(Protocol):
    """Where a store keeps state; every method is called inside one exclusive transaction."""

    def tat(self, key: str) -> int: ...

    def keep_tats(self, tats: Mapping[str, int]) -> None: ...

    def find(self, approval: str) -> Approval | None: ...

    def move(
        self,
        approval: str,
        state: ApprovalState,
        *,
        expires: float,
        approver: str | None = None,
        channel: str = "",
    ) -> None:
        """Change the state; None keeps the approver, an empty channel the channel."""
        ...

    def edit(self, approval: str, sends: str, sealed: bytes) -> None:
        """Put other arguments in place of the held ones."""
        ...

    def give_tier(self, approval: Approval, tier: Tier, approver: str) -> None:
        """To the approval, and to its tool under its pin."""
        ...

    def stands(self, wanted: Approval, now: float) -> bool:
        """Whether the same call of the same caller is held already, or approved for the same tier."""
        ...

    def open(self, approval: Approval, sealed: bytes, about: bytes, now: float) -> None:
        """Keep it, in place of expired holds of the same call."""
        ...

    def keep_result(self, approval: str, result: bytes) -> None: ...

    def name(self, aliases: Sequence[Alias]) -> None:
        """Keep what pseudonyms stand for."""
        ...

    def uses(self, grant: str) -> int | None:
        """How often a grant was used; None where there is none, or it was revoked."""
        ...

    def use(self, grant: str) -> None: ...

    def grant(self, grant: Granting) -> None: ...

    def revoke(self, grant: str, by: str) -> None: ...

    def pause(self, pause: Pause) -> None: ...

    def resume(self, pause: str) -> None: ...

    def paused(self, pause: str) -> bool:
        """Whether this pause is in force; with an empty id, whether any is."""
        ...

    def remember(self, inverse: Inverse, sealed: bytes) -> None: ...

    def inverse(self, call: str) -> Inverse | None: ...

    def undone(self, call: str, state: UndoState) -> None: ...

    def failures(self, name: str) -> tuple[int, float]:
        """How often in a row, and until when the name waits."""
        ...

    def keep_failures(self, name: str, failures: int, until: float) -> None: ...


def take(acts: Sequence[Act], shelf: Shelf, now: float) -> Exhausted | None:
    """Do every act, or none and say which could not be done."""
    tats: dict[str, int] = {}
    others: list[Act] = []
    for act in acts:
        if not isinstance(act, Rate):
            others.append(act)
            short = _lacks(act, shelf, now)
            if short is not None:
                return short
            continue
        tat = tats[act.key] if act.key in tats else shelf.tat(act.key)
        drawn = draw(tat, act.limit, act.weight, int(now * SECOND))
        if isinstance(drawn, Wait):
            return Exhausted(act.key, drawn.seconds)
        tats[act.key] = drawn
    if tats:
        shelf.keep_tats(tats)
    for act in others:
        _apply(act, shelf, now)
    return None


def delay(failures: int) -> float:
    """Seconds a name waits after that many wrong passphrases in a row."""
    if failures < FREE_FAILURES:
        return 0.0
    return min(5.0 * 2.0 ** min(failures - FREE_FAILURES, 20), LONGEST_DELAY)


def _lacks(act: Act, shelf: Shelf, now: float) -> Exhausted | None:
    """Why this act cannot be done now, if so. Changes nothing."""
    match act:
        case Burn(approval, state):
            return _unless(shelf, approval, state, now)
        case Decide(approval=approval):
            return _unless(shelf, approval, ApprovalState.PENDING, now)
        case Clear(approval=approval):
            return _unless(shelf, approval, ApprovalState.SPENT, 0.0)
        case Attempt(name):
            until = shelf.failures(name)[1]
            return Exhausted(name, until - now) if until > now else None
        case Open(approval=held):
            return Exhausted(held.id, None) if shelf.stands(held, now) else None
        case Use(grant, uses, expires):
            used = shelf.uses(grant)
            gone = used is None or expires <= now or (uses is not None and used >= uses)
            return Exhausted(grant, None) if gone else None
        case Revoke(grant):
            return Exhausted(grant, None) if shelf.uses(grant) is None else None
        case Lift(pause):
            return None if shelf.paused(pause) else Exhausted(pause, None)
        case TakeBack(call, before):
            found = shelf.inverse(call)
            late = before is UndoState.OPEN and found is not None and found.until <= now
            return Exhausted(call, None) if found is None or found.state is not before or late else None
        case Rate() | Conclude() | Forgive() | Granting() | Halt() | Remember() | Name():
            return None


def _unless(shelf: Shelf, approval: str, state: ApprovalState, now: float) -> Exhausted | None:
    found = shelf.find(approval)
    fits = found is not None and found.state is state and found.expires > now
    return None if fits else Exhausted(approval, None)


def _apply(act: Act, shelf: Shelf, now: float) -> None:
    match act:
        case Burn(approval):
            shelf.move(approval, ApprovalState.SPENT, expires=NEVER)
        case Open(approval=held, sealed=sealed, about=about):
            shelf.open(held, sealed, about, now)
        case Conclude(approval, result):
            _conclude(shelf, approval, result, now)
        case Decide():
            _decide(shelf, act)
        case Clear(approval, approver):
            shelf.move(approval, ApprovalState.DENIED, expires=now, approver=approver)
        case Use(grant):
            shelf.use(grant)
        case Attempt(name):
            failures = shelf.failures(name)[0] + 1
            shelf.keep_failures(name, failures, now + delay(failures))
        case Forgive(name):
            shelf.keep_failures(name, 0, 0.0)
        case Granting() | Revoke() | Halt() | Lift() | Remember() | TakeBack():
            _stand(act, shelf)
        case Name(aliases):
            shelf.name(aliases)
        case Rate():
            pass


def _stand(act: Granting | Revoke | Halt | Lift | Remember | TakeBack, shelf: Shelf) -> None:
    """What stays until somebody takes it back."""
    match act:
        case Granting():
            shelf.grant(act)
        case Revoke(grant, by):
            shelf.revoke(grant, by)
        case Halt(pause):
            shelf.pause(pause)
        case Lift(pause):
            shelf.resume(pause)
        case Remember(inverse, sealed):
            shelf.remember(inverse, sealed)
        case TakeBack(call, _, after):
            shelf.undone(call, after)


def _decide(shelf: Shelf, act: Decide) -> None:
    held = shelf.find(act.approval)
    if held is None:
        return
    shelf.move(act.approval, act.state, expires=held.expires, approver=act.approver, channel=act.channel)
    if act.state is not ApprovalState.APPROVED:
        return
    if act.tier is not None:
        shelf.give_tier(held, act.tier, act.approver)
    if act.sends:
        shelf.edit(act.approval, act.sends, act.sealed)


def _conclude(shelf: Shelf, approval: str, result: bytes, now: float) -> None:
    """Only a spent approval has an outcome; one that a person cleared meanwhile stays cleared."""
    held = shelf.find(approval)
    if held is not None and held.state is ApprovalState.SPENT:
        shelf.move(approval, ApprovalState.EXECUTED, expires=now + KEEP_RESULT)
        shelf.keep_result(approval, result)
