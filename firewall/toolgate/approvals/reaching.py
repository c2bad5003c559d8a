"""Where a notification may be sent: an address of the settings, and no machine behind it that is ours."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import urlsplit

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
# The addresses of a name, in the order they are tried. Raises OSError.
Resolve: TypeAlias = Callable[[str, int], Awaitable[list[str]]]

_PORTS: Final = {"https": 443, "http": 80}
_NAME: Final = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?\Z"
)
# WHATWG URL section 3.5: a host whose last label is a number is an IPv4 address in disguise.
_NUMBER: Final = re.compile(r"(0x[0-9a-f]*|[0-9]+)\Z")
# Credentials of cloud machines and no single host: never, whatever the settings say.
_NEVER: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        *("169.254.0.0/16", "0.0.0.0/8", "224.0.0.0/4", "255.255.255.255/32", "168.63.129.16/32"),
        *("100.100.100.200/32", "192.0.0.192/32", "fe80::/10", "ff00::/8", "::/128", "fd00:ec2::254/128"),
    )
)
# Addresses that hide an IPv4 address: NAT64, 6to4, Teredo.
_TUNNELS: Final = tuple(
    ipaddress.ip_network(text)
    for text in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96")
)


class Unreachable(Exception):
    """The message did not arrive. `final`: trying again is of no use. `retry_after`: seconds asked for."""

    def __init__(self, why: str, *, final: bool, retry_after: float | None = None) -> None:
        super().__init__(why)
        self.final, self.retry_after = final, retry_after


@dataclass(frozen=True, slots=True)
class Target:
    """A URL read strictly. `path` has its query."""

    secure: bool
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """What the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = self.port == _PORTS["https" if self.secure else "http"]
        return host if usual else f"{host}:{self.port}"


def target_of(url: str, *, private: bool) -> Target:
    """The parts of a URL. Without TLS only where private addresses are allowed. Raises Unreachable."""
    if len(url) > 2000 or not url.isascii() or re.search(r"[\x00-\x20\x7f\\]", url):
        raise Unreachable(
            "found a URL with blanks, controls or other scripts, expected https://…", final=True
        )
    try:
        parts = urlsplit(url)
        port, host = parts.port, (parts.hostname or "").lower()
    except ValueError:
        raise Unreachable("found a URL that cannot be read, expected https://…", final=True) from None
    if parts.scheme not in (("https", "http") if private else ("https",)) or "@" in parts.netloc:
        expected = "https://… without credentials (http:// only beside allow_private: true)"
        raise Unreachable(f"found another URL, expected {expected}", final=True)
    last = host.rstrip(".").rpartition(".")[2]
    if _literal(host) is None and (not _NAME.match(host) or _NUMBER.match(last)):
        raise Unreachable("found a host that is no name and no address", final=True)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme == "https", host, port or _PORTS[parts.scheme], path)


async def addresses(target: Target, resolve: Resolve, *, private: bool) -> list[str]:
    """The addresses to connect to, every one of them allowed. Raises Unreachable.

    One that is not allowed spoils all: a name that points to both is not trusted with either.
    """
    literal = _literal(target.host)
    if literal is not None:
        found = [str(literal)]
    else:
        try:
            found = await resolve(target.host, target.port)
        except (OSError, UnicodeError):
            found = []
    if not found:
        raise Unreachable("the host name cannot be resolved", final=False)
    for text in found:
        address = _literal(text)
        if address is None or not allowed(address, private=private):
            word = "cannot be called" if private else "is private or reserved (see allow_private)"
            raise Unreachable(f"the host is at an address that {word}", final=True)
    return found


def allowed(address: Address, *, private: bool) -> bool:
    """Whether a message may go to this address."""
    plain = (
        address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped else address
    )
    if any(plain in network for network in _NEVER if network.version == plain.version):
        return False
    if private and (plain.is_loopback or plain.is_private):
        return True
    tunnelled = any(plain in network for network in _TUNNELS if network.version == plain.version)
    isatap = plain.version == 6 and (int(plain) >> 32) & 0xFDFF_FFFF == 0x5EFE  # RFC 5214 section 6.1
    return plain.is_global and not (plain.is_multicast or plain.is_reserved or tunnelled or isatap)


async def resolved(host: str, port: int) -> list[str]:
    """What this machine's resolver says, each address once."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _literal(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
