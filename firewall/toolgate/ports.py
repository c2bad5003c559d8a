"""What the gateway needs of the world. Adapters implement these; tests use `toolgate.testing`."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from toolgate.core.model import Approval, Charge, Finding, JsonObject, Tier
from toolgate.core.policy import Policy
from toolgate.core.values import value

# The purpose under which held arguments are sealed: the gateway seals them, the desk shows them.
HELD_ARGUMENTS: Final = "held-arguments"


class Clock(Protocol):
    """Wall-clock seconds for records and expiry, monotonic seconds for durations."""

    def now(self) -> float: ...

    def monotonic(self) -> float: ...


class Policies(Protocol):
    """The policy in force, swapped by one reference."""

    @property
    def current(self) -> Policy: ...


class Detectors(Protocol):
    """Finds sensitive spans. `leaf` of a finding is the index into `texts`."""

    async def scan(self, texts: Sequence[str], entities: frozenset[str]) -> tuple[Finding, ...]: ...


@value
class Entry:
    """One journal record about to be chained.

    `body` is the record without its commitments; `arguments` and `result` are canonical bytes that the
    journal turns into salted keyed commitments under the keys `arguments` and `result` of the body.
    """

    body: JsonObject
    arguments: bytes | None = None
    result: bytes | None = None


@value
class Exhausted:
    """A charge that could not be taken: a limit's key and the seconds until it can be, or an approval's id.

    Without seconds the approval is no longer what the verdict took it for (spent, or opened by another
    process first): look it up again.
    """

    key: str
    retry_after: float | None


class Journal(Protocol):
    """Chained records, and the charges that share their transaction."""

    def commit(
        self, entry: Entry, charges: Sequence[Charge] = (), durable: bool = False
    ) -> Awaitable[Exhausted | None]:
        """Take every charge and write the record, or neither. Returns once the transaction is committed.

        Raises `toolgate.errors.JournalDown` when it cannot be written. `durable` survives a power cut.
        """
        ...

    def note(self, entry: Entry) -> None:
        """Write the record with the next transaction, within milliseconds; nobody waits for it."""
        ...

    async def conclude(self, entry: Entry, approval: str, sealed_result: bytes) -> None:
        """In one durable transaction: the outcome record, and the result of the executed approval."""
        ...


class Approvals(Protocol):
    """Held calls: looked up on the slow path only."""

    async def by_digest(self, caller: str, digest: str) -> Approval | None:
        """The newest approval of this caller for this very call that still counts: any state, not expired."""
        ...

    async def by_id(self, approval: str) -> Approval | None: ...

    async def arguments(self, approval: str) -> bytes | None:
        """The sealed held arguments."""
        ...

    async def result(self, approval: str) -> bytes | None:
        """The sealed result of an executed approval."""
        ...

    async def assigned(self, upstream: str, tool: str, pin: str) -> Tier | None:
        """The tier a person gave to a tool the policy does not list, for this very definition of it."""
        ...


@dataclass(frozen=True, slots=True)
class Revealed:
    """Texts with the values of their references, and the monotonic second until which they count."""

    texts: Mapping[str, str] = field(repr=False)
    until: float


class Secrets(Protocol):
    """The values behind `secret:` references, each looked for in what is shown before it is used.

    `place` and the keys of `texts` say in messages where a reference stands.
    """

    async def reveal(self, place: str, texts: Mapping[str, str]) -> Revealed:
        """Raises `toolgate.errors.SecretUnavailable`, which names the reference."""
        ...

    async def reread(self, place: str, texts: Mapping[str, str]) -> Revealed:
        """The same, not believing what is known: an upstream has refused it. Raises SecretUnavailable."""
        ...


class Keyring(Protocol):
    """Keys derived from the one master secret, one per purpose."""

    def digest(self, purpose: str, message: bytes) -> str:
        """Keyed digest, hex, deterministic."""
        ...

    def seal(self, purpose: str, plain: bytes) -> bytes:
        """Authenticated encryption."""
        ...

    def unseal(self, purpose: str, sealed: bytes) -> bytes:
        """The plain bytes. Raises `toolgate.errors.SealBroken`."""
        ...
