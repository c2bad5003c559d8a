"""The server behind the conformance runs: everything the suite asks for, over HTTP or stdio, in both eras.

python fixture_server.py --http 3100          # http://127.0.0.1:3100/mcp
python fixture_server.py --stdio
python fixture_server.py --stdio --only-era 2025-11-25
"""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import anyio
import mcp_types as types
import uvicorn
from mcp.server.caching import CACHEABLE_METHODS, CacheHint
from mcp.server.lowlevel.server import NotificationOptions, Server
from mcp.server.models import InitializationOptions
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.server.runner import serve_loop
from mcp.server.stdio import stdio_server
from mcp.server.subscriptions import ListenHandler
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from starlette.types import ASGIApp

from fixture_content import PROMPTS, RESOURCES, TEMPLATES, read
from fixture_eras import legacy_only, modern_only, without_handshake
from fixture_events import Audience, MemoryEventStore
from fixture_tools import TOOLS
from fixture_turn import Context, Json, run

LEGACY, MODERN = "2025-11-25", "2026-07-28"
_NAME = "toolgate-fixture"
_RETRY_MILLISECONDS = 100

ParamsT = TypeVar("ParamsT", bound=types.RequestParams)


class FixtureServer(Server[dict[str, Any]]):
    """A low-level server that announces changes of its lists in the handshake era too."""

    def create_initialization_options(
        self,
        notification_options: NotificationOptions | None = None,
        experimental_capabilities: dict[str, dict[str, Any]] | None = None,
        extensions: dict[str, dict[str, Any]] | None = None,
    ) -> InitializationOptions:
        """Declare listChanged unless the caller says otherwise."""
        announced = notification_options or NotificationOptions(True, True, True)
        return super().create_initialization_options(announced, experimental_capabilities, extensions)


def _serve(
    server: FixtureServer,
    method: str,
    params_type: type[ParamsT],
    handler: Callable[[Context, ParamsT], Awaitable[Json]],
) -> None:
    """Register a handler whose results say that they are complete, where the client's era has the word."""

    async def answer(context: Context, params: ParamsT) -> Json:
        result = await handler(context, params)
        return (
            {"resultType": "complete", **result}
            if context.protocol_version in MODERN_PROTOCOL_VERSIONS
            else result
        )

    server.add_request_handler(method, params_type, answer)


def build() -> FixtureServer:
    """The server with all its handlers."""
    audience = Audience()
    tools = TOOLS | audience.tools()

    def schema(name: str) -> Json | None:
        return tools[name].schema if name in tools else None

    hints = {method: CacheHint(ttl_ms=1000, scope="public") for method in CACHEABLE_METHODS}
    server = FixtureServer(_NAME, version="1.0.0", get_tool_input_schema=schema, cache_hints=hints)  # type: ignore[arg-type]  # the SDK's frozenset loses the literal type
    server.middleware.append(RequestStateBoundary(RequestStateSecurity.ephemeral(), default_audience=_NAME))

    async def list_tools(context: Context, params: types.PaginatedRequestParams) -> Json:
        return {"tools": [tool.listed() for tool in tools.values()]}

    async def call_tool(context: Context, params: types.CallToolRequestParams) -> Json:
        tool = tools.get(params.name)
        if tool is None:
            raise MCPError(types.INVALID_PARAMS, "Unknown tool")
        return await run(tool.handler, context, params.arguments or {})

    _serve(server, "tools/list", types.PaginatedRequestParams, list_tools)
    _serve(server, "tools/call", types.CallToolRequestParams, call_tool)
    _add_prompts(server)
    _add_resources(server)
    _add_utilities(server, audience)
    return server


def _add_prompts(server: FixtureServer) -> None:
    async def list_prompts(context: Context, params: types.PaginatedRequestParams) -> Json:
        return {"prompts": [prompt.listed() for prompt in PROMPTS.values()]}

    async def get_prompt(context: Context, params: types.GetPromptRequestParams) -> Json:
        prompt = PROMPTS.get(params.name)
        if prompt is None:
            raise MCPError(types.INVALID_PARAMS, "Unknown prompt")
        return await run(prompt.handler, context, params.arguments or {})

    async def complete(context: Context, params: types.CompleteRequestParams) -> Json:
        values = [word for word in ("test", "testing", "tested") if word.startswith(params.argument.value)]
        return {"completion": {"values": values, "total": len(values), "hasMore": False}}

    _serve(server, "prompts/list", types.PaginatedRequestParams, list_prompts)
    _serve(server, "prompts/get", types.GetPromptRequestParams, get_prompt)
    _serve(server, "completion/complete", types.CompleteRequestParams, complete)


def _add_resources(server: FixtureServer) -> None:
    async def list_resources(context: Context, params: types.PaginatedRequestParams) -> Json:
        return {"resources": RESOURCES}

    async def list_templates(context: Context, params: types.PaginatedRequestParams) -> Json:
        return {"resourceTemplates": TEMPLATES}

    async def read_resource(context: Context, params: types.ReadResourceRequestParams) -> Json:
        return read(str(params.uri), modern=context.protocol_version in MODERN_PROTOCOL_VERSIONS)

    async def nothing(context: Context, params: types.RequestParams) -> Json:
        return {}

    _serve(server, "resources/list", types.PaginatedRequestParams, list_resources)
    _serve(server, "resources/templates/list", types.PaginatedRequestParams, list_templates)
    _serve(server, "resources/read", types.ReadResourceRequestParams, read_resource)
    _serve(server, "resources/subscribe", types.SubscribeRequestParams, nothing)
    _serve(server, "resources/unsubscribe", types.UnsubscribeRequestParams, nothing)


def _add_utilities(server: FixtureServer, audience: Audience) -> None:
    async def set_level(context: Context, params: types.SetLevelRequestParams) -> Json:
        return {}

    async def initialized(context: Context, params: types.NotificationParams) -> None:
        audience.join(context.session)

    _serve(server, "logging/setLevel", types.SetLevelRequestParams, set_level)
    listen = ListenHandler(audience.bus)
    server.add_request_handler("subscriptions/listen", types.SubscriptionsListenRequestParams, listen)
    server.add_notification_handler("notifications/initialized", types.NotificationParams, initialized)


def http_app(only: str | None, *, resumable: bool = True) -> ASGIApp:
    """The server as an ASGI app, refusing the other era if one is given."""
    store, retry = (MemoryEventStore(), _RETRY_MILLISECONDS) if resumable else (None, None)
    app: ASGIApp = build().streamable_http_app(event_store=store, retry_interval=retry)
    match only:
        case None:
            return app
        case "2025-11-25":
            return legacy_only(app)
        case _:
            return modern_only(app)


async def serve_stdio(only: str | None) -> None:
    """Serve one connection on standard input and output."""
    server = build()
    options = server.create_initialization_options()
    async with stdio_server() as (incoming, outgoing):
        if only == LEGACY:
            async with server.lifespan(server) as state:
                await serve_loop(server, incoming, outgoing, lifespan_state=state, init_options=options)
        elif only == MODERN:
            async with without_handshake(incoming, outgoing) as filtered:
                await server.run(filtered, outgoing, options)
        else:
            await server.run(incoming, outgoing, options)


def main(argv: Sequence[str] | None = None) -> None:
    """Read the command line and serve until stopped."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument("--http", type=int, metavar="PORT")
    way.add_argument("--stdio", action="store_true")
    parser.add_argument("--only-era", choices=(LEGACY, MODERN))
    parser.add_argument("--no-event-store", action="store_true", help="HTTP streams that cannot be resumed")
    options = parser.parse_args(argv)
    if options.stdio:
        anyio.run(serve_stdio, options.only_era)
        return
    app = http_app(options.only_era, resumable=not options.no_event_store)
    # h11 strips blanks around header values as RFC 9110 5.5 wants; httptools keeps them.
    uvicorn.run(app, host="127.0.0.1", port=options.http, http="h11", log_level="warning")


if __name__ == "__main__":
    main()
