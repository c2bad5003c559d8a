"""Calls taken back: each by the inverse kept when it was made, as a call of the person who takes it back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias, cast

import orjson

from toolgate import replies
from toolgate.approvals.approvers import Approver
from toolgate.approvals.counter import Declined
from toolgate.approvals.standing import own_credential
from toolgate.core.model import Caller, Inverse, JsonObject, Refuse, Tier, UndoState, Withhold
from toolgate.core.reasons import Reason
from toolgate.core.records import event
from toolgate.errors import SealBroken, UpstreamDown
from toolgate.gateway import Gateway
from toolgate.ports import INVERSE, Entry
from toolgate.protocol.messages import request
from toolgate.protocol.versions import MODERN, Era, own_meta
from toolgate.session import Session
from toolgate.upstream.link import Note, unheard
from toolgate.verdicts import Held, Reply

StepStatus: TypeAlias = Literal["done", "refused", "held", "failed", "unknown"]

# What is known of the way back after its call: whether it may be tried again, and if not, why not.
_AFTER: Final[dict[StepStatus, UndoState]] = {
    "done": UndoState.DONE,
    "failed": UndoState.FAILED,
    "unknown": UndoState.UNKNOWN,
    "refused": UndoState.OPEN,
    "held": UndoState.OPEN,
}
_SENT: Final = (Reason.UPSTREAM_TIMEOUT, Reason.UPSTREAM_DOWN, Reason.OUTCOME_UNKNOWN)


@dataclass(frozen=True, slots=True)
class Step:
    """One call taken back, or why not. `call` is the one undone, `target` what was called to undo it."""

    call: str
    undoes: str
    target: str
    status: StepStatus
    detail: str = ""


class Ledger(Protocol):
    """Where the ways back are kept."""

    async def inverse(self, call: str) -> Inverse | None: ...

    async def inverses(self, session: str = "", limit: int = 100) -> list[Inverse]: ...

    async def inverse_arguments(self, call: str) -> bytes | None: ...

    async def take_back(self, entry: Entry, call: str, before: UndoState, after: UndoState) -> bool: ...


class Rights(Protocol):
    """What the desk knows of people."""

    def may_approve(self, approver: Approver) -> frozenset[Tier]: ...


class Undoer:
    """Runs inverses through the gateway, where they are judged like any other call."""

    def __init__(self, gateway: Gateway, ledger: Ledger, rights: Rights) -> None:
        self._gateway, self._ledger, self._rights = gateway, ledger, rights
        self._world = gateway.world

    async def undo(self, approver: Approver, call: str, *, again: bool = False) -> Step | Declined:
        """Take one call back, once. `again`: although nobody knows what became of the last time."""
        inverse = await self._ledger.inverse(call)
        if inverse is None:
            return Declined("no call of this id has a way back")
        return self._unfit(approver, inverse, again=again) or await self._step(approver, inverse)

    async def undo_run(self, approver: Approver, session: str) -> list[Step] | Declined:
        """Take back every call of a session, the newest first; ends with the first that cannot be."""
        found = [
            one for one in await self._ledger.inverses(session, 10_000) if one.state is not UndoState.DONE
        ]
        if not session or not found:
            return Declined("no call of this session has a way back that is still to go")
        steps: list[Step] = []
        for inverse in found:
            declined = self._unfit(approver, inverse)
            steps.append(
                _step(inverse, "refused", declined.why) if declined else await self._step(approver, inverse)
            )
            if steps[-1].status != "done":
                break
        return steps

    def _unfit(self, approver: Approver, inverse: Inverse, *, again: bool = False) -> Declined | None:
        if not self._rights.may_approve(approver):
            return Declined(f"{approver.name} may approve nothing; see may_approve in the policy")
        if inverse.state is UndoState.DONE or (inverse.state is not UndoState.OPEN and not again):
            return Declined(f"its way back is {inverse.state.value} already")
        late = inverse.until <= self._world.clock.now()
        return Declined("its way back has expired") if late else None

    async def _step(self, approver: Approver, inverse: Inverse) -> Step:
        sealed = await self._ledger.inverse_arguments(inverse.call)
        try:
            arguments = orjson.loads(self._world.keyring.unseal(INVERSE, sealed or b""))
        except SealBroken:
            return _step(inverse, "refused", "its arguments were sealed under another master key")
        begun = self._entry("undoing", approver, inverse)
        if not await self._ledger.take_back(begun, inverse.call, inverse.state, UndoState.RUNNING):
            return _step(inverse, "refused", "somebody else takes it back already")
        step = _step(inverse, *await self._called(approver, inverse, arguments))
        ended = self._entry(f"undo-{step.status}", approver, inverse)
        await self._ledger.take_back(ended, inverse.call, UndoState.RUNNING, _AFTER[step.status])
        return step

    async def _called(
        self, approver: Approver, inverse: Inverse, arguments: JsonObject
    ) -> tuple[StepStatus, str]:
        """The inverse as a call of the approver's own, through every check."""
        who = Caller(approver.name, approver.roles, own_credential(approver))
        session = Session(who, Era.MODERN, inverse.upstream, f"undo-{inverse.call}", MODERN)
        params = {"name": inverse.target, "arguments": arguments, "_meta": own_meta()}
        try:
            reply = await self._gateway.request(
                session, request(f"undo-{inverse.call}", "tools/call", params), unheard
            )
        except UpstreamDown as error:
            return "unknown", str(error)
        finally:
            await session.close()
        return _told(reply)

    def _entry(self, status: str, approver: Approver, inverse: Inverse) -> Entry:
        about = {"call": inverse.call, "approver": approver.name, "status": status}
        about |= {"upstream": inverse.upstream, "target": inverse.target, "session": inverse.session}
        return Entry(event("undo", self._world.clock.now(), **about))


def _told(reply: Reply | None) -> tuple[StepStatus, str]:
    """How the call of an inverse ended."""
    match reply:
        case Held():
            return "held", replies.sentence(reply)
        case Refuse(reason=reason):
            return "unknown" if reason in _SENT else "refused", replies.sentence(reply)
        case Withhold():
            return "done", replies.sentence(reply)
        case Note(message=message) if message is not None:
            if "error" in message:
                return "failed", "the server answered with an error"
            result = cast("JsonObject", message["result"])
            if result.get("isError") is True or result.get("resultType", "complete") != "complete":
                return "failed", "the tool says that it failed, or asks for more"
            return "done", ""
        case _:
            return "unknown", "no answer came"


def _step(inverse: Inverse, status: StepStatus, detail: str = "") -> Step:
    return Step(inverse.call, inverse.undoes, f"{inverse.upstream}/{inverse.target}", status, detail)
