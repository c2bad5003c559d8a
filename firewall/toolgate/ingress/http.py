"""The HTTP front: both protocol eras on one endpoint, as a raw ASGI application."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, cast

from toolgate import replies
from toolgate.core.decode import decode
from toolgate.core.model import Call, Caller, JsonObject, Refuse
from toolgate.core.reasons import Reason
from toolgate.core.values import value
from toolgate.errors import JournalDown, PortDown, SessionLost, UpstreamDown
from toolgate.gateway import Gateway
from toolgate.ingress.guard import Origins, body_of, headers_of, unacceptable
from toolgate.ingress.identity import Identity
from toolgate.ingress.sessions import Sessions
from toolgate.ingress.stream import Receive, Response, Scope, Send
from toolgate.protocol import ladder
from toolgate.protocol.messages import (
    HTTP_STATUS,
    Kind,
    error,
    kind_of,
    members,
)
from toolgate.protocol.versions import CAPABILITIES_KEY, CLIENT_KEY, LEGACY, MODERN, Era
from toolgate.routes import down
from toolgate.session import Session
from toolgate.upstream.link import Note

_log = logging.getLogger("toolgate.http")
_WATCH_AFTER = 0.05
_KEEP_ALIVE = 15.0
_STATUS = {
    Reason.TOO_MANY_ATTEMPTS: 429,
    Reason.UNKNOWN_SESSION: 404,
    Reason.UNKNOWN_UPSTREAM: 404,
    Reason.BAD_ORIGIN: 403,
    Reason.BAD_HEADER: 400,
    Reason.NOT_AUTHENTICATED: 401,
}


@value
class Exchange:
    """One HTTP request under way."""

    scope: str | None
    headers: dict[str, str]
    caller: Caller
    receive: Receive
    response: Response

    async def left(self) -> None:
        """Returns when the client is gone."""
        while (await self.receive())["type"] != "http.disconnect":
            continue


class HttpFront:
    """`/{upstream}/mcp` and `/mcp`. Everything else is the `rest` application's."""

    def __init__(
        self,
        gateway: Gateway,
        identity: Identity,
        sessions: Sessions,
        origins: Origins,
        body_limit: int,
        rest: Callable[[Scope, Receive, Send], Awaitable[None]],
    ) -> None:
        self._gateway = gateway
        self._identity = identity
        self._sessions = sessions
        self._origins = origins
        self._body_limit = body_limit
        self._rest = rest
        self._upstreams = frozenset(gateway.routes.registry.names())
        self._blocked = gateway.attempts.blocked
        self._monotonic = gateway.world.clock.monotonic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One ASGI connection."""
        path: str = scope.get("path", "")
        if scope["type"] != "http" or not path.endswith("/mcp") or path.startswith("/.well-known/"):
            await self._rest(scope, receive, send)
            return
        response = Response(send)
        try:
            await self._mcp(scope, path[1:-4], receive, response)
        except JournalDown:
            await self._failed(response, Refuse(Reason.JOURNAL_DOWN))
        except SessionLost:
            await self._failed(response, Refuse(Reason.UNKNOWN_SESSION))
        except UpstreamDown as trouble:
            await self._failed(response, down(trouble))
        except PortDown as missing:
            await self._failed(response, Refuse(Reason.INTERNAL, str(missing)), 503)
        except Exception:  # noqa: BLE001 - the outermost handler: a bug refuses, and is logged whole
            _log.exception("a request was refused because of an error in toolgate")
            await self._failed(response, Refuse(Reason.INTERNAL))

    async def _mcp(self, scope: Scope, name: str, receive: Receive, response: Response) -> None:
        address = f"address:{(scope.get('client') or ('local',))[0]}"
        wait = self._blocked(address, self._monotonic)
        if wait is not None:
            await self._failed(response, Refuse(Reason.TOO_MANY_ATTEMPTS, retry_after=wait), 429)
            return
        headers = headers_of(scope["headers"])
        foreign = headers if isinstance(headers, Refuse) else self._origins.wrong(headers)
        if isinstance(headers, Refuse) or foreign is not None:
            await self._stopped(response, Caller("", (), address), name, foreign or Refuse(Reason.BAD_HEADER))
            return
        caller = self._identity.known(headers.get("authorization"))
        if not isinstance(caller, Caller):
            caller = await self._who(scope, headers, name, response, address)
            if caller is None:
                return
        if name and name not in self._upstreams:
            await self._stopped(response, caller, "", Refuse(Reason.UNKNOWN_UPSTREAM))
            return
        exchange = Exchange(name or None, headers, caller, receive, response)
        method: str = scope["method"]
        if method == "POST":
            await self._post(exchange)
        elif method in ("GET", "DELETE") and headers.get("mcp-protocol-version") != MODERN:
            await (self._get(exchange) if method == "GET" else self._delete(exchange))
        else:
            response.headers.append((b"allow", b"POST"))
            await response.empty(405)

    async def _who(
        self, scope: Scope, headers: dict[str, str], name: str, response: Response, address: str
    ) -> Caller | None:
        who = await self._identity.authenticate(headers.get("authorization"))
        if isinstance(who, Caller):
            return who
        response.headers.append((b"www-authenticate", self._identity.challenge(who, scope["path"])))
        refusal = Refuse(Reason.NOT_AUTHENTICATED, who.detail)
        await self._stopped(response, Caller("", (), address), name, refusal)
        return None

    async def _post(self, exchange: Exchange) -> None:
        wrong = unacceptable(exchange.headers)
        if wrong is not None:
            await self._malformed(exchange, Refuse(Reason.BAD_HEADER, wrong[1]), wrong[0])
            return
        body = await body_of(exchange.receive, exchange.headers, self._body_limit)
        if body is None:
            return
        if isinstance(body, Refuse):
            await self._malformed(exchange, body, 408 if body.reason is Reason.TOO_SLOW else 413)
            return
        message = decode(body)
        if isinstance(message, Refuse):
            await self._malformed(exchange, message, 400)
            return
        kind = kind_of(message)
        if not isinstance(kind, Kind):
            await self._malformed(exchange, Refuse(Reason.MALFORMED, kind), 400)
            return
        version = exchange.headers.get("mcp-protocol-version")
        if version == MODERN or (kind is Kind.REQUEST and ladder.enveloped(message)):
            await self._modern(exchange, message, kind)
        elif version in LEGACY or version is None or version == "2024-11-05":
            await self._legacy(exchange, message, kind)
        else:
            await self._recorded(exchange, message, Reason.UNSUPPORTED_VERSION)
            unknown = ladder.unsupported(version)
            told = error(message.get("id"), unknown.code, unknown.message, unknown.data)
            await exchange.response.json(400, told)

    async def _modern(self, exchange: Exchange, message: JsonObject, kind: Kind) -> None:
        if kind is Kind.NOTIFICATION:
            await exchange.response.empty(202)  # 2026-07-28 has none over HTTP: accepted and dropped
            return
        if kind is Kind.RESPONSE:
            await self._malformed(
                exchange, Refuse(Reason.MALFORMED, "found a response, expected a request"), 400
            )
            return
        wrong = ladder.climb(message, exchange.headers)
        if wrong is not None:
            await self._recorded(exchange, message, Reason.BAD_HEADER)
            body = error(message["id"], wrong.code, wrong.message, wrong.data)
            await exchange.response.json(HTTP_STATUS.get(wrong.code, 400), body)
            return
        meta = cast("JsonObject", message["params"]["_meta"])
        now = self._gateway.world.clock.monotonic()
        session = self._sessions.window(exchange.caller, exchange.scope, Era.MODERN, now)
        session.version, session.capabilities = MODERN, meta[CAPABILITIES_KEY]
        session.client = cast("JsonObject", meta.get(CLIENT_KEY) or {})
        await self._watched(exchange, session, message)

    async def _watched(self, exchange: Exchange, session: Session, message: JsonObject) -> None:
        """Run a modern request; its client leaving cancels it (MCP 2026-07-28: MUST)."""
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        watcher: list[asyncio.Task[None]] = []
        left = False

        async def leave() -> None:
            nonlocal left
            while (await exchange.receive())["type"] != "http.disconnect":
                continue
            left = True
            task.cancel()

        def watch() -> None:
            watcher.append(asyncio.ensure_future(leave()))

        # Most calls end before anybody could leave: the watcher is only made for those that last.
        timer = asyncio.get_running_loop().call_later(_WATCH_AFTER, watch)
        try:
            await self._answer(exchange, session, message)
        except asyncio.CancelledError:
            if not left:
                raise
        finally:
            timer.cancel()
            for one in watcher:
                one.cancel()

    async def _legacy(self, exchange: Exchange, message: JsonObject, kind: Kind) -> None:
        given = exchange.headers.get("mcp-session-id")
        session = given and self._sessions.find(given, exchange.caller, exchange.scope, self._monotonic())
        session = session or await self._session(exchange, message)
        if session is None:
            return
        if kind is Kind.REQUEST:
            if message["method"] == "initialize":
                await self._begin(exchange, session, message)
            else:
                await self._answer(exchange, session, message)
        elif kind is Kind.NOTIFICATION:
            await self._gateway.notify(session, message)
            await exchange.response.empty(202)
        else:
            refusal = await self._gateway.respond(session, message)
            if refusal is None:
                await exchange.response.empty(202)
            else:
                await self._malformed(exchange, refusal, 400)

    async def _begin(self, exchange: Exchange, session: Session, message: JsonObject) -> None:
        """Answer `initialize`; what comes to no session is closed again."""
        try:
            await self._answer(exchange, session, message)
        except BaseException:
            await session.close()
            raise
        if not self._sessions.holds(session):
            await session.close()

    async def _session(self, exchange: Exchange, message: JsonObject) -> Session | None:
        """The client's session, a new one for `initialize`; None once the refusal is sent."""
        now = self._gateway.world.clock.monotonic()
        given = exchange.headers.get("mcp-session-id")
        if message.get("method") == "initialize" and given is None:
            if self._sessions.full():
                await self._failed(exchange.response, Refuse(Reason.RATE_LIMITED, "too many sessions"), 503)
                return None
            return Session(exchange.caller, Era.LEGACY, exchange.scope)
        if given is None:
            return self._sessions.window(exchange.caller, exchange.scope, Era.LEGACY, now)
        session = self._sessions.find(given, exchange.caller, exchange.scope, now)
        if session is None:
            refusal = Refuse(Reason.UNKNOWN_SESSION)
            await self._recorded(exchange, message, Reason.UNKNOWN_SESSION)
            await exchange.response.json(404, replies.message("", message.get("id"), refusal, Era.LEGACY))
        return session

    async def _answer(self, exchange: Exchange, session: Session, message: JsonObject) -> None:
        response, method = exchange.response, message["method"]
        given = leaving = None
        if session.era is Era.MODERN:
            given = params_of(exchange.headers)
        else:
            # A client of this era that leaves cancels nothing, but nobody waits for its approval any more.
            leaving = exchange.left
        # Like the SDK's servers: within a session kept here, answers come as events.
        response.as_events = session.era is Era.LEGACY and self._gateway.routes.keeps_own(session)
        if method == "initialize":
            response.opening = lambda: self._begun(session, response)
        try:
            reply = await self._gateway.request(session, message, response.emit, given, leaving)
        except UpstreamDown as error:
            reply = down(error)
        if reply is not None and not isinstance(reply, Note):
            params = members(message.get("params"))
            name = str(params.get("name") or params.get("uri") or "")
            note = Note(replies.message(method, message["id"], reply, session.era, name))
            await response.finish(note, self._status(session, note, reply))
            return
        if method == "initialize":
            await self._greeted(session, response, reply)
        await response.finish(reply, self._status(session, reply, None))

    async def _greeted(self, session: Session, response: Response, reply: Note | None) -> None:
        """A session begins with the answer to `initialize`; one the upstream refused does not."""
        if reply is not None and "result" in cast("JsonObject", reply.message):
            if not response.streaming:
                self._begun(session, response)
        elif response.streaming:
            await self._sessions.end(session)  # its id went out before the upstream refused

    def _begun(self, session: Session, response: Response) -> None:
        """Give the client its session id; an upstream without sessions gets none invented for it."""
        for link in session.links.values():
            session.id = link.session or session.id
        asks = self._gateway.asking.may_ask(session)
        if session.id or self._gateway.routes.keeps_state(session) or asks:
            session_id = self._sessions.keep(session, self._gateway.world.clock.monotonic())
            response.headers.append((b"mcp-session-id", session_id.encode("latin-1")))

    def _status(self, session: Session, note: Note | None, reply: object) -> int:
        if isinstance(reply, Refuse) and reply.reason in _STATUS:
            return _STATUS[reply.reason]
        if session.era is Era.LEGACY:
            return 200
        message = note.message if note is not None else None
        if message is None or "error" not in message:
            return 200
        code: object = cast("JsonObject", message["error"]).get("code")
        return HTTP_STATUS.get(code, 200) if isinstance(code, int) else 200

    async def _get(self, exchange: Exchange) -> None:
        session = await self._session(exchange, {})
        if session is None:
            return
        if "text/event-stream" not in exchange.headers.get("accept", ""):
            await exchange.response.empty(406)
            return
        listening = asyncio.ensure_future(
            self._gateway.listen(session, exchange.response.emit, exchange.headers.get("last-event-id"))
        )
        leaving = asyncio.ensure_future(exchange.left())
        try:
            while not listening.done() and not leaving.done():
                await asyncio.wait(
                    (listening, leaving), timeout=_KEEP_ALIVE, return_when=asyncio.FIRST_COMPLETED
                )
                await exchange.response.alive()
            await self._heard(exchange, listening)
        finally:
            listening.cancel()
            leaving.cancel()

    async def _heard(self, exchange: Exchange, listening: asyncio.Future[Refuse | None]) -> None:
        """End the GET stream: after its events, or with 405 where the upstream offers none."""
        failed = listening.exception() if listening.done() and not listening.cancelled() else None
        if exchange.response.streaming:
            await exchange.response.finish(None)
        elif isinstance(failed, SessionLost):
            raise failed
        else:
            exchange.response.headers.append((b"allow", b"POST"))
            await exchange.response.empty(405)

    async def _delete(self, exchange: Exchange) -> None:
        session = await self._session(exchange, {})
        if session is not None:
            await self._sessions.end(session)
            await exchange.response.empty(200)

    async def _malformed(self, exchange: Exchange, refusal: Refuse, status: int) -> None:
        await self._stopped(exchange.response, exchange.caller, exchange.scope or "", refusal, status)

    async def _recorded(self, exchange: Exchange, message: JsonObject, reason: Reason) -> None:
        self._gateway.attempts.failed(exchange.caller.credential, self._gateway.world.clock.monotonic())
        method = str(message.get("method", ""))[:128]
        call = Call(method, exchange.scope or "", "", {}, exchange.caller)
        await self._gateway.judge.refused(call, Refuse(reason))

    async def _stopped(
        self, response: Response, who: Caller, name: str, refusal: Refuse, status: int | None = None
    ) -> None:
        """Refuse what has not become a call: counted, put on record, answered."""
        self._gateway.attempts.failed(who.credential, self._gateway.world.clock.monotonic())
        await self._gateway.judge.refused(Call("", name, "", {}, who), refusal)
        await self._failed(response, refusal, status)

    async def _failed(self, response: Response, refusal: Refuse, status: int | None = None) -> None:
        if refusal.retry_after is not None:
            response.headers.append((b"retry-after", b"%d" % (refusal.retry_after + 1)))
        body = replies.message("", None, refusal, Era.LEGACY)
        if response.streaming:
            await response.finish(Note(body))
        else:
            await response.json(status or _STATUS.get(refusal.reason, 502), body)


def params_of(headers: dict[str, str]) -> dict[str, str]:
    """The `Mcp-Param-*` headers of a request."""
    return {key: value for key, value in headers.items() if key.startswith("mcp-param-")}
