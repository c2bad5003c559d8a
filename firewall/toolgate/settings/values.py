"""What settings say, as plain values: nothing here costs a wrapped server start-up time."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from toolgate.approvals.places import Notify
from toolgate.core.model import Limit
from toolgate.ingress.issuer import Issuer, Registration

if TYPE_CHECKING:
    from toolgate.secrets.places import VaultPlace

Share: TypeAlias = Literal["session", "caller", "all"]


@dataclass(frozen=True, slots=True)
class Tcp:
    """Listen on a host and port."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def url(self) -> str:
        """The address as a URL."""
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Unix:
    """Listen on a unix socket."""

    path: Path

    @property
    def loopback(self) -> bool:
        """A socket file is on this machine."""
        return True

    @property
    def url(self) -> str:
        """A host name for what needs one."""
        return "http://localhost"


Listen: TypeAlias = Tcp | Unix


@dataclass(frozen=True, slots=True)
class Remote:
    """An upstream reached over HTTP. `headers` may hold `secret:` references; `timeout` is seconds."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    timeout: float = 60.0


@dataclass(frozen=True, slots=True)
class Command:
    """An upstream started as a process. `command` and `env` may hold `secret:` references.

    `cwd` None is the working directory of the firewall. `timeout` is seconds.
    """

    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    cwd: Path | None = None
    share: Share = "session"
    max_processes: int = 8
    timeout: float = 60.0


UpstreamSettings: TypeAlias = Remote | Command


@dataclass(frozen=True, slots=True)
class Known:
    """A caller who presents no credential."""

    caller: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IdentitySettings:
    """How callers are known: `local` counts on stdio and unix sockets, `anonymous` for trials on loopback."""

    keys: Path
    jwt: Issuer | None = None
    local: Known | None = None
    anonymous: Known | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """`body` is bytes, `body_within` seconds, `sessions` a count, `attempts` a rate per credential."""

    body: int = 4 << 20
    body_within: float = 30.0
    sessions: int = 10_000
    attempts: Limit = field(default_factory=lambda: Limit(600.0, 60.0))


@dataclass(frozen=True, slots=True)
class ConsoleSettings:
    """Where the console is: an address of its own. An empty `public_url` means that address."""

    listen: Tcp = Tcp("127.0.0.1", 8718)
    public_url: str = ""
    openid: Registration | None = None

    @property
    def url(self) -> str:
        """The address people open."""
        return self.public_url or self.listen.url


@dataclass(frozen=True, slots=True)
class Model:
    """A spaCy package or folder, or `transformers:` and a folder. `timeout` is seconds."""

    name: str
    entities: Mapping[str, str]
    max_chars: int = 100_000
    workers: int = 1
    timeout: float = 10.0


@dataclass(frozen=True, slots=True)
class Detection:
    """Rule files in gitleaks' format, and a model."""

    rules: tuple[Path, ...] = ()
    model: Model | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are. Paths are absolute; `base` is where relative `secret:file:` paths start."""

    base: Path
    file: Path | None
    listen: Listen
    public_url: str
    policies: Path
    upstreams: Mapping[str, UpstreamSettings]
    identity: IdentitySettings
    store: Path
    master_key: Path
    approvers: Path
    limits: Limits
    vault: VaultPlace | None = None
    notify: Notify = field(default_factory=Notify)
    console: ConsoleSettings = field(default_factory=ConsoleSettings)
    detection: Detection = field(default_factory=Detection)
