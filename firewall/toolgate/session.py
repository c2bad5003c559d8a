"""What toolgate remembers of one client: who it is, its upstream links, and what is in flight."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from toolgate.core.model import Call, Caller, JsonObject, Refuse
from toolgate.core.streams import Stream
from toolgate.judge import Admitted
from toolgate.protocol.versions import NEWEST_LEGACY, Era
from toolgate.upstream.link import Link

# Streams whose ends are kept, per session; the longest silent are forgotten.
_STREAMS: Final = 256


@dataclass(slots=True)
class InFlight:
    """A forwarded request whose answer has not come."""

    call: Call
    link: Link


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of an upstream that was passed on to the client: where its answer goes, under which id."""

    upstream: str
    link: Link
    id: object
    method: str


@dataclass(slots=True)
class Session:
    """One client session of the handshake era, or a caller's window of the per-request era.

    `scope` is the upstream of a transparent endpoint, None for the aggregated one.
    """

    caller: Caller
    era: Era
    scope: str | None
    id: str = ""
    version: str = NEWEST_LEGACY
    capabilities: JsonObject = field(default_factory=dict[str, object])
    client: JsonObject = field(default_factory=dict[str, object])
    links: dict[str, Link] = field(default_factory=dict[str, Link])
    opening: dict[str, asyncio.Future[Link | Refuse]] = field(
        default_factory=dict[str, "asyncio.Future[Link | Refuse]"]
    )
    inflight: dict[str, InFlight] = field(default_factory=dict[str, InFlight])
    asked: dict[str, Asked] = field(default_factory=dict[str, Asked])
    # Our own questions to the client, and requests that wait for a person, by the client's request id.
    questions: dict[str, asyncio.Future[JsonObject]] = field(
        default_factory=dict[str, "asyncio.Future[JsonObject]"]
    )
    waiting: dict[str, asyncio.Event] = field(default_factory=dict[str, asyncio.Event])
    # What the client declared, whatever the policy lets servers use of it.
    offers: JsonObject = field(default_factory=dict[str, object])
    detached: dict[str, Admitted] = field(default_factory=dict[str, Admitted])
    last_seen: float = 0.0
    # What last stood beside a call's arguments, for which entities nothing was found in it.
    beside: tuple[frozenset[str], JsonObject] | None = None
    # Progress and log messages by upstream, method and token or logger: values run over their ends.
    streams: OrderedDict[tuple[str, str, str], Stream] = field(
        default_factory=OrderedDict[tuple[str, str, str], "Stream"]
    )

    def stream(self, upstream: str, method: str, name: str) -> Stream:
        """The stream that a progress or log message belongs to."""
        place = (upstream, method, name)
        stream = self.streams.pop(place, None) or Stream()
        self.streams[place] = stream
        if len(self.streams) > _STREAMS:
            self.streams.popitem(last=False)
        return stream

    def newest(self, upstream: str) -> InFlight | None:
        """The newest request in flight to this upstream."""
        for flight in reversed(self.inflight.values()):
            if flight.call.upstream == upstream:
                return flight
        return None

    async def close(self) -> None:
        """End every upstream link of this client."""
        for opening in self.opening.values():
            opening.cancel()
        links, self.links = list(self.links.values()), {}
        await asyncio.gather(*(link.close() for link in links), return_exceptions=True)
