"""A request that changes something at a service: it happened, or not, or nobody knows."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import httpcore2

from toolgate_servers.errors import Reason, Refused
from toolgate_servers.net import Answer, Net

# What a fetch may raise after the request has left.
LATE = frozenset(
    {
        *(Reason.UNREACHABLE, Reason.TIMED_OUT, Reason.CANCELLED),
        *(Reason.TOO_LARGE, Reason.BAD_ANSWER),
    }
)


def send_once(net: Net, method: str, url: str, **request: Any) -> Answer:
    """Send a request that must not be repeated blindly; takes what Net.fetch takes, follows no redirect.

    Raises:
        Refused: What Net.fetch raises while nothing was sent; OUTCOME_UNKNOWN when the request may have
            arrived and no answer says what came of it, which an answer of 5xx does not either.
    """
    noting = NotingBackend(net.backend or httpcore2.SyncBackend())
    try:
        answer = replace(net, backend=noting).fetch(method, url, redirects=0, **request)
    except Refused as refused:
        if noting.sent and refused.reason in LATE:
            raise unknown("no answer after the request was sent") from None
        raise
    if answer.status >= 500:
        raise unknown(f"an answer with status {answer.status}")
    return answer


def unknown(found: str) -> Refused:
    """Make the refusal of a change of which nobody knows whether it happened."""
    return Refused(
        Reason.OUTCOME_UNKNOWN,
        "the service",
        found=found,
        expected="you to look whether it happened; if it did not, repeat with a new idempotency_key",
    )


class NotingBackend(httpcore2.NetworkBackend):
    """Notes whether anything was sent."""

    def __init__(self, backend: httpcore2.NetworkBackend) -> None:
        self._backend = backend
        self.sent = False

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connect."""
        return _NotingStream(self._backend.connect_tcp(host, port, timeout=timeout), self._note)

    def _note(self) -> None:
        self.sent = True


class _NotingStream(httpcore2.NetworkStream):
    """A connection that says when something is written to it."""

    def __init__(self, stream: httpcore2.NetworkStream, note: Callable[[], None]) -> None:
        self._stream = stream
        self._note = note

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what has come."""
        return self._stream.read(max_bytes, timeout)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all of it."""
        self._note()
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        """Encrypt the connection; the handshake sends nothing of the request."""
        return _NotingStream(self._stream.start_tls(ssl_context, server_hostname, timeout), self._note)

    def get_extra_info(self, info: str) -> Any:
        """Say something about the connection."""
        return self._stream.get_extra_info(info)
