"""What upstreams send on their own, notifications and requests to the client: judged like results."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import cast

from toolgate.core.binary import Opened, opened
from toolgate.core.decide import view_of
from toolgate.core.model import Call, Deliver, Facts, Finding, JsonObject, Need, Refuse, Withhold
from toolgate.core.policy import Policy, ServerAsk, View
from toolgate.core.reasons import Reason
from toolgate.core.redact import refused
from toolgate.core.release import release
from toolgate.core.texts import texts
from toolgate.errors import PortDown, UpstreamDown
from toolgate.judge import Admitted, Judge, World
from toolgate.protocol.messages import METHOD_NOT_FOUND, REFUSED, answer_of, error, members, same_id
from toolgate.protocol.versions import Era
from toolgate.sending import Sending
from toolgate.session import Asked, Session
from toolgate.upstream.link import Link, Note

# What an upstream may ask of a client: the client capability it needs and the policy's word for it.
ASKS: dict[str, tuple[str, ServerAsk]] = {
    "elicitation/create": ("elicitation", "elicit"),
    "sampling/createMessage": ("sampling", "sample"),
    "roots/list": ("roots", "list_roots"),
}
_NOTIFICATIONS = "notifications/"
_UNFIT = Reason.RESULT_NOT_REDACTABLE
_MOST_ASKED = 1000
_LONGEST = 256
# What goes on from message to message, and what says which stream a message belongs to.
_CONTINUED = {
    "notifications/progress": ("message", "progressToken"),
    "notifications/message": ("data", "logger"),
}
# All there is in a request or notification; what an upstream adds beside is judged by nobody.
_FIELDS = frozenset({"jsonrpc", "id", "method", "params"})


class Relay:
    """Judges messages of upstreams, and the client's answers to them."""

    def __init__(self, world: World, judge: Judge) -> None:
        self._world = world
        self._judge = judge
        self._ids = itertools.count(1)
        self.sending = Sending(world, judge)

    async def from_upstream(self, session: Session, upstream: str, link: Link, note: Note) -> Note | None:
        """The note as the client gets it; None when it stays here."""
        message = note.message
        if message is None:
            return note
        method: object = message.get("method")
        if not isinstance(method, str):
            return None  # an answer to nothing that is in flight on this stream
        if "id" in message:
            if type(message["id"]) not in (int, str):
                return None  # nobody could answer it
            return await self._asked(session, upstream, link, note, method)
        if not method.startswith(_NOTIFICATIONS):
            return None
        if method == "notifications/cancelled":
            return _taken_back(session, upstream, note)
        return await self._cleaned_note(session, upstream, note)

    async def answered(self, session: Session, message: JsonObject) -> Refuse | None:
        """Pass a client's answer on to the upstream that asked; one nobody asked for is refused."""
        question = session.questions.pop(str(message["id"]), None)
        if question is not None:
            if not question.done():
                question.set_result(message)
            return None
        asked = session.asked.pop(str(message["id"]), None)
        if asked is None:
            return Refuse(
                Reason.MALFORMED, "id: found an answer, expected one to a request that was passed on"
            )
        call = Call(asked.method, asked.upstream, asked.method, {}, session.caller, session.id)
        body: JsonObject = {key: value for key, value in message.items() if key not in ("id", "jsonrpc")}
        cleaned = await self.sending.cleaned(call, body, self._world.policies.current)
        if isinstance(cleaned, Refuse):
            await self._judge.refused(call, cleaned)
            reply = error(asked.id, REFUSED, "the client's answer was refused by policy")
        else:
            reply = {"jsonrpc": "2.0", "id": asked.id, **cleaned}
        await asked.link.send(reply)
        return cleaned if isinstance(cleaned, Refuse) else None

    async def cleaned(self, call: Call, value: JsonObject, policy: Policy) -> JsonObject | Withhold:
        """Anything an upstream says, with the policy's masks for results applied."""
        view = view_of(call, policy)
        blobs = opened(value)
        if blobs is not None and (why := blobs.stopped(view.binary)):
            return Withhold(Reason.BINARY_WITHHELD, why)
        wanted = view.wanted_results
        if not wanted and not call.restored:
            return value
        looked = value if blobs is None else blobs.value
        try:
            findings = await self._judge.findings(looked, wanted) if wanted else ()
        except PortDown as down:
            return Withhold(Reason.RESULT_TOO_LARGE, str(down))
        told = findings or call.restored
        masked = await self._masked(call, looked, findings, policy, view) if told else looked
        return masked if blobs is None or isinstance(masked, Withhold) else _closed(blobs, masked)

    async def _masked(
        self, call: Call, value: JsonObject, findings: tuple[Finding, ...], policy: Policy, view: View
    ) -> JsonObject | Withhold:
        """What was found masked, or everything withheld."""
        stopped = refused(findings, view.results)
        if stopped:
            return Withhold(Reason.SENSITIVE_RESULT, f"found {', '.join(stopped)}")
        return await self._world.naming.redacted(value, findings, view.results, call, policy)

    async def failed(self, call: Call, note: Note, policy: Policy) -> Note | Withhold:
        """The error an upstream answers with, as the client gets it."""
        message = answer_of(cast("JsonObject", note.message))
        if message is None or "error" not in message:
            return Withhold(Reason.RESULT_MALFORMED, "expected a result or an error, one object")
        cleaned = await self.cleaned(call, message["error"], policy)
        if isinstance(cleaned, Withhold):
            return cleaned
        return Note({**message, "error": cleaned}, note.id, note.retry)

    async def judged(self, session: Session, admitted: Admitted, result: JsonObject) -> Deliver | Withhold:
        """What the caller gets of a result, its pseudonyms kept before it gets them."""
        world, call, wanted = self._world, admitted.call, admitted.view.wanted_results
        names, looked, blobs = None, result, opened(result)
        if blobs is not None:
            looked = blobs.value
            if why := blobs.stopped(admitted.view.binary):
                return Withhold(Reason.BINARY_WITHHELD, why)
        try:
            read = texts(looked) if wanted or call.restored else None
            found = await world.detectors.scan(read, wanted) if read and wanted else ()
        except PortDown as down:
            return Withhold(Reason.RESULT_TOO_LARGE, str(down))
        if admitted.policy.pseudonyms is not None or call.restored:
            names, found = world.naming.names(call, admitted.policy), world.naming.found(found, read, call)
        facts = Facts(0.0, admitted.tool, found, texts=read, names=names)
        verdict = release(looked, call, facts, admitted.policy, admitted.view)
        if names is not None and isinstance(verdict, Withhold) and verdict.reason is _UNFIT:
            facts = replace(facts, names=names.shape())  # a schema may take what looks like an address
            verdict = release(looked, call, facts, admitted.policy, admitted.view)
        if isinstance(verdict, Need):
            return Withhold(Reason.INTERNAL, "the result could not be judged")
        if isinstance(verdict, Deliver):
            await world.naming.keep(facts.names, call, admitted.policy)
            if admitted.policy.follows:
                self._judge.readings.add(call, texts(looked) if read is None else read)
            if blobs is not None:
                closed = _closed(blobs, verdict.result)
                if isinstance(closed, Withhold):
                    return closed
                verdict = replace(verdict, result=closed)
        return self.asks_allowed(session, admitted, verdict) if "resultType" in result else verdict

    def asks_allowed(
        self, session: Session, admitted: Admitted, verdict: Deliver | Withhold
    ) -> Deliver | Withhold:
        """A result that asks for input may ask only what the client offers and the policy lets servers ask.

        MCP 2026-07-28 basic/utilities/mrtr: never a kind of input that the client did not declare.
        """
        if isinstance(verdict, Withhold) or verdict.result.get("resultType") != "input_required":
            return verdict
        wanted: object = verdict.result.get("inputRequests") or {}
        if not isinstance(wanted, dict):
            return Withhold(Reason.RESULT_MALFORMED, "result.inputRequests: expected an object")
        for asked in cast("JsonObject", wanted).values():
            method: object = cast("JsonObject", asked).get("method") if isinstance(asked, dict) else None
            known = ASKS.get(method) if isinstance(method, str) else None
            if known is None or not admitted.policy.server_may(admitted.call.caller.roles, known[1]):
                return Withhold(
                    Reason.SERVER_MAY_NOT, "result.inputRequests: the policy lets no server ask this"
                )
            if known[0] not in session.capabilities:
                return Withhold(Reason.SERVER_MAY_NOT, "result.inputRequests: the client does not offer this")
        return verdict

    async def _cleaned_note(self, session: Session, upstream: str, note: Note) -> Note | None:
        message = cast("JsonObject", note.message)
        method, params = cast("str", message["method"]), cast("object", message.get("params") or {})
        if not isinstance(params, dict):
            await self._record(session, upstream, method, Reason.RESULT_MALFORMED)
            return None
        given = cast("JsonObject", params)
        flights = [one.call for one in session.inflight.values() if one.call.upstream == upstream]
        back = tuple(pair for call in flights for pair in call.restored)
        call = Call(method, upstream, method, {}, session.caller, session.id, restored=back)
        key, name = _CONTINUED.get(method, ("", ""))
        if key and key in given:
            cleaned = await self._continued(session, call, given, key, name)
        else:
            cleaned = await self.cleaned(call, given, self._world.policies.current)
        if isinstance(cleaned, Withhold):
            await self._record(session, upstream, method, cleaned.reason)
            return None
        if cleaned is given and message.keys() <= _FIELDS:
            return note
        judged = {key: value for key, value in message.items() if key in _FIELDS}
        return Note({**judged, "params": cleaned}, note.id, note.retry)

    async def _continued(
        self, session: Session, call: Call, params: JsonObject, key: str, name: str
    ) -> JsonObject | Withhold:
        """A message that goes on with those before it of its kind: looked at together with their ends."""
        policy = self._world.policies.current
        view = view_of(call, policy)
        if not view.wanted_results and not call.restored:
            return params
        # What goes on stands first: its texts have the same numbers in every message of the stream.
        ordered = {key: params[key], **params}
        leaves, count = texts(ordered), len(texts(params[key]))
        stream = session.stream(call.upstream, call.method, str(params.get(name))[:_LONGEST])
        try:
            found = await self._world.detectors.scan(stream.joined(leaves, 1, count), view.wanted_results)
        except PortDown as down:
            return Withhold(Reason.RESULT_TOO_LARGE, str(down))
        findings = stream.own(found, leaves, 1, count)
        told = findings or call.restored
        return await self._masked(call, ordered, findings, policy, view) if told else params

    async def _asked(
        self, session: Session, upstream: str, link: Link, note: Note, method: str
    ) -> Note | None:
        message = cast("JsonObject", note.message)
        why = self._may_not(session, method)
        if why:
            await self._record(session, upstream, method, Reason.SERVER_MAY_NOT)
            await _answer(link, error(message["id"], METHOD_NOT_FOUND, why))
            return None
        cleaned = await self._cleaned_note(session, upstream, note)
        if cleaned is None or len(session.asked) >= _MOST_ASKED:
            await _answer(link, error(message["id"], REFUSED, "refused by policy"))
            return None
        if session.scope is not None:
            session.asked[str(message["id"])] = Asked(upstream, link, message["id"], method)
            return cleaned
        # Several upstreams may use one id: each request gets an id of its own.
        own = f"{upstream}-{next(self._ids)}"
        session.asked[own] = Asked(upstream, link, message["id"], method)
        return Note({**cast("JsonObject", cleaned.message), "id": own}, cleaned.id, cleaned.retry)

    def _may_not(self, session: Session, method: str) -> str:
        known = ASKS.get(method)
        if method == "ping" and session.era is Era.LEGACY:
            return ""
        if session.era is Era.MODERN or known is None:
            return "Method not found"
        if known[0] not in session.capabilities:
            return "the client does not offer this"
        allowed = self._world.policies.current.server_may(session.caller.roles, known[1])
        return "" if allowed else "the policy lets no server ask this of this client"

    async def _record(self, session: Session, upstream: str, method: str, reason: Reason) -> None:
        call = Call(method, upstream, method, {}, session.caller, session.id)
        await self._judge.refused(call, Refuse(reason))


def _closed(blobs: Opened, masked: JsonObject) -> JsonObject | Withhold:
    """A message with its binary content in base64 again."""
    closed = blobs.closed(masked)
    if closed is None:
        return Withhold(_UNFIT, "found something in binary content that is no text, expected nothing")
    return closed


def _taken_back(session: Session, upstream: str, note: Note) -> Note | None:
    """A question the upstream takes back, or a listen it ends, under the id the client knows it by."""
    message = cast("JsonObject", note.message)
    params = members(message.get("params"))
    named: object = params.get("requestId")
    for own, asked in session.asked.items():
        if asked.upstream == upstream and same_id(asked.id, named):
            del session.asked[own]
            known = asked.id if session.scope is not None else own
            return Note({**message, "params": {**params, "requestId": known}}, note.id, note.retry)
    return note if session.era is Era.MODERN and str(named) in session.inflight else None


async def _answer(link: Link, message: JsonObject) -> None:
    try:
        await link.send(message)
    except UpstreamDown:
        return  # it asked and went away: nobody is left to be told
