"""One request of a client, start to finish: judged, recorded, forwarded, judged again, answered."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import cast

import orjson

from toolgate import replies
from toolgate.asking import Answered, Asking, Leaving, Turn
from toolgate.core import records
from toolgate.core.actions import ENTITIES
from toolgate.core.attempts import Attempts
from toolgate.core.canonical import canonical
from toolgate.core.decide import view_of
from toolgate.core.model import Call, JsonObject, Refuse, Tool, Withhold
from toolgate.core.present import CONTINUE, EXPLAIN, EXPLANATION, LISTS
from toolgate.core.reasons import Reason
from toolgate.deadline import Deadlines
from toolgate.errors import UpstreamDown
from toolgate.judge import Admitted, Judge, Judged, Replayed, World
from toolgate.listing import Listing
from toolgate.ports import Entry
from toolgate.protocol.headers import param_headers, param_mismatch
from toolgate.protocol.messages import answer_of, fields_of, members
from toolgate.protocol.versions import REMOVED, Era
from toolgate.relay import Relay
from toolgate.routes import Page, Routes, Target, arguments_of, down, with_arguments
from toolgate.sending import looks_beside
from toolgate.session import InFlight, Session
from toolgate.upstream.link import Emit, Link, Note
from toolgate.verdicts import Held, Reply

_FOREVER = 30 * 86400.0
_NOT_THE_CALLER = (Reason.UPSTREAM_DOWN, Reason.SECRET_UNAVAILABLE)

# Forwarded without a verdict of their own: they carry no data of the caller's choosing.
PLAIN = frozenset({"ping", "logging/setLevel", "initialize", "server/discover", "subscriptions/listen"})


class Gateway:
    """Everything a front needs: hand it a client's request, give back what it returns."""

    def __init__(self, world: World, routes: Routes, attempts: Attempts) -> None:
        self.world = world
        self.routes = routes
        self.attempts = attempts
        self.judge = Judge(world)
        self._blocked, self._monotonic = attempts.blocked, world.clock.monotonic
        self.relay = Relay(world, self.judge)
        self.asking = Asking(world, self.judge, routes)
        self.sending = self.relay.sending
        self.listing = Listing(world, self.judge, self.relay, routes)
        routes.judged = self._says
        self._deadlines = Deadlines()

    async def request(
        self,
        session: Session,
        message: JsonObject,
        emit: Emit,
        given: dict[str, str] | None = None,
        leaving: Leaving | None = None,
    ) -> Reply | None:
        """Answer one request. None when its stream ended and the answer comes on another one.

        `given` are the `Mcp-Param-*` headers that came with it, lower-case names. `leaving` returns when the
        client is gone, where that does not cancel this.
        """
        message = fields_of(message)
        method: str = message["method"]
        wait = self._blocked(session.caller.credential, self._monotonic)
        if wait is not None:
            return Refuse(Reason.TOO_MANY_ATTEMPTS, "too many refused calls", wait)
        if session.era is Era.MODERN and method in REMOVED:
            about = Call(method, session.scope or "", "", {}, session.caller, session.id)
            removed = Refuse(Reason.METHOD_NOT_ALLOWED, "removed in 2026-07-28")
            return await self._refused(session, about, removed)
        if method in PLAIN or method in LISTS:
            cleaned = await self.sending.whole(session, message)
            if isinstance(cleaned, Refuse):
                about = self._call(session, Target("", "", message), method)
                return await self._refused(session, about, cleaned)
            if method in LISTS:
                return await self._list(session, cleaned, emit)
            message = cleaned
        if session.scope is None:
            own = await self.routes.own(session, message, emit, partial(self._heard, session))
            if own is not None:
                return own
        target = self.routes.target(session, message)
        if isinstance(target, Refuse):
            return await self._refused(session, self._call(session, Target("", "", message), method), target)
        if method in PLAIN:
            return await self._plain(session, message, target, emit)
        if method == "tools/call" and target.name == CONTINUE:
            return await self._continue(session, message, emit, leaving)
        if method == "tools/call" and target.name == EXPLAIN:
            return Note(replies.told(message["id"], EXPLANATION, session.era))
        return await self._judged(session, self._call(session, target, method), target, emit, given, leaving)

    async def notify(self, session: Session, message: JsonObject) -> None:
        """Pass a client's notification on to the upstreams it concerns. Raises UpstreamDown."""
        if message["method"] == "notifications/cancelled" and self.asking.cancelled(session, message):
            return
        cleaned = await self.sending.notification(session, fields_of(message))
        down: UpstreamDown | None = None
        for link, passed in self.routes.notified(session, cleaned) if cleaned is not None else ():
            try:
                await link.send(passed)
            except UpstreamDown as error:
                down = error  # the others are told all the same
        if down is not None:
            raise down

    async def respond(self, session: Session, message: JsonObject) -> Refuse | None:
        """Pass a client's answer to an upstream's request on. Raises UpstreamDown."""
        return await self.relay.answered(session, message)

    async def listen(self, session: Session, emit: Emit, last_event: str | None) -> Refuse | None:
        """The stream of a 2025 session outside its requests, until it ends. Raises UpstreamDown."""
        links = self.routes.listeners(session)
        if not links:
            return Refuse(Reason.UNKNOWN_SESSION, "expected `initialize` first")

        async def one(upstream: str, link: Link) -> None:
            async def judged(note: Note) -> None:
                passed = await self._aside(session, upstream, link, note)
                if passed is not None:
                    await emit(passed)

            try:
                await link.listen(judged, last_event)
            except UpstreamDown as error:
                silent.append(error)

        silent: list[UpstreamDown] = []
        await asyncio.gather(*(one(upstream, link) for upstream, link in links))
        if len(silent) == len(links):
            raise silent[0]
        return None

    async def _heard(self, session: Session, upstream: str, link: Link, note: Note) -> Note | None:
        """What an upstream sends besides answers, as the client gets it."""
        self.routes.heard(upstream, note.message)
        return await self.relay.from_upstream(session, upstream, link, note)

    async def _says(self, session: Session, upstream: str, said: JsonObject) -> JsonObject:
        """What an upstream says of itself, where the endpoint repeats it in its own words."""
        about = Call("initialize", upstream, "initialize", {}, session.caller, session.id)
        cleaned = await self.relay.cleaned(about, said, self.world.policies.current)
        if isinstance(cleaned, Withhold):
            await self.judge.refused(about, Refuse(cleaned.reason, cleaned.detail))
            return {"capabilities": {key: {} for key in members(said.get("capabilities"))}}
        return cleaned

    async def _aside(self, session: Session, upstream: str, link: Link, note: Note) -> Note | None:
        """What came outside the stream of its request; an answer is released there too."""
        message = note.message
        if message is None or "method" in message:
            return await self._heard(session, upstream, link, note)
        key = str(message.get("id"))
        admitted = session.detached.get(key)
        if admitted is None or admitted.call.upstream != upstream:
            return None
        del session.detached[key]
        reply = await self._released(session, admitted, note, 0.0)
        if isinstance(reply, Note):
            return reply
        told = replies.message(admitted.call.method, message["id"], reply, session.era)
        return Note(told, note.id, note.retry)

    def _call(self, session: Session, target: Target, method: str) -> Call:
        arguments = arguments_of(target.message, method)
        return Call(method, target.upstream, target.name, arguments, session.caller, session.id)

    async def _plain(self, session: Session, message: JsonObject, target: Target, emit: Emit) -> Reply | None:
        link = await self.routes.link(session, target.upstream)
        if isinstance(link, Refuse):
            return link
        call = self._call(session, target, "")
        endless = message["method"] == "subscriptions/listen"
        timeout = _FOREVER if endless else self.routes.timeout(target.upstream)
        try:
            with self._deadlines.within(timeout):
                note = await self._forward(session, call, link, target, emit, None)
        except TimeoutError:
            return Refuse(Reason.UPSTREAM_TIMEOUT, f"{target.upstream}: no answer within {timeout:g} s")
        if note is None or note.message is None:
            return note
        answer = answer_of(note.message)
        if answer is None or "error" in answer:
            return await self.relay.failed(call, note, self.world.policies.current)
        result = self.routes.opened(session, target.upstream, link, message, answer["result"])
        cleaned = await self.relay.cleaned(call, result, self.world.policies.current)
        if isinstance(cleaned, Withhold):
            return cleaned
        return Note({**answer, "result": cleaned}, note.id, note.retry)

    async def _list(self, session: Session, message: JsonObject, emit: Emit) -> Reply | None:
        page = await self.routes.page(session, message, emit, partial(self._heard, session))
        if not isinstance(page, Page):
            return page
        return await self.listing.answer(session, cast("str", message["method"]), page)

    async def _judged(
        self,
        session: Session,
        call: Call,
        asked: Target,
        emit: Emit,
        given: dict[str, str] | None,
        leaving: Leaving | None,
    ) -> Reply | None:
        tool: Tool | None = None
        link: Link | Refuse | None = session.links.get(call.upstream)
        if call.method == "tools/call" and view_of(call, self.world.policies.current).allowed:
            link = link or await self.routes.link(session, call.upstream)
            if isinstance(link, Refuse):
                return await self._refused(session, call, link)
            now = self.world.clock.monotonic()
            tool = self.routes.catalogue(call.upstream).peek(call.target, now)
            if tool is None:
                if isinstance(found := await self.routes.tool(session, link, call, now), Refuse):
                    return await self._refused(session, call, found)
                tool = found
            if given is not None and tool is not None and tool.params:
                wrong = param_mismatch(tool.params, call.arguments, given)
                if wrong:
                    return await self._refused(session, call, Refuse(Reason.BAD_HEADER, wrong))
        target, said = asked, None
        if looks_beside(asked.message):
            if isinstance(taken := await self._beside(session, call, asked), Refuse):
                return await self._refused(session, call, taken)
            target, said = taken
        judged: Judged | Reply = await self.judge.judge(call, tool)
        if not isinstance(judged, Admitted):
            judged = await self._not_admitted(judged, Turn(session, call, tool, target, emit, leaving, said))
            if not isinstance(judged, Admitted):
                return judged
        link = link or await self.routes.link(session, call.upstream)
        if isinstance(link, Refuse):
            return self.judge.ended(judged, "error", 0.0, link)
        return await self._execute(session, judged, link, target, emit)

    async def _execute(
        self, session: Session, admitted: Admitted, link: Link, target: Target, emit: Emit
    ) -> Reply | None:
        """Forward an admitted call and release its result."""
        clock, call = self.world.clock, admitted.call
        started = self._monotonic()
        timeout = admitted.view.timeout or self.routes.timeout(call.upstream)
        sent = target
        if admitted.allow.arguments is not call.arguments or call.approval is not None or call.restored:
            sent = with_arguments(target, call.method, admitted.allow.arguments)
        try:
            with self._deadlines.within(timeout):
                note = await self._forward(session, call, link, sent, emit, admitted)
        except TimeoutError:
            why = Refuse(Reason.UPSTREAM_TIMEOUT, f"{call.upstream}: no answer within {timeout:g} s")
            return self.judge.ended(admitted, "timeout", clock.monotonic() - started, why)
        except UpstreamDown as error:
            return self.judge.ended(admitted, "error", clock.monotonic() - started, down(error))
        except asyncio.CancelledError:
            body = records.outcome(clock.now(), admitted.id, "cancelled", clock.monotonic() - started)
            self.world.journal.note(Entry(body))
            raise
        if note is None or note.message is None:
            return None
        return await self._released(session, admitted, note, self._monotonic() - started)

    async def _forward(
        self,
        session: Session,
        call: Call,
        link: Link,
        target: Target,
        emit: Emit,
        admitted: Admitted | None,
    ) -> Note | None:
        """Send a request on; what its upstream says meanwhile is judged by the relay."""
        message = target.message
        key = str(message["id"])
        flight = session.inflight[key] = InFlight(call, link)

        async def judged_emit(note: Note) -> None:
            passed = await self._heard(session, call.upstream, link, note)
            if passed is not None:
                await emit(passed)

        params = None
        tool = admitted.tool if admitted is not None else None
        if tool is not None and tool.params and session.era is Era.MODERN:
            params = param_headers(tool.params, arguments_of(message, call.method))
        try:
            note = await link.request(message, judged_emit, params)
        finally:
            if session.inflight.get(key) is flight:
                del session.inflight[key]
        if note is None and admitted is not None:
            session.detached[key] = admitted
        return note

    async def _released(self, session: Session, admitted: Admitted, note: Note, seconds: float) -> Reply:
        """Judge the answer of an upstream and put the outcome on record."""
        message = answer_of(cast("JsonObject", note.message))
        if message is None:
            wrong = Withhold(Reason.RESULT_MALFORMED, "expected a result or an error, one object")
            return await self.judge.withheld(admitted, wrong, seconds)
        if "error" in message:
            cleaned = await self.relay.cleaned(admitted.call, message["error"], admitted.policy)
            if isinstance(cleaned, Withhold):
                return await self.judge.withheld(admitted, cleaned, seconds)
            body = records.outcome(self.world.clock.now(), admitted.id, "error", seconds)
            await self.judge.conclude(admitted, Entry(body, None, canonical(cleaned)), {"error": cleaned})
            return Note({**message, "error": cleaned}, note.id, note.retry)
        result: JsonObject = message["result"]
        verdict = await self.relay.judged(session, admitted, result)
        if isinstance(verdict, Withhold):
            return await self.judge.withheld(admitted, verdict, seconds)
        now, given = self.world.clock.now(), verdict.result
        body = records.outcome(now, admitted.id, "delivered", seconds, "", verdict.findings)
        if admitted.edited:
            given = replies.told_of_edits(given, admitted.allow.approval, admitted.edited)
        entry = Entry(body, None, orjson.dumps(given))
        if admitted.allow.approval or admitted.view.undo is not None:
            await self.judge.conclude(admitted, entry, {"result": given}, result)
        else:
            self.world.journal.note(entry)
        if given is result and message is note.message:
            return note
        return Note({**message, "result": given}, note.id, note.retry)

    async def _beside(
        self, session: Session, call: Call, asked: Target
    ) -> tuple[Target, Answered | None] | Refuse:
        """A request without what is ours, and with what its upstream may have of the rest."""
        answered, target = None, asked
        params = cast("JsonObject", asked.message.get("params") or {})
        if "inputResponses" in params or "requestState" in params:
            taken = self.asking.taken(call, asked)
            if isinstance(taken, Refuse):
                return taken
            target, answered = taken
            inputs = await self.sending.inputs(call, target, self.world.policies.current)
            if isinstance(inputs, Refuse):
                return inputs
            target = inputs
        cleaned = await self.sending.beside(session, call, target)
        return cleaned if isinstance(cleaned, Refuse) else (cleaned, answered)

    async def _not_admitted(self, judged: Judged | Reply, turn: Turn) -> Admitted | Reply:
        """What becomes of a call that is not simply forwarded."""
        settled = judged
        if isinstance(judged, Held):
            settled = await self.asking.settled(judged, turn)
        if isinstance(settled, Refuse):
            self.attempts.failed(turn.call.caller.credential, self.world.clock.monotonic())
        return await self.asking.repeated(settled, turn.target) if isinstance(settled, Replayed) else settled

    async def _continue(
        self, session: Session, message: JsonObject, emit: Emit, leaving: Leaving | None
    ) -> Reply | None:
        """`toolgate_continue`: send a held call as it was approved, judged again from the top."""
        about = Call("tools/call", session.scope or "", CONTINUE, {}, session.caller, session.id)
        found = await self.asking.continued(session, message)
        if isinstance(found, Refuse):
            return await self._refused(session, about, found)
        approval, target = found
        call = replace(self._call(session, target, "tools/call"), approval=approval)
        if self.world.policies.current.pseudonyms is not None:
            findings = await self.judge.findings(call.arguments, ENTITIES)
            call = await self.world.naming.recognised(call, self.world.policies.current, findings)
        return await self._judged(session, call, target, emit, None, leaving)

    async def _refused(self, session: Session, call: Call, refusal: Refuse) -> Refuse:
        if refusal.reason not in _NOT_THE_CALLER:  # that is not the caller's doing
            self.attempts.failed(session.caller.credential, self.world.clock.monotonic())
        return await self.judge.refused(call, refusal)
