"""A Streamable HTTP upstream: one POST per message, one stream per request, nothing merged."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import cast

import orjson

from toolgate.core.model import JsonObject
from toolgate.errors import Malformed, SessionLost, UpstreamDown, UpstreamRefused
from toolgate.protocol import sse
from toolgate.protocol.headers import NAMED, encode
from toolgate.protocol.messages import answer_of, notification, same_id
from toolgate.protocol.versions import MODERN, Era
from toolgate.upstream.keyed import Sender
from toolgate.upstream.link import Emit, Note
from toolgate.upstream.parse import parse
from toolgate.upstream.pool import Answer

_ACCEPT = b"accept: application/json, text/event-stream\r\ncontent-type: application/json\r\n"


_SEND_SECONDS = 15.0


class HttpLink:
    """One client's session with an HTTP upstream, or in 2026-07-28 everybody's stateless one."""

    def __init__(self, name: str, pool: Sender, era: Era) -> None:
        self.name = name
        self._pool = pool
        self._era = era
        self._session: str | None = None
        self._head = _ACCEPT
        self._cancelling: set[asyncio.Task[None]] = set()

    @property
    def stateful(self) -> bool:
        """Whether the upstream keeps a session for this client."""
        return self._session is not None

    @property
    def session(self) -> str | None:
        """The upstream's session id."""
        return self._session

    def settled(self) -> HttpLink:
        """This link."""
        return self

    def agreed(self, version: str) -> None:
        """Name this version, and the session if there is one, on every later request."""
        own = f"mcp-session-id: {self._session}\r\n" if self._session else ""
        self._head = _ACCEPT + f"mcp-protocol-version: {version}\r\n{own}".encode("latin-1")

    async def request(
        self, message: JsonObject, emit: Emit, params: Mapping[str, str] | None = None
    ) -> Note | None:
        """Forward a request and read its answer, whole or as a stream."""
        head = self._head if self._era is Era.LEGACY else modern_head(message, params)
        if message["method"] == "initialize":
            head = _ACCEPT  # a new session, whatever was before
        try:
            answer = await self._pool.send(b"POST", head, orjson.dumps(message))
            if message["method"] == "initialize":
                self._opened(answer)
            if not answer.streaming:
                return Note(self._whole(answer, message["id"]))
            try:
                return await self._stream(answer, message["id"], emit)
            finally:
                answer.close()
        except asyncio.CancelledError:
            if self._era is Era.LEGACY and message["method"] != "initialize":
                self._cancel(message["id"])
            raise

    def _cancel(self, request_id: object) -> None:
        """Until 2025-11-25 a closed connection cancels nothing: the upstream must be told."""
        told = notification("notifications/cancelled", {"requestId": request_id, "reason": "nobody waits"})

        async def tell() -> None:
            with suppress(UpstreamDown):
                await self.send(told)

        task = asyncio.ensure_future(tell())
        self._cancelling.add(task)
        task.add_done_callback(self._cancelling.discard)

    async def send(self, message: JsonObject) -> None:
        """POST a notification or an answer; the upstream accepts it with 202."""
        if self._era is Era.MODERN and "method" not in message:
            return  # MCP 2026-07-28: servers ask in results, nobody waits for an answer of its own
        head = self._head if self._era is Era.LEGACY else modern_head(message, None)
        answer = await self._soon(b"POST", head, orjson.dumps(message))
        answer.close()
        if answer.status >= 400:
            raise self._refused(answer)

    async def listen(self, emit: Emit, last_event: str | None) -> None:
        """The GET stream, resumed after `last_event`; ends when the upstream ends it or has none."""
        head = self._head
        if last_event is not None:
            head += f"last-event-id: {last_event}\r\n".encode("latin-1")
        answer = await self._pool.send(b"GET", head, b"")
        try:
            if answer.status >= 400:
                raise self._refused(answer)
            if answer.streaming:
                await emit(Note(None))  # the stream is open, whenever its first event comes
                await self._stream(answer, None, emit)
        finally:
            answer.close()

    async def close(self) -> None:
        """DELETE the upstream session, if there is one."""
        if self._session is None:
            return
        answer = await self._soon(b"DELETE", self._head, b"")
        answer.close()

    async def _soon(self, verb: bytes, head: bytes, body: bytes) -> Answer:
        """An exchange that has nothing to wait for: an upstream that is slow here is down."""
        try:
            async with asyncio.timeout(_SEND_SECONDS):
                return await self._pool.send(verb, head, body)
        except TimeoutError:
            raise UpstreamDown(f"{self.name}: no answer within {_SEND_SECONDS:g} s") from None

    def _opened(self, answer: Answer) -> None:
        session = answer.headers.get("mcp-session-id")
        if session is not None and not (session.isascii() and session.isprintable()):
            raise UpstreamDown(f"{self.name}: Mcp-Session-Id: expected visible ASCII")
        self._session = session or None

    def _whole(self, answer: Answer, request_id: object) -> JsonObject:
        if answer.status == 200:
            message = parse(self.name, answer.body)
            found = (
                answer_of(message) if message.get("id") == request_id and "method" not in message else None
            )
            return found or self._unusual(answer, message, request_id)
        if 300 <= answer.status < 400:
            raise self._refused(answer)
        if answer.status >= 400 and not answer.headers.get("content-type", "").startswith("application/json"):
            raise self._refused(answer)
        if answer.status == 404 and self._session is not None:
            raise SessionLost(f"{self.name}: the upstream ended the session")
        return self._unusual(answer, parse(self.name, answer.body), request_id)

    def _unusual(self, answer: Answer, message: JsonObject, request_id: object) -> JsonObject:
        """The answer in a message that is not plainly one."""
        mine = "error" in message or same_id(message.get("id"), request_id)
        found = answer_of({**message, "id": request_id}) if "method" not in message and mine else None
        if found is not None:
            return found
        if answer.status >= 400:
            raise self._refused(answer)
        raise Malformed(f"{self.name}: expected the answer to this request, with one result or error object")

    async def _stream(self, answer: Answer, request_id: object, emit: Emit) -> Note | None:
        """The answer. None where it comes elsewhere, which only a stream that can be resumed may say."""
        parser, resumable = sse.Parser(), request_id is None
        while (chunk := await answer.chunk()) is not None:
            try:
                events = parser.feed(chunk)
            except sse.TooLong:
                raise UpstreamDown(f"{self.name}: one event exceeds {sse.MAX_EVENT} bytes") from None
            for event in events:
                resumable = resumable or (event.id is not None and self._era is Era.LEGACY)
                final = await self._event(event, request_id, emit)
                if final is not None:
                    return final
        if not resumable:
            raise UpstreamDown(f"{self.name}: the stream ended before the answer")
        return None

    async def _event(self, event: sse.Event, request_id: object, emit: Emit) -> Note | None:
        if event.data is None:
            await emit(Note(None, event.id, event.retry))
            return None
        note = Note(parse(self.name, event.data), event.id, event.retry)
        if note.message is not None and request_id is not None and answers(note.message, request_id):
            found = answer_of({**note.message, "id": request_id})
            if found is None:
                raise Malformed(f"{self.name}: expected a result or an error, one object")
            return Note(found, note.id, note.retry)
        await emit(note)
        return None

    def _refused(self, answer: Answer) -> UpstreamDown:
        if answer.status == 404 and self._session is not None:
            return SessionLost(f"{self.name}: the upstream ended the session")
        if answer.status in (401, 403):
            return UpstreamRefused(
                f"{self.name}: the upstream refused toolgate's credentials ({answer.status})"
            )
        return UpstreamRefused(f"{self.name}: the upstream answered HTTP {answer.status}")


def answers(message: JsonObject, request_id: object) -> bool:
    """Whether a message is the answer to this request."""
    return "method" not in message and same_id(message.get("id"), request_id)


def modern_head(message: JsonObject, params: Mapping[str, str] | None) -> bytes:
    """The headers of a 2026-07-28 request, all built from the judged body."""
    method = cast("str", message["method"])
    lines = f"mcp-protocol-version: {MODERN}\r\nmcp-method: {encode(method)}\r\n"
    key = NAMED.get(method)
    if key is not None:
        name: object = cast("JsonObject", message.get("params", {})).get(key)
        if isinstance(name, str):
            lines += f"mcp-name: {encode(name)}\r\n"
    if params:
        lines += "".join(f"{header}: {value}\r\n" for header, value in params.items())
    return _ACCEPT + lines.encode("latin-1")
