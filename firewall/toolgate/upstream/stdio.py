"""One client's link to a stdio upstream."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import cast

from toolgate.core.model import JsonObject
from toolgate.errors import SessionLost, UpstreamDown
from toolgate.protocol.messages import notification, response
from toolgate.protocol.versions import Era
from toolgate.upstream.link import Emit, Note
from toolgate.upstream.pipe import MOST_NOTES, Pipe

_CANCEL_GRACE = 1.0
_MOST_ASIDE = 100
_UPDATED = "notifications/resources/updated"
_SUBSCRIBING = ("resources/subscribe", "resources/unsubscribe")


class StdioLink:
    """One client's side of a pipe."""

    def __init__(self, pipe: Pipe) -> None:
        self.name = pipe.name
        self.stateful = True
        self._pipe = pipe
        self._opening: JsonObject | None = None
        self._aside: list[Note] = []
        self._listener: Emit | None = None
        self._told: asyncio.Task[None] | None = None
        self._untold = 0
        self._ended = asyncio.Event()
        self.uris: set[object] = set()
        pipe.attach(self)

    @property
    def session(self) -> str | None:
        """A pipe has no session id of its own."""
        return None

    def settled(self) -> StdioLink:
        """This link."""
        return self

    def agreed(self, version: str) -> None:
        """Nothing to remember: on a pipe the version is agreed once."""

    async def request(
        self, message: JsonObject, emit: Emit, params: Mapping[str, str] | None = None
    ) -> Note | None:
        """Forward a request; a shared process is initialised once, for everybody."""
        method = message["method"]
        if method == "initialize":
            return await self._initialize(message, emit)
        if self._opening is None and self._pipe.era is Era.LEGACY:
            raise SessionLost(f"{self.name}: expected `initialize` first")
        if self._opening is not None and self._pipe.opened is None:
            await self._again(emit)
        if method in _SUBSCRIBING and not self._pipe.exclusive:
            return await self._subscribe(message, emit)
        return Note(await self._pipe.request(self, message, emit))

    async def _subscribe(self, message: JsonObject, emit: Emit) -> Note:
        """On a shared process everybody subscribes for himself; the last one who leaves unsubscribes it."""
        uri: object = cast("JsonObject", message.get("params") or {}).get("uri")
        if message["method"] == "resources/unsubscribe":
            self.uris.discard(uri)
            if self._pipe.subscribed(uri, self):
                return Note(response(message["id"], {}))
        answer = await self._pipe.request(self, message, emit)
        if message["method"] == "resources/subscribe" and "result" in answer:
            self.uris.add(uri)
        return Note(answer)

    def wants(self, method: object, params: JsonObject) -> bool:
        """Whether something a shared process says to nobody in particular may be for this client."""
        if method == _UPDATED:
            return params.get("uri") in self.uris
        return isinstance(method, str) and method.endswith("/list_changed")

    async def send(self, message: JsonObject) -> None:
        """Forward a notification or answer; a cancelled request is named by our own id."""
        if message.get("method") == "notifications/cancelled":
            params = cast("JsonObject", message.get("params") or {})
            wire = self._pipe.wire_of(self, params.get("requestId"))
            if wire is None:
                return
            message = {**message, "params": {**params, "requestId": wire}}
            asyncio.get_running_loop().call_later(_CANCEL_GRACE, self._pipe.give_up, wire)
        elif message.get("method") == "notifications/initialized" and not self._pipe.exclusive:
            return  # sent when the shared process was initialised
        await self._pipe.send(message)

    async def listen(self, emit: Emit, last_event: str | None) -> None:
        """What the child says outside of any request, from when this client was attached."""
        self._listener = emit
        try:
            await emit(Note(None))
            while self._aside:
                await emit(self._aside.pop(0))
            await self._ended.wait()
        finally:
            if self._listener is emit:
                self._listener = None

    def withdrawn(self, note: Note) -> bool:
        """Take back a note that nobody has heard yet; whether there was one."""
        if note not in self._aside:
            return False
        self._aside.remove(note)
        return True

    def heard(self, note: Note) -> None:
        """A note of the child that belongs to no request."""
        if self._listener is not None and self._untold < MOST_NOTES:
            self._untold += 1
            self._told = self._pipe.start(self._listener(note), self._told)
            self._told.add_done_callback(self._delivered)
        elif self._listener is None and len(self._aside) < _MOST_ASIDE:
            self._aside.append(note)

    def _delivered(self, _: object) -> None:
        self._untold -= 1

    async def close(self) -> None:
        """Leave the pipe; the last one out ends the process."""
        self._ended.set()
        await self._pipe.detach(self)

    async def _initialize(self, message: JsonObject, emit: Emit) -> Note:
        self._opening = message
        if self._pipe.exclusive:
            answer = await self._pipe.request(self, message, emit)
            self._pipe.opened = answer.get("result")
            return Note(answer)
        # Nobody who shares the process can be asked anything, so nothing is offered to it.
        params = cast("JsonObject", message.get("params") or {})
        self._opening = {**message, "params": {**params, "capabilities": {}}}
        async with self._pipe.opening:
            if self._pipe.opened is not None:
                return Note(response(message["id"], self._pipe.opened))
            answer = await self._pipe.request(self, self._opening, emit)
            if "result" in answer:
                await self._agreed(answer["result"])
            return Note(answer)

    async def _again(self, emit: Emit) -> None:
        """The child crashed and was started anew: repeat the handshake it never saw."""
        opening = cast("JsonObject", self._opening)
        async with self._pipe.opening:
            if self._pipe.opened is not None:
                return
            answer = await self._pipe.request(self, {**opening, "id": "toolgate-reopen"}, emit)
            if "result" not in answer:
                raise UpstreamDown(f"{self.name}: restarted, and refused to initialise again")
            await self._agreed(answer["result"])

    async def _agreed(self, opened: JsonObject) -> None:
        self._pipe.opened = opened
        await self._pipe.send(notification("notifications/initialized", {}))
