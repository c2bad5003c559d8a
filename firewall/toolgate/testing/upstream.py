"""An upstream in memory: what it answers is set, what it was sent is read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

from toolgate.core.model import JsonObject
from toolgate.core.present import LISTS
from toolgate.errors import UpstreamDown
from toolgate.protocol.messages import response
from toolgate.protocol.versions import MODERN, NEWEST_LEGACY
from toolgate.testing.values import text
from toolgate.upstream.link import Emit, Note, Opening

# What an upstream answers: a result, or how to make one from the request's parameters.
Answer: TypeAlias = JsonObject | Callable[[JsonObject], JsonObject]


@dataclass(eq=False)
class Upstream:
    """A server in memory: what it lists and answers, and afterwards everything it was sent.

    `results` are by tool, prompt or URI, else by method; `errors` likewise, and come first; `whole`
    is a message instead of either, sound or not. `says` goes out before the next answer, `aside` on
    the stream of its own. `down` makes every message fail with that text, `hangs` leaves
    requests unanswered (`waiting` is set once one hangs), `later` names what is answered on another stream.
    """

    name: str
    tools: Sequence[JsonObject] = ()
    lists: dict[str, list[Any]] = field(default_factory=dict[str, list[Any]])
    results: dict[str, Answer] = field(default_factory=dict[str, Answer])
    errors: dict[str, JsonObject] = field(default_factory=dict[str, JsonObject])
    whole: dict[str, JsonObject] = field(default_factory=dict[str, JsonObject])
    capabilities: JsonObject = field(default_factory=lambda: {"tools": {}})
    says: list[JsonObject] = field(default_factory=list[JsonObject])
    aside: list[Note] = field(default_factory=list[Note])
    down: str = ""
    hangs: bool = False
    later: set[str] = field(default_factory=set[str])
    session: str | None = None
    stateful: bool = False
    timeout: float = 30.0
    received: list[JsonObject] = field(default_factory=list[JsonObject])
    params: list[Mapping[str, str] | None] = field(default_factory=list[Mapping[str, str] | None])
    openings: list[Opening] = field(default_factory=list[Opening])
    versions: list[str] = field(default_factory=list[str])
    closed: int = 0
    waiting: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def calls(self) -> list[JsonObject]:
        """The parameters of every tool call that arrived."""
        return self.named("tools/call")

    def named(self, method: str) -> list[JsonObject]:
        """The parameters of everything that arrived under one method."""
        return [one.get("params", {}) for one in self.received if one.get("method") == method]

    def answer(self, message: JsonObject) -> JsonObject:
        """The answer to one request."""
        key, params = _key(message), cast("JsonObject", message.get("params") or {})
        if key in self.whole:
            return {"jsonrpc": "2.0", "id": message["id"], **self.whole[key]}
        if key in self.errors:
            return {"jsonrpc": "2.0", "id": message["id"], "error": self.errors[key]}
        if key not in self.results and message["method"] in self._own():
            return response(message["id"], self._own()[message["method"]])
        found = self.results.get(key, text("ok"))
        return response(message["id"], found(params) if callable(found) else found)

    def _own(self) -> dict[str, JsonObject]:
        """What a server says of itself."""
        about: JsonObject = {
            "capabilities": self.capabilities,
            "serverInfo": {"name": self.name, "version": "1"},
        }
        lists: dict[str, list[Any]] = {"tools": list(self.tools), **self.lists}
        return {
            "initialize": {"protocolVersion": NEWEST_LEGACY, **about},
            "server/discover": {"supportedVersions": [MODERN], **about},
            **{method: {key: lists.get(key, [])} for method, (key, _, _) in LISTS.items()},
        }


class MemoryLink:
    """`toolgate.upstream.link.Link` to an upstream in memory."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self.name = upstream.name

    @property
    def stateful(self) -> bool:
        """As the upstream says."""
        return self._upstream.stateful

    @property
    def session(self) -> str | None:
        """As the upstream says."""
        return self._upstream.session

    def settled(self) -> MemoryLink:
        """This link."""
        return self

    def agreed(self, version: str) -> None:
        """Remembered in `Upstream.versions`."""
        self._upstream.versions.append(version)

    async def request(
        self, message: JsonObject, emit: Emit, params: Mapping[str, str] | None = None
    ) -> Note | None:
        """What the upstream says, then its answer."""
        upstream = self._upstream
        self._arrived(message)
        upstream.params.append(params)
        says, upstream.says = upstream.says, []
        for one in says:
            await emit(Note(one))
        if upstream.hangs:
            upstream.waiting.set()
            await asyncio.Event().wait()
        return None if _key(message) in upstream.later else Note(upstream.answer(message))

    async def send(self, message: JsonObject) -> None:
        """A notification or an answer, remembered in `Upstream.received`."""
        self._arrived(message)

    async def listen(self, emit: Emit, last_event: str | None) -> None:
        """What stands in `Upstream.aside`, to its end."""
        if self._upstream.down:
            raise UpstreamDown(self._upstream.down)
        while self._upstream.aside:
            await emit(self._upstream.aside.pop(0))

    async def close(self) -> None:
        """Counted in `Upstream.closed`."""
        self._upstream.closed += 1

    def _arrived(self, message: JsonObject) -> None:
        if self._upstream.down:
            raise UpstreamDown(self._upstream.down)
        self._upstream.received.append(message)


class Upstreams:
    """`toolgate.routes.Registry` of upstreams in memory."""

    def __init__(self, upstreams: Mapping[str, Upstream]) -> None:
        self._upstreams = upstreams

    def names(self) -> tuple[str, ...]:
        """Every upstream."""
        return tuple(self._upstreams)

    def timeout(self, upstream: str) -> float:
        """As the upstream says."""
        return self._upstreams[upstream].timeout

    async def open(self, upstream: str, opening: Opening) -> MemoryLink:
        """A link of this client's own. Raises UpstreamDown."""
        found = self._upstreams[upstream]
        if found.down:
            raise UpstreamDown(found.down)
        found.openings.append(opening)
        return MemoryLink(found)


def _key(message: JsonObject) -> str:
    params = cast("JsonObject", message.get("params") or {})
    method = cast("str", message["method"])
    return str(params.get("name") or params.get("uri") or method)
