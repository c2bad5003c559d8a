"""The HTTP response to one message: JSON, unless something comes before the answer; then an event stream."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson

from toolgate.core.model import JsonObject
from toolgate.ingress.wire import written
from toolgate.protocol import sse
from toolgate.upstream.link import Note

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

_JSON = (b"content-type", b"application/json")
_EVENTS: Headers = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]


class Response:
    """Written once: either `finish` alone, or notes as events and then `finish`."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.headers: Headers = []
        self.streaming = False
        self.as_events = False
        # Called before the first byte goes out, while headers can still be added.
        self.opening: Callable[[], None] | None = None

    async def emit(self, note: Note) -> None:
        """Pass one event on at once; the first one opens the stream."""
        if not self.streaming:
            self.streaming = True
            if self.opening is not None:
                self.opening()
            await self._send(
                {"type": "http.response.start", "status": 200, "headers": self.headers + _EVENTS}
            )
        if note.message is None and note.id is None and note.retry is None:
            await self._send({"type": "http.response.body", "body": b"", "more_body": True})
            return
        data = orjson.dumps(note.message) if note.message is not None else None
        body = sse.write(data, note.id, note.retry)
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def alive(self) -> None:
        """A comment that keeps an idle stream open."""
        if self.streaming:
            await self._send(
                {"type": "http.response.body", "body": b": keep-alive\r\n\r\n", "more_body": True}
            )

    async def finish(self, note: Note | None, status: int = 200) -> None:
        """End with an answer, or without one where it comes on another stream."""
        if (
            self.streaming
            or (self.as_events and status == 200)
            or (note is not None and note.id is not None and status == 200)
        ):
            if note is not None:
                await self.emit(note)
            await self._send({"type": "http.response.body", "body": b""})
        elif note is None or note.message is None:
            await self.empty(202)
        else:
            await self.json(status, note.message)

    async def json(self, status: int, body: JsonObject) -> None:
        """One JSON body."""
        data = orjson.dumps(body)
        headers = [*self.headers, _JSON, (b"content-length", b"%d" % len(data))]
        if written(self._send, status, headers, data):
            return
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": data})

    async def empty(self, status: int) -> None:
        """No body."""
        headers = [*self.headers, (b"content-length", b"0")]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": b""})
