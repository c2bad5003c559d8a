"""The desk where people decide held calls; terminal, console and messages are ways to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final, cast

import orjson

from toolgate import holding
from toolgate.approvals.approvers import Approver, enrol, fits, read
from toolgate.approvals.counter import UNKNOWN_ID, UNREADABLE, Card, Declined, Offer, Store, policies_of
from toolgate.approvals.edits import About, Fit, judged, unmasked
from toolgate.approvals.grants import Granted, Patterns
from toolgate.approvals.standing import StandingOrders
from toolgate.core.changes import changes
from toolgate.core.decode import fault
from toolgate.core.model import Approval, ApprovalState, JsonObject, Tier
from toolgate.core.offers import offered
from toolgate.core.policy import Action, Actions, Policy
from toolgate.core.records import event
from toolgate.core.redact import redact
from toolgate.core.texts import texts
from toolgate.core.wording import broad, reading
from toolgate.errors import Misuse, SealBroken
from toolgate.ports import (
    HELD_ABOUT,
    Announcer,
    Detectors,
    Entry,
    Keyring,
    News,
    Policies,
    Silent,
)

__all__ = ["Approver", "Card", "Declined", "Desk", "Granted", "Offer"]

# What is masked on a card until somebody with the right wants to see it.
HIDDEN: Final = frozenset({"SECRET", "CREDIT_CARD", "IBAN_CODE", "US_SSN"})
_MASK: Final = Actions({}, Action.MASK)
_DECIDED: Final = (ApprovalState.APPROVED, ApprovalState.SPENT, ApprovalState.EXECUTED)
_SIMILAR: Final = 5
# So many like it have to have been approved before a grant is offered.
_ENOUGH: Final = 2
_LOOK_BACK: Final = 300


class Desk(StandingOrders):
    """Shows held calls and takes decisions. `channel` is the one people come through: cli, console, …"""

    def __init__(
        self,
        store: Store,
        keyring: Keyring,
        approvers: Path,
        policy: Policy | Policies,
        channel: str,
        now: Callable[[], float],
        *,
        detectors: Detectors | None = None,
        patterns: Patterns | None = None,
        announcer: Announcer = Silent(),  # noqa: B008 - it holds nothing
    ) -> None:
        super().__init__(store, keyring, policies_of(policy), channel, now, patterns)
        self._approvers, self._detectors, self._announcer = approvers, detectors, announcer

    def through(self, channel: str) -> Desk:
        """The same desk for people who come another way."""
        return Desk(
            self._store,
            self._keyring,
            self._approvers,
            self._policies,
            channel,
            self._now,
            detectors=self._detectors,
            patterns=self._patterns,
            announcer=self._announcer,
        )

    async def listing(self, state: ApprovalState | None = None, limit: int = 100) -> list[Approval]:
        """The newest approvals, of one state or of all."""
        return await self._store.listing(state, limit)

    async def card(self, approval: str) -> Card | None:
        """A held call with what it would send; what is too sensitive to show unasked is masked."""
        found = await self._store.by_id(approval)
        return None if found is None else await self._card(found, revealed=False)

    async def reveal(self, approver: Approver, approval: str) -> Card | Declined:
        """The card with nothing masked, on record."""
        found = await self._store.by_id(approval)
        if found is None:
            return Declined(UNKNOWN_ID)
        if declined := self._right(approver, found.tier):
            return declined
        await self._store.commit(self._entry("revealed", approver.name, found))
        return await self._card(found, revealed=True)

    async def sign_in(self, name: str, passphrase: str) -> Approver | Declined:
        """The approver of this name and passphrase. Guessing costs ever longer waits, over all processes."""
        approver = self.approver(name)
        if approver is not None:
            wait = await self._store.attempt(
                name
            )  # counted before it is checked: guesses in parallel count too
            if wait > 0:
                return Declined("too many wrong passphrases in a row", wait)
        if not await asyncio.to_thread(fits, approver, passphrase) or approver is None:
            if approver is not None:
                await self._store.commit(self._entry("wrong-passphrase", name))
            return Declined("no approver of this name and passphrase")
        await self._store.forgive(name)
        return approver

    def approver(self, name: str) -> Approver | None:
        """The approver of this name, for whoever has made sure otherwise that it is this person."""
        return next((one for one in read(self._approvers) if one.name == name), None)

    def may_approve(self, approver: Approver) -> frozenset[Tier]:
        """The tiers this person decides held calls of."""
        return self._policy.may_approve(approver.roles)

    async def approve(
        self,
        approver: Approver,
        approval: str,
        tier: Tier | None = None,
        edited: JsonObject | None = None,
    ) -> Approval | Declined:
        """Let a held call be made once. `tier`: what kind of tool it is, where nobody has said so yet.

        `edited` are other arguments for it, judged now and again when they are sent.
        """
        found = await self._store.by_id(approval)
        if found is None:
            return Declined(UNKNOWN_ID)
        if declined := await self._unfit(found, tier):
            return declined
        given = found.tier or tier
        if declined := self._may(approver, found, given):
            return declined
        fit: Fit | None = None
        if edited is not None:
            judgement = await self._fit(found, edited)
            if isinstance(judgement, str):
                return Declined(f"the changed arguments: {judgement}")
            fit = judgement
        return await self._decide(approver, found, ApprovalState.APPROVED, tier, given, fit)

    async def deny(self, approver: Approver, approval: str) -> Approval | Declined:
        """Refuse a held call until it expires."""
        found = await self._store.by_id(approval)
        if found is None:
            return Declined(UNKNOWN_ID)
        if declined := self._may(approver, found, found.tier):
            return declined
        return await self._decide(approver, found, ApprovalState.DENIED, None, found.tier, None)

    async def clear(self, approver: Approver, approval: str) -> Approval | Declined:
        """Let a call be asked for again that was sent and whose outcome is unknown."""
        found = await self._store.by_id(approval)
        if found is None:
            return Declined(UNKNOWN_ID)
        if declined := self._may(approver, found, found.tier):
            return declined
        if not await self._store.clear(self._entry("cleared", approver.name, found), approval, approver.name):
            return Declined(f"it is {found.state.value}, expected spent without an outcome")
        return await self._after(found)

    async def enrol(
        self, name: str, roles: tuple[str, ...], passphrase: str, voucher: Approver | None
    ) -> Approver | Declined:
        """A new approver: the first for whoever asks, later ones vouched for by one who may do as much."""
        gained = self._policy.may_approve(roles)
        if not gained:
            known = ", ".join(self._deciding()) or "one with may_approve in the policy"
            return Declined(f"--role: found {', '.join(roles)}, which approve nothing, expected {known}")
        if voucher is not None and not gained <= self._policy.may_approve(voucher.roles):
            return Declined(f"{voucher.name} may not approve everything these roles may")
        approver = enrol(self._approvers, name, roles, passphrase, first=voucher is None)
        await self._store.commit(
            self._entry("enrolled", voucher.name if voucher else name, roles=list(roles))
        )
        return approver

    def only_approver(self) -> str:
        """The name of the one approver there is. Raises Misuse where there are none, or several."""
        known = read(self._approvers)
        if len(known) == 1:
            return known[0].name
        if known:
            names = ", ".join(one.name for one in known)
            raise Misuse(f"found {len(known)} approvers, expected --as with one of {names}")
        role = next(iter(self._deciding()), "ROLE")
        raise Misuse(
            "found nobody who may decide yet, expected an approver:"
            f" `toolgate approvals enrol NAME --role {role}` makes the first one"
        )

    def _deciding(self) -> list[str]:
        """The roles of the policy that may decide held calls."""
        return sorted(role for role in self._policy.roles if self._policy.may_approve((role,)))

    def has_approvers(self) -> bool:
        """Whether anybody may decide yet."""
        return bool(read(self._approvers))

    async def _decide(
        self,
        approver: Approver,
        found: Approval,
        state: ApprovalState,
        tier: Tier | None,
        given: Tier | None,
        fit: Fit | None,
    ) -> Approval | Declined:
        more: dict[str, object] = {"tier": given.value} if given else {}
        sends, sealed = "", b""
        if fit is not None:
            sends, sealed = fit.sends, holding.sealed(self._keyring, fit.arguments)
            more["asked"], more["sends"] = found.digest, fit.sends
            asked = await self._plain(found.id, asked=True) or {}
            more["edited"] = list(changes(asked, fit.arguments.sends))
        entry = self._entry(state.value, approver.name, found, **more)
        if not await self._store.decide(
            entry, found.id, state, approver.name, tier, channel=self._channel, sends=sends, sealed=sealed
        ):
            late = found.state is ApprovalState.PENDING
            return Declined("it has expired" if late else f"it is {found.state.value} already")
        after = await self._after(found)
        channels = self._policy.rule(given).channels
        self._announcer.announce(News("decided", after, channels, "", self._now()))
        return after

    async def _unfit(self, found: Approval, tier: Tier | None) -> Declined | None:
        """Why this cannot be approved by anyone: nobody approves what cannot be shown."""
        if found.tier is None and tier is None:
            return Declined("nobody has said yet what this tool can break: --tier is needed")
        if found.tier is not None and tier is not None and tier is not found.tier:
            return Declined(f"the policy says {found.tier.value}; --tier is for tools it does not list")
        return Declined(UNREADABLE) if await self._plain(found.id) is None else None

    async def _fit(self, found: Approval, edited: JsonObject) -> Fit | str:
        """Whether the held call could be sent with these arguments instead."""
        if self._detectors is None:
            return "this desk cannot look for sensitive data"
        if wrong := fault(edited):
            return wrong.detail
        before = await self._held(found.id)
        if before is None:
            return UNREADABLE
        masks = [f"<{entity}>" for entity in await self._sensitive(before.sends)]
        if any(mask in text for text in texts(edited) for mask in masks):
            return "found a mask where a value was hidden, expected the value: reveal it first"
        about, meant = await self._about(found.id), unmasked(edited, before)
        return await judged(found, about, meant, self._policy, self._detectors, self._keyring, self._now())

    async def _card(self, found: Approval, *, revealed: bool) -> Card:
        arguments, about = await self._plain(found.id), await self._about(found.id)
        asked = await self._plain(found.id, asked=True) if found.sends else None
        similar = await self._similar(found)
        offer = None if arguments is None else await self._offer(found, arguments, similar)
        hidden: set[str] = set()
        if not revealed:
            hidden = await self._sensitive(arguments) | await self._sensitive(asked)
            arguments, asked = await self._masked(arguments), await self._masked(asked)
        return Card(
            found,
            arguments,
            tuple(sorted(hidden)),
            asked,
            about.title,
            about.schema,
            about.roles,
            tuple(similar[:_SIMILAR]),
            offer,
            about.origins,
        )

    async def _sensitive(self, arguments: JsonObject | None) -> set[str]:
        if arguments is None or self._detectors is None:
            return set()
        found = await self._detectors.scan(texts(arguments), HIDDEN)
        return {finding.entity for finding in found}

    async def _masked(self, arguments: JsonObject | None) -> JsonObject | None:
        if arguments is None or self._detectors is None:
            return arguments
        read_ = texts(arguments)
        found = await self._detectors.scan(read_, HIDDEN)
        return cast("JsonObject", redact(arguments, found, _MASK, read_)) if found else arguments

    async def _similar(self, found: Approval) -> list[Approval]:
        """What was decided of this caller and tool before, the newest first."""
        about = (found.caller, found.upstream, found.target)
        return [
            one
            for one in await self._store.listing(None, _LOOK_BACK)
            if (one.caller, one.upstream, one.target) == about
            and one.id != found.id
            and one.state is not ApprovalState.PENDING
        ]

    async def _offer(self, found: Approval, arguments: JsonObject, similar: list[Approval]) -> Offer | None:
        """The grant that would have covered this call and those like it that were approved."""
        if found.tier is None or not self._policy.rule(found.tier).grants or self._patterns is None:
            return None
        like: list[JsonObject] = []
        for one in similar:
            plain = await self._plain(one.id) if one.state in _DECIDED and one.pin == found.pin else None
            if plain is not None:
                like.append(plain)
        if len(like) < _ENOUGH:
            return None
        pattern = offered([arguments, *like])
        return Offer(pattern, reading(pattern), broad(pattern), len(like))

    async def _plain(self, approval: str, *, asked: bool = False) -> JsonObject | None:
        found = await self._held(approval, asked=asked)
        return None if found is None else found.sends

    async def _about(self, approval: str) -> About:
        sealed = await self._store.about(approval)
        try:
            return About.of(orjson.loads(self._keyring.unseal(HELD_ABOUT, sealed or b"")))
        except (SealBroken, orjson.JSONDecodeError):
            return About()

    async def _after(self, before: Approval) -> Approval:
        return await self._store.by_id(before.id) or before

    def _entry(self, status: str, approver: str, about: Approval | None = None, **more: object) -> Entry:
        """The record of what a person did here."""
        fields: dict[str, object] = {"approver": approver, "channel": self._channel, "status": status}
        fields["policy"] = self._policy.digest
        if about is not None:
            fields |= {"approval": about.id, "caller": about.caller}
            fields |= {"upstream": about.upstream, "target": about.target}
        return Entry(event("decision", self._now(), **fields, **more))
