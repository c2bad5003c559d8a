"""The desk where people decide held calls; terminal and console are two ways to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, cast

import orjson

from toolgate.approvals.approvers import Approver, enrol, fits, read
from toolgate.core.model import Approval, ApprovalState, JsonObject, Tier
from toolgate.core.policy import Policy
from toolgate.core.records import event
from toolgate.errors import Misuse, SealBroken
from toolgate.ports import HELD_ARGUMENTS, Entry, Keyring

UNREADABLE: Final = "the held arguments have expired or were sealed under another master key"


class Held(Protocol):
    """What the desk needs of a store."""

    async def by_id(self, approval: str) -> Approval | None: ...

    async def arguments(self, approval: str) -> bytes | None: ...

    async def listing(self, state: ApprovalState | None = None, limit: int = 100) -> list[Approval]: ...

    async def decide(
        self, entry: Entry, approval: str, state: ApprovalState, approver: str, tier: Tier | None = None
    ) -> bool: ...

    async def clear(self, entry: Entry, approval: str, approver: str) -> bool: ...

    async def attempt(self, name: str) -> float: ...

    async def forgive(self, name: str) -> None: ...

    def commit(self, entry: Entry) -> Awaitable[object]: ...


@dataclass(frozen=True, slots=True)
class Declined:
    """The desk did not do it, and why."""

    why: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """What a person sees of a held call. `arguments` are what will be sent, None when they cannot be read."""

    approval: Approval
    arguments: JsonObject | None


class Desk:
    """Shows held calls and takes decisions. `channel` is the one people come through: cli or console."""

    def __init__(
        self,
        store: Held,
        keyring: Keyring,
        approvers: Path,
        policy: Policy,
        channel: str,
        now: Callable[[], float],
    ) -> None:
        self._store, self._keyring, self._approvers = store, keyring, approvers
        self._policy, self._channel, self._now = policy, channel, now

    async def listing(self, state: ApprovalState | None = None) -> list[Approval]:
        """The newest approvals, of one state or of all."""
        return await self._store.listing(state)

    async def card(self, approval: str) -> Card | None:
        """A held call with what it would send."""
        found = await self._store.by_id(approval)
        return None if found is None else Card(found, await self._arguments(approval))

    async def sign_in(self, name: str, passphrase: str) -> Approver | Declined:
        """The approver of this name and passphrase. Guessing costs ever longer waits, over all processes."""
        approver = next((one for one in read(self._approvers) if one.name == name), None)
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

    async def approve(
        self, approver: Approver, approval: str, tier: Tier | None = None
    ) -> Approval | Declined:
        """Let a held call be made once. `tier`: what kind of tool it is, where nobody has said so yet."""
        return await self._decide(approver, approval, ApprovalState.APPROVED, tier)

    async def deny(self, approver: Approver, approval: str) -> Approval | Declined:
        """Refuse a held call until it expires."""
        return await self._decide(approver, approval, ApprovalState.DENIED, None)

    async def clear(self, approver: Approver, approval: str) -> Approval | Declined:
        """Let a call be asked for again that was sent and whose outcome is unknown."""
        found = await self._store.by_id(approval)
        if found is None:
            return Declined("no such approval")
        if declined := self._may(approver, _needed(found.tier)):
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
            return Declined("by the policy these roles approve nothing; see may_approve there")
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
        if len(known) != 1:
            raise Misuse(
                f"found {len(known)} approvers, expected --as NAME, or one: toolgate approvals enrol NAME"
            )
        return known[0].name

    def has_approvers(self) -> bool:
        """Whether anybody may decide yet."""
        return bool(read(self._approvers))

    async def _decide(
        self, approver: Approver, approval: str, state: ApprovalState, tier: Tier | None
    ) -> Approval | Declined:
        found = await self._store.by_id(approval)
        if found is None:
            return Declined("no such approval")
        if state is ApprovalState.APPROVED and (declined := await self._unfit(found, tier)):
            return declined
        given = found.tier or tier
        if declined := self._may(approver, _needed(given)):
            return declined
        status = "approved" if state is ApprovalState.APPROVED else "denied"
        entry = self._entry(status, approver.name, found, **({"tier": given.value} if given else {}))
        if not await self._store.decide(entry, approval, state, approver.name, tier):
            late = found.state is ApprovalState.PENDING
            return Declined("it has expired" if late else f"it is {found.state.value} already")
        return await self._after(found)

    async def _unfit(self, found: Approval, tier: Tier | None) -> Declined | None:
        """Why this cannot be approved by anyone: nobody approves what cannot be shown."""
        if found.tier is None and tier is None:
            return Declined("nobody has said yet what this tool can break: --tier is needed")
        if found.tier is not None and tier is not None and tier is not found.tier:
            return Declined(f"the policy says {found.tier.value}; --tier is for tools it does not list")
        return Declined(UNREADABLE) if await self._arguments(found.id) is None else None

    def _may(self, approver: Approver, tier: Tier) -> Declined | None:
        if tier not in self._policy.may_approve(approver.roles):
            return Declined(
                f"{approver.name} may not approve {tier.value} calls; see may_approve in the policy"
            )
        rule = self._policy.approval.get(tier)
        if rule is not None and self._channel not in rule.channels:
            return Declined(f"by the policy {tier.value} calls are not decided on the {self._channel}")
        return None

    async def _arguments(self, approval: str) -> JsonObject | None:
        sealed = await self._store.arguments(approval)
        try:
            plain = self._keyring.unseal(HELD_ARGUMENTS, sealed or b"")
            return cast("JsonObject", orjson.loads(plain))
        except (SealBroken, orjson.JSONDecodeError):
            return None

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


def _needed(tier: Tier | None) -> Tier:
    """What one must be allowed to approve: a tool not listed is held like an irreversible one.

    To call it read or reversible lets every later call pass, so that needs no less.
    """
    return Tier.PRIVILEGED if tier is Tier.PRIVILEGED else Tier.IRREVERSIBLE
