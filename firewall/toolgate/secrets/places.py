"""Where Vault is and who toolgate is there. Light: settings name it without loading what speaks to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias


@dataclass(frozen=True, slots=True)
class TokenLogin:
    """A token that somebody else made. `token` is a reference."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AppRoleLogin:
    """An application's role. `role_id` may be and `secret_id` is a reference, empty where none is bound."""

    role_id: str = field(repr=False)
    secret_id: str = field(default="", repr=False)
    mount: str = "approle"


@dataclass(frozen=True, slots=True)
class KubernetesLogin:
    """The service account of the pod that toolgate runs in."""

    role: str
    jwt_file: Path
    mount: str = "kubernetes"


Login: TypeAlias = TokenLogin | AppRoleLogin | KubernetesLogin


@dataclass(frozen=True, slots=True)
class VaultPlace:
    """One Vault or OpenBao. Durations are seconds.

    `kv` None asks Vault for the version of every mount; otherwise `mount`, or the first part of a path,
    is the mount. `trust` is a file of certificates, True for those of the machine, False to ask nobody.
    """

    address: str
    login: Login
    namespace: str = ""
    mount: str = ""
    kv: Literal[1, 2] | None = None
    trust: bool | Path = True
    timeout: float = 10.0
    refresh: float = 300.0
