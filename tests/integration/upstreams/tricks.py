"""What a broken or hostile HTTP server does instead of answering."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

Trick = Callable[[asyncio.StreamWriter, object], Awaitable[None]]
_MIB = 1024 * 1024
_EVENTS = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def _good(ident: object, words: str = "good") -> bytes:
    result = {"content": [{"type": "text", "text": words}]}
    return json.dumps({"jsonrpc": "2.0", "id": ident, "result": result}).encode()


def _json(body: bytes, status: str = "200 OK", extra: bytes = b"") -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n".encode()
    return head + extra + b"\r\n" + body


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def _sends(*parts: Callable[[object], bytes], close: bool = False) -> Trick:
    async def act(writer: asyncio.StreamWriter, ident: object) -> None:
        for part in parts:
            writer.write(part(ident))
            await writer.drain()
        if close:
            writer.close()

    return act


async def _drops(writer: asyncio.StreamWriter, ident: object) -> None:
    writer.write(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5000\r\n\r\n" + _good(ident)
    )
    await writer.drain()
    writer.transport.abort()


async def _never_ends_an_event(writer: asyncio.StreamWriter, ident: object) -> None:
    writer.write(_EVENTS)
    while True:
        writer.write(_chunk(b"data: x\r\n"))
        await writer.drain()
        await asyncio.sleep(0.02)


async def _slow_loris(writer: asyncio.StreamWriter, ident: object) -> None:
    for byte in b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n" + b"x-slow: 1\r\n" * 10_000:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.05)


async def _silent(writer: asyncio.StreamWriter, ident: object) -> None:
    await asyncio.Event().wait()


def _extra(ident: object) -> bytes:
    return _json(_good(ident)) + _json(_good(ident, "smuggled"))


TRICKS: dict[str, Trick] = {
    "500": _sends(
        lambda _: _json(b"oh no", "500 Internal Server Error").replace(b"application/json", b"text/plain")
    ),
    "500-json": _sends(lambda _: _json(b'{"detail":"oh no"}', "500 Internal Server Error")),
    "401": _sends(lambda _: _json(b'{"error":"unauthorized"}', "401 Unauthorized")),
    "302": _sends(lambda _: _json(b"", "302 Found", b"location: http://127.0.0.1:9/\r\n")),
    "html": _sends(lambda _: _json(b"<html>").replace(b"application/json", b"text/html")),
    "wrong-id": _sends(lambda _: _json(_good("other"))),
    "neither": _sends(lambda ident: _json(json.dumps({"jsonrpc": "2.0", "id": ident}).encode())),
    "result-list": _sends(
        lambda ident: _json(json.dumps({"jsonrpc": "2.0", "id": ident, "result": []}).encode())
    ),
    "error-text": _sends(
        lambda ident: _json(json.dumps({"jsonrpc": "2.0", "id": ident, "error": "no"}).encode())
    ),
    "big-integer": _sends(lambda ident: _json(_good(ident).replace(b'"content"', b'"n": 1e400, "content"'))),
    "extra-response": _sends(_extra),
    "interim": _sends(
        lambda _: b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n", lambda ident: _json(_good(ident))
    ),
    "until-close": _sends(
        lambda ident: b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n" + _good(ident), close=True
    ),
    "headers": _sends(
        lambda ident: _json(_good(ident), "200 OK", b"x-pad: " + b"y" * (2 * _MIB) + b"\r\n"), close=True
    ),
    "no-http": _sends(lambda _: b"220 smtp ready\r\n", close=True),
    "events-end": _sends(lambda _: _EVENTS + _chunk(b": nothing\r\n\r\n") + b"0\r\n\r\n"),
    "events-garbage": _sends(lambda _: _EVENTS + _chunk(b"data: {]\r\n\r\n") + b"0\r\n\r\n"),
    "events-wrong-id": _sends(
        lambda _: _EVENTS + _chunk(b"data: " + _good("other") + b"\r\n\r\n") + b"0\r\n\r\n"
    ),
    "events-twice": _sends(
        lambda ident: (
            _EVENTS
            + _chunk(b"data: " + _good(ident) + b"\r\n\r\ndata: " + _good(ident, "again") + b"\r\n\r\n")
            + b"0\r\n\r\n"
        )
    ),
    "events-giant": _sends(lambda _: _EVENTS + _chunk(b"data: " + b"x" * (9 * _MIB)), close=True),
    "events-endless": _never_ends_an_event,
    "drop": _drops,
    "slow-loris": _slow_loris,
    "silent": _silent,
}
