"""Where to get a token, asked over ASGI by a client that has none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from toolgate.core.model import Caller
from toolgate.ingress.guard import Origins
from toolgate.ingress.http import HttpFront
from toolgate.ingress.identity import Identity, Keys, Verifier
from toolgate.ingress.rest import rest
from toolgate.ingress.sessions import Sessions
from toolgate.testing import Upstream, World


class Still:
    def now(self) -> float:
        return 0.0

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        """Nobody waits here."""


class Nobodys:
    """An issuer whose tokens nobody has."""

    issuer = "https://idp.example.com"

    def recalled(self, token: bytes) -> Caller | None:
        return None

    async def verified(self, token: bytes) -> Caller | str:
        return "unknown"


def front(folder: Path, tokens: Verifier | None) -> HttpFront:
    identity = Identity(Keys(folder / "keys.yaml", Still()), tokens, None, "https://tools.example.com")
    gateway = World("version: 1\n", Upstream("git")).gateway
    return HttpFront(gateway, identity, Sessions(1), Origins("127.0.0.1:1", ""), 1024, rest(identity))


async def get(app: HttpFront, path: str) -> tuple[int, bytes]:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b""}
    await app({**scope, "headers": [], "root_path": "", "http_version": "1.1"}, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)


@pytest.mark.parametrize("resource", ["/mcp", "/git/mcp"])
async def test_the_metadata_of_a_resource_needs_no_credential(tmp_path: Path, resource: str) -> None:
    status, body = await get(front(tmp_path, Nobodys()), f"/.well-known/oauth-protected-resource{resource}")
    assert status == 200
    assert json.loads(body) == {
        "resource": f"https://tools.example.com{resource}",
        "authorization_servers": ["https://idp.example.com"],
        "bearer_methods_supported": ["header"],
    }


async def test_without_an_issuer_there_is_no_metadata(tmp_path: Path) -> None:
    assert (await get(front(tmp_path, None), "/.well-known/oauth-protected-resource/mcp"))[0] == 404
