"""The public keys of an issuer: fetched off the event loop, kept, and looked up by id."""

from __future__ import annotations

import asyncio
import http.client
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from jwt import PyJWK
from jwt.exceptions import InvalidKeyError, PyJWTError

from toolgate.errors import PortDown
from toolgate.ingress.issuer import safe_to_fetch
from toolgate.ports import Clock

# Blocking; raises OSError or http.client.HTTPException when the issuer cannot be reached.
Fetch: TypeAlias = Callable[[str], bytes]

MAX_BYTES = 256 << 10
MAX_KEYS = 100
TIMEOUT = 5.0
DEADLINE = 15.0
# Seconds: an unknown key id asks the issuer again at most this often.
REFRESH = 60.0
# After a failed first fetch nobody asks again before this.
BACKOFF = 5.0
# A key that the issuer withdrew is forgotten after an hour, or a day if the issuer does not answer.
STALE = 3600.0
EXPIRED = 86400.0

_ALGORITHMS: dict[tuple[str, str | None], str] = {
    ("RSA", None): "RS256",
    ("EC", "P-256"): "ES256",
    ("OKP", "Ed25519"): "EdDSA",
}
_log = logging.getLogger("toolgate.identity")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key and the one algorithm it is used with."""

    algorithm: str
    key: Any


def usable(content: bytes) -> dict[str, PublicKey]:
    """The signature keys in a JWKS document by id; what we do not accept is left out. Raises ValueError."""
    try:
        keys: list[dict[str, Any]] = list(json.loads(content)["keys"])[:MAX_KEYS]
        found = [(str(data.get("kid", "")), _public(data)) for data in keys]
    except (KeyError, TypeError, AttributeError, IndexError):
        raise ValueError("found no list of keys, expected a JWKS document") from None
    return {kid: key for kid, key in found if key is not None}


def _public(data: Mapping[str, Any]) -> PublicKey | None:
    kind, curve = str(data.get("kty")), str(data.get("crv"))
    algorithm = _ALGORITHMS.get((kind, None if kind == "RSA" else curve))
    # A symmetric or private key in a public document is nobody's secret: never trust what it signs.
    if (
        algorithm is None
        or data.get("alg", algorithm) != algorithm
        or data.get("use", "sig") != "sig"
        or "d" in data
    ):
        return None
    try:
        key: Any = PyJWK(dict(data), algorithm=algorithm).key
    except (PyJWTError, InvalidKeyError, ValueError, TypeError):
        return None
    return None if kind == "RSA" and key.key_size < 2048 else PublicKey(algorithm, key)


def fetched(url: str) -> bytes:
    """The content at `url`, without redirects or proxies. Raises OSError or HTTPException."""
    if not safe_to_fetch(url):
        raise OSError("expected an https:// address, or http:// on this machine")
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", target, headers={"Accept": "application/json"})
        response = connection.getresponse()
        content = response.read(MAX_BYTES + 1)
    finally:
        connection.close()
    if response.status != 200 or len(content) > MAX_BYTES:
        raise OSError(
            f"found status {response.status} and {len(content)} bytes, expected 200 and at most 256 KiB"
        )
    return content


class KeySet:
    """The keys of one issuer. `generation` grows whenever they changed."""

    def __init__(self, url: str, clock: Clock, fetch: Fetch = fetched) -> None:
        self.generation = 0
        self._url = url
        self._clock = clock
        self._fetch = fetch
        self._keys: dict[str, PublicKey] = {}
        self._source = b""
        self._answered: float | None = None
        self._asked: float | None = None
        self._asking: asyncio.Task[None] | None = None

    async def find(self, kid: str) -> PublicKey | None:
        """The key with this id, or the only key for an empty id. Raises PortDown if no keys can be had."""
        if self._older_than(STALE) and self._may_ask(BACKOFF if self._answered is None else REFRESH):
            await self._refresh()
        if self._older_than(EXPIRED):
            raise PortDown("the issuer's keys cannot be fetched")
        if self._known(kid) is None and self._may_ask(REFRESH):
            await self._refresh()
        return self._known(kid)

    def _known(self, kid: str) -> PublicKey | None:
        if not kid:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(kid)

    def _older_than(self, age: float) -> bool:
        return self._answered is None or self._clock.monotonic() - self._answered > age

    def _may_ask(self, pause: float) -> bool:
        waiting = self._asking is not None  # whoever comes during a fetch waits for it instead of asking
        return waiting or self._asked is None or self._clock.monotonic() - self._asked >= pause

    async def _refresh(self) -> None:
        """One fetch for all who wait; a caller who leaves does not take it from the others."""
        if self._asking is None:
            self._asked = self._clock.monotonic()
            self._asking = asyncio.create_task(self._ask())
        await asyncio.shield(self._asking)

    async def _ask(self) -> None:
        try:
            async with asyncio.timeout(DEADLINE):
                content = await asyncio.to_thread(self._fetch, self._url)
            keys = usable(content)
        except (OSError, http.client.HTTPException, ValueError, RecursionError) as trouble:
            _log.warning("the keys at %s could not be fetched: %s", self._url, type(trouble).__name__)
            return
        finally:
            self._asking = None
        self._answered = self._clock.monotonic()
        if content != self._source:
            self._source, self._keys = content, keys
            self.generation += 1
