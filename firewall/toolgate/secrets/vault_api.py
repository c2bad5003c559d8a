"""One login at Vault or OpenBao through hvac. Blocks: for a worker thread, one at a time."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import hvac
from hvac import exceptions

from toolgate.errors import SecretDenied, SecretUnavailable
from toolgate.secrets.places import AppRoleLogin, KubernetesLogin, TokenLogin, VaultPlace
from toolgate.secrets.references import Content

# Gives the text of a setting with its variables and files filled in, as they are now.
Fill: TypeAlias = Callable[[str], str]

_RENEW_AT = 2 / 3  # of a token's life
_SOONEST = 1.0


@dataclass(frozen=True, slots=True)
class Contents:
    """What stands at a path. `lease` is the seconds Vault says it counts, 0 where it says nothing."""

    values: Mapping[str, str] = field(repr=False)
    lease: float


@dataclass(frozen=True, slots=True)
class _Mount:
    name: str
    version: int


@dataclass(frozen=True, slots=True)
class _Lease:
    """A token's life: `seconds` from `since`, 0 for ever."""

    since: float
    seconds: float
    renewable: bool

    def over(self, now: float) -> bool:
        return bool(self.seconds) and now >= self.since + self.seconds

    @property
    def due(self) -> float | None:
        """When to renew it."""
        return self.since + max(_SOONEST, self.seconds * _RENEW_AT) if self.seconds else None


class VaultApi:
    """Logs in when it must, renews its token, reads. `learned` gets every token it is given.

    Every method raises SecretUnavailable in words of our own: Vault's own texts may quote what was sent.
    """

    def __init__(
        self, place: VaultPlace, fill: Fill, learned: Callable[[str], object], now: Callable[[], float]
    ) -> None:
        self._place = place
        self._fill = fill
        self._learned = learned
        self._now = now
        self._client = _client(place)
        self._lease: _Lease | None = None
        self._mounts: dict[str, _Mount] = {}

    @property
    def due(self) -> float | None:
        """The monotonic second at which `renew` is due; None before a login and where a token never ends."""
        return self._lease.due if self._lease is not None else None

    def enter(self) -> None:
        """Log in unless a token is there that still counts."""
        if self._lease is None or self._lease.over(self._now()):
            self._login()

    def read(self, path: str) -> Contents:
        """Every text at a path. A token that Vault no longer takes is replaced once."""
        self.enter()
        try:
            return self._read(path)
        except SecretDenied:
            if self._alive():
                raise
        self._login()
        return self._read(path)

    def renew(self) -> None:
        """Lengthen the token's life; where that does not help any more, log in again."""
        lease, now = self._lease, self._now()
        if lease is None or not lease.renewable or lease.over(now):
            self._login()
            return
        try:
            with _told():
                self._lease = self._leased(self._client.auth.token.renew_self()["auth"])
        except SecretDenied:
            self._login()
            return
        if 0 < self._lease.seconds <= lease.since + lease.seconds - now:  # its longest life is reached
            self._login()

    def close(self) -> None:
        """Drop the connections."""
        self._client.adapter.close()

    def _login(self) -> None:
        self._lease, self._client.token, place = None, "", self._place.login
        with _told(login=True):
            match place:
                case TokenLogin():
                    self._client.token = self._fill(place.token)
                    self._lease = self._looked_up()
                case AppRoleLogin():
                    role, secret = self._fill(place.role_id), self._fill(place.secret_id)
                    answer = self._client.auth.approle.login(role, secret or None, mount_point=place.mount)
                    self._entered(answer)
                case KubernetesLogin():
                    jwt = self._fill(str(Content(str(place.jwt_file))))
                    answer = self._client.auth.kubernetes.login(place.role, jwt, mount_point=place.mount)
                    self._entered(answer)

    def _entered(self, answer: Any) -> None:
        self._learned(str(answer["auth"]["client_token"]))
        self._lease = self._leased(answer["auth"])

    def _leased(self, auth: Any) -> _Lease:
        return _Lease(self._now(), float(auth["lease_duration"]), auth["renewable"] is True)

    def _looked_up(self) -> _Lease:
        """What Vault says of a token it did not give us; a policy may forbid even asking."""
        try:
            with _told():
                about = self._client.auth.token.lookup_self()["data"]
        except SecretDenied:
            return _Lease(self._now(), 0.0, renewable=False)
        return _Lease(self._now(), float(about["ttl"]), about.get("renewable") is True)

    def _alive(self) -> bool:
        """Whether Vault still takes the token."""
        try:
            with _told():
                self._client.auth.token.lookup_self()
        except SecretDenied:
            return False
        return True

    def _read(self, path: str) -> Contents:
        mount = self._mounts.get(path) or self._mount(path)
        inner = path.removeprefix(mount.name).strip("/")
        kv = self._client.secrets.kv
        with _told():
            if mount.version == 1:
                answer = kv.v1.read_secret(inner, mount_point=mount.name)
                found = answer["data"]
            else:
                answer = kv.v2.read_secret_version(
                    inner, mount_point=mount.name, raise_on_deleted_version=True
                )
                found = answer["data"]["data"]
            lease = float(answer["lease_duration"])
            values = {str(key): str(value) for key, value in found.items() if _is_text(value)}
        self._mounts[path] = mount
        return Contents(values, lease)

    def _mount(self, path: str) -> _Mount:
        """The mount a path lies in and its version, by the settings or by asking Vault."""
        if self._place.kv is not None:
            return _Mount(self._place.mount or path.partition("/")[0], self._place.kv)
        with _told():
            about = self._client.adapter.get(f"/v1/sys/internal/ui/mounts/{path}")["data"]
            name, kind = str(about["path"]).strip("/"), about["type"]
            options: Any = about.get("options") or {}
            version = int(options.get("version") or 1)
        if kind not in ("kv", "generic") or version not in (1, 2) or not path.startswith(f"{name}/"):
            raise SecretUnavailable("found another secrets engine at this path, expected KV version 1 or 2")
        return _Mount(name, version)


def _client(place: VaultPlace) -> Any:
    """A client that takes nothing from the environment: no token, no proxy, no certificates, no netrc."""
    trust = str(place.trust) if not isinstance(place.trust, bool) else place.trust
    if trust is False:  # the operator said so; a warning a request would say nothing new
        warnings.filterwarnings("ignore", message="Unverified HTTPS request")
    opened: Any = hvac.Client
    client = opened(
        url=place.address.rstrip("/"),
        token="",
        cert=(),
        verify=trust,
        timeout=place.timeout,
        allow_redirects=False,  # a redirect would carry the token to whatever address it names
        namespace=place.namespace or None,
    )
    client.adapter.session.trust_env = False
    return client


def _is_text(value: object) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


@contextmanager
def _told(*, login: bool = False) -> Generator[None]:
    """Turn what hvac raises into SecretUnavailable, without its words."""
    try:
        yield
    except SecretUnavailable:
        raise
    except exceptions.VaultError as error:
        raise _explained(error, login=login) from None
    except OSError as error:
        raise SecretUnavailable(_unreached(error)) from None
    except (KeyError, TypeError, ValueError, AttributeError):
        # A redirect, a page of a proxy, a body that is no JSON: hvac hands these over as they are.
        raise SecretUnavailable("found an answer that is not Vault's, expected Vault's address") from None


def _explained(error: exceptions.VaultError, *, login: bool) -> SecretUnavailable:
    match error:
        case exceptions.VaultDown() | exceptions.VaultNotInitialized():
            return SecretUnavailable("found Vault sealed or not ready, expected it to answer")
        case exceptions.RateLimitExceeded():
            return SecretUnavailable("found Vault's rate limit reached, expected an answer")
        case exceptions.Forbidden() | exceptions.Unauthorized() | exceptions.InvalidRequest() if login:
            return SecretDenied("found the login at Vault refused, expected valid credentials")
        case exceptions.Forbidden() | exceptions.Unauthorized():
            return SecretDenied("found it denied by Vault, expected a policy that lets this login read it")
        case exceptions.InvalidPath():
            return SecretUnavailable("found nothing in Vault at this path, or a deleted version")
        case _:
            return SecretUnavailable(f"found an error of Vault ({type(error).__name__}), expected an answer")


def _unreached(error: OSError) -> str:
    kind = type(error).__name__
    if kind == "OSError":
        return "found a file in secrets.vault.ca_cert that cannot be read, expected certificates in PEM"
    if "SSL" in kind:
        return "found a certificate that is not trusted, expected one signed by secrets.vault.ca_cert"
    if "Timeout" in kind:
        return "found no answer of Vault in time, expected one"
    return "found Vault unreachable, expected it to answer"
