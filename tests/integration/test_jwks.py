"""A real issuer on loopback: its keys are fetched over HTTP without stopping the event loop."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from toolgate.core.model import Caller
from toolgate.errors import PortDown
from toolgate.ingress.identity import Identity, Keys
from toolgate.ingress.issuer import Issuer
from toolgate.ingress.jwks import MAX_BYTES, fetched
from toolgate.ingress.tokens import Tokens

KEY = ec.generate_private_key(ec.SECP256R1())


class Real:
    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass
class Provider:
    """An issuer over HTTP. `open` lets answers go; `asked` counts the visits per path."""

    url: str = ""
    open: threading.Event = field(default_factory=threading.Event)
    asked: list[str] = field(default_factory=list[str])

    def answer(self, path: str) -> tuple[int, bytes]:
        self.asked.append(path)
        self.open.wait(10)
        if path == "/moved":
            return 302, b""
        if path == "/large":
            return 200, b" " * (MAX_BYTES + 1)
        listed = json.loads(jwt.get_algorithm_by_name("ES256").to_jwk(KEY.public_key()))
        return 200, json.dumps({"keys": [{**listed, "kid": "e"}]}).encode()


@pytest.fixture
def provider() -> Iterator[Provider]:
    issuer = Provider()
    issuer.open.set()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, content = issuer.answer(self.path)
            self.send_response(status)
            self.send_header("Location", f"{issuer.url}/jwks")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            try:
                self.wfile.write(content)
            except ConnectionError:
                pass  # who asked for too much hangs up

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # the name of the base
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield issuer
    issuer.open.set()
    server.shutdown()
    thread.join()
    server.server_close()


def identity(provider: Provider, folder: Path, path: str = "/jwks") -> Identity:
    tokens = Tokens(Issuer(provider.url, "toolgate", provider.url + path, "roles"), Real())
    return Identity(Keys(folder / "keys.yaml", Real()), tokens)


def header(provider: Provider) -> bytes:
    claims = {
        "iss": provider.url,
        "aud": "toolgate",
        "sub": "ann",
        "exp": time.time() + 60,
        "roles": ["reader"],
    }
    return b"Bearer " + jwt.encode(claims, KEY, "ES256", headers={"kid": "e"}).encode()


async def test_a_token_is_verified_with_keys_fetched_from_its_issuer(
    provider: Provider, tmp_path: Path
) -> None:
    who = identity(provider, tmp_path)
    for _ in range(3):
        assert await who.authenticate(header(provider)) == Caller("ann", ("reader",), "jwt:ann")
    assert provider.asked == ["/jwks"]


async def test_others_are_served_while_an_issuer_is_slow_and_it_is_asked_once(
    provider: Provider, tmp_path: Path
) -> None:
    provider.open.clear()
    who = identity(provider, tmp_path)
    waiting = [asyncio.create_task(who.authenticate(header(provider))) for _ in range(5)]
    while not provider.asked:
        await asyncio.wait_for(asyncio.to_thread(lambda: None), 5)  # the loop turns while the issuer sleeps
    waiting[0].cancel()
    assert not any(task.done() for task in waiting[1:])
    provider.open.set()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert all(isinstance(answer, Caller) for answer in answers[1:])
    assert provider.asked == ["/jwks"]


@pytest.mark.parametrize("path", ["/moved", "/large"])
async def test_a_redirect_or_an_endless_answer_is_no_answer(
    provider: Provider, tmp_path: Path, path: str
) -> None:
    with pytest.raises(PortDown):
        await identity(provider, tmp_path, path).authenticate(header(provider))
    assert provider.asked == [path]


async def test_an_issuer_that_does_not_listen_is_a_port_that_is_down(
    provider: Provider, tmp_path: Path
) -> None:
    provider.url = "http://127.0.0.1:9"  # the discard port: nobody listens
    with pytest.raises(PortDown):
        await identity(provider, tmp_path).authenticate(header(provider))


def test_keys_are_never_fetched_in_the_clear_from_another_machine() -> None:
    for url in ("http://idp.example.com/jwks", "file:///etc/passwd", "ftp://127.0.0.1/x"):
        with pytest.raises(OSError, match="expected an https"):
            fetched(url)
