"""The puppet on standard input and output."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

from upstreams.puppet import Puppet

Json = dict[str, Any]
_STRAYS: tuple[object, ...] = (999, "999", None, True, 1.5, {}, -1)


class PipeWire:
    """Everything goes to the one standard output."""

    session = "pipe"

    async def say(self, message: Json) -> None:
        write(json.dumps(message).encode() + b"\n")

    async def answer(self, message: Json) -> None:
        await self.say(message)

    async def aside(self, message: Json) -> None:
        await self.say(message)

    async def trick(self, how: str, request_id: object) -> bool:
        result = {"content": [{"type": "text", "text": how}]}
        good = json.dumps({"jsonrpc": "2.0", "id": request_id, "result": result}).encode() + b"\n"
        noise = {
            "noise": b"listening on port 1\n\xff\xfe\x00\n[1,2]\n17\n{]\n" + good,
            "wrong-ids": b"".join(_answer(ident) for ident in _STRAYS) + good,
            "twice": good + good.replace(b"twice", b"again"),
            "result-list": _answer(request_id, [1]),
            "result-null": _answer(request_id, None),
            "neither": json.dumps({"jsonrpc": "2.0", "id": request_id}).encode() + b"\n",
            "both": good.replace(b'"result"', b'"error": {"code": 1, "message": "x"}, "result"'),
            "big-integer": good.replace(b'"content"', b'"n": 99999999999999999999999, "content"'),
            "nested": good.replace(b'"content"', b'"n": ' + b"[" * 500 + b"]" * 500 + b', "content"'),
            "not-utf8": good.replace(b"not-utf8", b"\xff\xfe"),
            "very-nested": good.replace(b'"content"', b'"n": ' + b"[" * 5000 + b"]" * 5000 + b', "content"'),
            "error-text": json.dumps({"jsonrpc": "2.0", "id": request_id, "error": "no"}).encode() + b"\n",
            "giant": b'{"a":"' + b"x" * (17 * 1024 * 1024),
        }.get(how)
        if how == "partial":
            write(good[:20])
            await asyncio.sleep(0)
            noise = good[20:]
        if how == "die":
            os._exit(3)
        if how in ("silent", "deaf"):
            return True
        if noise is None:
            return False
        write(noise)
        return True


def _answer(ident: object, result: object = "not an object") -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": ident, "result": result}).encode() + b"\n"


def write(data: bytes) -> None:
    """Bytes on standard output, at once."""
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


async def serve(puppet: Puppet) -> None:
    """Read lines until standard input closes."""
    reader = asyncio.StreamReader(limit=32 * 1024 * 1024)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    wire = PipeWire()
    while line := await reader.readline():
        puppet.hear(json.loads(line), wire)
    puppet.note("ended")
