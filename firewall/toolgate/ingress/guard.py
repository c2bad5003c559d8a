"""What an HTTP request must be before anybody looks into it: where from, what kind, how large."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from toolgate.core.model import Refuse
from toolgate.core.reasons import Reason
from toolgate.ingress.stream import Receive
from toolgate.ingress.wire import late, whole_body

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_ONCE = frozenset(
    b"mcp-protocol-version mcp-method mcp-name mcp-session-id authorization host origin content-type".split()
)


_KNOWN = (
    "host accept content-type content-length authorization mcp-session-id mcp-protocol-version "
    "mcp-method mcp-name origin user-agent connection accept-encoding last-event-id"
).split()
_NAMES = {name.encode(): name for name in _KNOWN}


def headers_of(raw: Collection[tuple[bytes, bytes]]) -> dict[str, str] | Refuse:
    """Headers by lower-case name, values without the blanks httptools leaves.

    MCP 2026-07-28 streamable-http: readers of the first and of the last copy of a routing header
    would disagree, so a second one is refused. The same holds for what identifies a caller.
    """
    headers = {
        _NAMES.get(name) or name.decode("latin-1"): value.decode("latin-1").strip() for name, value in raw
    }
    if len(headers) == len(raw):
        return headers
    seen: set[bytes] = set()
    for name, _ in raw:
        if name in seen and (name in _ONCE or name.startswith(b"mcp-param-")):
            return Refuse(Reason.BAD_HEADER, f"{name.decode('latin-1')[:64]}: expected once")
        seen.add(name)
    return headers


class Origins:
    """Which hosts a request may name, and which pages may send one: DNS rebinding ends here."""

    def __init__(self, listen: str, public_url: str) -> None:
        host, _, port = listen.rpartition(":")
        hosts = [listen, f"{host}:{port}"] if port else []
        if host in LOOPBACK or host == "::1":
            hosts += [f"{name}:{port}" for name in LOOPBACK]
        public = urlsplit(public_url)
        if public.netloc:
            hosts.append(public.netloc)
        everywhere = host in ("0.0.0.0", "[::]", "")  # noqa: S104 - compared with, not bound to
        self._any_host = everywhere and not public.netloc
        self._hosts = frozenset(name.lower() for name in hosts)
        self._origins = frozenset(
            f"{scheme}://{name}" for name in self._hosts for scheme in ("http", "https")
        )

    def wrong(self, headers: dict[str, str]) -> Refuse | None:
        """Refuses a foreign Host, and a foreign Origin where one is sent."""
        host = headers.get("host", "")
        if host not in self._hosts and not self._any_host and host.lower() not in self._hosts:
            return Refuse(Reason.BAD_ORIGIN, "Host: expected the address toolgate listens on")
        origin = headers.get("origin")
        if origin is None or origin.lower() in self._origins:
            return None
        return Refuse(Reason.BAD_ORIGIN, "Origin: expected none, or toolgate's own")


def unacceptable(headers: dict[str, str]) -> tuple[int, str] | None:
    """The HTTP status for wrong content headers of a POST, and what was expected; None for right ones."""
    content = headers.get("content-type", "")
    if content != "application/json" and content.partition(";")[0].strip().lower() != "application/json":
        return 415, "Content-Type: expected application/json"
    accept = headers.get("accept", "")
    if ("application/json" in accept and "text/event-stream" in accept) or "*/*" in accept:
        return None
    return 406, "Accept: expected application/json and text/event-stream"


async def body_of(receive: Receive, headers: dict[str, str], most: int) -> bytes | Refuse | None:
    """The whole body; None when the client left before it was sent."""
    whole = whole_body(receive)
    if whole is not None:
        return whole if len(whole) <= most else _too_large(most)
    length = headers.get("content-length", "0")
    if length.isdigit() and int(length) > most:
        return _too_large(most)
    body = bytearray()
    more = True
    while more:
        event = await receive()
        if event["type"] == "http.disconnect":
            return None
        body += event.get("body", b"")
        if len(body) > most:
            return _too_large(most)
        more = event.get("more_body", False)
        if more and late(receive):
            return Refuse(Reason.TOO_SLOW, f"found {len(body)} bytes, expected the whole body in time")
    return bytes(body)


def _too_large(most: int) -> Refuse:
    return Refuse(Reason.TOO_LARGE, f"expected at most {most} bytes")
