"""Clients on bare sockets and pipes: they send what they are told and keep what comes."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httptools

from gate import HERE, TOKENS, Gate

Json = dict[str, Any]
LEGACY, MODERN = "2025-11-25", "2026-07-28"
META = "io.modelcontextprotocol/"
SECONDS = 10.0
_NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}


_OPEN: list[Exchange] = []


async def leave_all() -> None:
    """Drop every connection that a test left open."""
    while _OPEN:
        _OPEN.pop().leave()
    await asyncio.sleep(0)


class Exchange:
    """One HTTP request under way, and everything that has come back."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._parser = httptools.HttpResponseParser(self)
        self._text = b""
        self._messages: list[Json] = []
        self.ids: list[str] = []
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.ended = False
        _OPEN.append(self)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode().lower()] = value.decode()

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        self.body += body
        if not self.headers.get("content-type", "").startswith("text/event-stream"):
            return
        *events, self._text = (self._text + body).split(b"\r\n\r\n")
        for event in events:
            for line in event.split(b"\r\n"):
                if line.startswith(b"data: ") and len(line) > 6:
                    self._messages.append(json.loads(line[6:]))
                elif line.startswith(b"id: "):
                    self.ids.append(line[4:].decode())

    def on_message_complete(self) -> None:
        self.ended = True
        if self.body and self.headers.get("content-type", "").startswith("application/json"):
            self._messages.append(json.loads(self.body))

    async def more(self) -> bool:
        """Read on; whether anything came."""
        async with asyncio.timeout(SECONDS):
            data = await self._reader.read(65536)
        if data:
            self._parser.feed_data(data)
        else:
            self.ended = True
        return bool(data)

    async def next(self) -> Json | None:
        """The next message; None at the end."""
        while not self._messages and not self.ended:
            await self.more()
        return self._messages.pop(0) if self._messages else None

    async def all(self) -> list[Json]:
        """Every message to the end."""
        found: list[Json] = []
        while (message := await self.next()) is not None:
            found.append(message)
        self.leave()
        return found

    async def head(self) -> int:
        """The status, as soon as the head is there."""
        while not self.status and not self.ended:
            await self.more()
        return self.status

    async def only(self) -> int:
        """The status; the rest is left."""
        status = await self.head()
        self.leave()
        return status

    def leave(self) -> None:
        """Drop the connection."""
        self._writer.transport.abort()


class Client:
    """One HTTP client of a gate: a caller, an endpoint, an era."""

    def __init__(self, gate: Gate, path: str = "/puppet/mcp", who: str = "ann", era: str = MODERN) -> None:
        self._port = gate.port
        self._path = path
        self._ids = itertools.count(1)
        self.who = who
        self.era = era
        self.session: str | None = None
        self.capabilities: Json = {}

    def headers(self) -> dict[str, str]:
        """What every request of this client carries."""
        made = {
            "host": f"127.0.0.1:{self._port}",
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            "authorization": f"Bearer {TOKENS.get(self.who, self.who)}",
        }
        if self.era == LEGACY and self.session is not None:
            made |= {"mcp-session-id": self.session, "mcp-protocol-version": LEGACY}
        return made

    async def send(self, verb: str, lines: Sequence[tuple[str, str]], body: bytes = b"") -> Exchange:
        """Exactly these header lines and this body."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=2**24)
        sized = [*lines, ("content-length", str(len(body)))]
        if any(name == "transfer-encoding" for name, _ in lines):
            sized = list(lines)
        head = "".join(f"{name}: {value}\r\n" for name, value in sized)
        writer.write(f"{verb} {self._path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body)
        return Exchange(reader, writer)

    async def begin(self, lines: Sequence[tuple[str, str]], body: bytes) -> Exchange:
        """A POST with exactly these header lines, and of its body so much; without lines, not even that."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=2**24)
        head = "".join(f"{name}: {value}\r\n" for name, value in lines)
        if lines:
            writer.write(f"POST {self._path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body)
        return Exchange(reader, writer)

    async def post(self, message: Json | bytes, **changed: str | None) -> Exchange:
        """POST a message; `changed` replaces headers (`_` for `-`), None leaves one out."""
        made: dict[str, str | None] = {**self.headers(), **self._routing(message)}
        made |= {name.replace("_", "-"): value for name, value in changed.items()}
        lines = [(name, value) for name, value in made.items() if value is not None]
        return await self.send(
            "POST", lines, message if isinstance(message, bytes) else json.dumps(message).encode()
        )

    def _routing(self, message: Json | bytes) -> dict[str, str]:
        if self.era == LEGACY:
            return {}
        asked: Json = message if isinstance(message, dict) else {"method": "tools/call"}
        made = {"mcp-protocol-version": MODERN, "mcp-method": str(asked.get("method"))}
        params: Json = asked.get("params") or {}
        named: str = params.get(_NAMED.get(str(asked.get("method")), ""), "echo")
        return {**made, "mcp-name": named} if asked.get("method") in _NAMED else made

    def request(self, method: str, params: Json | None = None, ident: object = None, **meta: object) -> Json:
        """A request in this client's era."""
        given = dict(params or {})
        if self.era == MODERN:
            own = {"protocolVersion": MODERN, "clientCapabilities": self.capabilities}
            meta = {**{META + key: value for key, value in own.items()}, **meta}
        if meta:
            given["_meta"] = meta
        return {
            "jsonrpc": "2.0",
            "id": next(self._ids) if ident is None else ident,
            "method": method,
            "params": given,
        }

    async def ask(self, method: str, params: Json | None = None, **changed: str | None) -> Json:
        """A request, and the last message of its answer."""
        found = await (await self.post(self.request(method, params), **changed)).all()
        return found[-1] if found else {}

    async def open(self, capabilities: Json | None = None) -> Client:
        """The handshake of the legacy era; nothing in the modern one."""
        self.capabilities = capabilities or {}
        if self.era == MODERN:
            return self
        params = {
            "protocolVersion": LEGACY,
            "capabilities": self.capabilities,
            "clientInfo": {"name": "wires", "version": "1"},
        }
        exchange = await self.post(self.request("initialize", params))
        answers = await exchange.all()
        assert "result" in answers[-1], answers
        self.session = exchange.headers.get("mcp-session-id")
        await self.tell("notifications/initialized")
        return self

    async def tell(self, method: str, params: Json | None = None) -> int:
        """A notification; its status."""
        exchange = await self.post({"jsonrpc": "2.0", "method": method, "params": params or {}})
        await exchange.all()
        return exchange.status

    async def start(
        self, name: str, arguments: Json | None = None, ident: object = None, **meta: object
    ) -> Exchange:
        """A tool call whose answer is not waited for."""
        params = {"name": name, "arguments": arguments or {}}
        return await self.post(self.request("tools/call", params, ident, **meta))

    async def call(self, name: str, arguments: Json | None = None, **more: object) -> Json:
        """A tool call and its answer; `more` goes beside name and arguments."""
        return await self.ask("tools/call", {"name": name, "arguments": arguments or {}, **more})

    async def listen(self, last: str | None = None) -> Exchange:
        """The GET stream of a legacy session."""
        lines = [*self.headers().items(), *([("last-event-id", last)] if last else [])]
        return await self.send("GET", lines)


class Piped:
    """One client of a stdio front."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self._ids = itertools.count(1)
        self.heard: list[Json] = []

    def write(self, message: Json | bytes) -> None:
        """One line."""
        assert self.process.stdin is not None
        self.process.stdin.write(
            message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n"
        )

    async def until(self, wanted: Callable[[Json], bool]) -> Json:
        """The first message that fits; the others are kept in `heard`."""
        assert self.process.stdout is not None
        async with asyncio.timeout(SECONDS):
            while line := await self.process.stdout.readline():
                message: Json = json.loads(line)
                if wanted(message):
                    return message
                self.heard.append(message)
        raise EOFError("standard output was closed")

    async def ask(
        self, method: str, params: Json | None = None, modern: bool = False, ident: object = None
    ) -> Json:
        """A request and its answer."""
        ident = next(self._ids) if ident is None else ident
        self.write(piped_request(method, params, modern, ident))
        return await self.until(lambda message: message.get("id") == ident and "method" not in message)

    async def open(self, capabilities: Json | None = None) -> Json:
        """The handshake of the legacy era."""
        info = {"name": "wires", "version": "1"}
        params = {"protocolVersion": LEGACY, "capabilities": capabilities or {}, "clientInfo": info}
        answer = await self.ask("initialize", params)
        self.write({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return answer


def piped_request(
    method: str, params: Json | None, modern: bool, ident: object, caps: Json | None = None
) -> Json:
    """A request as a stdio client writes it."""
    given = dict(params or {})
    if modern:
        own = {"protocolVersion": MODERN, "clientCapabilities": caps or {}}
        given["_meta"] = {**{META + key: value for key, value in own.items()}, **(given.get("_meta") or {})}
    return {"jsonrpc": "2.0", "id": ident, "method": method, "params": given}


@asynccontextmanager
async def spoken(
    command: Sequence[str], home: Path, variables: Mapping[str, str] | None = None
) -> AsyncGenerator[Piped]:
    """A stdio front as a process; killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**26,
        env={
            "PATH": "/usr/bin:/bin",
            "TOOLGATE_HOME": str(home),
            "PYTHONPATH": str(HERE),
            **(variables or {}),
        },
    )
    try:
        yield Piped(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def words(answer: Json) -> str:
    """The text of a tool's answer."""
    return "".join(block.get("text", "") for block in answer.get("result", {}).get("content", []))


def reason(answer: Json) -> str:
    """Why toolgate refused or withheld, empty where it did not."""
    data: Json = answer.get("error", {}).get("data") or {}
    meta: Json = answer["result"].get("_meta") or {} if "result" in answer else data
    verdict: Json = meta.get("toolgate/verdict") or {}
    return str(verdict.get("reason", ""))
