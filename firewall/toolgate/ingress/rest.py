"""Everything HTTP that is not MCP: health, and where to get a token (RFC 9728)."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from toolgate.ingress.identity import Identity


def rest(identity: Identity) -> Starlette:
    """The application behind the MCP endpoints."""

    async def health(_: Request) -> Response:
        return PlainTextResponse("ok")

    async def metadata(request: Request) -> Response:
        found = identity.metadata("/" + request.path_params.get("path", ""))
        return JSONResponse(found) if found is not None else PlainTextResponse("Not found", 404)

    return Starlette(
        routes=[
            Route("/healthz", health),
            Route("/.well-known/oauth-protected-resource", metadata),
            Route("/.well-known/oauth-protected-resource/{path:path}", metadata),
        ]
    )
