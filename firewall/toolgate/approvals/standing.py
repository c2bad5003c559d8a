"""What people say beforehand at the desk: grants, pauses, and what may still be taken back."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

from toolgate import holding
from toolgate.approvals.approvers import Approver
from toolgate.approvals.counter import UNKNOWN_ID, UNREADABLE, Declined, Store
from toolgate.approvals.grants import GrantBook, Granted, Patterns, foreign, standing
from toolgate.core.decode import fault
from toolgate.core.model import Approval, Inverse, JsonObject, Tier
from toolgate.core.offers import exactly
from toolgate.core.policy import Policy
from toolgate.core.records import event
from toolgate.core.standing import Grant, Pause
from toolgate.errors import SealBroken
from toolgate.holding import HeldArguments
from toolgate.ports import Entry, Kept, Keyring, Policies

LONGEST: Final = 90 * 86400.0
MOST_USES: Final = 1000


class StandingOrders:
    """Grants and pauses, made and taken back by people with the right to approve."""

    def __init__(
        self,
        store: Store,
        keyring: Keyring,
        policies: Policies,
        channel: str,
        now: Callable[[], float],
        patterns: Patterns | None,
    ) -> None:
        self._store, self._keyring, self._policies = store, keyring, policies
        self._channel, self._now, self._patterns = channel, now, patterns

    @property
    def _policy(self) -> Policy:
        return self._policies.current

    async def grant(
        self,
        approver: Approver,
        approval: str,
        pattern: JsonObject | None = None,
        uses: int | None = None,
        seconds: float = 3600.0,
    ) -> Granted | Declined:
        """Let calls like this one go ahead unasked; without a pattern, calls with these very arguments.

        `uses` of None: as many as come within `seconds`.
        """
        found = await self._store.by_id(approval)
        if found is None:
            return Declined(UNKNOWN_ID)
        if declined := self._ungrantable(approver, found):
            return declined
        if not 0 < seconds <= LONGEST or not (uses is None or 0 < uses <= MOST_USES):
            return Declined(f"expected 1 to {MOST_USES} uses within {LONGEST / 86400:g} days")
        held = await self._held(found.id)
        if held is None:
            return Declined(UNREADABLE)
        if pattern is not None and (wrong := fault(pattern)):
            return Declined(f"the pattern: {wrong.detail}")
        stated = exactly(held.sends) if pattern is None else pattern
        book = self._book()
        try:
            grant = book.compiled(self._new(approver, found, stated, uses, seconds))
        except ValueError as mistake:
            return Declined(f"the pattern: {mistake}")
        if other := foreign(stated, held.sends):
            return Declined(
                f"the pattern: {other}: expected `equals` with this call's value; `in` takes others"
            )
        kept = book.sealed(grant)
        if not await self._store.grant(self._order("grant", "granted", approver, **_told(grant)), kept):
            return Declined("there is such a grant already")
        return standing(grant, Kept(kept.sealed, 0, ""), self._now())

    async def grants(self, caller: str = "") -> list[Granted]:
        """Every grant, of one caller or of all, and what became of it."""
        book, now = self._book(), self._now()
        found = [(book.read(kept), kept) for kept in await self._store.grants()]
        return [
            standing(grant, kept, now)
            for grant, kept in found
            if grant is not None and caller in ("", grant.caller)
        ]

    async def revoke(self, approver: Approver, grant: str) -> Granted | Declined:
        """Take a grant back; the next call is asked about again."""
        found = next((one for one in await self.grants() if one.grant.id == grant), None)
        if found is None:
            return Declined("no such grant")
        if declined := self._right(approver, Tier(found.grant.tier)):
            return declined
        order = self._order("grant", "revoked", approver, **_told(found.grant))
        if not await self._store.revoke(order, grant, approver.name):
            return Declined("it is revoked already")
        return next((one for one in await self.grants() if one.grant.id == grant), found)

    async def pauses(self) -> tuple[Pause, ...]:
        """What is paused now."""
        return await self._store.pausing()

    async def pause(
        self, approver: Approver, upstream: str = "", caller: str = "", tool: str = ""
    ) -> Pause | Declined:
        """Refuse every call, or those of an upstream, a caller, a tool of an upstream, from now on."""
        if tool and not upstream:
            return Declined("found a tool without its upstream, expected both")
        if declined := self._right(approver, None):
            return declined
        made = Pause(f"pa-{os.urandom(4).hex()}", upstream, caller, tool, approver.name, self._now())
        if any(_same(made, other) for other in await self.pauses()):
            return Declined("it is paused already")
        await self._store.halt(self._order("pause", "paused", approver, **_paused(made)), made)
        return made

    async def resume(self, approver: Approver, pause: str = "") -> tuple[Pause, ...] | Declined:
        """Lift one pause, or all of them; gives what was lifted."""
        if declined := self._right(approver, None):
            return declined
        lifted = tuple(one for one in await self.pauses() if pause in ("", one.id))
        told = {"pause": pause or "all"}
        if not lifted or not await self._store.lift(self._order("pause", "resumed", approver, **told), pause):
            return Declined("nothing of this is paused")
        return lifted

    async def inverses(self, session: str = "", limit: int = 100) -> list[Inverse]:
        """The calls that have a way back, the newest first."""
        return await self._store.inverses(session, limit)

    def _right(self, approver: Approver, tier: Tier | None) -> Declined | None:
        """Why this person has nothing to say about calls of this tier; None: about any at all."""
        may = self._policy.may_approve(approver.roles)
        needed = _needed(tier)
        if needed in may or (tier is None and may):
            return None
        return Declined(
            f"{approver.name} may not approve {needed.value} calls; see may_approve in the policy"
        )

    def _may(self, approver: Approver, found: Approval, tier: Tier | None) -> Declined | None:
        """Why this person may not decide this call here."""
        if found.credential and found.credential in (approver.credential, own_credential(approver)):
            return Declined("this is your own call: it was made with the credential you signed in with")
        needed = _needed(tier)
        if needed not in self._policy.may_approve(approver.roles):
            return Declined(
                f"{approver.name} may not approve {needed.value} calls; see may_approve in the policy"
            )
        if self._channel not in self._policy.rule(tier if tier is Tier.PRIVILEGED else found.tier).channels:
            named = tier or needed
            return Declined(f"by the policy {named.value} calls are not decided on the {self._channel}")
        return None

    def _ungrantable(self, approver: Approver, found: Approval) -> Declined | None:
        if found.tier is None:
            return Declined("nobody has said yet what this tool can break: approve it first")
        if not self._policy.rule(found.tier).grants:
            return Declined(f"by the policy every {found.tier.value} call is asked about")
        return self._may(approver, found, found.tier)

    def _new(
        self, approver: Approver, found: Approval, pattern: JsonObject, uses: int | None, seconds: float
    ) -> Grant:
        now = self._now()
        return Grant(
            id=f"gr-{os.urandom(5).hex()}",
            caller=found.caller,
            upstream=found.upstream,
            target=found.target,
            pin=found.pin,
            tier=(found.tier or Tier.IRREVERSIBLE).value,
            pattern=pattern,
            uses=uses,
            created=now,
            expires=now + seconds,
            by=approver.name,
        )

    def _book(self) -> GrantBook:
        return GrantBook(self._store, self._keyring, self._patterns or _no_patterns)

    async def _held(self, approval: str, *, asked: bool = False) -> HeldArguments | None:
        """The arguments held, or those the caller had asked before an approver changed them."""
        kept = await (self._store.asked(approval) if asked else self._store.arguments(approval))
        try:
            return holding.opened(self._keyring, kept)
        except SealBroken:
            return None

    def _order(self, kind: str, status: str, approver: Approver, **more: object) -> Entry:
        about = {"approver": approver.name, "channel": self._channel, "status": status}
        return Entry(event(kind, self._now(), policy=self._policy.digest, **about, **more))


def own_credential(approver: Approver) -> str:
    """What a call that this person makes at the desk is made with."""
    return approver.credential or f"desk:{approver.name}"


def _needed(tier: Tier | None) -> Tier:
    """What one must be allowed to approve: a tool not listed is held like an irreversible one.

    To call it read or reversible lets every later call pass, so that needs no less.
    """
    return Tier.PRIVILEGED if tier is Tier.PRIVILEGED else Tier.IRREVERSIBLE


def _told(grant: Grant) -> dict[str, object]:
    """What the record says of a grant: whose calls to what, how many and until when; never its values."""
    about: dict[str, object] = {"grant": grant.id, "caller": grant.caller}
    about |= {"upstream": grant.upstream, "target": grant.target, "tier": grant.tier}
    return about | {"until": grant.expires, "names": sorted(grant.pattern), "uses": grant.uses}


def _paused(pause: Pause) -> dict[str, object]:
    named = {"upstream": pause.upstream, "caller": pause.caller, "target": pause.tool}
    return {"pause": pause.id, **{name: text for name, text in named.items() if text}}


def _same(one: Pause, other: Pause) -> bool:
    return (one.upstream, one.caller, one.tool) == (other.upstream, other.caller, other.tool)


def _no_patterns(_: JsonObject) -> tuple[()]:
    raise ValueError("this desk makes no grants")
