"""A handshake-era client in front of a 2026-07-28 upstream."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, cast

from toolgate.core.model import JsonObject
from toolgate.errors import CallCancelled, UpstreamDown
from toolgate.protocol import translate
from toolgate.protocol.messages import METHOD_NOT_FOUND, error, request, response
from toolgate.upstream.link import Emit, Link, Note, unheard

_MOST_ROUNDS = 10
_RETRY_SECONDS = 0.5


class OverModern:
    """Makes one modern link look legacy: envelopes on, `input_required` becomes requests to the client."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._ids = itertools.count(1)
        self._client: JsonObject = {}
        self._capabilities: JsonObject = {}
        self._offered: JsonObject = {}
        self._level: str | None = None
        self._asked: dict[str, asyncio.Future[JsonObject]] = {}
        self._running: dict[str, asyncio.Task[Note | None]] = {}
        self._uris: list[str] = []
        self._changed = asyncio.Event()

    @property
    def name(self) -> str:
        """The upstream."""
        return self._link.name

    @property
    def stateful(self) -> bool:
        """The handshake's outcome is kept here for this client."""
        return True

    @property
    def session(self) -> str | None:
        """The upstream has none."""
        return None

    def settled(self) -> OverModern:
        """This link."""
        return self

    def agreed(self, version: str) -> None:
        """The upstream is told its own version on every request."""

    async def request(
        self, message: JsonObject, emit: Emit, params: Mapping[str, str] | None = None
    ) -> Note | None:
        """Forward one legacy request."""
        method = cast("str", message["method"])
        given = cast("JsonObject", message.get("params") or {})
        if method == "initialize":
            return await self._initialize(message, given)
        if method == "ping":
            return Note(response(message["id"], {}))
        if method == "logging/setLevel":
            self._level = str(given.get("level"))
            return Note(response(message["id"], {}))
        if method in ("resources/subscribe", "resources/unsubscribe"):
            return self._subscribe(message, method, str(given.get("uri")))
        task = asyncio.ensure_future(self._rounds(message, method, given, emit, params))
        self._running[str(message["id"])] = task
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise CallCancelled(f"{self.name}: the client cancelled this call") from None
            task.cancel()
            raise
        finally:
            self._running.pop(str(message["id"]), None)

    async def send(self, message: JsonObject) -> None:
        """Answers go to the round that asked, cancelling ends the request; the rest has no use there."""
        if "method" not in message:
            waiting = self._asked.get(str(message["id"]))
            if waiting is not None and not waiting.done():
                waiting.set_result(message)
        elif message["method"] == "notifications/cancelled":
            task = self._running.get(str(cast("JsonObject", message.get("params") or {}).get("requestId")))
            if task is not None:
                task.cancel()

    async def listen(self, emit: Emit, last_event: str | None) -> None:
        """The client's own stream, fed from one `subscriptions/listen` at a time."""
        await emit(Note(None))

        async def pass_on(note: Note) -> None:
            message = note.message
            if message is None or message.get("method") in _INTERNAL:
                return
            params = translate.untagged(cast("JsonObject", message.get("params") or {}))
            await emit(Note({**message, "params": params}))

        while True:
            self._changed.clear()
            listening = asyncio.ensure_future(self._listen_once(pass_on))
            changing = asyncio.ensure_future(self._changed.wait())
            try:
                await asyncio.wait((listening, changing), return_when=asyncio.FIRST_COMPLETED)
            finally:
                listening.cancel()
                changing.cancel()
            if not self._changed.is_set():
                await asyncio.sleep(_RETRY_SECONDS)

    async def close(self) -> None:
        """End what runs; a shared modern link stays."""
        for task in self._running.values():
            task.cancel()
        if self._link.stateful:
            await self._link.close()

    async def _initialize(self, message: JsonObject, given: JsonObject) -> Note:
        self._client = cast("JsonObject", given.get("clientInfo") or {})
        self._capabilities = cast("JsonObject", given.get("capabilities") or {})
        note = await self._link.request(self._enveloped("server/discover", {}), unheard)
        answer = note.message if note else None
        if answer is None or "result" not in answer:
            raise UpstreamDown(f"{self.name}: the upstream does not answer server/discover")
        self._offered = cast("JsonObject", answer["result"].get("capabilities") or {})
        return Note(
            response(message["id"], translate.initialised(answer["result"], given.get("protocolVersion")))
        )

    def _enveloped(self, method: str, given: JsonObject) -> JsonObject:
        params = translate.with_envelope(given, self._client, self._capabilities, self._level)
        return request(f"toolgate-{next(self._ids)}", method, params)

    async def _rounds(
        self,
        message: JsonObject,
        method: str,
        given: JsonObject,
        emit: Emit,
        params: Mapping[str, str] | None,
    ) -> Note | None:
        """Forward, and answer what the upstream asks with the client's own answers, until it is done."""
        extra: JsonObject = {}
        for _ in range(_MOST_ROUNDS):
            note = await self._link.request(self._enveloped(method, {**given, **extra}), emit, params)
            answer = note.message if note else None
            if answer is None:
                return None
            if "error" in answer:
                wrong = translate.legacy_error(method, answer["error"])
                return Note({"jsonrpc": "2.0", "id": message["id"], "error": wrong})
            result = cast("JsonObject", answer["result"])
            if result.get("resultType") != "input_required":
                return Note(response(message["id"], translate.legacy_result(result)))
            extra = await self._answers(result, emit)
        raise UpstreamDown(f"{self.name}: asked for input {_MOST_ROUNDS} times, expected an answer")

    async def _answers(self, result: JsonObject, emit: Emit) -> JsonObject:
        wanted = cast("Any", result.get("inputRequests") or {})
        answers: JsonObject = {}
        for key, asked in cast("JsonObject", wanted).items() if isinstance(wanted, dict) else ():
            answers[key] = await self._ask(str(asked.get("method")), asked.get("params") or {}, emit)
        extra: JsonObject = {"inputResponses": answers} if answers else {}
        if not answers:
            await asyncio.sleep(_RETRY_SECONDS)
        if "requestState" in result:
            extra["requestState"] = result["requestState"]
        return extra

    async def _ask(self, method: str, params: JsonObject, emit: Emit) -> JsonObject:
        """Send one request to the client and wait for its answer."""
        asked = request(f"toolgate-ask-{next(self._ids)}", method, params)
        future: asyncio.Future[JsonObject] = asyncio.get_running_loop().create_future()
        self._asked[str(asked["id"])] = future
        try:
            await emit(Note(asked))
            answer = await future
        finally:
            self._asked.pop(str(asked["id"]), None)
        if "result" in answer:
            return cast("JsonObject", answer["result"])
        if method == "elicitation/create":
            return {"action": "cancel"}
        raise UpstreamDown(f"{self.name}: the client would not answer what the upstream asked ({method})")

    def _subscribe(self, message: JsonObject, method: str, uri: str) -> Note:
        if not cast("JsonObject", self._offered.get("resources") or {}).get("subscribe"):
            return Note(error(message["id"], METHOD_NOT_FOUND, "Method not found"))
        kept = [known for known in self._uris if known != uri]
        self._uris = [*kept, uri] if method == "resources/subscribe" else kept
        self._changed.set()
        return Note(response(message["id"], {}))

    async def _listen_once(self, pass_on: Callable[[Note], Awaitable[None]]) -> None:
        wanted: JsonObject = {
            flag: True
            for flag, (capability, _) in translate.CHANGES.items()
            if cast("JsonObject", self._offered.get(capability) or {}).get("listChanged")
        }
        if self._uris:
            wanted["resourceSubscriptions"] = list(self._uris)
        if not wanted:
            await self._changed.wait()
            return
        try:
            await self._link.request(
                self._enveloped("subscriptions/listen", {"notifications": wanted}), pass_on
            )
        except UpstreamDown:
            return  # tried again by `listen`


_INTERNAL = frozenset({"notifications/subscriptions/acknowledged", "notifications/cancelled"})


class Found(Protocol):
    """Told what the first `initialize` found out about an upstream."""

    def __call__(self, *, modern_only: bool) -> None: ...


class NativeFirst:
    """A legacy client's link before anybody knows whether the upstream still speaks its era."""

    def __init__(self, native: Link, modern: Callable[[], Awaitable[Link]], found: Found) -> None:
        self._link = native
        self._modern = modern
        self._found = found

    @property
    def name(self) -> str:
        """The upstream."""
        return self._link.name

    @property
    def stateful(self) -> bool:
        """As the link in use."""
        return self._link.stateful

    @property
    def session(self) -> str | None:
        """As the link in use."""
        return self._link.session

    def settled(self) -> Link:
        """The link that the first `initialize` decided for."""
        return self._link

    def agreed(self, version: str) -> None:
        """As the link in use."""
        self._link.agreed(version)

    async def request(
        self, message: JsonObject, emit: Emit, params: Mapping[str, str] | None = None
    ) -> Note | None:
        """The first `initialize` decides: refused, and the upstream answers discovery, it is bridged."""
        if message["method"] != "initialize":
            return await self._link.request(message, emit, params)
        why: UpstreamDown | None = None
        note: Note | None = None
        try:
            note = await self._link.request(message, emit, params)
        except UpstreamDown as error:
            why = error
        if note is not None and note.message is not None and "result" in note.message:
            self._found(modern_only=False)
            return note
        native, bridged = self._link, OverModern(await self._modern())
        try:
            answer = await bridged.request(message, emit, params)
        except BaseException as error:
            await bridged.close()
            if not isinstance(error, UpstreamDown):
                raise
            if why is not None:
                raise why from None
            return note
        self._link = bridged
        self._found(modern_only=True)
        await native.close()
        return answer

    async def send(self, message: JsonObject) -> None:
        """As the link in use."""
        await self._link.send(message)

    async def listen(self, emit: Emit, last_event: str | None) -> None:
        """As the link in use."""
        await self._link.listen(emit, last_event)

    async def close(self) -> None:
        """As the link in use."""
        await self._link.close()
