"""A modern client declares its capabilities on every request, a legacy upstream hears of them once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import cast

from toolgate.core.canonical import canonical
from toolgate.core.model import JsonObject
from toolgate.errors import UpstreamDown
from toolgate.protocol.ladder import envelope
from toolgate.protocol.versions import CAPABILITIES_KEY, CLIENT_KEY
from toolgate.upstream.bridge_legacy import OverLegacy
from toolgate.upstream.link import Emit, Link, Note

MOST_SETS = 8

# Opens a bridged legacy session whose handshake declares this client and these capabilities.
OpenBridge = Callable[[JsonObject, JsonObject], Awaitable[OverLegacy]]
# A link of the per-request era, if the upstream turns out to speak it.
ModernNow = Callable[[], Awaitable[Link | None]]


class ByCapability:
    """One legacy session per set of capabilities: every request meets an upstream that knows what to ask."""

    def __init__(self, name: str, open_bridge: OpenBridge, modern_now: ModernNow) -> None:
        self.name = name
        self.stateful = True
        self.session: str | None = None
        self._open = open_bridge
        self._modern_now = modern_now
        self._native: Link | None = None
        self._bridges: dict[bytes, OverLegacy] = {}
        self._opening = asyncio.Lock()

    def settled(self) -> ByCapability:
        """This link."""
        return self

    def agreed(self, version: str) -> None:
        """A modern client agrees on nothing."""

    async def request(
        self, message: JsonObject, emit: Emit, params: Mapping[str, str] | None = None
    ) -> Note | None:
        """Forward to the session of the request's own capabilities."""
        if self._native is not None:
            return await self._native.request(message, emit, params)
        meta = envelope(message)
        capabilities = cast("JsonObject", meta.get(CAPABILITIES_KEY) or {})
        try:
            bridge = await self._bridge(cast("JsonObject", meta.get(CLIENT_KEY) or {}), capabilities)
        except UpstreamDown:
            # It was down or starting when it was asked first: perhaps it is no legacy server at all.
            self._native = None if self._bridges else await self._modern_now()
            if self._native is None:
                raise
            return await self._native.request(message, emit, params)
        return await bridge.request(message, emit, params)

    async def send(self, message: JsonObject) -> None:
        """A modern client sends no notifications that a legacy server could use."""

    async def listen(self, emit: Emit, last_event: str | None) -> None:
        """2026-07-28 has no stream outside of requests."""
        raise UpstreamDown(f"{self.name}: no such stream in this protocol version")

    async def close(self) -> None:
        """End every session."""
        bridges, self._bridges = list(self._bridges.values()), {}
        links: list[Link] = [*bridges, *([self._native] if self._native else [])]
        await asyncio.gather(*(link.close() for link in links), return_exceptions=True)

    async def _bridge(self, client: JsonObject, capabilities: JsonObject) -> OverLegacy:
        key = canonical(capabilities)
        async with self._opening:
            bridge = self._bridges.get(key)
            if bridge is not None:
                return bridge
            if len(self._bridges) >= MOST_SETS:
                oldest = next((known for known, one in self._bridges.items() if not one.busy), None)
                if oldest is None:
                    raise UpstreamDown(f"{self.name}: more than {MOST_SETS} sets of capabilities at once")
                await self._bridges.pop(oldest).close()
            bridge = self._bridges[key] = await self._open(client, capabilities)
            return bridge
