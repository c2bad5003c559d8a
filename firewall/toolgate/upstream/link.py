"""One connection to one upstream, as the gateway sees it, whatever carries it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import field
from typing import Protocol, TypeAlias

from toolgate.core.model import JsonObject
from toolgate.core.values import value
from toolgate.protocol.versions import Era


@value
class Note:
    """What an upstream sends besides the answer: a message, or only a stream id or retry time."""

    message: JsonObject | None
    id: str | None = None
    retry: int | None = None


Emit: TypeAlias = Callable[[Note], Awaitable[None]]


async def unheard(_: Note) -> None:
    """Where the notes of requests go that toolgate makes itself: no client waits for them."""


@value
class Opening:
    """What a link is opened with: the client's own capabilities and name, and who it is for."""

    era: Era
    caller: str
    capabilities: JsonObject = field(default_factory=dict[str, object])
    client: JsonObject = field(default_factory=dict[str, object])


class Link(Protocol):
    """Messages are raw objects of the era the link was opened in. Every method may raise UpstreamDown."""

    @property
    def name(self) -> str: ...

    async def request(
        self, message: JsonObject, emit: Emit, params: Mapping[str, str] | None = None
    ) -> Note | None:
        """Forward a request; its notes go to `emit`, the answer is returned.

        None when the stream ended and the answer comes elsewhere.

        `params` are the `Mcp-Param-*` headers of a modern call. Cancelling the await cancels the call.
        """
        ...

    async def send(self, message: JsonObject) -> None:
        """Forward a notification or an answer to a request of the upstream."""
        ...

    async def listen(self, emit: Emit, last_event: str | None) -> None:
        """What comes outside of any request (the GET stream of 2025, a pipe's own notes), until it ends."""
        ...

    async def close(self) -> None:
        """End the upstream session."""
        ...

    def agreed(self, version: str) -> None:
        """The handshake agreed on this version."""
        ...

    def settled(self) -> Link:
        """The link to go on with after the handshake, itself unless it only found out which."""
        ...

    @property
    def stateful(self) -> bool:
        """Whether this link holds state that only this client may use."""
        ...

    @property
    def session(self) -> str | None:
        """The upstream's own session id, None where it has none."""
        ...
