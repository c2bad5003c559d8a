"""The puppet behind HTTP, on bare sockets, so that it can break HTTP too."""

from __future__ import annotations

import asyncio
import json
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from upstreams.puppet import MODERN, Puppet
from upstreams.tricks import TRICKS

Json = dict[str, Any]
_EVENTS = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


@dataclass(slots=True)
class Known:
    """One legacy session: its GET streams, and answers waiting to be fetched by event id."""

    streams: list[asyncio.Queue[Json]] = field(default_factory=list[asyncio.Queue[Json]])
    kept: dict[str, Json] = field(default_factory=dict[str, Json])


class PostWire:
    """The response to one POST: JSON, or events as soon as something comes before the answer."""

    def __init__(self, sessions: dict[str, Known], session: str, writer: asyncio.StreamWriter) -> None:
        self.session = session
        self._sessions = sessions
        self._writer = writer
        self._streaming = False
        self.done = asyncio.Event()

    async def say(self, message: Json) -> None:
        if not self._streaming:
            self._streaming = True
            self._writer.write(_EVENTS.encode())
        chunk(self._writer, event(message))
        with suppress(ConnectionError):
            await self._writer.drain()

    async def answer(self, message: Json) -> None:
        if self._streaming:
            await self.say(message)
            self._writer.write(b"0\r\n\r\n")
        else:
            extra = f"mcp-session-id: {self.session}\r\n" if self.session else ""
            status = "400 Bad Request" if "error" in message else "200 OK"
            respond(self._writer, status, json.dumps(message).encode(), extra)
        self.done.set()

    async def aside(self, message: Json) -> None:
        known = self._sessions.get(self.session)
        for queue in known.streams if known else ():
            queue.put_nowait(message)

    async def trick(self, how: str, request_id: object) -> bool:
        if how == "poll":
            result = {"content": [{"type": "text", "text": "resumed"}]}
            self._sessions[self.session].kept["e-1"] = {"jsonrpc": "2.0", "id": request_id, "result": result}
            self._writer.write(_EVENTS.encode())
            chunk(self._writer, b"id: e-1\r\nretry: 10\r\ndata: \r\n\r\n")
            self._writer.write(b"0\r\n\r\n")
            self.done.set()
            return True
        trick = TRICKS.get(how)
        if trick is None:
            return False
        with suppress(ConnectionError):
            await trick(self._writer, request_id)
        self.done.set()
        return True


def event(message: Json, ident: str = "") -> bytes:
    """One server-sent event."""
    named = f"id: {ident}\r\n" if ident else ""
    return f"event: message\r\n{named}data: {json.dumps(message)}\r\n\r\n".encode()


def chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    """One chunk of a chunked body."""
    writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")


def respond(writer: asyncio.StreamWriter, status: str, body: bytes, extra: str = "") -> None:
    """A whole response with a JSON body."""
    head = (
        f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n{extra}\r\n"
    )
    writer.write(head.encode() + body)


async def serve(puppet: Puppet, port: int) -> None:
    """Serve until killed."""
    sessions: dict[str, Known] = {}

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                await _exchange(puppet, sessions, reader, writer)

    server = await asyncio.start_server(connected, "127.0.0.1", port, backlog=256)
    async with server:
        await server.serve_forever()


async def _exchange(
    puppet: Puppet, sessions: dict[str, Known], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    pairs = (line.split(": ", 1) for line in head[1:] if ": " in line)
    headers = {key.lower(): value for key, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    verb, session = head[0].split(" ")[0], headers.get("mcp-session-id", "")
    puppet.note("http", verb=verb, headers=headers)
    if verb == "GET":
        await _get(sessions, session, headers.get("last-event-id"), writer)
        return
    if verb == "DELETE":
        sessions.pop(session, None)
        respond(writer, "200 OK", b"{}")
        return
    message = json.loads(body)
    modern = headers.get("mcp-protocol-version") == MODERN
    if message.get("method") == "initialize" and puppet.era != "modern":
        session = secrets.token_hex(8)
        sessions[session] = Known()
    elif not modern and puppet.era != "modern" and session not in sessions:
        respond(writer, "404 Not Found" if session else "400 Bad Request", b'{"oops":1}')
        return
    wire = PostWire(sessions, session, writer)
    if puppet.hear(message, wire) is None:
        respond(writer, "202 Accepted", b"")
    else:
        await _watched(puppet, message, wire, reader)


async def _watched(puppet: Puppet, message: Json, wire: PostWire, reader: asyncio.StreamReader) -> None:
    while not wire.done.is_set():
        if reader.at_eof() or reader.exception() is not None:
            puppet.gone(wire.session, message["id"])
            raise ConnectionResetError
        with suppress(TimeoutError):
            await asyncio.wait_for(wire.done.wait(), 0.02)


async def _get(
    sessions: dict[str, Known], session: str, last: str | None, writer: asyncio.StreamWriter
) -> None:
    known = sessions.get(session)
    if known is None:
        respond(writer, "404 Not Found", b'{"oops":1}')
        return
    writer.write(_EVENTS.encode())
    if last in known.kept:
        chunk(writer, event(known.kept.pop(last), "e-2"))
        writer.write(b"0\r\n\r\n")
        return
    queue: asyncio.Queue[Json] = asyncio.Queue()
    known.streams.append(queue)
    while True:
        chunk(writer, event(await queue.get()))
        await writer.drain()
