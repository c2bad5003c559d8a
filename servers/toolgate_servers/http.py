"""Serving over Streamable HTTP."""

import sys
from contextlib import suppress
from typing import Any

import uvicorn
from mcp.server.mcpserver import MCPServer


class AnnouncedServer(uvicorn.Server):
    """Writes one line to standard error once it listens, with the port it really has."""

    def __init__(self, config: uvicorn.Config, name: str) -> None:
        super().__init__(config)
        self._name = name

    async def startup(self, sockets: list[Any] | None = None) -> None:
        """Start to listen, and say so."""
        await super().startup(sockets)
        if self.started:
            port = self.servers[0].sockets[0].getsockname()[1]
            host = f"[{self.config.host}]" if ":" in self.config.host else self.config.host
            sys.stderr.write(f"{self._name}: MCP at http://{host}:{port}/mcp\n")
            sys.stderr.flush()


def serve_http(server: MCPServer[Any], host: str, port: int) -> None:
    """Serve until interrupted or terminated."""
    app = server.streamable_http_app(host=host)
    # httptools keeps blanks around header values, which MCP compares; RFC 9110 5.5 takes them away.
    config = uvicorn.Config(app, host=host, port=port, log_level="warning", http="h11")
    with suppress(KeyboardInterrupt):
        AnnouncedServer(config, server.name).run()
