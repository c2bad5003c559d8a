"""What people change in a store, the same for every store: each with its record, all of it or nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod

from toolgate.core.model import ApprovalState, Tier, UndoState
from toolgate.core.standing import Pause
from toolgate.ports import Entry, Granting
from toolgate.stores.ledger import Act, Clear, Decide, Halt, Lift, Revoke, TakeBack


class Standing(ABC):
    """Decisions, grants, pauses and ways back. Each answers False, and did nothing, if it cannot be done."""

    @abstractmethod
    async def change(self, entry: Entry, *acts: Act) -> bool:
        """Do every act durably, with its record."""

    async def decide(
        self,
        entry: Entry,
        approval: str,
        state: ApprovalState,
        approver: str,
        tier: Tier | None = None,
        *,
        channel: str = "",
        sends: str = "",
        sealed: bytes = b"",
    ) -> bool:
        """Approve or deny what is pending; `sends` and `sealed` where the approver changed the arguments."""
        return await self.change(entry, Decide(approval, state, approver, tier, channel, sends, sealed))

    async def clear(self, entry: Entry, approval: str, approver: str) -> bool:
        """Let a call be asked for again that was spent and whose outcome is unknown."""
        return await self.change(entry, Clear(approval, approver))

    async def grant(self, entry: Entry, grant: Granting) -> bool:
        """Keep a grant."""
        return await self.change(entry, grant)

    async def revoke(self, entry: Entry, grant: str, by: str) -> bool:
        """Take back a grant that nobody took back yet."""
        return await self.change(entry, Revoke(grant, by))

    async def halt(self, entry: Entry, pause: Pause) -> bool:
        """Pause something."""
        return await self.change(entry, Halt(pause))

    async def lift(self, entry: Entry, pause: str) -> bool:
        """Lift a pause that is in force; with an empty id all of them."""
        return await self.change(entry, Lift(pause))

    async def take_back(self, entry: Entry, call: str, before: UndoState, after: UndoState) -> bool:
        """Bring a way back from one state to another."""
        return await self.change(entry, TakeBack(call, before, after))
