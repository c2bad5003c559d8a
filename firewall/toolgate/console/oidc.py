"""Signing in at an OpenID provider: authorization code with PKCE (OpenID Connect Core 1.0, RFC 7636)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import http.client
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, cast
from urllib.parse import quote, urlencode, urlsplit

import jwt

from toolgate.approvals.approvers import Approver
from toolgate.errors import PortDown
from toolgate.ingress.issuer import Issuer, Registration, safe_to_fetch
from toolgate.ingress.jwks import MAX_BYTES, TIMEOUT, Fetch, fetched
from toolgate.ingress.tokens import Tokens
from toolgate.ports import Clock

# Between leaving for the provider and coming back.
PATIENCE: Final = 600.0
_MOST_AWAY: Final = 1000
_TROUBLE: Final = (OSError, http.client.HTTPException, ValueError, RecursionError)

# Blocking; the answer to a form that is posted. Raises OSError or HTTPException.
Posting: TypeAlias = Callable[[str, Mapping[str, str], Mapping[str, str]], bytes]


@dataclass(frozen=True, slots=True)
class _Places:
    authorization: str
    token: str
    keys: str


@dataclass(frozen=True, slots=True)
class _Away:
    """Somebody at the provider: what must come back with them. `visit` ties them to their browser."""

    visit: str
    verifier: str
    nonce: str
    until: float


class Provider:
    """The provider of a registration. Nothing of a token is kept, logged or part of an error.

    `secret` is asked for the secret each time it is needed; without it, the registration's own is one.
    """

    def __init__(
        self,
        registration: Registration,
        redirect: str,
        clock: Clock,
        secret: Callable[[], Awaitable[str]] | None = None,
        posting: Posting | None = None,
        fetch: Fetch = fetched,
    ) -> None:
        self._known, self._redirect, self._clock = registration, redirect, clock
        self._secret, self._posting, self._fetch = secret, posting or posted, fetch
        self._away: dict[str, _Away] = {}
        self._places: _Places | None = None
        self._tokens: Tokens | None = None

    @property
    def name(self) -> str:
        """Who people sign in with."""
        return urlsplit(self._known.issuer).hostname or self._known.issuer

    async def leave(self, visit: str) -> str:
        """Where to send a browser. Raises PortDown where the provider does not say."""
        places = await self._find()
        state, verifier, nonce = (secrets.token_urlsafe(32) for _ in range(3))
        now = self._clock.now()
        self._away = {key: away for key, away in self._away.items() if away.until > now}
        if len(self._away) >= _MOST_AWAY:
            raise PortDown("too many people are signing in at once")
        self._away[state] = _Away(visit, verifier, nonce, now + PATIENCE)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self._known.client,
            "redirect_uri": self._redirect,
            "scope": " ".join(self._known.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        joint = "&" if urlsplit(places.authorization).query else "?"
        return f"{places.authorization}{joint}{urlencode(asked)}"

    async def back(self, visit: str, state: str, code: str, issuer: str = "") -> Approver | str:
        """Who came back, or why they are not let in. Raises PortDown where the provider cannot be asked."""
        away = self._away.pop(state, None)
        if away is None or away.until <= self._clock.now() or away.visit != visit:
            return "this sign-in was not begun here, or took too long"
        if issuer and issuer != self._known.issuer:  # RFC 9207: another provider's answer
            return "the answer came from another provider"
        if not code:
            return "the provider sent no code"
        token = await self._exchange(code, away.verifier)
        assert self._tokens is not None
        caller = await self._tokens.verified(token.encode())
        if isinstance(caller, str):
            return f"the provider's token is {caller}"
        if not secrets.compare_digest(_claim(token, "nonce").encode(), away.nonce.encode()):
            return "the provider's token belongs to another sign-in"
        return Approver(caller.name, caller.roles, "", caller.credential)

    async def _exchange(self, code: str, verifier: str) -> str:
        """The ID token for a code."""
        places = await self._find()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect,
            "client_id": self._known.client,
            "code_verifier": verifier,
        }
        headers = {"Accept": "application/json"}
        secret = await self._secret() if self._secret is not None else self._known.secret
        if secret:
            pair = f"{quote(self._known.client, safe='')}:{quote(secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        try:
            answer: Any = json.loads(await asyncio.to_thread(self._posting, places.token, form, headers))
        except _TROUBLE as trouble:
            raise PortDown(f"{self.name}: no token: {type(trouble).__name__}") from None
        token: object = (
            cast("dict[str, object]", answer).get("id_token") if isinstance(answer, dict) else None
        )
        if not isinstance(token, str):
            raise PortDown(f"{self.name}: found no id_token in the answer")
        return token

    async def _find(self) -> _Places:
        """The provider's addresses, asked for once."""
        if self._places is not None:
            return self._places
        where = f"{self._known.issuer.rstrip('/')}/.well-known/openid-configuration"
        try:
            said: Any = json.loads(await asyncio.to_thread(self._fetch, where))
            names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
            places = _Places(*(str(said[name]) for name in names))
            if said["issuer"] != self._known.issuer or not all(
                map(safe_to_fetch, (places.authorization, places.token, places.keys))
            ):
                raise ValueError("found another issuer or an address without TLS")
        except (*_TROUBLE, KeyError, TypeError) as trouble:
            raise PortDown(f"{self.name}: no configuration: {type(trouble).__name__}") from None
        known = Issuer(self._known.issuer, self._known.client, places.keys, self._known.roles)
        self._tokens = Tokens(known, self._clock, self._fetch)
        self._places = places
        return places


def posted(url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> bytes:
    """The answer to a form, without redirects or proxies. Raises OSError or HTTPException."""
    if not safe_to_fetch(url):
        raise OSError("expected an https:// address, or http:// on this machine")
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        sent = {"Content-Type": "application/x-www-form-urlencoded", **headers}
        connection.request("POST", target, urlencode(form), sent)
        response = connection.getresponse()
        content = response.read(MAX_BYTES + 1)
    finally:
        connection.close()
    if response.status != 200 or len(content) > MAX_BYTES:
        raise OSError(f"found status {response.status}, expected 200 and at most 256 KiB")
    return content


def _claim(token: str, name: str) -> str:
    """A claim of a token that has been verified."""
    try:
        return str(jwt.decode(token, options={"verify_signature": False}).get(name, ""))
    except jwt.PyJWTError:
        return ""
