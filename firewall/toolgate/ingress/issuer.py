"""Who signs the tokens we accept. Light: settings name them without loading what verifies tokens."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Issuer:
    """An OpenID provider: its `iss`, our audience, where its keys are, and the claim with the roles."""

    issuer: str
    audience: str
    jwks: str
    roles: str


@dataclass(frozen=True, slots=True)
class Registration:
    """How the console is known to an OpenID provider. `roles` is the claim that lists the roles.

    In settings, `secret` may be a reference, or empty.
    """

    issuer: str
    client: str
    secret: str = field(default="", repr=False)
    roles: str = "roles"
    scopes: tuple[str, ...] = ("openid", "profile")


def safe_to_fetch(url: str) -> bool:
    """Whether a URL is https, or http to this very machine, and carries no credentials."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or port == 0 or parts.username is not None or parts.password is not None or not url.isascii():
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)
