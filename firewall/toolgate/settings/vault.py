"""The part `secrets` of the settings file: where Vault is and how toolgate logs in there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from toolgate import units
from toolgate.secrets import references
from toolgate.secrets.places import AppRoleLogin, KubernetesLogin, Login, TokenLogin, VaultPlace
from toolgate.settings.fields import Duration, FilePath, Provider, Strict, Word


def _bare(text: str) -> str:
    parts = urlsplit(text)
    if parts.query or parts.fragment or parts.path.rstrip("/"):
        raise ValueError("an address without a path: /v1 is added")
    return text


def _path(text: str) -> str:
    if not references.PATH.match(text):
        raise ValueError("the path of a mount without / at its ends")
    return text


def _referred(text: str) -> str:
    if not references.whole(text):
        raise ValueError("secret:env:NAME or secret:file:PATH")
    return text


def _role_id(text: str) -> str:
    if text.startswith("secret:") and not references.whole(text):
        raise ValueError("the id itself, secret:env:NAME or secret:file:PATH")
    return text


MountPath = Annotated[str, Field(max_length=500), AfterValidator(_path)]
# A secret that must not stand in the file, and that cannot come from Vault itself.
Referred = Annotated[str, AfterValidator(_referred)]


class AppRoleFile(Strict):
    """An application's role."""

    role_id: Annotated[Word, AfterValidator(_role_id)]
    secret_id: Referred | None = None
    mount: MountPath = "approle"


class KubernetesFile(Strict):
    """The service account of the pod that toolgate runs in."""

    role: Word
    jwt_file: FilePath = "/var/run/secrets/kubernetes.io/serviceaccount/token"
    mount: MountPath = "kubernetes"


class AuthFile(Strict):
    """One of three ways to log in."""

    token: Referred | None = None
    approle: AppRoleFile | None = None
    kubernetes: KubernetesFile | None = None

    @model_validator(mode="after")
    def _one(self) -> AuthFile:
        if len(self.model_fields_set) != 1 or self.model_dump(exclude_none=True) == {}:
            found = ", ".join(sorted(self.model_fields_set)) or "none"
            raise ValueError(f"found {found}, expected exactly one of token, approle, kubernetes")
        return self


class VaultFile(Strict):
    """A Vault or OpenBao that `secret:vault:` references are read from."""

    address: Annotated[Provider, AfterValidator(_bare)]
    auth: AuthFile
    namespace: Word | None = None
    mount: MountPath | None = None
    kv: Literal[1, 2] | None = None
    ca_cert: FilePath | None = None
    verify: bool = True
    timeout: Duration = "10s"
    refresh: Duration = "5m"

    @model_validator(mode="after")
    def _sound(self) -> VaultFile:
        if self.ca_cert is not None and not self.verify:
            raise ValueError("found ca_cert beside verify: false, expected only one of them")
        if self.mount is not None and self.kv is None:
            raise ValueError("found mount without kv, expected kv: 1 or kv: 2 beside it")
        return self


class SecretsFile(Strict):
    """Where references are resolved besides variables and files."""

    vault: VaultFile | None = None


def place(file: VaultFile, base: Path) -> VaultPlace:
    """What the part says, its paths below `base`."""
    return VaultPlace(
        address=file.address,
        login=_login(file.auth, base),
        namespace=file.namespace or "",
        mount=file.mount or "",
        kv=file.kv,
        trust=base / file.ca_cert if file.ca_cert is not None else file.verify,
        timeout=units.seconds(file.timeout),
        refresh=units.seconds(file.refresh),
    )


def misplaced(text: str, vault: VaultFile | None) -> str:
    """What is wrong with the references to Vault in `text`; empty where these settings can follow them."""
    for reference in references.references(text):
        if isinstance(reference, references.Stored):
            if vault is None:
                return "found a reference to Vault, expected secrets.vault to say where that is"
            if vault.mount is not None and not reference.path.startswith(f"{vault.mount}/"):
                return f"found a reference elsewhere, expected a path in secrets.vault.mount ({vault.mount})"
    return ""


def _login(auth: AuthFile, base: Path) -> Login:
    if auth.token is not None:
        return TokenLogin(auth.token)
    if auth.approle is not None:
        return AppRoleLogin(auth.approle.role_id, auth.approle.secret_id or "", auth.approle.mount)
    assert auth.kubernetes is not None
    return KubernetesLogin(auth.kubernetes.role, base / auth.kubernetes.jwt_file, auth.kubernetes.mount)
