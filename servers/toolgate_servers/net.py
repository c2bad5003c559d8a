"""HTTP that goes only where it may: it connects to the very addresses that were checked.

A name is resolved once for each connection and the socket is opened to that very address, so a name that
resolves to something else a moment later changes nothing. Proxies of the environment are not used,
redirects are followed one by one with the same checks, and time and size are limited for the whole answer.
"""

import json as json_module
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias
from urllib.parse import urlencode, urljoin

import httpcore2
import httpx2

from toolgate_servers.addressing import Address, Reach, Target, check_address, literal, target_of
from toolgate_servers.errors import Reason, Refused
from toolgate_servers.running import Run

__all__ = ["Answer", "Net", "Reach", "Resolve"]

MAX_BYTES = 5_000_000
SECONDS = 20.0
REDIRECTS = 5
KEPT_ELSEWHERE = frozenset({"accept", "accept-language", "user-agent"})
FOLLOWED = frozenset({301, 302, 303, 307, 308})
SERVICE_PRIVATE = ("0.0.0.0/0", "::/0")  # what is never allowed stays so

Resolve: TypeAlias = Callable[[str, int], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered, whatever its status; header names are in lower case."""

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        """The type without parameters, in lower case; empty when the server said none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def text(self) -> str:
        """The body as text, with replacement characters for what is not."""
        charset = re.search(r"charset=[\"']?([\w.:-]+)", self.headers.get("content-type", ""))
        try:
            return self.body.decode(charset.group(1) if charset else "utf-8", errors="replace")
        except LookupError:
            return self.body.decode("utf-8", errors="replace")

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            Refused: BAD_ANSWER.
        """
        try:
            return json_module.loads(self.body)
        except (ValueError, RecursionError):
            raise bad_answer("something that is not JSON", "JSON") from None


@dataclass(frozen=True, slots=True)
class Net:
    """A client for one reach."""

    reach: Reach
    resolve: Resolve | None = None
    backend: httpcore2.NetworkBackend | None = None

    @staticmethod
    def for_service(url: str, **doubles: Any) -> "Net":
        """Make the client of a service in the settings: this scheme, host and port, public or not."""
        target = target_of(url, Reach(ports=()))
        reach = Reach((target.host,), SERVICE_PRIVATE, (target.scheme,), (target.port,))
        return Net(reach, **doubles)

    def fetch(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str | int] | None = None,
        json: Any = None,
        content: bytes | None = None,
        content_types: Sequence[str] = (),
        max_bytes: int = MAX_BYTES,
        seconds: float = SECONDS,
        redirects: int = REDIRECTS,
        run: Run | None = None,
    ) -> Answer:
        """Send a request and give the whole answer; only GET and HEAD follow redirects.

        `content_types` are those accepted of a successful answer, such as application/json or text/*.

        Raises:
            Refused: URL_NOT_VALID, HOST_NOT_ALLOWED, ADDRESS_FORBIDDEN, TOO_MANY_REDIRECTS, UNREACHABLE,
                TIMED_OUT, TOO_LARGE, BAD_ANSWER or CONTROL_CHARACTER.
        """
        sent = _headers(headers or {}, is_json=json is not None)
        body = json_module.dumps(json).encode() if json is not None else content
        target = target_of(_with_params(url, params), self.reach)
        within = _Limits(max_bytes, time.monotonic() + seconds, run)
        for _ in range(redirects + 1):
            answer = self._one(method, target, sent, body, within)
            location = answer.headers.get("location")
            if (
                answer.status not in FOLLOWED
                or not location
                or method not in ("GET", "HEAD")
                or not redirects
            ):
                return _acceptable(answer, content_types)
            following = target_of(urljoin(target.url, location).partition("#")[0], self.reach)
            if target.scheme == "https" and following.scheme == "http":
                raise bad_answer("a redirect from https to http", "one that stays encrypted")
            if following.origin != target.origin:
                sent = {name: value for name, value in sent.items() if name in KEPT_ELSEWHERE}
            target = following
        raise Refused(
            Reason.TOO_MANY_REDIRECTS, "url", found=f"more than {redirects} redirects", expected="fewer"
        )

    def _one(
        self, method: str, target: Target, headers: Mapping[str, str], body: bytes | None, within: "_Limits"
    ) -> Answer:
        backend = CheckedBackend(self.reach, within, self.resolve or resolved, self.backend)
        context = tls() if target.scheme == "https" else None
        host = f"[{target.host}]" if ":" in target.host else target.host
        url = httpcore2.URL(
            scheme=target.scheme.encode(), host=host.encode(), port=target.port, target=target.path.encode()
        )
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), within.remaining())
        try:
            with (
                httpcore2.ConnectionPool(ssl_context=context, network_backend=backend) as pool,
                pool.stream(
                    method, url, headers=list(headers.items()), content=body, extensions={"timeout": timeouts}
                ) as response,
            ):
                found = {
                    name.decode("latin-1").lower(): value.decode("latin-1")
                    for name, value in response.headers
                }
                if found.get("content-encoding", "identity").lower() != "identity":
                    raise bad_answer("a compressed answer that was not asked for", "a plain one")
                return Answer(response.status, target.url, found, within.collected(response.iter_stream()))
        except httpcore2.TimeoutException:
            raise within.too_slow() from None
        except (httpcore2.NetworkError, httpcore2.ProtocolError, OSError):
            raise Refused(
                Reason.UNREACHABLE,
                "url",
                found="no server that answers as HTTP there",
                expected="one that does; try again later or check the address",
            ) from None


@dataclass(frozen=True, slots=True)
class _Limits:
    """How much of an answer is taken, and until when, on the monotonic clock."""

    max_bytes: int
    ends: float
    run: Run | None

    def remaining(self) -> float:
        if self.run is not None:
            self.run.check()
        left = self.ends - time.monotonic()
        if left <= 0:
            raise self.too_slow()
        return left

    def collected(self, chunks: Iterable[bytes]) -> bytes:
        body = bytearray()
        for chunk in chunks:
            self.remaining()
            body += chunk
            if len(body) > self.max_bytes:
                raise Refused(
                    Reason.TOO_LARGE,
                    "url",
                    found="a longer answer",
                    expected=f"at most {self.max_bytes} bytes; ask for less",
                )
        return bytes(body)

    def too_slow(self) -> Refused:
        return Refused(
            Reason.TIMED_OUT,
            "url",
            found="no whole answer in time",
            expected="a faster server; try again later",
        )


class CheckedBackend(httpcore2.NetworkBackend):
    """Opens connections only to addresses that were checked."""

    def __init__(
        self, reach: Reach, within: _Limits, resolve: Resolve, backend: httpcore2.NetworkBackend | None
    ) -> None:
        self._reach = reach
        self._within = within
        self._resolve = resolve
        self._backend = backend or httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connect to the first address of the host that answers; one that is forbidden forbids them all."""
        addresses = self.checked(host.strip("[]"), port)
        for address in addresses[:-1]:
            try:
                return self._open(address, port)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return self._open(addresses[-1], port)

    def checked(self, host: str, port: int) -> list[Address]:
        """Resolve a host and check every address.

        Raises:
            Refused: ADDRESS_FORBIDDEN, UNREACHABLE or TIMED_OUT.
        """
        own = literal(host)
        texts = [host] if own is not None else list(self._looked_up(host, port))
        addresses = [address for text in texts if (address := literal(text)) is not None]
        if not addresses or len(addresses) != len(texts):
            raise Refused(
                Reason.UNREACHABLE, "url", found="a host without address", expected="an existing host"
            )
        private = self._reach.networks()
        for address in addresses:
            check_address(address, private)
        return addresses

    def _open(self, address: Address, port: int) -> httpcore2.NetworkStream:
        stream = self._backend.connect_tcp(str(address), port, timeout=self._within.remaining())
        return _TimedStream(stream, self._within)

    def _looked_up(self, host: str, port: int) -> Iterable[str]:
        """Resolve in a thread of its own: the system's resolver knows no time limit."""
        found: list[Iterable[str]] = []

        def look_up() -> None:
            try:
                found.append(list(self._resolve(host, port)))
            except (OSError, UnicodeError):
                found.append(())

        thread = threading.Thread(target=look_up, name="resolver", daemon=True)
        thread.start()
        thread.join(self._within.remaining())
        if not found:
            raise self._within.too_slow()
        return found[0]


class _TimedStream(httpcore2.NetworkStream):
    """A connection whose every step ends when the whole answer must have ended."""

    def __init__(self, stream: httpcore2.NetworkStream, within: _Limits) -> None:
        self._stream = stream
        self._within = within

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what has come."""
        return self._stream.read(max_bytes, self._within.remaining())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all of it."""
        self._stream.write(buffer, self._within.remaining())

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        """Encrypt the connection; the certificate must be that of the name in the URL."""
        stream = self._stream.start_tls(ssl_context, server_hostname, self._within.remaining())
        return _TimedStream(stream, self._within)

    def get_extra_info(self, info: str) -> Any:
        """Say something about the connection."""
        return self._stream.get_extra_info(info)


@cache
def tls() -> ssl.SSLContext:
    """The one TLS context: certificates are checked, and the environment changes nothing."""
    return httpx2.create_ssl_context(trust_env=False)


def resolved(host: str, port: int) -> Iterable[str]:
    """Ask the system for the addresses of a name."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def bad_answer(found: str, expected: str) -> Refused:
    """Make the refusal of an answer that is not what it should be."""
    return Refused(Reason.BAD_ANSWER, "the answer", found=found, expected=expected)


def _with_params(url: str, params: Mapping[str, str | int] | None) -> str:
    if not params:
        return url
    return f"{url}{'&' if '?' in url else '?'}{urlencode(params)}"


def _headers(given: Mapping[str, str], *, is_json: bool) -> dict[str, str]:
    headers = {"accept": "*/*", "user-agent": "toolgate-servers", "accept-encoding": "identity"}
    if is_json:
        headers["content-type"] = "application/json"
    for name, value in given.items():
        if re.search(r"[^!-~\t ]", value) or not re.fullmatch(r"[A-Za-z0-9-]+", name):
            raise Refused(
                Reason.CONTROL_CHARACTER,
                "headers",
                found="a line end or another control",
                expected="plain text",
            )
        headers[name.lower()] = value
    return headers


def _acceptable(answer: Answer, content_types: Sequence[str]) -> Answer:
    found = answer.content_type
    if answer.status >= 400 or not content_types:
        return answer
    if any(
        found == wanted or (wanted.endswith("/*") and found.startswith(wanted[:-1]))
        for wanted in content_types
    ):
        return answer
    raise bad_answer("content of another type", f"one of {', '.join(content_types)}")
