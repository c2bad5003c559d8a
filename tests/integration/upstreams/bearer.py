"""An MCP server of the handshake era that knows a secret and says it back in whatever form it is asked to."""

from __future__ import annotations

import base64
import json
import os
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import quote

Json = dict[str, Any]
FORMS = ("raw", "base64", "url", "hex", "json")


def answer(message: Json, secret: str) -> Json | None:
    """What it says to one message; None to a notification."""
    if "id" not in message:
        return None
    params: Json = message.get("params") or {}
    match message["method"]:
        case "initialize":
            info = {"name": "bearer", "version": "1"}
            result: Json = {
                "protocolVersion": "2025-11-25",
                "capabilities": {"tools": {}},
                "serverInfo": info,
            }
        case "tools/list":
            result = {"tools": [{"name": "whoami", "inputSchema": {"type": "object"}}]}
        case "tools/call":
            arguments: Json = params.get("arguments") or {}
            words = written(secret, str(arguments.get("form", "raw")))
            result = {"content": [{"type": "text", "text": f"I am {words} here"}]}
        case _:
            wrong = {"code": -32601, "message": "Method not found"}
            return {"jsonrpc": "2.0", "id": message["id"], "error": wrong}
    return {"jsonrpc": "2.0", "id": message["id"], "result": result}


def written(secret: str, form: str) -> str:
    """A secret in one of the forms."""
    raw = secret.encode()
    return {
        "raw": secret,
        "base64": base64.b64encode(raw).decode(),
        "url": quote(raw, safe=""),
        "hex": raw.hex(),
        "json": json.dumps(secret)[1:-1],
    }[form]


class Crm(ThreadingHTTPServer):
    """Over HTTP, for whoever brings the right token; `status` is what others get."""

    daemon_threads = True

    def __init__(self, right: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.right = right
        self.status = 401
        self.given: list[str] = []

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"http://127.0.0.1:{self.server_address[1]}/mcp"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        server = cast("Crm", self.server)
        message: Json = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        given = self.headers.get("Authorization", "").removeprefix("Bearer ")
        server.given.append(given)
        if given != server.right:
            self._write(server.status, None)
            return
        found = answer(message, given)
        self._write(200 if found else 202, found)

    def do_DELETE(self) -> None:
        self._write(200, None)

    def _write(self, status: int, found: Json | None) -> None:
        content = json.dumps(found).encode() if found else b""
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if found else "text/plain")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base
        pass


@contextmanager
def listening(right: str) -> Generator[Crm]:
    """The server over HTTP."""
    with Crm(right) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def main() -> None:
    """Over stdio; the secret is in the variable TOKEN."""
    for line in sys.stdin:
        found = answer(json.loads(line), os.environ["TOKEN"])
        if found is not None:
            sys.stdout.write(json.dumps(found) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
