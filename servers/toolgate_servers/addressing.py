"""Which addresses of the network a URL may lead to; no I/O."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias
from urllib.parse import quote, urlsplit

from toolgate_servers.errors import Reason, Refused

MAX_URL = 4096
PORTS = {"http": 80, "https": 443}

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

NAME = re.compile(
    r"(?=.{1,253}\.?\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.?"
)
# What some program reads as a number, and so as an IPv4 address in disguise: 2130706433, 0x7f.1, 0177.0.0.1.
NUMERIC = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)\.?\Z")

# Where clouds keep their credentials, and what is no single host: never allowed, whoever asks.
NEVER: tuple[Network, ...] = tuple(
    ip_network(network)
    for network in (
        *("169.254.0.0/16", "fe80::/10", "168.63.129.16/32", "100.100.100.200/32", "192.0.0.192/32"),
        *("fd00:ec2::/32", "fd20:ce::/32", "0.0.0.0/8", "::/128", "224.0.0.0/4", "ff00::/8", "240.0.0.0/4"),
        "3fff::/20",  # for documentation; Python 3.11 does not know it yet
    )
)
# Addresses that carry another address inside, and lead wherever a gateway takes that to be. Of these,
# ipaddress says that 64:ff9b::/96 is global.
TUNNELS: tuple[Network, ...] = tuple(
    ip_network(network)
    for network in (
        *("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96", "::ffff:0:0:0/96"),
        *("192.88.99.0/24", "fec0::/10"),
    )
)


@dataclass(frozen=True, slots=True)
class Reach:
    """What a client may reach: hosts such as api.example.com or *.example.com (none given: every public one),
    addresses that are not public but allowed, and schemes and ports."""

    hosts: tuple[str, ...] = ()
    private: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ("https", "http")
    ports: tuple[int, ...] = (443, 80)

    def networks(self) -> tuple[Network, ...]:
        """The allowed addresses that are not public."""
        return tuple(ip_network(network) for network in self.private)


@dataclass(frozen=True, slots=True)
class Target:
    """A URL in the one way that it will be read: host in lower case, without brackets or a final dot."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """What decides whether a credential may go along."""
        return self.scheme, self.host, self.port

    @property
    def url(self) -> str:
        """The URL again."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if PORTS.get(self.scheme) == self.port else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"


def target_of(url: str, reach: Reach) -> Target:
    """Read a URL strictly and see that it stays within reach; its addresses are checked when they are known.

    Raises:
        Refused: URL_NOT_VALID, HOST_NOT_ALLOWED or ADDRESS_FORBIDDEN.
    """
    if len(url) > MAX_URL or not url.isascii() or re.search(r"[\x00-\x20\x7f\\]", url):
        raise _not_valid("blanks, controls, backslashes, other scripts or too many characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _not_valid("a host or port that cannot be read") from None
    if parts.scheme not in reach.schemes:
        raise _not_valid("another scheme", f"one of {', '.join(reach.schemes)}")
    if "@" in parts.netloc or "%" in parts.netloc:
        raise _not_valid("a user name, password or escape before the path")
    host = _host(parts.netloc)
    port = PORTS[parts.scheme] if port is None else port
    if reach.ports and port not in reach.ports:
        raise _not_allowed("another port", f"one of {', '.join(map(str, reach.ports))}")
    if reach.hosts and not any(_matches(host, pattern) for pattern in reach.hosts):
        raise _not_allowed("another host", f"one of {', '.join(reach.hosts)}")
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
    return Target(parts.scheme, host, port, f"{path}?{query}" if query else path)


def literal(host: str) -> Address | None:
    """Give the address that a host is, or None for a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def check_address(address: Address, private: tuple[Network, ...]) -> None:
    """Refuse an address that is not a public host and not explicitly allowed.

    Raises:
        Refused: ADDRESS_FORBIDDEN.
    """
    plain = address.ipv4_mapped if isinstance(address, IPv6Address) and address.ipv4_mapped else address
    if _within(plain, NEVER):
        raise _forbidden("an address of the machine's own link, of credentials or of no single host")
    if _within(plain, private):
        return
    if _within(plain, TUNNELS) or _is_isatap(plain):
        raise _forbidden("an address that hides another one")
    if not plain.is_global or plain.is_multicast or plain.is_reserved:
        raise _forbidden("a private or reserved address")


def _host(netloc: str) -> str:
    if netloc.startswith("["):
        address = literal(netloc[1:].partition("]")[0])
        if address is None or address.version != 6 or not re.fullmatch(r"\[[^]]*\](?::[0-9]+)?", netloc):
            raise _not_valid("an IPv6 address that cannot be read")
        return str(address)
    host = netloc.partition(":")[0].lower()
    if NAME.fullmatch(host) is None or not re.fullmatch(r"[^:]*(?::[0-9]+)?", netloc):
        raise _not_valid("a host that is no name and no address")
    if NUMERIC.fullmatch(host.rstrip(".").rpartition(".")[2]):
        address = literal(host)
        if address is None:
            raise _forbidden("a number in place of a host", "a name, or an address as four decimal numbers")
        return str(address)
    return host.rstrip(".")


def _matches(host: str, pattern: str) -> bool:
    pattern = pattern.lower()
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and literal(host) is None
    return host == pattern


def _within(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _is_isatap(address: Address) -> bool:
    # RFC 5214 6.1: the interface identifier 0000:5efe or 0200:5efe, followed by an IPv4 address.
    return address.version == 6 and (int(address) >> 32) & 0xFDFF_FFFF == 0x5EFE


def _not_valid(
    found: str, expected: str = "an http or https URL such as https://example.com/page"
) -> Refused:
    return Refused(Reason.URL_NOT_VALID, "url", found=found, expected=expected)


def _not_allowed(found: str, expected: str) -> Refused:
    return Refused(Reason.HOST_NOT_ALLOWED, "url", found=found, expected=expected)


def _forbidden(found: str, expected: str = "a public address, or one that the settings allow") -> Refused:
    return Refused(Reason.ADDRESS_FORBIDDEN, "url", found=found, expected=expected)
