"""A stdio upstream: many requests on one pipe, told apart by ids of our own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import orjson

from toolgate.core.model import JsonObject
from toolgate.errors import CallCancelled, UpstreamDown
from toolgate.protocol.messages import METHOD_NOT_FOUND, error, notification
from toolgate.protocol.versions import SUBSCRIPTION_KEY, Era
from toolgate.upstream.link import Emit, Note
from toolgate.upstream.parse import parse
from toolgate.upstream.process import Process

_CANCEL_GRACE = 1.0

Spawn = Callable[[Callable[[bytes], None], Callable[[int | None], None]], Awaitable[Process]]


@dataclass(slots=True)
class _Waiting:
    link: StdioLink
    id: object
    token: object
    emit: Emit
    future: asyncio.Future[JsonObject]
    told: asyncio.Task[None] | None = None


class Pipe:
    """One child process and everybody who talks to it.

    `exclusive`: one client session owns it, so its requests and logs can be attributed. On a shared pipe
    requests to a client are refused and logs dropped (nobody can tell whom they are meant for).
    """

    def __init__(self, name: str, era: Era, spawn: Spawn, exclusive: bool) -> None:
        self.name = name
        self.era = era
        self.exclusive = exclusive
        self.opened: JsonObject | None = None
        self._spawn = spawn
        self._process: Process | None = None
        self._starting = asyncio.Lock()
        self._waiting: dict[int, _Waiting] = {}
        self._count = 0
        self._links: list[StdioLink] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def attach(self, link: StdioLink) -> None:
        self._links.append(link)

    async def detach(self, link: StdioLink) -> None:
        """The last one out ends the process."""
        if link in self._links:
            self._links.remove(link)
        if not self._links and self._process is not None:
            process, self._process = self._process, None
            await process.stop()

    @property
    def idle(self) -> bool:
        """Whether nobody is attached."""
        return not self._links

    async def request(self, link: StdioLink, message: JsonObject, emit: Emit) -> JsonObject:
        process = await self._running()
        self._count += 1
        wire = self._count
        future: asyncio.Future[JsonObject] = asyncio.get_running_loop().create_future()
        sent, token = _with_token(message, wire)
        waiting = self._waiting[wire] = _Waiting(link, message["id"], token, emit, future)
        try:
            process.write(orjson.dumps({**sent, "id": wire}))
            answer = await future
            if waiting.told is not None:
                await waiting.told  # what came before the answer is delivered before it
        except asyncio.CancelledError:
            self._cancel(wire, message, "the caller left")
            raise
        finally:
            self._waiting.pop(wire, None)
        answer["id"] = message["id"]
        return answer

    async def send(self, message: JsonObject) -> None:
        process = await self._running()
        process.write(orjson.dumps(message))

    def give_up(self, wire: int) -> None:
        """End a cancelled request that the child does not answer any more, as MCP lets it."""
        waiting = self._waiting.get(wire)
        if waiting is not None and not waiting.future.done():
            waiting.future.set_exception(CallCancelled(f"{self.name}: the client cancelled this call"))

    def wire_of(self, link: StdioLink, client_id: object) -> int | None:
        """Our id of a client's request."""
        for wire, waiting in self._waiting.items():
            if waiting.link is link and str(waiting.id) == str(client_id):
                return wire
        return None

    def _cancel(self, wire: int, message: JsonObject, why: str) -> None:
        if message["method"] == "initialize" or self._process is None or not self._process.alive:
            return
        self._process.write(
            orjson.dumps(notification("notifications/cancelled", {"requestId": wire, "reason": why}))
        )

    async def _running(self) -> Process:
        process = self._process
        if process is not None and process.alive:
            return process
        async with self._starting:
            if self._process is None or not self._process.alive:
                self.opened = None
                self._process = await self._spawn(self._heard, self._ended)
            return self._process

    def _ended(self, code: int | None) -> None:
        self.opened = None
        why = UpstreamDown(
            f"{self.name}: the process ended{f' with code {code}' if code is not None else ''}"
        )
        for waiting in list(self._waiting.values()):
            if not waiting.future.done():
                waiting.future.set_exception(why)
        for link in self._links:
            link.closed()

    def _heard(self, line: bytes) -> None:
        try:
            message = parse(self.name, line)
        except UpstreamDown:
            return  # noise on standard output must not kill the connection
        if "method" not in message:
            self._answered(message)
        elif "id" in message:
            self._asked(message)
        else:
            self._noted(message)

    def _answered(self, message: JsonObject) -> None:
        wire: object = message.get("id")
        waiting = self._waiting.get(wire) if isinstance(wire, int) else None
        if waiting is None or waiting.future.done() or ("result" in message) == ("error" in message):
            return
        if not isinstance(message.get("result", message.get("error")), dict):
            waiting.future.set_exception(UpstreamDown(f"{self.name}: result: expected an object"))
            return
        _restore(message.get("result"), waiting.id)
        waiting.future.set_result(message)

    def _asked(self, message: JsonObject) -> None:
        waiting = self._newest() if self.exclusive else None
        if waiting is None and self.exclusive and self._links and self._links[0].listening:
            # Nothing is in flight, but there is only one client it can be meant for.
            self._links[0].heard(Note(message))
            return
        if waiting is None:
            why = "toolgate cannot tell which client this is meant for"
            self._start(self.send(error(message["id"], METHOD_NOT_FOUND, why)))
            return
        self._tell(waiting, Note(message))

    def _noted(self, message: JsonObject) -> None:
        params = cast("Any", message.get("params"))
        params = params if isinstance(params, dict) else {}
        method: object = message["method"]
        waiting = self._concerned(method, cast("JsonObject", params))
        if waiting is not None:
            self._tell(waiting, Note(message))
        elif method != "notifications/message" or self.exclusive:
            for link in self._links:
                link.heard(Note(message))

    def _concerned(self, method: object, params: JsonObject) -> _Waiting | None:
        """Whose request a notification belongs to, its ids put back; None where it belongs to none."""
        if method == "notifications/progress":
            waiting = self._by_wire(params.get("progressToken"))
            if waiting is not None:
                params["progressToken"] = waiting.token
            return waiting
        if method == "notifications/cancelled":
            waiting = self._by_wire(params.get("requestId"))
            if waiting is not None:
                params["requestId"] = waiting.id
            return waiting
        meta: object = params.get("_meta")
        subscription: object = (
            cast("JsonObject", meta).get(SUBSCRIPTION_KEY) if isinstance(meta, dict) else None
        )
        if subscription is not None:
            waiting = self._by_wire(subscription)
            if waiting is not None:
                _restore(params, waiting.id)
            return waiting
        return self._newest() if self.exclusive and method == "notifications/message" else None

    def _by_wire(self, wire: object) -> _Waiting | None:
        if isinstance(wire, str) and wire.isdigit():
            wire = int(wire)
        return self._waiting.get(wire) if isinstance(wire, int) else None

    def _newest(self) -> _Waiting | None:
        return next(reversed(self._waiting.values()), None)

    def _tell(self, waiting: _Waiting, note: Note) -> None:
        """Deliver the notes of one request in their order."""
        waiting.told = self._start(waiting.emit(note), waiting.told)

    def _start(self, work: Awaitable[None], after: asyncio.Task[None] | None = None) -> asyncio.Task[None]:
        async def run() -> None:
            if after is not None:
                await after
            try:
                await work
            except UpstreamDown:
                return  # the child went away; whoever waits for it is told by `_ended`

        task = asyncio.ensure_future(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


class StdioLink:
    """One client's side of a pipe."""

    def __init__(self, pipe: Pipe) -> None:
        self.name = pipe.name
        self.stateful = True
        self._pipe = pipe
        self._opening: JsonObject | None = None
        self._aside: list[Note] = []
        self._listener: Emit | None = None
        self._ended = asyncio.Event()
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
        if message["method"] == "initialize":
            return await self._initialize(message, emit)
        if self._opening is not None and self._pipe.opened is None:
            await self._again(emit)
        return Note(await self._pipe.request(self, message, emit))

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
        await emit(Note(None))
        while self._aside:
            await emit(self._aside.pop(0))
        await self._ended.wait()

    @property
    def listening(self) -> bool:
        """Whether the client has a stream for what belongs to no request."""
        return self._listener is not None

    def heard(self, note: Note) -> None:
        """A note of the child that belongs to no request."""
        if self._listener is not None:
            self._pipe._start(self._listener(note))
        elif len(self._aside) < 100:
            self._aside.append(note)

    def closed(self) -> None:
        """The child has ended; a listener need not wait any more."""

    async def close(self) -> None:
        """Leave the pipe; the last one out ends the process."""
        self._ended.set()
        await self._pipe.detach(self)

    async def _initialize(self, message: JsonObject, emit: Emit) -> Note:
        self._opening = message
        if self._pipe.opened is not None and not self._pipe.exclusive:
            return Note({"jsonrpc": "2.0", "id": message["id"], "result": self._pipe.opened})
        answer = await self._pipe.request(self, message, emit)
        if "result" in answer:
            self._pipe.opened = answer["result"]
            if not self._pipe.exclusive:
                await self._pipe.send(notification("notifications/initialized", {}))
        return Note(answer)

    async def _again(self, emit: Emit) -> None:
        """The child crashed and was started anew: repeat the handshake it never saw."""
        opening = cast("JsonObject", self._opening)
        answer = await self._pipe.request(self, {**opening, "id": "toolgate-reopen"}, emit)
        if "result" not in answer:
            raise UpstreamDown(f"{self.name}: restarted, and refused to initialise again")
        self._pipe.opened = answer["result"]
        await self._pipe.send(notification("notifications/initialized", {}))


def _with_token(message: JsonObject, wire: int) -> tuple[JsonObject, object]:
    """The message with our id as its progress token, where it asks for progress."""
    params = cast("Any", message.get("params"))
    meta = params.get("_meta") if isinstance(params, dict) else None
    if not isinstance(meta, dict) or "progressToken" not in meta:
        return message, None
    own = {**cast("JsonObject", meta), "progressToken": wire}
    return {**message, "params": {**cast("JsonObject", params), "_meta": own}}, cast("JsonObject", meta)[
        "progressToken"
    ]


def _restore(holder: object, client_id: object) -> None:
    """Put the client's id back where a listen stream names its subscription."""
    meta: object = cast("JsonObject", holder).get("_meta") if isinstance(holder, dict) else None
    if isinstance(meta, dict) and SUBSCRIPTION_KEY in meta:
        cast("JsonObject", meta)[SUBSCRIPTION_KEY] = client_id
