"""A 2026-07-28 client in front of a handshake-era upstream."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

import orjson

from toolgate.core.model import JsonObject
from toolgate.errors import SealBroken, SessionLost, UpstreamDown
from toolgate.ports import Keyring
from toolgate.protocol import translate
from toolgate.protocol.messages import (
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    error,
    members,
    notification,
    request,
    response,
)
from toolgate.protocol.versions import LOG_LEVEL_KEY, NEWEST_LEGACY, SUBSCRIPTION_KEY
from toolgate.upstream.link import Emit, Link, Note, Opening, unheard

PARKED = "parked-call"
PARK_SECONDS = 600.0
_MOST_PARKED = 1000
# What a legacy server asks in mid-call, and the client capability it needs.
_ASKS = {"elicitation/create": "elicitation", "sampling/createMessage": "sampling", "roots/list": "roots"}


@dataclass(slots=True)
class _Parked:
    """An upstream call that waits for the client to answer what the upstream asked in mid-call."""

    method: str
    about: bytes
    running: asyncio.Task[Note | None]
    expires: float
    emit: Emit
    logs: bool
    asks: asyncio.Queue[JsonObject] = field(default_factory=asyncio.Queue[JsonObject])
    pending: dict[str, JsonObject] = field(default_factory=dict[str, JsonObject])


class OverLegacy:
    """Makes one legacy link look modern: handshake once, envelopes off, modern fields on.

    A request of the upstream in mid-call parks the call and is answered through `input_required`; the
    state that resumes it is sealed, expires, counts once and dies with this process.
    """

    def __init__(self, link: Link, opening: Opening, keyring: Keyring) -> None:
        self._link = link
        self._opening = opening
        self._keyring = keyring
        self._ids = itertools.count(1)
        self._opened: JsonObject = {}
        self._parked: dict[str, _Parked] = {}
        self._listens: dict[str, tuple[object, JsonObject, Emit]] = {}
        self._listening: asyncio.Task[None] | None = None
        self._level: str | None = None

    @property
    def name(self) -> str:
        """The upstream."""
        return self._link.name

    @property
    def stateful(self) -> bool:
        """The legacy session is this caller's."""
        return True

    @property
    def session(self) -> str | None:
        """A modern client has no session id."""
        return None

    def settled(self) -> OverLegacy:
        """This link."""
        return self

    def agreed(self, version: str) -> None:
        """A modern client agrees on nothing."""

    @property
    def busy(self) -> bool:
        """Whether a call waits for input or a client listens."""
        return bool(self._parked or self._listens)

    async def handshake(self) -> None:
        """Initialise the upstream with the client's own capabilities."""
        params = translate.handshake(self._opening.client, self._opening.capabilities)
        note = await self._link.request(request("toolgate-open", "initialize", params), unheard)
        message = note.message if note else None
        if message is None or "result" not in message:
            raise UpstreamDown(f"{self.name}: the upstream refused to initialise")
        self._opened = cast("JsonObject", message["result"])
        self._link.agreed(str(self._opened.get("protocolVersion", NEWEST_LEGACY)))
        await self._link.send(notification("notifications/initialized", {}))

    async def request(
        self, message: JsonObject, emit: Emit, params: Mapping[str, str] | None = None
    ) -> Note | None:
        """Forward one modern request."""
        method = cast("str", message["method"])
        given = cast("JsonObject", message.get("params") or {})
        if method == "server/discover":
            return self._result(message, method, translate.discovered(self._opened))
        if method == "subscriptions/listen":
            return await self._listen(message, given, emit)
        if method in (
            "initialize",
            "ping",
            "logging/setLevel",
            "resources/subscribe",
            "resources/unsubscribe",
        ):
            return Note(error(message["id"], METHOD_NOT_FOUND, "Method not found"))
        if "requestState" in given:
            return await self._resume(message, method, given, emit)
        try:
            await self._set_level(given)
            return await self._begin(message, method, given, emit)
        except SessionLost:
            # The upstream has forgotten us, so it has done nothing: a modern client need not know.
            self._level = None
            await self.handshake()
            await self._set_level(given)
            return await self._begin(message, method, given, emit)

    async def send(self, message: JsonObject) -> None:
        """A modern client sends no notifications that a legacy server could use."""

    async def listen(self, emit: Emit, last_event: str | None) -> None:
        """2026-07-28 has no stream outside of requests."""
        raise UpstreamDown(f"{self.name}: no such stream in this protocol version")

    async def close(self) -> None:
        """Drop parked calls and the legacy session."""
        for parked in self._parked.values():
            parked.running.cancel()
        self._parked.clear()
        if self._listening is not None:
            self._listening.cancel()
        await self._link.close()

    async def _begin(self, message: JsonObject, method: str, given: JsonObject, emit: Emit) -> Note | None:
        self._expire()
        about = orjson.dumps([method, translate.without_envelope(given)], option=orjson.OPT_SORT_KEYS)
        sent = request(f"toolgate-{next(self._ids)}", method, translate.without_envelope(given))
        holder: list[_Parked] = []

        async def heard(note: Note) -> None:
            await self._heard(holder[0], note)

        running = asyncio.ensure_future(self._link.request(sent, heard))
        logs = LOG_LEVEL_KEY in cast("JsonObject", given.get("_meta") or {})
        parked = _Parked(method, about, running, time.monotonic() + PARK_SECONDS, emit, logs)
        holder.append(parked)
        return await self._until_asked(message, parked)

    async def _heard(self, parked: _Parked, note: Note) -> None:
        asked = note.message
        wanted = _ASKS.get(str(asked.get("method"))) if asked is not None and "id" in asked else None
        if asked is not None and wanted is not None and wanted not in self._opening.capabilities:
            await self._link.send(error(asked["id"], METHOD_NOT_FOUND, "the client does not offer this"))
        elif asked is not None and wanted is not None:
            parked.asks.put_nowait(asked)
        elif asked is not None and (parked.logs or asked.get("method") != "notifications/message"):
            # Event ids and retry times mean nothing to a stream that cannot be resumed.
            await parked.emit(Note(asked))

    async def _until_asked(self, message: JsonObject, parked: _Parked) -> Note | None:
        """The answer, or `input_required` as soon as the upstream asks something."""
        asking = asyncio.ensure_future(parked.asks.get())
        try:
            await asyncio.wait((parked.running, asking), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            parked.running.cancel()
            asking.cancel()
            raise
        if parked.running.done():
            asking.cancel()
            note = parked.running.result()
            return (
                None
                if note is None or note.message is None
                else self._translated(message, parked.method, note)
            )
        return self._park(message, parked, asking.result())

    def _park(self, message: JsonObject, parked: _Parked, asked: JsonObject) -> Note:
        if len(self._parked) >= _MOST_PARKED:
            parked.running.cancel()
            return Note(error(message["id"], INVALID_PARAMS, "too many calls wait for input"))
        key = f"ask-{next(self._ids)}"
        parked.pending = {key: asked}
        self._parked[key] = parked
        state = self._keyring.seal(PARKED, orjson.dumps([key, self._opening.caller])).hex()
        result: JsonObject = {
            "resultType": "input_required",
            "inputRequests": {key: {"method": asked["method"], "params": asked.get("params") or {}}},
            "requestState": state,
        }
        return self._result(message, "", result)

    async def _resume(self, message: JsonObject, method: str, given: JsonObject, emit: Emit) -> Note | None:
        invalid = Note(
            error(message["id"], INVALID_PARAMS, "requestState: expected a state that is still waiting")
        )
        try:
            sealed = bytes.fromhex(str(given["requestState"]))
            key, caller = orjson.loads(self._keyring.unseal(PARKED, sealed))
        except (ValueError, SealBroken):
            return invalid
        parked = self._parked.get(key)
        about = orjson.dumps([method, translate.without_envelope(given)], option=orjson.OPT_SORT_KEYS)
        if parked is None or caller != self._opening.caller or parked.about != about:
            return invalid
        given_answers: object = given.get("inputResponses", {})
        answers = members(given_answers)
        if not isinstance(given_answers, dict) or not isinstance(answers.get(key, {}), dict):
            return Note(
                error(message["id"], INVALID_PARAMS, "inputResponses: expected an object per request")
            )
        if key not in answers:
            # Nothing answered yet: the same question once more.
            state = cast("str", given["requestState"])
            asked = parked.pending[key]
            wanted: JsonObject = {key: {"method": asked["method"], "params": asked.get("params") or {}}}
            again: JsonObject = {
                "resultType": "input_required",
                "inputRequests": wanted,
                "requestState": state,
            }
            return self._result(message, "", again)
        del self._parked[key]
        parked.emit = emit
        asked = parked.pending.pop(key)
        await self._link.send(response(asked["id"], answers[key]))
        return await self._until_asked(message, parked)

    def _translated(self, message: JsonObject, method: str, note: Note) -> Note:
        answer = cast("JsonObject", note.message)
        if "error" in answer:
            made = translate.modern_error(answer["error"])
            return Note({"jsonrpc": "2.0", "id": message["id"], "error": made})
        return self._result(message, method, answer["result"])

    def _result(self, message: JsonObject, method: str, result: JsonObject) -> Note:
        server = cast("JsonObject", self._opened.get("serverInfo") or {})
        return Note(response(message["id"], translate.modern_result(method, result, server)))

    async def _set_level(self, given: JsonObject) -> None:
        """A modern request opts into logs; a legacy server is told once per change."""
        level: object = cast("JsonObject", given.get("_meta") or {}).get(LOG_LEVEL_KEY)
        offered = "logging" in cast("JsonObject", self._opened.get("capabilities") or {})
        if not isinstance(level, str) or level == self._level or not offered:
            return
        self._level = level
        sent = request(f"toolgate-{next(self._ids)}", "logging/setLevel", {"level": level})
        await self._link.request(sent, unheard)

    async def _listen(self, message: JsonObject, given: JsonObject, emit: Emit) -> Note | None:
        """Build the stream of one listen from what a legacy server sends unasked."""
        wanted = cast("JsonObject", given.get("notifications") or {})
        agreed = await self._subscribed(wanted)
        key = str(message["id"])
        self._listens[key] = (message["id"], agreed, emit)
        if self._listening is None or self._listening.done():
            self._listening = asyncio.ensure_future(self._hear())
        params = translate.tagged({"notifications": agreed}, message["id"])
        await emit(Note(notification("notifications/subscriptions/acknowledged", params)))
        try:
            await asyncio.shield(self._listening)
        finally:
            self._listens.pop(key, None)
        closing: JsonObject = {"_meta": {SUBSCRIPTION_KEY: message["id"]}}
        return self._result(message, "subscriptions/listen", closing)

    async def _subscribed(self, wanted: JsonObject) -> JsonObject:
        """What of a listen a legacy server can deliver; resources are subscribed one by one."""
        offered = cast("JsonObject", self._opened.get("capabilities") or {})
        agreed: JsonObject = {}
        for flag, (capability, _) in translate.CHANGES.items():
            if wanted.get(flag) and cast("JsonObject", offered.get(capability) or {}).get("listChanged"):
                agreed[flag] = True
        uris = cast("list[str]", wanted.get("resourceSubscriptions") or [])
        if uris and cast("JsonObject", offered.get("resources") or {}).get("subscribe"):
            for uri in uris:
                sent = request(f"toolgate-{next(self._ids)}", "resources/subscribe", {"uri": uri})
                await self._link.request(sent, unheard)
            agreed["resourceSubscriptions"] = uris
        return agreed

    async def _hear(self) -> None:
        async def pass_on(note: Note) -> None:
            message = note.message
            method: object = message.get("method") if message is not None else None
            if message is None or not isinstance(method, str):
                return
            params = cast("JsonObject", message.get("params") or {})
            for listen_id, agreed, emit in list(self._listens.values()):
                if _belongs(method, params, agreed):
                    await emit(Note(notification(method, translate.tagged(params, listen_id))))

        try:
            await self._link.listen(pass_on, None)
        except UpstreamDown:
            return  # no stream of its own: the listen stays open only as long as there is one

    def _expire(self) -> None:
        now = time.monotonic()
        for key in [key for key, parked in self._parked.items() if parked.expires < now]:
            self._parked.pop(key).running.cancel()


def _belongs(method: str, params: JsonObject, agreed: JsonObject) -> bool:
    if method == "notifications/resources/updated":
        return params.get("uri") in cast("list[str]", agreed.get("resourceSubscriptions") or [])
    return any(agreed.get(flag) and method == changed for flag, (_, changed) in translate.CHANGES.items())
