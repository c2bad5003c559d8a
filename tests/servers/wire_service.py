"""A service without a socket: it reads the bytes of each HTTP request and answers with bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpcore2

from toolgate_servers.net import Net


@dataclass(frozen=True)
class Asked:
    """One request as it came over the wire; header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True, strict_parsing=bool(self.body)))


@dataclass(frozen=True)
class Said:
    """One answer; a body that is not bytes is sent as JSON."""

    status: int = 200
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def wire(self) -> bytes:
        is_bytes = isinstance(self.body, bytes)
        body = self.body if is_bytes else json.dumps(self.body).encode()
        kind = "text/plain" if is_bytes else "application/json; charset=utf-8"
        headers = {"content-type": kind, "content-length": str(len(body)), **self.headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"HTTP/1.1 {self.status} OK\r\n{lines}\r\n".encode() + body


class WireService(httpcore2.NetworkBackend):
    """A stand-in for a service: tell it what to answer by overriding `answer`; `asked` is what came."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.hangs_up = False  # after it has done what was asked, without an answer

    def answer(self, asked: Asked) -> Said:
        return Said(404)

    def net(self, url: str) -> Net:
        """A client that reaches this service and nothing else."""
        return Net.for_service(url, backend=self, resolve=_resolved)

    def connect_tcp(self, host: str, port: int, *_args: Any, **_options: Any) -> httpcore2.NetworkStream:
        return _Stream(self)


class _Stream(httpcore2.MockStream):
    def __init__(self, service: WireService) -> None:
        super().__init__([])
        self._service = service
        self._written = b""
        self._unread: bytes | None = None

    def start_tls(self, *_args: Any, **_options: Any) -> httpcore2.NetworkStream:
        return self

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._written += buffer

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._unread is None:
            asked = _asked(self._written)
            self._service.asked.append(asked)
            said = self._service.answer(asked).wire()
            if self._service.hangs_up:
                raise httpcore2.ReadError
            self._unread = said
        chunk, self._unread = self._unread[:max_bytes], self._unread[max_bytes:]
        return chunk


def _asked(written: bytes) -> Asked:
    head, _, body = written.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    parts = urlsplit(target)
    assert len(body) == int(headers.get("content-length", "0"))
    return Asked(method, parts.path, dict(parse_qsl(parts.query)), headers, body)


def _resolved(_host: str, _port: int) -> list[str]:
    return ["192.0.2.1"]
