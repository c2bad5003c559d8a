"""Calls that went ahead, and how they end: the outcome on record, kept for repeats and for taking back."""

from __future__ import annotations

import secrets
from collections import OrderedDict, deque
from collections.abc import Sequence

import orjson

from toolgate.core import records
from toolgate.core.canonical import canonical
from toolgate.core.model import (
    Allow,
    Approval,
    Burn,
    Call,
    Caller,
    Charge,
    Inverse,
    JsonObject,
    Refuse,
    Remember,
    Tool,
    Withhold,
)
from toolgate.core.policy import Policy, View
from toolgate.core.undo import inverse_of
from toolgate.core.values import value
from toolgate.naming import Naming
from toolgate.ports import (
    INVERSE,
    Announcer,
    Approvals,
    Clock,
    Detectors,
    Entry,
    Grants,
    Journal,
    Keyring,
    Policies,
    Silent,
    Switch,
)

RESULT = "held-result"
# What is remembered of the results that sessions got: so many sessions, results of each, characters of one.
_SESSIONS, _RESULTS, _CHARACTERS = 1000, 20, 65536
# Without sessions a new run begins after so many seconds in which nothing was done.
_PAUSE = 1800.0


class Readings:
    """The newest results of every session, in memory, for the cards of calls that name a destination."""

    def __init__(self) -> None:
        self._read: OrderedDict[tuple[str, str], deque[tuple[str, str]]] = OrderedDict()

    def add(self, call: Call, leaves: Sequence[str]) -> None:
        """The caller got these texts from this tool."""
        key = (call.caller.name, call.session)
        if key not in self._read:
            self._read[key] = deque(maxlen=_RESULTS)
        text = "\n".join(leaves)[:_CHARACTERS].casefold()
        self._read[key].append((f"{call.upstream}/{call.target}", text))
        self._read.move_to_end(key)
        while len(self._read) > _SESSIONS:
            self._read.popitem(last=False)

    def of(self, call: Call) -> Sequence[tuple[str, str]]:
        """What this session got, the newest last."""
        return tuple(self._read.get((call.caller.name, call.session), ()))


class Runs:
    """What belongs together where there are no sessions, as in MCP 2026-07-28: the calls of one credential
    until it lets half an hour pass."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], tuple[str, float]] = OrderedDict()

    def of(self, caller: Caller, now: float) -> str:
        """The run that a call of this moment belongs to."""
        key = (caller.name, caller.credential)
        run, last = self._known.pop(key, ("", 0.0))
        if now - last > _PAUSE:
            run = f"run-{secrets.token_hex(6)}"
        self._known[key] = (run, now)
        if len(self._known) > _SESSIONS:
            self._known.popitem(last=False)
        return run


@value
class World:
    """Every port a gateway needs. `console` is the address of the console, empty where there is none."""

    policies: Policies
    detectors: Detectors
    journal: Journal
    approvals: Approvals
    keyring: Keyring
    clock: Clock
    grants: Grants
    switch: Switch
    naming: Naming
    announcer: Announcer = Silent()
    console: str = ""

    def page(self, approval: str) -> str:
        """The URL of an approval, empty without a console."""
        return f"{self.console}/approvals/{approval}" if self.console else ""


@value
class Admitted:
    """A call that goes ahead: its intent is on record and its charges are taken.

    `edited` says what an approver changed in its arguments, as `toolgate.core.changes` does.
    """

    id: str
    call: Call
    allow: Allow
    tool: Tool | None
    policy: Policy
    view: View
    edited: tuple[str, ...] = ()


@value
class Replayed:
    """A call whose stored result is given out again; `call` is what would go on if it asked for input."""

    id: str
    approval: Approval
    call: Admitted


class Outcomes:
    """Concludes calls."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._switch = world.switch
        self._runs = Runs()

    async def kept(self, replayed: Replayed) -> JsonObject | None:
        """The stored outcome of an executed call: its result, its error, or why it was withheld."""
        sealed = await self._world.approvals.result(replayed.approval.id)
        if sealed is None:
            return None
        outcome: JsonObject = orjson.loads(self._world.keyring.unseal(RESULT, sealed))
        return outcome

    async def conclude(
        self, admitted: Admitted, entry: Entry, outcome: JsonObject, result: JsonObject | None = None
    ) -> None:
        """Record an outcome; that of an approved call is durable and kept for repeats.

        `result` is what the upstream gave: where the policy names a way back, it is kept with the record.
        """
        approval = burned(admitted.allow.charges)
        charges = () if result is None else self._way_back(admitted, result, entry.body)
        if not approval:
            if charges:
                await self._world.journal.commit(entry, charges)
            else:
                self._world.journal.note(entry)
            return
        sealed = self._world.keyring.seal(RESULT, canonical(outcome))
        await self._world.journal.conclude(entry, approval, sealed, charges)

    async def withheld(self, admitted: Admitted, verdict: Withhold, seconds: float) -> Withhold:
        """Record that nobody gets the result; gives the verdict back."""
        body = records.outcome(
            self._world.clock.now(), admitted.id, "withheld", seconds, verdict.reason.value
        )
        await self.conclude(admitted, Entry(body), {"withheld": verdict.reason.value})
        return verdict

    def ended(self, admitted: Admitted, status: str, seconds: float, why: Refuse) -> Refuse:
        """Record that there is no result, with `error` or `timeout`; gives the reason back."""
        body = records.outcome(self._world.clock.now(), admitted.id, status, seconds, why.reason.value)
        self._world.journal.note(Entry(body))
        return why

    def _way_back(self, admitted: Admitted, result: JsonObject, body: JsonObject) -> tuple[Remember, ...]:
        """The inverse of a call that was done; where it cannot be made, the record says so."""
        undo, call = admitted.view.undo, admitted.call
        done = result.get("isError") is not True and result.get("resultType", "complete") == "complete"
        if undo is None or not done:
            return ()
        arguments = inverse_of(undo.arguments, admitted.allow.arguments, result)
        if isinstance(arguments, str):
            body["undo"] = f"none: {arguments} leads nowhere"
            return ()
        now, target = self._world.clock.now(), f"{call.upstream}/{call.target}"
        about = (call.caller.name, target, undo.upstream, undo.tool)
        run = call.session or self._runs.of(call.caller, now)
        inverse = Inverse(admitted.id, run, *about, now, now + undo.within)
        body["undo"] = f"{undo.upstream}/{undo.tool}"
        return (Remember(inverse, self._world.keyring.seal(INVERSE, canonical(arguments))),)

    async def resumed(self, replayed: Replayed) -> Admitted | None:
        """An executed call goes on with what it was asked for; None where another repeat already does."""
        admitted, world = replayed.call, self._world
        allow = admitted.allow
        body = records.intent(world.clock.now(), admitted.id, admitted.call, admitted.policy.digest, allow)
        entry = Entry(body, canonical(allow.arguments), None, self._switch.pauses.generation)
        exhausted = await world.journal.commit(entry, allow.charges, durable=True)
        return admitted if exhausted is None else None


def burned(charges: Sequence[Charge]) -> str:
    """The approval these charges spend, else empty."""
    return next((charge.approval for charge in charges if isinstance(charge, Burn)), "")
