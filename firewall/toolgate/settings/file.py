"""The settings file: its keys, their types, and what they become."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from toolgate import documents, units
from toolgate.documents import Document
from toolgate.errors import SettingsError
from toolgate.ingress.issuer import Issuer
from toolgate.mistakes import Steps
from toolgate.settings.console import ConsoleFile, console, unfit
from toolgate.settings.detection import DetectionFile, detection
from toolgate.settings.fields import Duration, FilePath, Provider, Strict, Text, Word, referring
from toolgate.settings.notify import NotifyFile, notify
from toolgate.settings.values import (
    Command,
    IdentitySettings,
    Known,
    Limits,
    Listen,
    Remote,
    Settings,
    Share,
    Tcp,
    Unix,
    UpstreamSettings,
)
from toolgate.settings.vault import SecretsFile, misplaced, place

RESERVED = frozenset({"mcp", "healthz", ".well-known"})
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*(?:_[a-z0-9-]+)*\Z")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_HOST = re.compile(r"[A-Za-z0-9.-]+\Z|\[[0-9A-Fa-f:.]+\]\Z")


def listen(text: str) -> Listen:
    """`HOST:PORT` or `unix:PATH`. Raises ValueError."""
    if text.startswith("unix:") and len(text) > len("unix:"):
        return Unix(Path(text.removeprefix("unix:")))
    host, _, port = text.rpartition(":")
    if not _HOST.match(host) or not re.fullmatch(r"[0-9]{1,5}", port) or not int(port) < 65536:
        raise ValueError("HOST:PORT or unix:/PATH")
    return Tcp(host.strip("[]"), int(port))


def _listenable(text: str) -> str:
    listen(text)
    return text


def upstream_name(name: str) -> str:
    """The name itself. Raises ValueError where no upstream can be called that."""
    if name in RESERVED:
        raise ValueError(f'found the reserved name "{name}", expected another name')
    if not _NAME.match(name) or len(name) > 40:
        raise ValueError(
            "found a name that cannot be an upstream's,"
            " expected at most 40 lower-case letters, digits, - and single _"
        )
    return name


def _web(text: str) -> str:
    try:
        parts = urlsplit(text)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound, parts = False, urlsplit("")
    if not sound or parts.username is not None or parts.password is not None or parts.fragment:
        raise ValueError("an http:// or https:// address without credentials (those belong into headers)")
    return text


def _public(text: str) -> str:
    if urlsplit(_web(text)).query:
        raise ValueError("an address without a query")
    return text


def _octets(text: str) -> str:
    if not 1024 <= units.octets(text) <= 1 << 30:
        raise ValueError("a size from 1KiB to 1GiB")
    return text


def _rate(text: str) -> str:
    units.limit(text)
    return text


def _header(name: str) -> str:
    if not _HEADER.match(name):
        raise ValueError("found a name that is no HTTP header's, expected letters, digits and -")
    return name


def _header_value(text: str) -> str:
    if any(ord(letter) < 32 or ord(letter) > 126 for letter in text):
        raise ValueError("text on one line, in ASCII")
    return referring(text)


def _variable(name: str) -> str:
    if "=" in name or "\0" in name:
        raise ValueError("found a name that no environment variable can have, expected one without =")
    return name


def _store(text: str) -> str:
    if not re.fullmatch(r"sqlite:.+", text):
        raise ValueError("sqlite:FILE")
    return text


def _master(text: str) -> str:
    if not re.fullmatch(r"secret:file:.+", text):
        raise ValueError("secret:file:FILE")
    return text


HeaderName = Annotated[str, AfterValidator(_header)]
HeaderValue = Annotated[str, AfterValidator(_header_value)]
Variable = Annotated[str, AfterValidator(_variable)]
Name = Annotated[str, AfterValidator(upstream_name)]


class UpstreamFile(Strict):
    """One MCP server: `url` reaches it over HTTP, `command` starts it."""

    url: Annotated[str, AfterValidator(_web)] | None = None
    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict)
    command: Annotated[list[Text], Field(min_length=1)] | None = None
    env: dict[Variable, Text] = Field(default_factory=dict)
    cwd: FilePath | None = None
    share: Share = "session"
    max_processes: Annotated[int, Field(ge=1, le=1000)] = 8
    timeout: Duration = "60s"

    @model_validator(mode="after")
    def _one_kind(self) -> UpstreamFile:
        if (self.url is None) == (self.command is None):
            found = "neither url nor command" if self.url is None else "both url and command"
            raise ValueError(f"found {found}, expected exactly one of them")
        foreign = {"headers"} if self.url is None else {"env", "cwd", "share", "max_processes"}
        misplaced = sorted(foreign & self.model_fields_set)
        if misplaced:
            here, there = ("command", "url") if self.url is None else ("url", "command")
            raise ValueError(f"found {', '.join(misplaced)} beside {here}, expected that only with {there}")
        return self


class JwtFile(Strict):
    """Tokens of an OpenID provider; `roles` is the claim that lists the roles."""

    issuer: Provider
    audience: Word
    jwks: Provider
    roles: Word = "roles"


class KnownFile(Strict):
    """A caller who presents no credential."""

    caller: Word
    roles: Annotated[list[Word], Field(min_length=1)]


class IdentityFile(Strict):
    """How callers are known."""

    keys: FilePath = "keys.yaml"
    jwt: JwtFile | None = None
    local: KnownFile | None = None
    anonymous: KnownFile | None = None


class LimitsFile(Strict):
    """What one firewall process takes on."""

    body: Annotated[str, AfterValidator(_octets)] = "4MiB"
    body_within: Duration = "30s"
    sessions: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    attempts: Annotated[str, AfterValidator(_rate)] = "600/minute"


class SettingsFile(Strict):
    """`toolgate.yaml`: where things are. What is allowed lives in policies."""

    listen: Annotated[str, AfterValidator(_listenable)] = "127.0.0.1:8717"
    public_url: Annotated[str, AfterValidator(_public)] | None = None
    policies: FilePath = "policy.yaml"
    upstreams: dict[Name, UpstreamFile] = Field(default_factory=dict)
    identity: IdentityFile = IdentityFile()
    store: Annotated[str, AfterValidator(_store)] = "sqlite:toolgate.db"
    keys: Annotated[str, AfterValidator(_master)] = "secret:file:master.key"
    secrets: SecretsFile = SecretsFile()
    approvers: FilePath = "approvers.yaml"
    notify: NotifyFile = NotifyFile()
    console: ConsoleFile = ConsoleFile()
    limits: LimitsFile = LimitsFile()
    detection: DetectionFile = DetectionFile()


def loaded(path: Path) -> Settings:
    """The settings in a file, its relative paths resolved against its folder. Raises SettingsError."""
    document = documents.load(path, SettingsFile, SettingsError)
    value = document.value
    base = path.absolute().parent
    address = listen(value.listen)
    if isinstance(address, Unix):
        address = Unix(base / address.path)
    if value.identity.anonymous is not None and not address.loopback:
        raise SettingsError(_exposed(document))
    made = console(value.console)
    if misfit := unfit(made, address):
        raise SettingsError(f"{document.where(('console',))}: {misfit}")
    unresolvable = list(_unresolvable(document))
    if unresolvable:
        raise SettingsError("\n".join(unresolvable))
    vault = value.secrets.vault
    return Settings(
        base=base,
        file=path.absolute(),
        listen=address,
        public_url=(value.public_url or address.url).rstrip("/"),
        policies=base / value.policies,
        upstreams={name: _upstream(upstream, base) for name, upstream in value.upstreams.items()},
        identity=_identity(value.identity, base),
        store=base / value.store.removeprefix("sqlite:"),
        master_key=base / value.keys.removeprefix("secret:file:"),
        approvers=base / value.approvers,
        limits=Limits(
            units.octets(value.limits.body),
            units.seconds(value.limits.body_within),
            value.limits.sessions,
            units.limit(value.limits.attempts),
        ),
        vault=place(vault, base) if vault is not None else None,
        notify=notify(value.notify),
        console=made,
        detection=detection(value.detection, base),
    )


def schema() -> dict[str, Any]:
    """The JSON Schema of the settings file, for editors."""
    return documents.json_schema(SettingsFile)


def _exposed(document: Document[SettingsFile]) -> str:
    place = document.where(("identity", "anonymous"))
    return f"{place}: found an address that others can reach, expected listen on loopback or a unix socket"


def _unresolvable(document: Document[SettingsFile]) -> Iterator[str]:
    """A line for every reference to Vault that these settings cannot follow."""
    value = document.value
    for name, upstream in value.upstreams.items():
        texts: dict[Steps, str] = {
            **{("headers", key): text for key, text in upstream.headers.items()},
            **{("env", key): text for key, text in upstream.env.items()},
            **{("command", index): word for index, word in enumerate(upstream.command or ())},
        }
        for steps, text in texts.items():
            wrong = misplaced(text, value.secrets.vault)
            if wrong:
                yield f"{document.where(('upstreams', name, *steps))}: {wrong}"
    oidc = value.console.oidc
    if oidc is not None and (wrong := misplaced(oidc.client_secret, value.secrets.vault)):
        yield f"{document.where(('console', 'oidc', 'client_secret'))}: {wrong}"
    for kind, places in (("webhooks", value.notify.webhooks), ("slack", value.notify.slack)):
        for index, receiver in enumerate(places):
            for key, text in receiver.model_dump(include={"url", "secret"}).items():
                if wrong := misplaced(text, value.secrets.vault):
                    yield f"{document.where(('notify', kind, index, key))}: {wrong}"


def _upstream(file: UpstreamFile, base: Path) -> UpstreamSettings:
    timeout = units.seconds(file.timeout)
    if file.command is None:
        assert file.url is not None
        return Remote(file.url, file.headers, timeout)
    cwd = base / file.cwd if file.cwd is not None else None
    return Command(tuple(file.command), file.env, cwd, file.share, file.max_processes, timeout)


def _identity(file: IdentityFile, base: Path) -> IdentitySettings:
    jwt = None
    if file.jwt is not None:
        jwt = Issuer(file.jwt.issuer, file.jwt.audience, file.jwt.jwks, file.jwt.roles)
    return IdentitySettings(base / file.keys, jwt, _known(file.local), _known(file.anonymous))


def _known(file: KnownFile | None) -> Known | None:
    return None if file is None else Known(file.caller, tuple(file.roles))
