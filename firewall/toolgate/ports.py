"""What the gateway needs of the world. Adapters implement these; tests use `toolgate.testing`."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias

from toolgate.core.model import Approval, ApprovalState, Charge, Finding, JsonObject, Tier
from toolgate.core.policy import Policy
from toolgate.core.standing import Grant, Pauses
from toolgate.core.values import value

# Purposes: what the gateway seals or digests under them, the desk opens and shows.
HELD_ARGUMENTS: Final = "held-arguments"
HELD_ABOUT: Final = "held-about"
INVERSE: Final = "inverse"
DIGEST: Final = "call-digest"


class Clock(Protocol):
    """Wall-clock seconds for records and expiry, monotonic seconds for durations."""

    def now(self) -> float: ...

    def monotonic(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


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
    `under`: the generation of pauses the entry was decided under; it is not written under a newer one.
    """

    body: JsonObject
    arguments: bytes | None = None
    result: bytes | None = None
    under: int | None = None


@value
class Exhausted:
    """A charge that could not be taken: a limit's key and the seconds until it can be, or an approval's id.

    Without seconds what the verdict went by has changed (an approval spent or opened by another process, a
    grant used up, something paused): look it up again.
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

    async def conclude(
        self, entry: Entry, approval: str, sealed_result: bytes, charges: Sequence[Charge] = ()
    ) -> None:
        """In one durable transaction: the outcome record, and the result of the executed approval."""
        ...


class Switch(Protocol):
    """What people paused, as of the last transaction; one that sees more refuses what was decided before."""

    @property
    def pauses(self) -> Pauses: ...


@value
class Alias:
    """A pseudonym as it is kept: in whose namespace, from which upstream, what it stands for encrypted."""

    namespace: str
    token: str
    upstream: str
    sealed: bytes
    expires: float


class Pseudonyms(Protocol):
    """Pseudonyms by namespace; what has expired is not found."""

    async def name(self, aliases: Sequence[Alias]) -> None:
        """Keep them, in place of those of the same namespace, token and upstream. Raises JournalDown."""
        ...

    async def named(self, namespace: str, tokens: Sequence[str]) -> list[Alias]:
        """What these tokens stand for: one per upstream they came from."""
        ...


class Grants(Protocol):
    """The grants of one caller for one tool: in force, signed by us, their conditions compiled."""

    async def of(self, caller: str, upstream: str, tool: str) -> tuple[Grant, ...]: ...


@value
class Granting:
    """A grant as it is kept: `sealed` is the grant itself, encrypted and bound to our key."""

    id: str
    caller: str
    upstream: str
    target: str
    expires: float
    sealed: bytes


class Kept(NamedTuple):
    """A grant as a store gives it back: how often it was used, and who revoked it."""

    sealed: bytes
    used: int
    revoked: str


NewsKind: TypeAlias = Literal["held", "decided", "expired", "forwarded", "flooded"]


@value
class News:
    """Something people may want to hear of: a call held, decided, expired, forwarded, or too many of them.

    `channels` are those of the policy for the call's tier, `page` is its URL at the console, else empty.
    """

    kind: NewsKind
    approval: Approval
    channels: tuple[str, ...]
    page: str = ""
    at: float = 0.0


class Announcer(Protocol):
    """Tells people. Returns at once and never raises; what it cannot deliver it puts on record."""

    def announce(self, news: News) -> None: ...


class Silent:
    """Tells nobody."""

    def announce(self, news: News) -> None:
        """Nothing."""


class Approvals(Protocol):
    """Held calls: looked up on the slow path only."""

    async def by_digest(self, caller: str, digest: str) -> Approval | None:
        """The newest approval of this caller for this very call that still counts: any state, not expired."""
        ...

    async def by_id(self, approval: str) -> Approval | None: ...

    async def arguments(self, approval: str) -> bytes | None:
        """The sealed held arguments, those an approver put in their place where one did."""
        ...

    async def asked(self, approval: str) -> bytes | None:
        """The sealed arguments that the caller gave."""
        ...

    async def decide(
        self,
        entry: Entry,
        approval: str,
        state: ApprovalState,
        approver: str,
        tier: Tier | None = None,
        *,
        channel: str = "",
    ) -> bool:
        """Approve or deny what is pending, with its record; False where it no longer is."""
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
