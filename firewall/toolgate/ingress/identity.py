"""Who is calling: an API key, a token of an OpenID provider, or nobody where that is allowed."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from toolgate.core.model import Caller
from toolgate.core.reasons import Reason
from toolgate.errors import SettingsError
from toolgate.ingress import challenge
from toolgate.ports import Clock

_log = logging.getLogger("toolgate.identity")


@dataclass(frozen=True, slots=True)
class Unauthenticated:
    """Nobody we know. `error` is the code for `WWW-Authenticate`, empty when nothing was presented."""

    detail: str
    error: str
    reason: Reason = Reason.NOT_AUTHENTICATED


MISSING = Unauthenticated("no credential was presented", "")
UNREADABLE = Unauthenticated("expected Authorization: Bearer TOKEN", "invalid_request")
UNKNOWN_KEY = Unauthenticated("this API key is unknown, expired or revoked", "invalid_token")
UNKNOWN_TOKEN = Unauthenticated("only API keys of this firewall are accepted", "invalid_token")


class Verifier(Protocol):
    """What verifies the tokens of an issuer (`toolgate.ingress.tokens.Tokens`)."""

    @property
    def issuer(self) -> str: ...

    def recalled(self, token: bytes) -> Caller | None: ...

    async def verified(self, token: bytes) -> Caller | str: ...


class Keys:
    """The API keys in force: read from the file, and again within a second of a change."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._monotonic = clock.monotonic
        self._stamp: tuple[int, ...] = ()
        self._look_at = 0.0
        self._callers: dict[bytes, tuple[Caller, float | None]] = {}
        self._read(self._stamped())

    def caller(self, token: bytes) -> Caller | None:
        """Whose key this is; None for one that is unknown, expired or revoked."""
        if self._monotonic() >= self._look_at:
            self._look()
        # Secrets have 256 random bits: one hash suffices, and a lookup by hash tells no timing.
        found = self._callers.get(hashlib.sha256(token).digest())
        if found is None or (found[1] is not None and self._clock.now() >= found[1]):
            return None
        return found[0]

    def _look(self) -> None:
        stamp = self._stamped()
        if stamp == self._stamp:
            return
        try:
            self._read(stamp)
        except SettingsError as mistake:
            self._stamp = stamp
            _log.error("the API keys stay as they were: %s", mistake)

    def _read(self, stamp: tuple[int, ...]) -> None:
        from toolgate.ingress.keyfile import read  # pydantic, only where there are keys to read

        keys = read(self._path)
        self._stamp = stamp
        self._callers = {
            key.hash: (Caller(key.caller, key.roles, f"key:{key.id}"), key.expires)
            for key in keys
            if key.revoked is None
        }

    def _stamped(self) -> tuple[int, ...]:
        self._look_at = self._monotonic() + 1.0
        try:
            status = self._path.stat()
        except OSError:
            return ()
        return (status.st_mtime_ns, status.st_size, status.st_ino)


class Identity:
    """Says who presents an `Authorization` header.

    `nobody` is the caller without one, where that is allowed. `public_url` is where clients reach us.
    """

    def __init__(
        self,
        keys: Keys,
        tokens: Verifier | None = None,
        nobody: Caller | None = None,
        public_url: str = "",
    ) -> None:
        self._keys = keys
        self._tokens = tokens
        self._nobody = nobody
        self._public_url = public_url

    def known(self, authorization: bytes | str | None) -> Caller | Unauthenticated | None:
        """The answer where it needs no waiting; None where only `authenticate` can tell."""
        if authorization is None:
            return self._nobody or MISSING
        if isinstance(authorization, str):
            authorization = authorization.encode("latin-1", "replace")
        if authorization[:10] == b"Bearer tg_":
            return self._keys.caller(authorization[7:]) or UNKNOWN_KEY
        token = _token(authorization)
        if token is None:
            return UNREADABLE
        if token[:3] == b"tg_":
            return self._keys.caller(token) or UNKNOWN_KEY
        return self._tokens.recalled(token) if self._tokens is not None else UNKNOWN_TOKEN

    async def authenticate(self, authorization: bytes | str | None) -> Caller | Unauthenticated:
        """Who is calling. Raises PortDown when the issuer's keys cannot be had."""
        answer = self.known(authorization)
        if answer is not None:
            return answer
        token = None if authorization is None else _token(authorization)
        if token is None or self._tokens is None:
            return UNREADABLE
        verified = await self._tokens.verified(token)
        if isinstance(verified, Caller):
            return verified
        return Unauthenticated(f"the token is {verified}", "invalid_token")

    def challenge(self, who: Unauthenticated, path: str) -> bytes:
        """The `WWW-Authenticate` of the 401 for a resource of ours, named by its path."""
        return challenge.unauthorized(who.error, self._metadata_at(path)).encode()

    def forbidden(self, scopes: Sequence[str], path: str) -> bytes:
        """The `WWW-Authenticate` of a 403 that names the scopes this call needs."""
        return challenge.forbidden(scopes, self._metadata_at(path)).encode()

    def metadata(self, path: str) -> dict[str, Any] | None:
        """The metadata document of the resource at `path`; None where no issuer is accepted."""
        if self._tokens is None:
            return None
        resource = self._public_url + quote(path.rstrip("/"))
        return challenge.metadata(resource, [self._tokens.issuer])

    def _metadata_at(self, path: str) -> str:
        return challenge.metadata_url(self._public_url + quote(path)) if self._tokens is not None else ""


def _token(authorization: bytes | str) -> bytes | None:
    """The bearer token in a header; None for another scheme or none at all."""
    if isinstance(authorization, str):
        authorization = authorization.encode("latin-1", "replace")
    # RFC 9110 section 11.1: the case of the scheme does not matter.
    if authorization[:7] != b"Bearer " and authorization[:7].lower() != b"bearer ":
        return None
    token = authorization[7:]
    return None if not token or b" " in token or b"," in token else token
