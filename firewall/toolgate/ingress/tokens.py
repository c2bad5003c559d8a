"""Tokens of an OpenID provider: verified once, then remembered by their hash until they expire."""

from __future__ import annotations

import hashlib
from typing import Any, cast

import jwt

from toolgate.core.model import Caller
from toolgate.ingress.issuer import Issuer
from toolgate.ingress.jwks import Fetch, KeySet, PublicKey, fetched
from toolgate.ports import Clock

ALGORITHMS = ("RS256", "ES256", "EdDSA")
LEEWAY = 30.0
# A token is verified again after an hour, so that a key its issuer withdrew stops counting.
MEMORY = 3600.0
REMEMBERED = 4096
LONGEST = 16 << 10


class Tokens:
    """Says who a token speaks for. Tokens are never kept, logged or part of an error."""

    def __init__(self, issuer: Issuer, clock: Clock, fetch: Fetch = fetched) -> None:
        self._issuer = issuer
        self._clock = clock
        self._keys = KeySet(issuer.jwks, clock, fetch)
        self._generation = 0
        self._remembered: dict[bytes, tuple[Caller, float]] = {}

    @property
    def issuer(self) -> str:
        """Whose tokens these are."""
        return self._issuer.issuer

    def recalled(self, token: bytes) -> Caller | None:
        """The caller of a token verified before that has not expired."""
        known = self._remembered.get(hashlib.sha256(token).digest())
        return known[0] if known is not None and self._clock.now() < known[1] else None

    async def verified(self, token: bytes) -> Caller | str:
        """The caller, or what is wrong with the token. Raises PortDown if the issuer's keys cannot be had."""
        header = _header(token)
        if isinstance(header, str):
            return header
        algorithm, kid = header
        key = await self._keys.find(kid)
        self._forget()
        if key is None or key.algorithm != algorithm:
            return "signed with a key that the issuer does not list for this algorithm"
        claims = self._claims(token, key)
        if isinstance(claims, str):
            return claims
        return self._remember(token, claims)

    def _claims(self, token: bytes, key: PublicKey) -> dict[str, Any] | str:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key.key,
                algorithms=[key.algorithm],
                audience=self._issuer.audience,
                issuer=self._issuer.issuer,
                options={
                    "require": ["exp", "iss", "aud", "sub"],
                    "verify_exp": False,  # judged by our own clock below
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.InvalidAudienceError:
            return "made for another audience"
        except jwt.InvalidIssuerError:
            return "made by another issuer"
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            return "not signed by the issuer, or without exp, iss, aud or sub"
        return _timely(claims, self._clock.now()) or claims

    def _remember(self, token: bytes, claims: dict[str, Any]) -> Caller | str:
        name = claims["sub"]
        roles = _roles(claims, self._issuer.roles)
        if not isinstance(name, str) or not 0 < len(name) <= 200 or not name.isprintable():
            return "without a usable sub"
        if roles is None:
            return "with a roles claim that is neither a list of text nor text"
        caller = Caller(name, roles, f"jwt:{name}")
        if len(self._remembered) >= REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
        now = self._clock.now()
        until = min(float(claims["exp"]) + LEEWAY, now + MEMORY)
        self._remembered[hashlib.sha256(token).digest()] = (caller, until)
        return caller

    def _forget(self) -> None:
        """What was signed with yesterday's keys is verified again."""
        if self._generation != self._keys.generation:
            self._generation = self._keys.generation
            self._remembered.clear()


def _header(token: bytes) -> tuple[str, str] | str:
    """Algorithm and key id, or what is wrong with the header."""
    if len(token) > LONGEST:
        return "longer than 16 KiB"
    try:
        header: dict[str, Any] = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        return "neither an API key nor a JSON Web Token"
    algorithm, kid = header.get("alg"), header.get("kid", "")
    if algorithm not in ALGORITHMS:
        return "signed with an algorithm other than RS256, ES256 and EdDSA"
    if "crit" in header:  # RFC 7515 section 4.1.11: extensions we do not understand make it invalid
        return "with critical extensions, which are not understood here"
    return (algorithm, kid) if isinstance(kid, str) else "with a key id that is not text"


def _timely(claims: dict[str, Any], now: float) -> str:
    times = {name: claims.get(name, now) for name in ("exp", "nbf", "iat")}
    if not all(type(value) in (int, float) and abs(value) < 1e12 for value in times.values()):
        return "with a time that is not a number"
    if times["exp"] + LEEWAY <= now:
        return "expired"
    return "not valid yet" if max(times["nbf"], times["iat"]) - LEEWAY > now else ""


def _roles(claims: dict[str, Any], name: str) -> tuple[str, ...] | None:
    """The roles in a claim, which may be nested (`realm_access.roles`); none without the claim."""
    value: Any = claims.get(name)
    if value is None and "." in name:
        value = claims
        for step in name.split("."):
            value = cast("dict[str, Any]", value).get(step) if isinstance(value, dict) else None
    if value is None:
        return ()
    items: list[Any] = value.split() if isinstance(value, str) else value
    if not isinstance(value, (str, list)) or not all(isinstance(item, str) for item in items):
        return None
    return tuple(dict.fromkeys(items))
