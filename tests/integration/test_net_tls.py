"""HTTPS through the checked client: connected to the checked address, with the certificate of the name."""

from __future__ import annotations

import datetime as dt
import ssl
import threading
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

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
    """A certificate for the name, signed by itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "service.pem"
    plain = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(plain + made.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture
def port(certificate: Path) -> Generator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
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
