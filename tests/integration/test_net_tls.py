"""HTTPS through the checked client: connected to the checked address, with the certificate of the name."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from certificates import self_signed
from toolgate_servers import net
from toolgate_servers.errors import Reason, Refused
from toolgate_servers.net import Net

NAME = "service.test"


class Hello(BaseHTTPRequestHandler):
    """Greets."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it so
        """Say nothing."""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for the name, signed by itself; its key lies beside it."""
    return self_signed(tmp_path_factory.mktemp("tls"), NAME)[0]


@pytest.fixture
def port(certificate: Path) -> Generator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    with HTTPServer(("127.0.0.1", 0), Hello) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def at_loopback(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1"]


def trusting(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.create_default_context(cafile=certificate)
    monkeypatch.setattr(net, "tls", lambda: context)


def test_a_trusted_service_answers(port: int, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trusting(certificate, monkeypatch)
    client = Net.for_service(f"https://{NAME}:{port}", resolve=at_loopback)
    assert client.fetch("GET", f"https://{NAME}:{port}/").text() == "hello"


def refused(url: str) -> Reason:
    with pytest.raises(Refused) as caught:
        Net.for_service(url, resolve=at_loopback).fetch("GET", url)
    return caught.value.reason


def test_a_certificate_that_nobody_trusts_is_no_server(port: int) -> None:
    assert refused(f"https://{NAME}:{port}/") is Reason.UNREACHABLE


def test_a_certificate_of_another_name_is_no_server(
    port: int, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusting(certificate, monkeypatch)
    assert refused(f"https://other.test:{port}/") is Reason.UNREACHABLE


def test_the_environment_cannot_add_a_certificate(
    port: int, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    net.tls.cache_clear()
    assert refused(f"https://{NAME}:{port}/") is Reason.UNREACHABLE


def test_a_server_without_encryption_is_no_server(port: int) -> None:
    assert refused(f"http://{NAME}:{port}/") is Reason.UNREACHABLE
