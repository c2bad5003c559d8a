"""The naive proxy: the mcp SDK's client and low-level server glued together, JSON responses."""

from __future__ import annotations

import contextlib
import os
import sys

import uvicorn
from mcp import Client
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.types import CallToolRequestParams, PaginatedRequestParams
from starlette.applications import Starlette
from starlette.routing import Mount

UPSTREAM = os.environ["UPSTREAM"]
MODE = os.environ.get("MODE", "auto")
STATELESS = os.environ.get("STATELESS") == "1"


async def list_tools(ctx, params: PaginatedRequestParams | None):
    return await app.state.client.list_tools()


async def call_tool(ctx, params: CallToolRequestParams):
    return await app.state.client.call_tool(params.name, params.arguments)


server = Server("sdk-proxy", on_list_tools=list_tools, on_call_tool=call_tool)
manager = StreamableHTTPSessionManager(app=server, json_response=True, stateless=STATELESS)


@contextlib.asynccontextmanager
async def lifespan(app):
    async with Client(UPSTREAM, mode=MODE) as client, manager.run():
        app.state.client = client
        yield


app = Starlette(routes=[Mount("/", app=manager.handle_request)], lifespan=lifespan)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)
