"""A reverse proxy on bare asyncio protocols, httptools on both sides: the floor for Python code."""

from __future__ import annotations

import asyncio
import os
import sys
from urllib.parse import urlsplit

import httptools
import uvloop

from rawclient import Pool

PARTS = urlsplit(os.environ["UPSTREAM"])
START = f"POST {PARTS.path} HTTP/1.1\r\nhost: {PARTS.netloc}\r\n".encode()
DROP = {b"host", b"content-length", b"connection", b"transfer-encoding", b"accept-encoding"}
POOL = Pool(PARTS.hostname, PARTS.port)


class Server(asyncio.Protocol):
    """One client connection, one request at a time (no pipelining)."""

    def connection_made(self, transport):
        self.transport = transport
        self.loop = asyncio.get_running_loop()
        self.parser = httptools.HttpRequestParser(self)
        self.reset()

    def reset(self):
        self.headers = []
        self.chunks = []

    def data_received(self, data):
        self.parser.feed_data(data)

    def on_url(self, url):
        self.url = url

    def on_header(self, name, value):
        self.headers.append((name, value))

    def on_body(self, data):
        self.chunks.append(data)

    def on_message_complete(self):
        self.task = self.loop.create_task(self.forward(self.headers, b"".join(self.chunks)))
        self.reset()

    async def forward(self, headers, body):
        head = START + b"".join(k + b": " + v + b"\r\n" for k, v in headers if k.lower() not in DROP)
        status, out, data = await POOL.request(head, body)
        keep = b"".join(
            k + b": " + v + b"\r\n" for k, v in out if k.lower() in (b"content-type", b"mcp-session-id")
        )
        self.transport.write(
            b"HTTP/1.1 %d OK\r\n%bcontent-length: %d\r\n\r\n" % (status, keep, len(data)) + data
        )


async def main():
    workers = int(os.environ.get("WORKERS", "1"))
    for _ in range(workers - 1):
        if os.fork() == 0:
            break
    server = await asyncio.get_running_loop().create_server(
        Server, "127.0.0.1", int(sys.argv[1]), backlog=1024, reuse_port=True
    )
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
