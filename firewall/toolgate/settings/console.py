"""The part `console` of the settings file: where people look at calls and decide about held ones."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from toolgate.ingress.issuer import Registration
from toolgate.settings.fields import Provider, Strict, Text, Word
from toolgate.settings.values import ConsoleSettings, Tcp


def _address(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or len(port) > 5 or int(port) > 65535:
        raise ValueError("HOST:PORT")
    return text


def _public(text: str) -> str:
    try:
        parts = urlsplit(text)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise ValueError("an http:// or https:// address") from None
    if not sound or parts.username is not None or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("an http:// or https:// address without credentials, path or query")
    return text.rstrip("/")


class OidcFile(Strict):
    """People sign in at an OpenID provider; `roles` is the claim that lists their roles."""

    issuer: Provider
    client_id: Word
    client_secret: Text = ""
    roles: Word = "roles"
    scopes: list[Word] = Field(default_factory=lambda: ["openid", "profile"], min_length=1)


class ConsoleFile(Strict):
    """An address of its own, never that of the agents."""

    listen: Annotated[str, AfterValidator(_address)] = "127.0.0.1:8718"
    public_url: Annotated[str, AfterValidator(_public)] | None = None
    oidc: OidcFile | None = None


def console(file: ConsoleFile) -> ConsoleSettings:
    """The console's settings as plain values."""
    host, _, port = file.listen.rpartition(":")
    openid = None
    if file.oidc is not None:
        said = file.oidc
        openid = Registration(said.issuer, said.client_id, said.client_secret, said.roles, tuple(said.scopes))
    return ConsoleSettings(Tcp(host.strip("[]"), int(port)), file.public_url or "", openid)


def unfit(made: ConsoleSettings, agents: object) -> str:
    """What is wrong with where the console is; empty where nothing is."""
    if (
        isinstance(agents, Tcp)
        and made.listen.port != 0
        and (agents.host, agents.port)
        == (
            made.listen.host,
            made.listen.port,
        )
    ):
        return "found the address that agents call, expected another one"
    if not made.listen.loopback and not made.url.startswith("https://"):
        return (
            "found an address that others can reach, expected listen on loopback, or public_url with https://"
            " and a proxy there that ends TLS"
        )
    return ""
