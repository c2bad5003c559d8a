"""An MCP server that does what a test tells it to, well or badly, in either era, over stdio or HTTP.

Every call and every cancellation it hears goes as one line of JSON to the file named by `--log`.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

from upstreams.shelves import LISTS, page

Json = dict[str, Any]
LEGACY, MODERN = "2025-11-25", "2026-07-28"
META = "io.modelcontextprotocol/"
_OFFERS: Json = {
    "tools": {"listChanged": True},
    "resources": {"subscribe": True, "listChanged": True},
    "prompts": {},
    "logging": {},
}


class Wire(Protocol):
    """The way back to the client of one request."""

    session: str

    async def say(self, message: Json) -> None: ...

    async def answer(self, message: Json) -> None: ...

    async def aside(self, message: Json) -> None:
        """Outside of any request, as far as the transport has such a way."""
        ...

    async def trick(self, how: str, request_id: object) -> bool:
        """Misbehave; whether the request counts as dealt with."""
        ...


class Puppet:
    """Answers requests; one task per request, so that it hears everything while it waits."""

    def __init__(self, era: str, lists: str, log: Path) -> None:
        self.era = era
        self._lists = lists
        self._log = log
        self._gates: dict[str, asyncio.Event] = {}
        self._ids = itertools.count(1)
        self._asked: dict[str, asyncio.Future[Json]] = {}
        self._running: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._listens: dict[tuple[str, str], Wire] = {}
        self._states: set[str] = set()

    def note(self, event: str, **more: object) -> None:
        """One line in the log, written at once."""
        line = json.dumps({"event": event, "pid": os.getpid(), **more}) + "\n"
        handle = os.open(self._log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(handle, line.encode())
        os.close(handle)

    def hear(self, message: Json, wire: Wire) -> asyncio.Task[None] | None:
        """Take in one message; a request becomes a task."""
        if "method" not in message:
            waiting = self._asked.get(str(message.get("id")))
            if waiting is not None and not waiting.done():
                waiting.set_result(message)
            else:
                self.note("unasked", id=message.get("id"))
            return None
        if "id" not in message:
            self._heard(message, wire)
            return None
        key = (wire.session, str(message["id"]))
        task = asyncio.ensure_future(self._serve(message, wire))
        self._running[key] = task
        task.add_done_callback(lambda _: self._running.pop(key, None))
        return task

    def gone(self, session: str, request_id: object) -> None:
        """The connection of a request closed before its answer."""
        self.note("disconnected", id=request_id)
        running = self._running.get((session, str(request_id)))
        if running is not None and self.era != "legacy":
            running.cancel()

    def _heard(self, message: Json, wire: Wire) -> None:
        params: Json = message.get("params") or {}
        self.note("notified", method=message["method"], params=params)
        if message["method"] == "notifications/cancelled":
            key = (wire.session, str(params.get("requestId")))
            self.note("cancelled", id=params.get("requestId"), known=key in self._running)
            running = self._running.get(key)
            if running is not None:
                running.cancel()

    async def _serve(self, message: Json, wire: Wire) -> None:
        method: str = message["method"]
        params: Json = message.get("params") or {}
        modern = f"{META}protocolVersion" in (params.get("_meta") or {})
        self.note("request", method=method, id=message["id"], session=wire.session, params=params)
        result = await self._result(method, params, modern, message, wire)
        if result is None:
            return
        if "code" in result:
            await wire.answer({"jsonrpc": "2.0", "id": message["id"], "error": result})
            return
        if modern:
            result = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private", **result}
        await wire.answer({"jsonrpc": "2.0", "id": message["id"], "result": result})

    async def _result(
        self, method: str, params: Json, modern: bool, message: Json, wire: Wire
    ) -> Json | None:
        wrong = self._wrong_era(method, modern)
        if wrong is not None:
            return wrong
        match method:
            case "initialize":
                info = {"name": "puppet", "version": "1"}
                return {"protocolVersion": LEGACY, "capabilities": _OFFERS, "serverInfo": info}
            case "server/discover":
                return {"supportedVersions": [MODERN], "capabilities": _OFFERS}
            case "subscriptions/listen":
                return await self._listen(params, message, wire)
            case "resources/read":
                return {"contents": [{"uri": params["uri"], "text": "read"}]}
            case "tools/call":
                return await self._call(params, modern, message, wire)
            case _ if method in LISTS:
                return page(self._lists, method, params.get("cursor"))
            case _:
                return {}

    def _wrong_era(self, method: str, modern: bool) -> Json | None:
        if self.era == "modern" and not modern:
            return {
                "code": -32022,
                "message": "Unsupported protocol version",
                "data": {"supported": [MODERN]},
            }
        if self.era == "legacy" and (modern or method == "server/discover"):
            return {"code": -32601, "message": "Method not found"}
        if method == "initialize" and modern:
            return {"code": -32601, "message": "Method not found"}
        return None

    async def _listen(self, params: Json, message: Json, wire: Wire) -> Json:
        key = (wire.session, str(message["id"]))
        told = {
            "notifications": params.get("notifications") or {},
            "_meta": {f"{META}subscriptionId": message["id"]},
        }
        await wire.say(
            {"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": told}
        )
        self._listens[key] = wire
        try:
            await asyncio.Event().wait()
        finally:
            del self._listens[key]
        return {}

    async def _call(self, params: Json, modern: bool, message: Json, wire: Wire) -> Json | None:
        tools: dict[str, Callable[..., Awaitable[Json | None]]] = {
            "wait": self._wait,
            "progress": self._progress,
            "ask": self._ask,
            "boom": self._boom,
            "poke": self._poke,
            "card": self._card,
        }
        name: str = params["name"]
        arguments: Json = params.get("arguments") or {}
        if name == "trick":
            return None if await wire.trick(arguments["how"], message["id"]) else text("no such trick")
        if name == "release":
            self._gate(arguments["key"]).set()
            return text("released")
        acting = tools.get(name)
        if acting is None:
            return {
                **text(str(arguments.get("text", name))),
                "_meta": {"vendor/kept": arguments.get("text", "")},
            }
        return await acting(arguments, params, modern, message, wire)

    def _gate(self, key: str) -> asyncio.Event:
        return self._gates.setdefault(key, asyncio.Event())

    async def _wait(self, arguments: Json, params: Json, modern: bool, message: Json, wire: Wire) -> Json:
        self.note("waiting", id=message["id"], key=arguments["key"])
        try:
            await self._gate(arguments["key"]).wait()
        except asyncio.CancelledError:
            self.note("stopped", key=arguments["key"])
            raise
        return text(arguments["key"])

    async def _progress(self, arguments: Json, params: Json, modern: bool, message: Json, wire: Wire) -> Json:
        meta: Json = params.get("_meta") or {}
        token: object = meta.get("progressToken")
        said = f"{arguments['tag']} {arguments.get('leak', '')[::-1]}".strip()
        for step in range(1, arguments["steps"] + 1):
            told: Json = {"progressToken": token, "progress": step, "message": said}
            await wire.say({"jsonrpc": "2.0", "method": "notifications/progress", "params": told})
            logged = {"level": "info", "data": said}
            await wire.say({"jsonrpc": "2.0", "method": "notifications/message", "params": logged})
        self.note("waiting", id=message["id"], key=arguments["tag"], token=token)
        await self._gate(arguments["tag"]).wait()
        late: Json = {"progressToken": token, "progress": 99, "message": arguments["tag"]}
        await wire.answer({"jsonrpc": "2.0", "id": message["id"], "result": text(arguments["tag"], modern)})
        if arguments.get("late"):
            await wire.aside({"jsonrpc": "2.0", "method": "notifications/progress", "params": late})
        raise asyncio.CancelledError  # answered above, because something came after the answer

    async def _ask(self, arguments: Json, params: Json, modern: bool, message: Json, wire: Wire) -> Json:
        asked: Json = {"method": arguments["method"], "params": arguments.get("params") or {}}
        if not modern:
            return text(json.dumps(await self._asked_of_client(asked, wire), sort_keys=True))
        if "requestState" in params:
            if params["requestState"] not in self._states:
                return {"code": -32602, "message": "requestState: not mine"}
            self._states.remove(params["requestState"])
            responses: Json = params.get("inputResponses") or {}
            given: object = responses.get("q")
            return text(json.dumps(given, sort_keys=True))
        state = f"state-{next(self._ids)}"
        self._states.add(state)
        return {"resultType": "input_required", "inputRequests": {"q": asked}, "requestState": state}

    async def _asked_of_client(self, asked: Json, wire: Wire) -> object:
        ident = next(self._ids)
        future: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._asked[str(ident)] = future
        await wire.say({"jsonrpc": "2.0", "id": ident, **asked})
        answer = await future
        wrong: Json = answer.get("error") or {}
        return answer.get("result", {"refused": wrong.get("code")})

    async def _boom(self, arguments: Json, params: Json, modern: bool, message: Json, wire: Wire) -> Json:
        self.note("boom", arguments=arguments)
        if arguments.get("ask"):
            return await self._ask({"method": "elicitation/create"}, params, modern, message, wire)
        return text(f"boom {arguments.get('target')}")

    async def _poke(self, arguments: Json, params: Json, modern: bool, message: Json, wire: Wire) -> Json:
        """Say something outside of any request; on listen streams, tagged for each."""
        told: Json = {
            "jsonrpc": "2.0",
            "method": arguments["method"],
            "params": arguments.get("params") or {},
        }
        for (_, listen), listener in list(self._listens.items()):
            meta = {f"{META}subscriptionId": int(listen) if listen.isdigit() else listen}
            await listener.say({**told, "params": {**told["params"], "_meta": meta}})
        if self.era != "modern":
            await wire.aside(told)
        return text("poked")

    async def _card(self, arguments: Json, params: Json, modern: bool, message: Json, wire: Wire) -> Json:
        number = arguments.get("number", "4111 1111 1111 1111")
        structured = {"owner": "someone", "card": number, "limit": 5}
        return {**text(json.dumps(structured)), "structuredContent": structured}


def text(words: str, modern: bool = False) -> Json:
    """A tool result of one text."""
    kind: Json = {"resultType": "complete"} if modern else {}
    return {"content": [{"type": "text", "text": words}], "isError": False, **kind}


def main() -> None:
    """`python -m upstreams.puppet --log FILE [--http PORT] [--era legacy|modern|both] [--lists KIND]`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--http", type=int)
    parser.add_argument("--era", default="both")
    parser.add_argument("--lists", default="plain")
    given = parser.parse_args()
    puppet = Puppet(given.era, given.lists, given.log)
    puppet.note("started", ppid=os.getppid())
    if given.http is None:
        from upstreams.piped import serve

        asyncio.run(serve(puppet))
    else:
        from upstreams.posted import serve as serve_http

        asyncio.run(serve_http(puppet, given.http))


if __name__ == "__main__":
    main()
