"""The stdio front: one client on standard input and output, in either era, several requests at once."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import orjson

from toolgate import replies
from toolgate.core.decode import decode
from toolgate.core.model import Call, Caller, JsonObject, Refuse
from toolgate.core.reasons import Reason
from toolgate.errors import JournalDown, UpstreamDown
from toolgate.gateway import Gateway
from toolgate.protocol import ladder
from toolgate.protocol.messages import Kind, error, kind_of
from toolgate.protocol.versions import CAPABILITIES_KEY, CLIENT_KEY, MODERN, Era
from toolgate.routes import down
from toolgate.session import Session
from toolgate.upstream.link import Note
from toolgate.verdicts import Reply

_log = logging.getLogger("toolgate.stdio")

Write = Callable[[JsonObject], None]


class StdioFront:
    """Handles one decoded line at a time; answers go to `write` in whatever order they come.

    `server/discover` binds the connection to no era (a client may go on with `initialize`): a request
    with the per-request envelope is modern, every other one legacy.
    """

    def __init__(
        self, gateway: Gateway, caller: Caller, scope: str | None, body_limit: int, write: Write
    ) -> None:
        self._gateway = gateway
        self._body_limit = body_limit
        self._write = write
        self._legacy = Session(caller, Era.LEGACY, scope, id=f"stdio-{os.getpid()}")
        self._modern = Session(caller, Era.MODERN, scope, version=MODERN)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._listening: asyncio.Task[Any] | None = None

    async def line(self, data: bytes) -> None:
        """One line of input."""
        if not data.strip():
            return
        message = decode(data)
        if isinstance(message, Refuse):
            await self._malformed(None, message)
            return
        kind = kind_of(message)
        match kind:
            case Kind.REQUEST:
                self._request(message)
            case Kind.NOTIFICATION:
                await self._notification(message)
            case Kind.RESPONSE:
                await self._response(message)
            case _:
                await self._malformed(message.get("id"), Refuse(Reason.MALFORMED, str(kind)))

    async def too_long(self) -> None:
        """A line beyond the limit, dropped unread."""
        await self._malformed(
            None, Refuse(Reason.TOO_LARGE, f"expected at most {self._body_limit} bytes a line")
        )

    async def close(self) -> None:
        """The client is gone: cancel what runs, end the upstreams."""
        running = [*self._tasks.values(), *([self._listening] if self._listening else [])]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await asyncio.gather(self._legacy.close(), self._modern.close(), return_exceptions=True)

    def _request(self, message: JsonObject) -> None:
        key = str(message["id"])
        task = asyncio.ensure_future(self._answer(message))
        self._tasks[key] = task

        def done(ended: asyncio.Task[None]) -> None:
            if self._tasks.get(key) is ended:
                del self._tasks[key]

        task.add_done_callback(done)

    async def _answer(self, message: JsonObject) -> None:
        modern = ladder.enveloped(message) or message["method"] == "server/discover"
        if modern:
            wrong = ladder.climb(message, None)
            if wrong is not None:
                self._write(error(message["id"], wrong.code, wrong.message, wrong.data))
                return
        session = self._session(message) if modern else self._legacy

        try:
            reply: Reply | None = await self._gateway.request(session, message, self._emit)
        except JournalDown:
            reply = Refuse(Reason.JOURNAL_DOWN)
        except UpstreamDown as trouble:
            reply = down(trouble)
        except Exception:  # noqa: BLE001 - the outermost handler: a bug refuses, and is logged whole
            _log.exception("a request was refused because of an error in toolgate")
            reply = Refuse(Reason.INTERNAL)
        self._reply(session, message, reply)

    def _session(self, message: JsonObject) -> Session:
        """A modern request has its own capabilities; links outlive it."""
        meta = cast("JsonObject", message["params"]["_meta"])
        client = cast("JsonObject", meta.get(CLIENT_KEY) or {})
        capabilities = cast("JsonObject", meta[CAPABILITIES_KEY])
        return replace(
            self._modern, capabilities=capabilities, client=client, inflight={}, asked={}, detached={}
        )

    def _reply(self, session: Session, message: JsonObject, reply: Reply | None) -> None:
        if reply is None:
            return
        if not isinstance(reply, Note):
            params = cast("JsonObject", message.get("params") or {})
            name = str(params.get("name") or params.get("uri") or "")
            method = cast("str", message["method"])
            self._write(replies.message(method, message["id"], reply, session.era, name))
        elif reply.message is not None:
            self._write(reply.message)

    async def _notification(self, message: JsonObject) -> None:
        method = message["method"]
        if method == "notifications/cancelled" and self._cancels(message):
            return
        try:
            await self._gateway.notify(self._legacy, message)
        except UpstreamDown:
            return  # the next request of the client is told
        if method == "notifications/initialized" and self._listening is None:
            self._listening = asyncio.ensure_future(self._listen())

    def _cancels(self, message: JsonObject) -> bool:
        """Cancel a modern request; one of the legacy session is cancelled by its upstream."""
        key = str(cast("JsonObject", message.get("params") or {}).get("requestId"))
        task = self._tasks.get(key)
        if task is None or key in self._legacy.inflight:
            return False
        task.cancel()
        return True

    async def _emit(self, note: Note) -> None:
        if note.message is not None:
            self._write(note.message)

    async def _listen(self) -> None:
        try:
            await self._gateway.listen(self._legacy, self._emit, None)
        except UpstreamDown:
            return  # an upstream without a stream of its own

    async def _response(self, message: JsonObject) -> None:
        try:
            await self._gateway.respond(self._legacy, message)
        except UpstreamDown:
            return  # who asked is gone

    async def _malformed(self, request_id: object, refusal: Refuse) -> None:
        call = Call("", self._legacy.scope or "", "", {}, self._legacy.caller)
        try:
            await self._gateway.judge.refused(call, refusal)
        except JournalDown:
            refusal = Refuse(Reason.JOURNAL_DOWN)
        self._write(replies.message("", request_id, refusal, Era.LEGACY))


async def lines(front: StdioFront, read: Callable[[], Any], limit: int) -> None:
    """Feed a front from `read`, which gives chunks and b'' at the end. Lines beyond `limit` are dropped."""
    rest, skipping = b"", False
    while chunk := await read():
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            if not skipping:
                await front.line(line)
            skipping = False
        if len(rest) > limit:
            if not skipping:
                await front.too_long()
            rest, skipping = b"", True


def write_line(message: JsonObject) -> None:
    """One message on standard output."""
    sys.stdout.buffer.write(orjson.dumps(message) + b"\n")
    sys.stdout.buffer.flush()


async def standard_input() -> Callable[[], Any]:
    """Reads chunks of standard input without blocking the loop."""
    loop = asyncio.get_running_loop()
    if sys.platform == "win32":
        return lambda: loop.run_in_executor(None, os.read, 0, 65536)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return lambda: reader.read(65536)
