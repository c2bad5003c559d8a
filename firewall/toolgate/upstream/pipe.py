"""One child process and everybody who talks to it: requests on one pipe, told apart by ids of our own."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, cast

import orjson

from toolgate.core.model import JsonObject
from toolgate.errors import CallCancelled, Malformed, UpstreamDown
from toolgate.protocol.messages import (
    METHOD_NOT_FOUND,
    answer_of,
    error,
    members,
    notification,
    response,
)
from toolgate.protocol.versions import SUBSCRIPTION_KEY, Era
from toolgate.upstream.link import Emit, Note, unheard
from toolgate.upstream.parse import parse
from toolgate.upstream.process import Process

# Notes kept for one client that reads more slowly than the child talks; beyond it they are dropped.
MOST_NOTES = 1000
# Lines in a row that are no messages: a child that says nothing else would keep everybody busy.
_MOST_NOISE = 10_000
_LISTEN_GRACE = 2.0
_ID = re.compile(rb'"id"\s*:\s*"?([0-9]{1,18})"?\s*[,}]')

Spawn = Callable[[Callable[[bytes], None], Callable[[int | None], None]], Awaitable[Process]]


class Attached(Protocol):
    """One client's side of a pipe, as the pipe sees it."""

    uris: set[object]

    def withdrawn(self, note: Note, /) -> bool:
        """Take back a note that nobody has heard yet; whether there was one."""
        ...

    def wants(self, method: object, params: JsonObject) -> bool:
        """Whether something a shared process says to nobody in particular may be for this client."""
        ...

    def heard(self, note: Note) -> None:
        """A note of the child that belongs to no request."""
        ...


@dataclass(slots=True)
class _Waiting:
    link: Attached
    id: object
    token: object
    emit: Emit
    future: asyncio.Future[JsonObject]
    told: asyncio.Task[None] | None = None
    untold: int = 0


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
        self.opening = asyncio.Lock()
        self._spawn = spawn
        self._process: Process | None = None
        self._starting = asyncio.Lock()
        self._waiting: dict[int, _Waiting] = {}
        self._count = 0
        self._noise = 0
        self._links: list[Attached] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def attach(self, link: Attached) -> None:
        self._links.append(link)

    async def detach(self, link: Attached) -> None:
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

    async def request(self, link: Attached, message: JsonObject, emit: Emit) -> JsonObject:
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
        """Write a message to the child that runs; none is started for it. Raises UpstreamDown."""
        if self._process is None:
            raise UpstreamDown(f"{self.name}: the process has ended")
        self._process.write(orjson.dumps(message))

    def subscribed(self, uri: object, but: Attached) -> bool:
        """Whether anybody else on this pipe is subscribed to a resource."""
        return any(uri in link.uris for link in self._links if link is not but)

    def give_up(self, wire: int) -> None:
        """End a cancelled request that the child does not answer any more, as MCP lets it."""
        waiting = self._waiting.get(wire)
        if waiting is not None and not waiting.future.done():
            waiting.future.set_exception(CallCancelled(f"{self.name}: the client cancelled this call"))

    def wire_of(self, link: Attached, client_id: object) -> int | None:
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
        how = (self._process.killed_because if self._process is not None else "") or f"code {code}"
        why = UpstreamDown(f"{self.name}: the process ended ({how})")
        for waiting in list(self._waiting.values()):
            if not waiting.future.done():
                waiting.future.set_exception(why)

    def _heard(self, line: bytes) -> None:
        try:
            message = parse(self.name, line)
        except UpstreamDown as why:
            self._garbled(line, why)
            return
        self._noise = 0
        if "method" not in message:
            self._answered(message)
        elif "id" in message:
            self._asked(message)
        else:
            self._noted(message)

    def _garbled(self, line: bytes, why: UpstreamDown) -> None:
        """Noise must not kill the connection; an answer that cannot be used ends the call it names."""
        self._noise += 1
        if self._noise == _MOST_NOISE and self._process is not None:
            self._process.kill(f"it wrote {_MOST_NOISE} lines in a row that are no messages")
        if not line.lstrip().startswith(b"{") or self._noise > _MOST_NOISE:
            return
        waiting = self._by_wire(_answered_id(line))
        if waiting is not None:
            waiting.future.set_exception(why)

    def _answered(self, message: JsonObject) -> None:
        waiting = self._by_wire(message.get("id"))
        if waiting is None:
            return
        if answer_of(message) is None:
            waiting.future.set_exception(Malformed(f"{self.name}: expected a result or an error, one object"))
            return
        _restore(message.get("result"), waiting.id)
        waiting.future.set_result(message)

    def _asked(self, message: JsonObject) -> None:
        waiting = self._newest() if self.exclusive else None
        if waiting is not None:
            self._tell(waiting, Note(message))
        elif message["method"] == "ping":
            self.start(self.send(response(message["id"], {})))
        elif self.exclusive and self._links:
            # Nothing is in flight, but there is only one client it can be meant for. It may be about to
            # listen: some servers ask straight after the handshake.
            link, note = self._links[0], Note(message)
            link.heard(note)
            asyncio.get_running_loop().call_later(_LISTEN_GRACE, self._unheard, link, note)
        else:
            self._refuse(message)

    def _unheard(self, link: Attached, note: Note) -> None:
        if link.withdrawn(note) and note.message is not None:
            self._refuse(note.message)

    def _refuse(self, message: JsonObject) -> None:
        why = "toolgate cannot tell which client this is meant for, or it does not listen"
        self.start(self.send(error(message["id"], METHOD_NOT_FOUND, why)))

    def _noted(self, message: JsonObject) -> None:
        given: object = message.get("params")
        params = cast("JsonObject", given) if isinstance(given, dict) else {}
        method: object = message["method"]
        waiting = self._concerned(method, params)
        if waiting is not None:
            self._tell(waiting, Note(message))
        elif not _names_a_request(method, params) or (self.exclusive and self._asks_back(method)):
            for link in self._links:
                if self.exclusive or link.wants(method, params):
                    link.heard(Note(message))

    def _asks_back(self, method: object) -> bool:
        """Whether this takes back a question: in the handshake era a server cancels only its own."""
        return self.era is Era.LEGACY and method == "notifications/cancelled"

    def _concerned(self, method: object, params: JsonObject) -> _Waiting | None:
        """Whose request a notification belongs to, its ids put back; None where it belongs to none."""
        if method == "notifications/progress":
            waiting = self._by_wire(params.get("progressToken"))
            if waiting is not None:
                params["progressToken"] = waiting.token
            return waiting
        if method == "notifications/message" or self._asks_back(method):
            return self._newest() if self.exclusive else None
        if method == "notifications/cancelled":
            waiting = self._by_wire(params.get("requestId"))
            if waiting is not None:
                params["requestId"] = waiting.id
            return waiting
        waiting = self._by_wire(_subscription(params))
        if waiting is not None:
            _restore(params, waiting.id)
        return waiting

    def _by_wire(self, wire: object) -> _Waiting | None:
        """Who still waits for the answer to this id; what comes after the answer belongs to nobody."""
        if isinstance(wire, str) and wire.isdecimal() and wire.isascii():
            wire = int(wire)
        waiting = self._waiting.get(wire) if type(wire) is int else None
        return None if waiting is None or waiting.future.done() else waiting

    def _newest(self) -> _Waiting | None:
        """The newest request of a client; those that toolgate makes itself cannot answer anything."""
        for waiting in reversed(self._waiting.values()):
            if waiting.emit is not unheard:
                return waiting
        return None

    def _tell(self, waiting: _Waiting, note: Note) -> None:
        """Deliver the notes of one request in their order, the first ones where there are too many."""
        if waiting.untold >= MOST_NOTES:
            return
        waiting.untold += 1

        async def deliver() -> None:
            try:
                await waiting.emit(note)
            finally:
                waiting.untold -= 1

        waiting.told = self.start(deliver(), waiting.told)

    def start(self, work: Awaitable[None], after: asyncio.Task[None] | None = None) -> asyncio.Task[None]:
        """Do this once that is done; a child that goes away meanwhile ends it."""

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


def _with_token(message: JsonObject, wire: int) -> tuple[JsonObject, object]:
    """The message with our id as its progress token, where it asks for progress."""
    params = members(message.get("params"))
    meta: object = params.get("_meta")
    if not isinstance(meta, dict) or "progressToken" not in meta:
        return message, None
    asked = cast("JsonObject", meta)
    own = {**asked, "progressToken": wire}
    return {**message, "params": {**params, "_meta": own}}, asked["progressToken"]


def _restore(holder: object, client_id: object) -> None:
    """Put the client's id back where a listen stream names its subscription."""
    meta: object = cast("JsonObject", holder).get("_meta") if isinstance(holder, dict) else None
    if isinstance(meta, dict) and SUBSCRIPTION_KEY in meta:
        cast("JsonObject", meta)[SUBSCRIPTION_KEY] = client_id


def _subscription(params: JsonObject) -> object:
    meta: object = params.get("_meta")
    return cast("JsonObject", meta).get(SUBSCRIPTION_KEY) if isinstance(meta, dict) else None


def _names_a_request(method: object, params: JsonObject) -> bool:
    return (
        method in ("notifications/progress", "notifications/cancelled") or _subscription(params) is not None
    )


def _answered_id(line: bytes) -> object:
    """The id that an unusable answer names; where it is no JSON at all, the first id that stands in it."""
    try:
        message: object = orjson.loads(line)
    except orjson.JSONDecodeError:
        named = None if b'"method"' in line or b'"jsonrpc"' not in line else _ID.search(line)
        return named and named[1].decode()
    known = isinstance(message, dict) and "method" not in message
    return cast("JsonObject", message).get("id") if known else None
