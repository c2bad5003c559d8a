"""One POST to a receiver of notifications: to a checked address, no redirects; only the status is read."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import httptools

from toolgate.approvals.reaching import Resolve, Target, Unreachable, addresses, resolved, target_of

# Of the answer so many bytes are read while waiting for its status.
_MOST: Final = 64 * 1024
_LONGEST_WAIT: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver said. `retry_after` is seconds, None where it did not say."""

    status: int
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Post:
    """How messages leave: `timeout` is seconds for everything, from the name to the status."""

    timeout: float = 10.0
    resolve: Resolve = resolved
    trust: ssl.SSLContext | None = None

    async def send(self, url: str, headers: Mapping[str, str], body: bytes, *, private: bool) -> Answer:
        """POST JSON there. Raises Unreachable, whose words name no URL: it may be a secret."""
        target = target_of(url, private=private)
        try:
            async with asyncio.timeout(self.timeout):
                found = await addresses(target, self.resolve, private=private)
                return await self._exchange(target, found, _request(target, headers, body))
        except TimeoutError:
            raise Unreachable(f"no answer within {self.timeout:g} s", final=False) from None
        except ssl.SSLError:
            raise Unreachable("no TLS with a certificate that this machine trusts", final=False) from None
        except OSError as error:
            raise Unreachable(f"the connection failed ({type(error).__name__})", final=False) from None

    async def _exchange(self, target: Target, found: list[str], request: bytes) -> Answer:
        reader, writer = await self._connected(target, found)
        try:
            writer.write(request)
            await writer.drain()
            return await _status(reader)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                writer.transport.abort()

    async def _connected(
        self, target: Target, found: list[str]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to the first address that takes one: the name is not asked for again."""
        context = (self.trust or _trust()) if target.secure else None
        name = target.host if target.secure else None
        for address in found[:-1]:
            with contextlib.suppress(OSError):
                return await asyncio.open_connection(
                    address, target.port, ssl=context, server_hostname=name, limit=_MOST
                )
        return await asyncio.open_connection(
            found[-1], target.port, ssl=context, server_hostname=name, limit=_MOST
        )


@lru_cache(maxsize=1)
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()


def _request(target: Target, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = {
        "host": target.authority,
        "user-agent": "toolgate",
        "content-type": "application/json",
        "content-length": str(len(body)),
        "connection": "close",
        **headers,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {target.path} HTTP/1.1\r\n{head}\r\n".encode("ascii") + body


class _Head:
    """Listens to an httptools parser until the final status and its headers are known."""

    def __init__(self) -> None:
        self.retry_after: float | None = None
        self.status = 0
        self.parser = httptools.HttpResponseParser(self)

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"retry-after" and value.strip().isdigit():
            self.retry_after = min(float(value), _LONGEST_WAIT)

    def on_headers_complete(self) -> None:
        status = self.parser.get_status_code()
        if status >= 200 and not self.status:
            self.status = status


async def _status(reader: asyncio.StreamReader) -> Answer:
    head, size = _Head(), 0
    while not head.status:
        data = await reader.read(_MOST)
        size += len(data)
        if not data or size > _MOST:
            raise Unreachable("the connection closed before an answer came", final=False)
        try:
            head.parser.feed_data(data)
        except httptools.HttpParserError:
            if not head.status:
                raise Unreachable("found no HTTP answer, expected one", final=False) from None
    return Answer(head.status, head.retry_after)
