"""A held call, its client still there: asked, waited for, judged again from the top."""

from __future__ import annotations

import asyncio
import itertools
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final, TypeAlias, cast

from toolgate import holding
from toolgate.approvals import elicit
from toolgate.approvals.elicit import KEY, Action, Mode, State
from toolgate.core.checks.asking import over
from toolgate.core.model import Approval, ApprovalState, Call, JsonObject, Refuse, Tier, Tool, Withhold
from toolgate.core.reasons import Reason
from toolgate.core.records import event
from toolgate.core.values import value
from toolgate.errors import SealBroken
from toolgate.judge import Admitted, Judge, Judged, Replayed, World, answers_input
from toolgate.ports import Entry, News
from toolgate.protocol.messages import members, notification, request
from toolgate.protocol.versions import Era
from toolgate.routes import Routes, Target, arguments_of
from toolgate.session import Session
from toolgate.upstream.link import Emit, Note
from toolgate.verdicts import Held

# How often a waiting call looks whether somebody decided, in this process or another; seconds.
POLL: Final = 0.25
# How often a caller is told that his call still waits.
_TELL: Final = 5.0
# How long a client's user has for a form, where the policy says no more.
_FORM: Final = 50.0
_CLIENT: Final = "the client"
_TRIES: Final = 2
_REMEMBERED: Final = 1000

# Returns when the client's connection is gone.
Leaving: TypeAlias = Callable[[], Awaitable[None]]


@value
class Answered:
    """What came back with a repeated request: for which approval, and what was said."""

    approval: str
    action: Action
    mode: Mode


@value
class Turn:
    """A call whose client is still there: how it is told something meanwhile, and how one knows it left."""

    session: Session
    call: Call
    tool: Tool | None
    target: Target
    emit: Emit
    leaving: Leaving | None = None
    answered: Answered | None = None


class Asking:
    """Asks the clients that can be asked, and lets callers wait."""

    def __init__(self, world: World, judge: Judge, routes: Routes) -> None:
        self._world, self._judge, self._routes = world, judge, routes
        self._ids = itertools.count(1)
        # How often a client was asked about an approval and did not come back with an answer.
        self._unanswered: OrderedDict[str, int] = OrderedDict()

    def may_ask(self, session: Session) -> bool:
        """Whether a client of the handshake era could be asked, so that its session must be kept."""
        rules = self._world.policies.current.approval.values()
        return bool(elicit.modes(session.offers)) and any(
            "elicit" in rule.channels or (self._world.console and "console" in rule.channels)
            for rule in rules
        )

    def taken(self, call: Call, target: Target) -> tuple[Target, Answered | None] | Refuse:
        """Take what is ours out of a repeated request; what its server asked for stays in it."""
        params = cast("JsonObject", target.message.get("params") or {})
        text: object = params.get("requestState")
        if not elicit.ours(text):
            return target, None
        state = elicit.opened(self._world.keyring, cast("str", text))
        if state is None or state.caller != call.caller.name:
            return Refuse(Reason.APPROVAL_UNKNOWN, "requestState: expected one that this caller was given")
        given = members(params.get("inputResponses"))
        rest = {key: value for key, value in params.items() if key not in ("requestState", "inputResponses")}
        earlier = members(state.rest.get("inputResponses"))
        theirs = {**earlier, **{key: value for key, value in given.items() if key != KEY}}
        if theirs:
            rest["inputResponses"] = theirs
        if "requestState" in state.rest:
            rest["requestState"] = state.rest["requestState"]
        answered = Answered(state.approval, elicit.answer(given.get(KEY), state.mode), state.mode)
        return replace(target, message={**target.message, "params": rest}), answered

    async def settled(self, held: Held, turn: Turn) -> Judged | Note:
        """What becomes of a held call while its client is there to be asked, or waits."""
        answered, session = turn.answered, turn.session
        if answered is not None and answered.approval == held.approval.id:
            self._unanswered.pop(held.approval.id, None)
            if answered.mode == "url":
                return await self._waited(held, turn) if answered.action == "accept" else held
            return await self._said(held, turn, answered.action)
        modern = session.era is Era.MODERN
        modes = elicit.modes(session.capabilities if modern else session.offers)
        deaf = self._unanswered.get(held.approval.id, 0) >= _TRIES
        for channel in () if deaf else held.channels:
            asked = self._question(channel, session, held, modes)
            if asked is None:
                continue
            if not modern:
                return await self._elicited(held, turn, asked)
            text = self._state(held, turn, asked)
            if text is not None:
                self._count(held.approval.id)
                return Note(elicit.asking(turn.target.message["id"], asked, text))
        return await self._waited(held, turn)

    def cancelled(self, session: Session, message: JsonObject) -> bool:
        """Whether a client of the handshake era takes back a request that waits for a person."""
        gone = session.waiting.get(str(members(message.get("params")).get("requestId")))
        if gone is not None:
            gone.set()
        return gone is not None

    async def continued(self, session: Session, message: JsonObject) -> tuple[str, Target] | Refuse:
        """The approval that `toolgate_continue` names, and the call as it would be sent."""
        named: object = arguments_of(message, "tools/call").get("approval")
        world = self._world
        approval = await world.approvals.by_id(named) if isinstance(named, str) else None
        unknown = Refuse(Reason.APPROVAL_UNKNOWN, "arguments.approval: expected the id of a held call")
        if approval is None or approval.caller != session.caller.name:
            return unknown
        if session.scope is not None and approval.upstream != session.scope:
            return unknown
        if approval.expires <= world.clock.now():
            return over(approval)
        try:
            kept = holding.opened(world.keyring, await world.approvals.arguments(approval.id))
        except SealBroken:
            return unknown
        params = {**message["params"], "name": approval.target, "arguments": kept.given}
        held = request(message["id"], "tools/call", params)
        return approval.id, Target(approval.upstream, approval.target, held)

    async def repeated(self, replayed: Replayed, target: Target) -> Admitted | Note | Refuse | Withhold:
        """The stored outcome of an executed call; where that asked for input, the call goes on with it."""
        kept = await self._judge.kept(replayed)
        if kept is None:
            return Refuse(Reason.OUTCOME_UNKNOWN, "the stored result is gone")
        if "withheld" in kept:
            return Withhold(Reason(kept["withheld"]), "as the first time")
        if not answers_input(kept, target.message):
            return Note({"jsonrpc": "2.0", "id": target.message["id"], **kept})
        admitted = await self._judge.resumed(replayed)
        return admitted or Refuse(Reason.OUTCOME_UNKNOWN, "another repeat goes on with it")

    def _question(
        self, channel: str, session: Session, held: Held, modes: frozenset[Mode]
    ) -> JsonObject | None:
        """How this client is asked through this channel, None where it cannot be."""
        if channel == "elicit" and "form" in modes and held.tier not in (None, Tier.PRIVILEGED):
            if held.private:
                return None
            return elicit.form(held.approval, held.arguments, session.version)
        if channel == "console" and "url" in modes and held.page:
            return elicit.address(held.approval, held.page, legacy=session.era is Era.LEGACY)
        return None

    def _count(self, approval: str) -> None:
        """A client that declares more than it can is asked twice; after that it is told in plain words."""
        self._unanswered[approval] = self._unanswered.get(approval, 0) + 1
        if len(self._unanswered) > _REMEMBERED:
            self._unanswered.popitem(last=False)

    def _state(self, held: Held, turn: Turn, asked: JsonObject) -> str | None:
        params = members(turn.target.message.get("params"))
        rest = {key: value for key, value in params.items() if key in ("inputResponses", "requestState")}
        mode: Mode = "url" if asked.get("mode") == "url" else "form"
        state = State(held.approval.id, turn.call.caller.name, held.approval.expires, mode, rest)
        return elicit.sealed(self._world.keyring, state)

    async def _said(self, held: Held, turn: Turn, action: Action) -> Judged:
        """The client's word on a held call: yes and no decide it, anything else leaves it waiting."""
        if action == "cancel" or "elicit" not in held.channels:
            return held
        world, found = self._world, held.approval
        state = ApprovalState.APPROVED if action == "accept" else ApprovalState.DENIED
        policy = world.policies.current
        about = {"approval": found.id, "caller": found.caller, "upstream": found.upstream}
        about |= {"target": found.target, "status": state.value, "policy": policy.digest}
        if found.tier is not None:
            about["tier"] = found.tier.value
        body = event("decision", world.clock.now(), approver=_CLIENT, channel="elicit", **about)
        if await world.approvals.decide(Entry(body), found.id, state, _CLIENT, channel="elicit"):
            after = await world.approvals.by_id(found.id)
            world.announcer.announce(News("decided", after or found, held.channels, held.page, body["at"]))
        return await self._again(turn)

    async def _elicited(self, held: Held, turn: Turn, asked: JsonObject) -> Judged:
        """Ask the client of the handshake era on the call's own stream, and wait for it or for a person."""
        own, questions = f"toolgate-approval-{next(self._ids)}", turn.session.questions
        question = questions[own] = asyncio.get_running_loop().create_future()
        mode: Mode = "url" if asked.get("mode") == "url" else "form"
        try:
            await turn.emit(Note(request(own, "elicitation/create", asked)))
            if not await self._wait(held, turn, max(self._patience(held), _FORM), question):
                return held
            if not question.done():  # a person was faster, or nobody said anything
                await turn.emit(Note(notification("notifications/cancelled", {"requestId": own})))
                return await self._decided_or(held, turn)
            action = elicit.answer(question.result().get("result"), mode)
        finally:
            questions.pop(own, None)
        if mode == "form":
            return await self._said(held, turn, action)
        return await self._waited(held, turn) if action == "accept" else held

    async def _waited(self, held: Held, turn: Turn) -> Judged:
        """Keep the caller waiting for as long as the policy says, then go on or leave it held."""
        patience = self._patience(held)
        if patience <= 0 or not await self._wait(held, turn, patience):
            return held
        return await self._decided_or(held, turn)

    async def _decided_or(self, held: Held, turn: Turn) -> Judged:
        """The call judged again if somebody decided, else left held."""
        if not await self._decided(held.approval):
            return held
        return await self._again(turn)

    async def _again(self, turn: Turn) -> Judged:
        """The call judged from the top, its tool as it is listed now."""
        tool, call, now = turn.tool, turn.call, self._world.clock.monotonic()
        if tool is not None:
            tool = self._routes.catalogue(call.upstream).peek(call.target, now)
        link = turn.session.links.get(call.upstream)
        if tool is None and turn.tool is not None and link is not None:
            found = await self._routes.tool(turn.session, link, call, now)
            if isinstance(found, Refuse):
                return await self._judge.refused(call, found)
            tool = found
        return await self._judge.judge(call, tool)

    async def _wait(
        self, held: Held, turn: Turn, patience: float, question: asyncio.Future[JsonObject] | None = None
    ) -> bool:
        """Wait for a decision, an answer or the end of patience; False when the caller has left."""
        clock, session = self._world.clock, turn.session
        key, gone = str(turn.target.message["id"]), asyncio.Event()
        session.waiting[key] = gone
        leaving = asyncio.ensure_future(_left(turn.leaving, gone))
        others: list[asyncio.Future[Any]] = [leaving] if question is None else [leaving, question]
        until, told = min(clock.now() + patience, held.approval.expires), 0.0
        try:
            while clock.now() < until and not await self._decided(held.approval):
                if clock.now() - told >= _TELL:
                    told = clock.now()
                    await _tell(turn, held, until - told, told)
                sleeping = asyncio.ensure_future(clock.sleep(POLL))
                await asyncio.wait([sleeping, *others], return_when=asyncio.FIRST_COMPLETED)
                sleeping.cancel()
                if gone.is_set() or (question is not None and question.done()):
                    break
            return not gone.is_set()
        finally:
            leaving.cancel()
            if session.waiting.get(key) is gone:
                del session.waiting[key]

    async def _decided(self, approval: Approval) -> bool:
        found = await self._world.approvals.by_id(approval.id)
        return found is None or found.state is not ApprovalState.PENDING

    def _patience(self, held: Held) -> float:
        return self._world.policies.current.rule(held.tier).wait


async def _tell(turn: Turn, held: Held, left: float, now: float) -> None:
    """Tell a caller that wants to know that his call waits: small numbers that grow, so that those of the
    call itself can follow."""
    token = members(members(turn.target.message.get("params")).get("_meta")).get("progressToken")
    if isinstance(token, str | int):
        waits = f"waits for approval {held.approval.id}, {round(left)} s more"
        done = (now - held.approval.created) / 1e6
        params: JsonObject = {"progressToken": token, "progress": done, "message": waits}
        await turn.emit(Note(notification("notifications/progress", params)))


async def _left(leaving: Leaving | None, gone: asyncio.Event) -> None:
    """Ends when the client is gone or has cancelled its request."""
    if leaving is None:
        await gone.wait()
        return
    waiting = [asyncio.ensure_future(leaving()), asyncio.ensure_future(gone.wait())]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        gone.set()
    finally:
        for one in waiting:
            one.cancel()
