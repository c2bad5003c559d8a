"""A 2025 client that can be asked keeps a session, even before an upstream without any: answers find it."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from toolgate.core.model import JsonObject
from toolgate.ingress.guard import Origins
from toolgate.ingress.http import HttpFront
from toolgate.ingress.identity import Identity, Keys
from toolgate.ingress.rest import rest
from toolgate.ingress.sessions import Sessions
from toolgate.testing import Upstream, World, caller, definition

POLICY = """
version: 1
tiers: {irreversible: [mail/send]}
roles: {agent: {tools: ["mail/*"]}}
approval: {irreversible: {channels: [CHANNEL]}}
"""
ANN = caller("ann", "agent")


class Asgi:
    """One HTTP client of a front in this process."""

    def __init__(self, world: World, folder: Path) -> None:
        everybody_is_ann = Identity(Keys(folder / "keys.yaml", world.clock), nobody=ANN)
        origins = Origins("127.0.0.1:80", "")
        self._front = HttpFront(
            world.gateway, everybody_is_ann, Sessions(10), origins, 1 << 20, rest(everybody_is_ann)
        )
        self.session: bytes | None = None
        self.events: asyncio.Queue[bytes] = asyncio.Queue()
        self.headers: dict[bytes, bytes] = {}

    async def post(self, message: JsonObject) -> int:
        headers = [(b"host", b"127.0.0.1:80"), (b"content-type", b"application/json")]
        headers += [(b"accept", b"application/json, text/event-stream")]
        body, status = orjson.dumps(message), 0
        if self.session is not None:
            headers += [(b"mcp-session-id", self.session), (b"mcp-protocol-version", b"2025-11-25")]
        headers.append((b"content-length", b"%d" % len(body)))
        parts = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> MutableMapping[str, Any]:
            if parts:
                return parts.pop()
            await asyncio.Event().wait()
            raise AssertionError

        async def send(event: MutableMapping[str, Any]) -> None:
            nonlocal status
            if event["type"] == "http.response.start":
                status, self.headers = event["status"], dict(event["headers"])
            elif event.get("body"):
                await self.events.put(event["body"])

        scope = {
            "type": "http",
            "path": "/mail/mcp",
            "method": "POST",
            "headers": headers,
            "client": ("127.0.0.1", 1),
        }
        await self._front(scope, receive, send)
        return status

    async def open(self, capabilities: JsonObject) -> None:
        params = {"protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": {"name": "c"}}
        await self.post({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params})
        self.session = self.headers.get(b"mcp-session-id")
        await self.events.get()


@pytest.mark.parametrize(
    ("channel", "capabilities", "kept"),
    [("elicit", {"elicitation": {}}, True), ("elicit", {}, False), ("cli", {"elicitation": {}}, False)],
)
async def test_a_session_is_kept_only_for_clients_that_the_policy_lets_be_asked(
    channel: str, capabilities: JsonObject, kept: bool, tmp_path: Path
) -> None:
    world = World(POLICY.replace("CHANNEL", channel), Upstream("mail", [definition("send")]))
    client = Asgi(world, tmp_path)
    await client.open(capabilities)
    assert (client.session is not None) == kept


async def test_the_answer_finds_the_call_it_belongs_to(tmp_path: Path) -> None:
    mail = Upstream("mail", [definition("send")])
    client = Asgi(World(POLICY.replace("CHANNEL", "elicit"), mail), tmp_path)
    await client.open({"elicitation": {}})
    asked: JsonObject = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "send"}}
    call = asyncio.ensure_future(client.post(asked))
    event = await client.events.get()
    question = orjson.loads(event.split(b"data: ")[1].split(b"\r\n")[0])
    assert question["method"] == "elicitation/create"
    said = {"action": "accept", "content": {"approve": True}}
    assert await client.post({"jsonrpc": "2.0", "id": question["id"], "result": said}) == 202
    await call
    assert len(mail.calls) == 1
