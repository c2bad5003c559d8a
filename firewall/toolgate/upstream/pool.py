"""A keep-alive HTTP/1.1 client for one origin: asyncio protocols and an httptools parser."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from typing import cast
from urllib.parse import urlsplit

import httptools

from toolgate.errors import UpstreamDown

MAX_BODY = 64 * 1024 * 1024
MAX_HEADERS = 64 * 1024
_MOST_READ = MAX_HEADERS + 256 * 1024  # what comes with one read beside the headers
_IDLE_SECONDS = 4.0  # shorter than the keep-alive of common servers, so that no call meets a closing one
_HIGH_WATER = 1024 * 1024


class Answer:
    """One HTTP response. `body` is whole unless `streaming`, in which case `chunk()` gives the parts."""

    __slots__ = (
        "_connection",
        "_done",
        "_parts",
        "_size",
        "_waiter",
        "body",
        "headers",
        "status",
        "streaming",
    )

    def __init__(
        self, connection: _Connection, status: int, headers: dict[str, str], streaming: bool
    ) -> None:
        self._connection = connection
        self.status = status
        self.headers = headers
        self.streaming = streaming
        self.body = b""
        self._parts: list[bytes] = []
        self._size = 0
        self._done: bool | UpstreamDown = False
        self._waiter: asyncio.Future[None] | None = None

    async def chunk(self) -> bytes | None:
        """The bytes that came since the last call; None at the end. Raises UpstreamDown if it broke off."""
        while not self._parts:
            if isinstance(self._done, UpstreamDown):
                raise self._done
            if self._done:
                return None
            self._waiter = self._connection.loop.create_future()
            await self._waiter
        data = b"".join(self._parts)
        self._parts.clear()
        self._size = 0
        self._connection.resume()
        return data

    def close(self) -> None:
        """Drop the connection unless the response has ended; over HTTP this is how a call is cancelled."""
        if self._done is False:
            self._connection.abort()

    def feed(self, data: bytes) -> None:
        self._parts.append(data)
        self._size += len(data)
        if self._size > _HIGH_WATER:
            self._connection.pause()
        self._wake()

    def finish(self, why: UpstreamDown | None) -> None:
        if self._done is False:
            self._done = why or True
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class _Connection(asyncio.Protocol):
    """One connection, one exchange at a time."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.alive = False
        self.idle_since = 0.0
        self._future: asyncio.Future[Answer] | None = None
        self._answer: Answer | None = None
        self._over = False
        self.loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.alive = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.alive = False
        if exc is None and self._answer is not None and not _delimited(self._headers):
            self.on_message_complete()  # RFC 9112 section 6.3: such a body ends with the connection
        self._fail(UpstreamDown(f"{self._pool.name}: the connection closed before the answer ended"))

    def exchange(self, request: bytes) -> asyncio.Future[Answer]:
        """Send a request; the future resolves when the answer is whole, or at its head if it streams."""
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._header_bytes = 0
        self._chunks: list[bytes] = []
        self._size = 0
        self._answer = None
        self._over = self._extra = False
        self._future = self.loop.create_future()
        self._transport.write(request)
        return self._future

    def data_received(self, data: bytes) -> None:
        if self._future is None and self._answer is None:
            self.abort()  # bytes nobody asked for: the peer is not speaking HTTP as we know it
            return
        if self._answer is None:
            self._header_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._fail(UpstreamDown(f"{self._pool.name}: found no HTTP response, expected one"))
            self.abort()
        if self._answer is None and not self._over and self._header_bytes > _MOST_READ:
            self._too_many_headers()
        if self._over:
            self._done()

    def _done(self) -> None:
        """Keep the connection, unless it said more than it was asked: that would answer somebody else."""
        if self.alive and not self._extra and self._keep:
            self._pool.give_back(self)
        else:
            self.abort()

    def on_message_begin(self) -> None:
        self._extra = self._over

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._over:
            return
        if len(name) + len(value) + len(self._headers) * 32 > MAX_HEADERS:
            self._too_many_headers()
            return
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1").strip()

    def _too_many_headers(self) -> None:
        self._fail(UpstreamDown(f"{self._pool.name}: response headers beyond {MAX_HEADERS} bytes"))
        self.abort()

    def on_headers_complete(self) -> None:
        if self._over or self._parser.get_status_code() < 200:
            return
        streaming = self._headers.get("content-type", "").startswith("text/event-stream")
        status = self._parser.get_status_code()
        self._answer = Answer(self, status, self._headers, streaming)
        if streaming:
            self._resolve(self._answer)

    def on_body(self, body: bytes) -> None:
        answer = self._answer
        if answer is None:
            return
        if answer.streaming:
            answer.feed(body)
            return
        self._size += len(body)
        if self._size > MAX_BODY:
            self._fail(UpstreamDown(f"{self._pool.name}: response body beyond {MAX_BODY} bytes"))
            self.abort()
            return
        self._chunks.append(body)

    def on_message_complete(self) -> None:
        answer = self._answer
        if answer is None:
            self._headers = {}  # an interim response, or one too many
            return
        self._answer, self._over, self._keep = None, True, self._parser.should_keep_alive()
        if not answer.streaming:
            answer.body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        answer.finish(None)
        self._resolve(answer)

    def pause(self) -> None:
        if self.alive:
            self._transport.pause_reading()

    def resume(self) -> None:
        if self.alive and not self._transport.is_reading():
            self._transport.resume_reading()

    def abort(self) -> None:
        if self.alive:
            self.alive = False
            self._transport.abort()

    def _resolve(self, answer: Answer) -> None:
        future, self._future = self._future, None
        if future is not None and not future.done():
            future.set_result(answer)

    def _fail(self, why: UpstreamDown) -> None:
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.finish(why)
        future, self._future = self._future, None
        if future is not None and not future.done():
            future.set_exception(why)


def _delimited(headers: Mapping[str, str]) -> bool:
    return "content-length" in headers or "chunked" in headers.get("transfer-encoding", "").lower()


class Pool:
    """Idle connections to one origin, last used first. `headers` go with every request."""

    def __init__(
        self, name: str, url: str, headers: Mapping[str, str], connect_timeout: float = 10.0
    ) -> None:
        parts = urlsplit(url)
        self.name = name
        self._host = parts.hostname or ""
        secure = parts.scheme == "https"
        self._port = parts.port or (443 if secure else 80)
        self._ssl = ssl.create_default_context() if secure else None
        self._connect_timeout = connect_timeout
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        extra = "".join(f"{key}: {value}\r\n" for key, value in headers.items())
        self._start = f" {path} HTTP/1.1\r\nhost: {parts.netloc.rpartition('@')[2]}\r\n{extra}".encode(
            "latin-1"
        )
        self._idle: list[_Connection] = []

    async def send(self, method: bytes, headers: bytes, body: bytes) -> Answer:
        """One exchange. `headers` are whole lines. Raises UpstreamDown; cancelling drops the connection."""
        connection = self._take() or await self._connect()
        request = b"%b%b%bcontent-length: %d\r\n\r\n%b" % (method, self._start, headers, len(body), body)
        future = connection.exchange(request)
        try:
            return await future
        except asyncio.CancelledError:
            connection.abort()
            raise

    def give_back(self, connection: _Connection) -> None:
        connection.idle_since = connection.loop.time()
        self._idle.append(connection)

    def close(self) -> None:
        """Close every idle connection."""
        while self._idle:
            self._idle.pop().abort()

    def _take(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.alive and connection.idle_since > connection.loop.time() - _IDLE_SECONDS:
                return connection
            connection.abort()
        return None

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        made = loop.create_connection(lambda: _Connection(self), self._host, self._port, ssl=self._ssl)
        try:
            _, connection = await asyncio.wait_for(made, self._connect_timeout)
        except TimeoutError:
            raise UpstreamDown(f"{self.name}: no connection within {self._connect_timeout:g} s") from None
        except OSError as error:
            raise UpstreamDown(f"{self.name}: cannot connect ({type(error).__name__})") from error
        return connection
