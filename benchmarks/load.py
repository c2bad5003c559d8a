"""Closed-loop MCP load over raw HTTP/1.1 connections.

Each connection keeps exactly one `tools/call` in flight. No futures, no HTTP
client library: one httptools parser per connection and callbacks only, so the
client costs a few tens of microseconds per call.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httptools
import orjson

from payloads import arguments

MODERN = "2026-07-28"
CLIENT = {"name": "bench", "version": "1"}


@dataclass
class Stats:
    """What one measured window saw."""

    latencies: list[float] = field(default_factory=list)
    answered: int = 0  # also those after the window closed, whose CPU time was spent too
    errors: int = 0
    first_error: str = ""
    seconds: float = 0.0

    def quantile(self, q: float) -> float:
        data = sorted(self.latencies)
        return data[min(len(data) - 1, int(q * len(data)))] if data else float("nan")


class Connection(asyncio.Protocol):
    """One keep-alive connection running a session and then calls back to back."""

    def __init__(self, load: Load, number: int) -> None:
        self.load = load
        self.base = number * 10_000_000
        self.count = 0
        self.waiter: asyncio.Future | None = None
        self.session: str | None = None
        self.closed = False
        self.in_call = False

    # -- transport -------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._reset()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        if self.waiter:
            if not self.waiter.done():
                self.waiter.set_result((0, [], b"connection closed"))
        elif self.in_call:
            self.in_call = False
            self.load.fail("connection closed")
            self.load.idle()

    def _reset(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.chunks: list[bytes] = []
        self.headers: list[tuple[bytes, bytes]] = []

    def data_received(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError as exc:
            self.load.fail(f"parse: {exc}")
            self.transport.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_body(self, data: bytes) -> None:
        self.chunks.append(data)

    def on_message_complete(self) -> None:
        status, body, headers = self.parser.get_status_code(), b"".join(self.chunks), self.headers
        self._reset()
        if self.waiter:
            waiter, self.waiter = self.waiter, None
            if not waiter.done():
                waiter.set_result((status, headers, body))
            return
        now = time.perf_counter()
        load = self.load
        load.stats.answered += 1
        if now <= load.stop_at:
            problem = self._check(status, body)
            if problem:
                load.fail(problem)
            else:
                load.stats.latencies.append(now - self.sent_at)
            self.next_call()
        else:
            self.in_call = False
            load.idle()

    def _check(self, status: int, body: bytes) -> str:
        if status != 200:
            return f"status {status}: {body[:200]!r}"
        if b'"result"' not in body or b'"isError":true' in body or b'"isError": true' in body:
            return f"no result: {body[:300]!r}"
        if len(body) < self.load.min_size:
            return f"short result ({len(body)} B): {body[:200]!r}"
        if self.count % 64 == 1 and _message(body).get("id") != self.base + self.count:
            return f"wrong id: {body[:200]!r}"
        return ""

    # -- requests --------------------------------------------------------
    def send(self, message: dict, name: str = "") -> None:
        load = self.load
        params = message.setdefault("params", {})
        head = load.head
        if load.era == MODERN:
            params["_meta"] = {
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientInfo": CLIENT,
                "io.modelcontextprotocol/clientCapabilities": {},
            }
            head += f"MCP-Protocol-Version: {MODERN}\r\nMcp-Method: {message['method']}\r\n"
            if name:
                head += f"Mcp-Name: {name}\r\n"
        elif message["method"] != "initialize":
            head += f"MCP-Protocol-Version: {load.era}\r\n"
            if self.session:
                head += f"Mcp-Session-Id: {self.session}\r\n"
        body = orjson.dumps(message)
        self.transport.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    async def request(self, message: dict) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        self.waiter = asyncio.get_running_loop().create_future()
        self.send(message)
        return await asyncio.wait_for(self.waiter, 30)

    async def open_session(self) -> None:
        if self.load.era == MODERN:
            return
        params = {"protocolVersion": self.load.era, "capabilities": {}, "clientInfo": CLIENT}
        status, headers, body = await self.request(
            {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}
        )
        if status != 200:
            raise RuntimeError(f"initialize: status {status} {body[:300]!r}")
        for key, value in headers:
            if key.lower() == b"mcp-session-id":
                self.session = value.decode()
        status, _, body = await self.request({"jsonrpc": "2.0", "method": "notifications/initialized"})
        if status not in (200, 202):
            raise RuntimeError(f"initialized: status {status} {body[:300]!r}")

    def next_call(self) -> None:
        self.count += 1
        load = self.load
        self.sent_at = time.perf_counter()
        self.send(
            {
                "jsonrpc": "2.0",
                "id": self.base + self.count,
                "method": "tools/call",
                "params": {"name": load.tool, "arguments": load.arguments},
            },
            load.tool,
        )


def _message(body: bytes) -> dict:
    """The JSON-RPC response in a JSON or event-stream body."""
    if not body.lstrip().startswith(b"{"):
        for line in body.splitlines():
            if line.startswith(b"data:") and b'"result"' in line:
                return orjson.loads(line[5:])
        return {}
    return orjson.loads(body)


class Load:
    """A set of open connections against one endpoint, measured window by window."""

    def __init__(
        self,
        url: str,
        era: str,
        profile: str,
        connections: int,
        tool: str = "echo",
        headers: dict[str, str] | None = None,
    ) -> None:
        parts = urlsplit(url)
        self.address = parts.hostname or "127.0.0.1", parts.port or 80
        extra = "".join(f"{k}: {v}\r\n" for k, v in (headers or {}).items())
        self.head = (
            f"POST {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
            f"Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n{extra}"
        )
        self.era, self.tool = era, tool
        self.arguments = arguments(profile)
        self.min_size = {"small": 150, "medium": 1200, "large": 40_000}[profile]
        self.wanted = connections
        self.connections: list[Connection] = []
        self.stats = Stats()
        self.stop_at = 0.0

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        for number in range(1, self.wanted + 1):
            _, conn = await loop.create_connection(lambda n=number: Connection(self, n), *self.address)
            self.connections.append(conn)
            await conn.open_session()

    async def close(self) -> None:
        """End the sessions and the connections."""
        for conn in self.connections:
            conn.in_call = False
            if conn.session and not conn.closed:
                conn.transport.write(
                    (
                        self.head.replace("POST", "DELETE", 1) + f"Mcp-Session-Id: {conn.session}\r\n"
                        f"MCP-Protocol-Version: {self.era}\r\nContent-Length: 0\r\n\r\n"
                    ).encode()
                )
                conn.waiter = asyncio.get_running_loop().create_future()
        waiting = [c.waiter for c in self.connections if c.waiter and not c.closed]
        if waiting:
            await asyncio.wait(waiting, timeout=1)
        for conn in self.connections:
            conn.transport.close()

    def fail(self, problem: str) -> None:
        self.stats.errors += 1
        self.stats.first_error = self.stats.first_error or problem

    def idle(self) -> None:
        self.running -= 1
        if not self.running and not self.done.done():
            self.done.set_result(None)

    async def run(self, seconds: float, grace: float = 30.0) -> Stats:
        """Call on every connection for `seconds`; calls still in flight then are waited for, not counted."""
        self.stats = stats = Stats()
        live = [c for c in self.connections if not c.closed]
        if not live:
            stats.errors, stats.first_error = 1, "no live connection"
            return stats
        self.running = len(live)
        self.done = asyncio.get_running_loop().create_future()
        start = time.perf_counter()
        self.stop_at = start + seconds
        for conn in live:
            conn.in_call = True
            conn.next_call()
        try:
            await asyncio.wait_for(asyncio.shield(self.done), seconds + grace)
        except TimeoutError:
            self.fail("calls still unanswered after the grace period")
        stats.seconds = seconds
        return stats
