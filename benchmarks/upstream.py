"""Cheap MCP upstream for benchmarks: one `echo` tool over Streamable HTTP or stdio.

Speaks both protocol eras on the same port:
  * 2025-11-25 and older: `initialize`, an `Mcp-Session-Id`, then calls;
  * 2026-07-28: stateless calls carrying the per-request `_meta` envelope.

Answers are prepared at start, so a call costs one JSON parse and one write and
the upstream is not the bottleneck. `--sse` answers POSTs as an event stream,
`--delay-ms` adds a fixed wait to each tool call.

    python upstream.py --port 9300
    python upstream.py --stdio
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import uuid

import orjson

from payloads import RESULTS, TOOL

MODERN = "2026-07-28"
HANDSHAKE = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
INFO = {"name": "bench-upstream", "version": "1"}
CAPS = {"tools": {}}
CACHE = {"ttlMs": 60000, "cacheScope": "public", "resultType": "complete"}


def _call_result(text: str, modern: bool) -> bytes:
    result: dict = {"content": [{"type": "text", "text": text}], "isError": False}
    if modern:
        result["resultType"] = "complete"
    return orjson.dumps(result)


CALLS = {
    (name, modern): _call_result(text, modern) for name, text in RESULTS.items() for modern in (False, True)
}


def answer(msg: dict, modern: bool) -> bytes | None:
    """The JSON-RPC reply to one message, or None for a notification."""
    if "id" not in msg:
        return None
    rid = orjson.dumps(msg["id"])
    method = msg.get("method")
    params = msg.get("params") or {}
    if method == "tools/call":
        if params.get("name") != TOOL["name"]:
            return _error(rid, -32602, "Unknown tool")
        profile = (params.get("arguments") or {}).get("profile", "small")
        body = CALLS.get((profile, modern)) or CALLS["small", modern]
    elif method == "tools/list":
        body = orjson.dumps({"tools": [TOOL], **(CACHE if modern else {})})
    elif method == "initialize":
        asked = params.get("protocolVersion")
        version = asked if asked in HANDSHAKE else HANDSHAKE[0]
        body = orjson.dumps({"protocolVersion": version, "capabilities": CAPS, "serverInfo": INFO})
    elif method == "server/discover":
        body = orjson.dumps(
            {"supportedVersions": [MODERN], "capabilities": CAPS, "serverInfo": INFO, **CACHE}
        )
    elif method == "ping":
        body = b"{}"
    else:
        return _error(rid, -32601, "Method not found")
    return b'{"jsonrpc":"2.0","id":' + rid + b',"result":' + body + b"}"


def _error(rid: bytes, code: int, message: str) -> bytes:
    return (
        b'{"jsonrpc":"2.0","id":'
        + rid
        + b',"error":'
        + orjson.dumps({"code": code, "message": message})
        + b"}"
    )


class HttpUpstream(asyncio.Protocol):
    """A keep-alive HTTP/1.1 server for small trusted requests (Content-Length or chunked bodies)."""

    sse = False
    delay = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while self.buffer:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self.buffer[: end + 2]
            lower = head.lower()
            start = end + 4
            if b"\r\ntransfer-encoding: chunked" in lower:
                taken = _chunked(self.buffer, start)
                if taken is None:
                    return
                body, stop = taken
            else:
                at = lower.find(b"\r\ncontent-length:")
                length = int(lower[at + 17 : lower.index(b"\r\n", at + 17)]) if at >= 0 else 0
                stop = start + length
                if len(self.buffer) < stop:
                    return
                body = self.buffer[start:stop]
            self.buffer = self.buffer[stop:]
            self.handle(head, lower, body)

    def handle(self, head: bytes, lower: bytes, body: bytes) -> None:
        if not head.startswith(b"POST"):
            status = b"200 OK" if head.startswith(b"DELETE") else b"405 Method Not Allowed"
            self.transport.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")
            return
        try:
            msg = orjson.loads(body)
        except orjson.JSONDecodeError:
            self.transport.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            return
        modern = b"\r\nmcp-protocol-version: 2026-07-28" in lower
        reply = answer(msg, modern)
        if reply is None:
            self.transport.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
            return
        extra = b""
        if msg.get("method") == "initialize":
            extra = b"Mcp-Session-Id: " + uuid.uuid4().hex.encode() + b"\r\n"
        if self.sse:
            reply = b"event: message\r\ndata: " + reply + b"\r\n\r\n"
            kind = b"text/event-stream"
        else:
            kind = b"application/json"
        out = (
            b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\n%bContent-Length: %d\r\n\r\n" % (kind, extra, len(reply))
            + reply
        )
        if self.delay and msg.get("method") == "tools/call":
            asyncio.get_running_loop().call_later(self.delay, self.transport.write, out)
        else:
            self.transport.write(out)


def _chunked(buffer: bytes, pos: int) -> tuple[bytes, int] | None:
    parts = []
    while True:
        eol = buffer.find(b"\r\n", pos)
        if eol < 0:
            return None
        size = int(buffer[pos:eol].split(b";")[0], 16)
        if len(buffer) < eol + 4 + size:
            return None
        parts.append(buffer[eol + 2 : eol + 2 + size])
        pos = eol + 4 + size
        if size == 0:
            return b"".join(parts), pos


async def serve_http(host: str, port: int) -> None:
    server = await asyncio.get_running_loop().create_server(HttpUpstream, host, port, backlog=1024)
    await server.serve_forever()


def serve_stdio() -> None:
    out = sys.stdout.buffer
    for line in sys.stdin.buffer:
        if not line.strip():
            continue
        msg = orjson.loads(line)
        meta = (msg.get("params") or {}).get("_meta") or {}
        reply = answer(msg, meta.get("io.modelcontextprotocol/protocolVersion") == MODERN)
        if reply is not None:
            out.write(reply + b"\n")
            out.flush()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9300)
    parser.add_argument("--stdio", action="store_true")
    parser.add_argument("--sse", action="store_true")
    parser.add_argument("--delay-ms", type=float, default=0)
    args = parser.parse_args()
    if args.stdio:
        serve_stdio()
        return
    HttpUpstream.sse = args.sse
    HttpUpstream.delay = args.delay_ms / 1000
    try:
        import uvloop

        uvloop.run(serve_http(args.host, args.port))
    except ImportError:
        asyncio.run(serve_http(args.host, args.port))


if __name__ == "__main__":
    main()
