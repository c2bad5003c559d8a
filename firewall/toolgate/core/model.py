"""The values a decision is made from and the values it comes to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from toolgate.core.reasons import Reason
from toolgate.core.standing import NO_PAUSES, Grant, Pauses
from toolgate.core.texts import Texts
from toolgate.core.values import value

if TYPE_CHECKING:
    from toolgate.core.pseudonyms import Names

JsonObject: TypeAlias = dict[str, Any]


class Tier(StrEnum):
    """How much a tool can break, from the policy alone."""

    READ = "read"
    REVERSIBLE = "reversible"
    IRREVERSIBLE = "irreversible"
    PRIVILEGED = "privileged"


class Unknown(Enum):
    """A fact nobody has looked up yet."""

    UNKNOWN = "unknown"


UNKNOWN = Unknown.UNKNOWN


class Fact(StrEnum):
    """What the core can ask the gateway to look up."""

    TOOL = "tool"
    FINDINGS = "findings"
    APPROVAL = "approval"
    ASSIGNED = "assigned"
    GRANTS = "grants"


@value
class Caller:
    """A credential of an agent: its name, its roles and a public id of the credential itself."""

    name: str
    roles: tuple[str, ...]
    credential: str


@value
class Call:
    """One thing a caller asks of one upstream, in the upstream's own names.

    `target` is a tool or prompt name or a resource URI, empty where the method has none.
    `approval` is the id a caller named through `toolgate_continue`, else None. `restored` are the pseudonyms
    that were put back in the arguments, each with its value.
    """

    method: str
    upstream: str
    target: str
    arguments: JsonObject
    caller: Caller
    session: str = ""
    approval: str | None = None
    restored: tuple[tuple[str, str], ...] = ()


@value
class Mismatch:
    """Where a value breaks a schema: a JSON path, the keyword, and what was expected. Never the value."""

    path: str
    keyword: str
    expected: str


# Returns None where the value fits; the first mismatch otherwise.
Validate: TypeAlias = Callable[[Any], Mismatch | None]


@value
class Tool:
    """A tool as its upstream lists it, its schemas compiled once.

    `pin` is the digest of the definition; `broken` says why calls to it are refused (for example a
    schema beyond the caps of catalogue time), empty when it is sound. `schema` is what `accepts` checks.
    """

    name: str
    pin: str
    accepts: Validate
    returns: Validate | None
    broken: str = ""
    title: str = ""
    # (header token, type) per property path carrying `x-mcp-header`: what `Mcp-Param-*` must mirror.
    params: Mapping[tuple[str, ...], tuple[str, str]] = field(
        default_factory=dict[tuple[str, ...], tuple[str, str]]
    )
    schema: JsonObject = field(default_factory=dict[str, Any])
    # What `returns` checks, and whether it names formats, which that does not hold values to.
    gives: Any = field(default=None, hash=False)
    formats: bool = False


@value
class Finding:
    """Something sensitive in one text: characters `start` to `end` of the `leaf`-th string of a value.

    Strings are numbered in the order of `toolgate.core.texts.texts`.
    """

    entity: str
    leaf: int
    start: int
    end: int
    score: float = 1.0
    rule: str = ""


@value
class Pseudonym:
    """What a pseudonym stands for, and the upstreams whose answers it came from."""

    value: str
    entity: str
    upstreams: frozenset[str]


class ApprovalState(StrEnum):
    """The life of a held call."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    SPENT = "spent"
    EXECUTED = "executed"


@value
class Approval:
    """A held call and what became of it. Times are seconds since the epoch.

    `digest` binds caller, upstream, method, target, pin and the arguments that will be sent; `sends` is the
    same with the arguments as an approver changed them, empty where nobody did. `credential` made the call,
    `why` says what it was held for (tier, unlisted, findings), `channel` where it was decided.
    """

    id: str
    caller: str
    upstream: str
    target: str
    digest: str
    pin: str
    tier: Tier | None
    state: ApprovalState
    created: float
    expires: float
    decided_by: str = ""
    credential: str = ""
    session: str = ""
    why: str = "tier"
    channel: str = ""
    sends: str = ""


def _nothing(spent: Mapping[str, float] = {}) -> Mapping[str, float]:
    return spent


@value
class Facts:
    """What is known when a call is judged. `spent` is retry_after in seconds per exhausted limit key.

    `texts` are those the findings are numbered by, where somebody has them already; `names` gives
    pseudonyms and hashes where the policy wants any.
    """

    now: float
    tool: Tool | Unknown | None = UNKNOWN
    findings: tuple[Finding, ...] | Unknown = UNKNOWN
    approval: Approval | Unknown | None = UNKNOWN
    assigned: Tier | Unknown | None = UNKNOWN
    spent: Mapping[str, float] = field(default_factory=_nothing)
    texts: Texts | None = None
    names: Names | None = None
    grants: tuple[Grant, ...] | Unknown = UNKNOWN
    pauses: Pauses = NO_PAUSES

    def scanned(self, findings: tuple[Finding, ...], texts: Texts) -> Facts:
        """The same with findings. On the way of every call, where `replace` would cost ten times as much."""
        return Facts(
            self.now,
            self.tool,
            findings,
            self.approval,
            self.assigned,
            self.spent,
            texts,
            self.names,
            self.grants,
            self.pauses,
        )


@value
class Limit:
    """`count` units per `per` seconds, as a GCRA whose burst is `count`."""

    count: float
    per: float


@value
class Rate:
    """Charge: take `weight` units from the bucket `key`."""

    key: str
    limit: Limit
    weight: float = 1.0


@value
class Burn:
    """Charge: spend an approval that is in this state, exactly once.

    An executed one is spent again by a call that was asked for input and goes on with the answer.
    """

    approval: str
    state: ApprovalState = ApprovalState.APPROVED


@value
class Open:
    """Charge: keep a held call until somebody decides.

    `sealed` holds its arguments, `about` what an approver is told beside them; both are encrypted.
    """

    approval: Approval
    sealed: bytes
    about: bytes = b""


@value
class Use:
    """Charge: take one of the uses of a grant that is in force until it expires."""

    grant: str
    uses: int | None
    expires: float


class UndoState(StrEnum):
    """What became of a way back."""

    OPEN = "open"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"


@value
class Inverse:
    """The way back from a call that was made: a call to `upstream`/`target`, until a moment, once."""

    call: str
    session: str
    caller: str
    undoes: str
    upstream: str
    target: str
    at: float
    until: float
    state: UndoState = UndoState.OPEN


@value
class Remember:
    """Charge: keep the way back from a call. `sealed` holds the arguments it would send, encrypted."""

    inverse: Inverse
    sealed: bytes


Charge: TypeAlias = Rate | Burn | Open | Use | Remember


@value
class Allow:
    """Forward `arguments` once every charge is taken and the intent is journalled."""

    tier: Tier
    arguments: JsonObject
    charges: tuple[Charge, ...] = ()
    approval: str = ""
    findings: tuple[Finding, ...] = ()
    shadowed: Reason | None = None
    grant: str = ""


@value
class Hold:
    """Ask a person. `approval` is the hold that already exists for this very call, if any.

    `why` says what for: the tier, a tool nobody classed (unlisted), or findings in the arguments.
    """

    tier: Tier | None
    arguments: JsonObject
    expires: float
    approval: Approval | None = None
    charges: tuple[Charge, ...] = ()
    findings: tuple[Finding, ...] = ()
    why: str = "tier"


@value
class Refuse:
    """The call goes nowhere. `detail` says where, found, expected; never a value."""

    reason: Reason
    detail: str = ""
    retry_after: float | None = None


@value
class Replay:
    """The approved call was executed already: answer with its stored result."""

    approval: Approval


@value
class Amend:
    """The approver changed the arguments: judge those in place of the ones that came."""

    approval: Approval


@value
class Need:
    """Look these facts up and ask again. The first `passed` checks need not be asked twice."""

    facts: frozenset[Fact]
    passed: int = 0


Admission: TypeAlias = Allow | Hold | Refuse | Replay | Amend | Need


@value
class Deliver:
    """Give `result` to the caller."""

    result: JsonObject
    findings: tuple[Finding, ...] = ()
    truncated: bool = False


@value
class Withhold:
    """The result stays here."""

    reason: Reason
    detail: str = ""


Release: TypeAlias = Deliver | Withhold | Need

Direction: TypeAlias = Literal["arguments", "results"]
