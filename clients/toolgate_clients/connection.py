"""A connection to an MCP server by the official SDK, and one sentence for whatever goes wrong with it."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from mcp import Client

NOT_LET_IN = 401


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server is: a URL and the key for it, or a command that is started."""

    url: str = ""
    key: str = ""
    command: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.url or self.command[0]


class NotConnected(Exception):
    """There is no connection; the message says to what and why, and never holds the key."""


@asynccontextmanager
async def connected(place: Place, seconds: float = 60.0) -> AsyncGenerator[Client]:
    """A client of the server at this place. Raises NotConnected; errors of the server itself as MCPError."""
    from mcp import MCPError

    inside = False
    try:
        async with _client(place, seconds) as client:
            inside = True
            yield client
    except Exception as trouble:  # noqa: BLE001 - the SDK wraps causes in groups; what is not known is raised on
        cause = _told(place, trouble)
        if isinstance(cause, MCPError) and not inside:
            raise NotConnected(f"{place}: the server did not let us in: {cause}") from None
        raise cause from None


@asynccontextmanager
async def _client(place: Place, seconds: float) -> AsyncGenerator[Client]:
    import httpx2
    from mcp import Client, StdioServerParameters
    from mcp.client.streamable_http import streamable_http_client

    if place.command:
        command, *arguments = place.command
        # Started by whoever sits here, so with their environment.
        started = StdioServerParameters(command=command, args=arguments, env=dict(os.environ))
        async with Client(started, read_timeout_seconds=seconds) as client:
            yield client
        return
    headers = {"Authorization": f"Bearer {place.key}"} if place.key else {}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=httpx2.Timeout(seconds), trust_env=False) as http,
        Client(streamable_http_client(place.url, http_client=http)) as client,
    ):
        yield client


def _told(place: Place, trouble: Exception) -> Exception:
    """What of a group of exceptions a person can do something about."""
    import httpx2
    from mcp import MCPError

    for one in _each(trouble):
        if isinstance(one, MCPError):
            return one
        if isinstance(one, httpx2.HTTPStatusError):
            status = one.response.status_code
            hint = ", expected --key with a valid key" if status == NOT_LET_IN else ""
            return NotConnected(f"{place}: found HTTP status {status}{hint}")
        if isinstance(one, httpx2.TransportError):
            return NotConnected(f"{place}: cannot connect ({type(one).__name__}), expected a server there")
        if isinstance(one, OSError):
            return NotConnected(f"{place}: cannot be started: {one.strerror or type(one).__name__}")
    return trouble


def _each(trouble: BaseException) -> Iterator[BaseException]:
    if isinstance(trouble, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", trouble)
        for inner in group.exceptions:
            yield from _each(inner)
    else:
        yield trouble
