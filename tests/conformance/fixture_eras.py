"""How a server that speaks only one era refuses the other, over HTTP and over stdio."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, cast

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream
from mcp.shared._stream_protocols import ReadStream, WriteStream
from mcp.shared.message import SessionMessage
from mcp_types import (
    INVALID_REQUEST,
    UNSUPPORTED_PROTOCOL_VERSION,
    ErrorData,
    JSONRPCError,
    JSONRPCRequest,
)
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

Incoming = SessionMessage | Exception


def legacy_only(app: ASGIApp) -> ASGIApp:
    """Answer as servers before 2026-07-28 do: a protocol version they do not know is a bad request."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        version = Request(scope).headers.get("mcp-protocol-version") if scope["type"] == "http" else None
        if version is None or version in HANDSHAKE_PROTOCOL_VERSIONS:
            await app(scope, receive, send)
            return
        known = ", ".join(HANDSHAKE_PROTOCOL_VERSIONS)
        message = f"Bad Request: Unsupported protocol version. Supported versions: {known}"
        await _error(None, INVALID_REQUEST, message)(scope, receive, send)

    return serve


def modern_only(app: ASGIApp) -> ASGIApp:
    """Answer as a server without the handshake does: POST only, and no earlier version."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        request = Request(scope, receive)
        version = request.headers.get("mcp-protocol-version")
        if request.method != "POST":
            await Response(status_code=405, headers={"Allow": "POST"})(scope, receive, send)
        elif version is not None and version not in HANDSHAKE_PROTOCOL_VERSIONS:
            await app(scope, receive, send)
        else:
            await (await _refuse_handshake(request, version))(scope, receive, send)

    return serve


async def _refuse_handshake(request: Request, version: str | None) -> Response:
    try:
        body: object = await request.json()
    except json.JSONDecodeError:
        body = None
    frame = cast("dict[str, Any]", body) if isinstance(body, dict) else {}
    return _error(
        frame.get("id"),
        UNSUPPORTED_PROTOCOL_VERSION,
        "Unsupported protocol version",
        _versions(frame, version),
    )


def _versions(frame: dict[str, Any], header: str | None) -> dict[str, Any]:
    params = frame.get("params")
    offered = cast("dict[str, Any]", params).get("protocolVersion") if isinstance(params, dict) else None
    return {"supported": list(MODERN_PROTOCOL_VERSIONS), "requested": offered or header or ""}


def _error(request_id: object, code: int, message: str, data: object = None) -> Response:
    error: dict[str, object] = {"code": code, "message": message}
    if data is not None:
        error["data"] = data
    return JSONResponse({"jsonrpc": "2.0", "id": request_id, "error": error}, status_code=400)


@asynccontextmanager
async def without_handshake(
    read: ReadStream[Incoming], write: WriteStream[SessionMessage]
) -> AsyncGenerator[MemoryObjectReceiveStream[Incoming]]:
    """Refuse every `initialize` on a stdio connection and pass everything else on."""
    sender, receiver = anyio.create_memory_object_stream[Incoming]()

    async def pump() -> None:
        async with sender:
            async for item in read:
                refusal = _refusal(item)
                if refusal is None:
                    await sender.send(item)
                else:
                    await write.send(refusal)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(pump)
        yield receiver
        tasks.cancel_scope.cancel()


def _refusal(item: Incoming) -> SessionMessage | None:
    if not isinstance(item, SessionMessage) or not isinstance(item.message, JSONRPCRequest):
        return None
    request = item.message
    if request.method != "initialize":
        return None
    data = _versions({"params": request.params}, None)
    error = ErrorData(code=UNSUPPORTED_PROTOCOL_VERSION, message="Unsupported protocol version", data=data)
    return SessionMessage(JSONRPCError(jsonrpc="2.0", id=request.id, error=error))
