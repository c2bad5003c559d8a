"""What a desk works with: the store behind it, and what it answers when it does not do something."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from toolgate.core.model import Approval, ApprovalState, Inverse, JsonObject, Tier, UndoState
from toolgate.core.policy import Policy
from toolgate.core.standing import Pause
from toolgate.ports import Entry, Granting, Kept, Policies

UNKNOWN_ID: Final = "no such approval; expected a whole id, as `toolgate approvals list --state all` shows it"
UNREADABLE: Final = "the held arguments have expired or were sealed under another master key"


class Store(Protocol):
    """What the desk needs of a store."""

    async def by_id(self, approval: str) -> Approval | None: ...

    async def arguments(self, approval: str) -> bytes | None: ...

    async def asked(self, approval: str) -> bytes | None: ...

    async def about(self, approval: str) -> bytes | None: ...

    async def listing(self, state: ApprovalState | None = None, limit: int = 100) -> list[Approval]: ...

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
    ) -> bool: ...

    async def clear(self, entry: Entry, approval: str, approver: str) -> bool: ...

    async def attempt(self, name: str) -> float: ...

    async def forgive(self, name: str) -> None: ...

    def commit(self, entry: Entry) -> Awaitable[object]: ...

    async def granted(self, caller: str, upstream: str, target: str) -> list[Kept]: ...

    async def grants(self) -> list[Kept]: ...

    async def grant(self, entry: Entry, grant: Granting) -> bool: ...

    async def revoke(self, entry: Entry, grant: str, by: str) -> bool: ...

    async def pausing(self) -> tuple[Pause, ...]: ...

    async def halt(self, entry: Entry, pause: Pause) -> bool: ...

    async def lift(self, entry: Entry, pause: str) -> bool: ...

    async def inverses(self, session: str = "", limit: int = 100) -> list[Inverse]: ...

    async def inverse(self, call: str) -> Inverse | None: ...

    async def inverse_arguments(self, call: str) -> bytes | None: ...

    async def take_back(self, entry: Entry, call: str, before: UndoState, after: UndoState) -> bool: ...


@dataclass(frozen=True, slots=True)
class Fixed:
    """`toolgate.ports.Policies` that stay as they are, for a desk that is opened for one thing."""

    current: Policy


def policies_of(given: Policy | Policies) -> Policies:
    """Policies, whichever was given."""
    return Fixed(given) if isinstance(given, Policy) else given


@dataclass(frozen=True, slots=True)
class Declined:
    """The desk did not do it, and why."""

    why: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """The grant that would have covered a call and the `like` similar ones approved before it."""

    pattern: JsonObject
    words: tuple[str, ...]
    broad: tuple[str, ...]
    like: int


@dataclass(frozen=True, slots=True)
class Card:
    """What a person sees of a held call.

    `arguments` are what will be sent, None when they cannot be read; what stands in them of the entities in
    `hidden` is masked for showing only. `asked` are those the caller gave, where an approver changed them.
    `schema` and `title` are the tool's, `roles` the caller's, `similar` the newest decided calls of this
    caller to this tool. `origins` says of every destination in which tool's result the session read it last,
    empty where in none.
    """

    approval: Approval
    arguments: JsonObject | None
    hidden: tuple[str, ...] = ()
    asked: JsonObject | None = None
    title: str = ""
    schema: JsonObject = field(default_factory=dict[str, Any])
    roles: tuple[str, ...] = ()
    similar: tuple[Approval, ...] = ()
    offer: Offer | None = None
    origins: Mapping[str, str] = field(default_factory=dict[str, str])
