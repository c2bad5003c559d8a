"""Matchers of hosts and addresses. Everything two programs could read differently is refused."""

from __future__ import annotations

import encodings.idna
import re
from collections.abc import Callable, Sequence
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from toolgate.core.conditions.values import Matcher, listed, on_text

# RFC 1123 section 2.1 labels, and the underscore that real hosts carry.
_HOST: Final = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.|\Z))+\Z")
# RFC 5321 section 4.1.2 Dot-string, without `%` and `!`, which relays have read as routes.
_LOCAL: Final = re.compile(r"[A-Za-z0-9#$&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9#$&'*+/=?^_`{|}~-]+)*\Z")

_DOTS: Final = frozenset("\u3002\uff0e\uff61")  # RFC 3490 section 3.1


def domain(allowed: Sequence[str]) -> Matcher:
    """A host, or an e-mail address at a host, that is one of these; `*.` before a name means its subdomains.

    Raises ValueError for a name that is no host.
    """
    fits = host_in(allowed)

    def of_value(value: str) -> bool:
        local, at, host = value.rpartition("@")
        return (not at or _LOCAL.match(local) is not None) and fits(host)

    return on_text(of_value, f"one plain host or address at {listed(allowed)}")


def host_in(allowed: Sequence[str]) -> Callable[[str], bool]:
    """Whether a host is one of these. Raises ValueError for a name that is no host."""
    exact: set[str] = set()
    parents: set[str] = set()
    for text in allowed:
        host = normal(text.removeprefix("*."))
        if host is None:
            raise ValueError("a host such as example.com, or *.example.com for its subdomains")
        (parents if text.startswith("*.") else exact).add(host)
    endings = tuple(f".{parent}" for parent in parents)

    def fits(text: str) -> bool:
        host = normal(text)
        return host is not None and (host in exact or host.endswith(endings))

    return fits


def normal(host: str) -> str | None:
    """A host in lower-case ASCII, or None where it is none or programs could read it differently."""
    lowered = host.lower()
    if not host.isascii():
        found = None if _odd(host, lowered) else _punycode(lowered)
        if found is None:
            return None
        lowered = found
    return lowered if _HOST.match(lowered) and not lowered.endswith(".") else None


def _odd(host: str, lowered: str) -> bool:
    """Whether it has a letter that turns into ASCII, as the Kelvin sign does, or one of IDNA's other dots."""
    changed = [letter.isascii() for letter in host] != [letter.isascii() for letter in lowered]
    return changed or not _DOTS.isdisjoint(host)


def _punycode(host: str) -> str | None:
    """The ASCII form, if decoding it gives the very same text back."""
    # IDNA 2003 and 2008 disagree on ß, ς and joiners, and compatibility letters fold into plain ones:
    # what does not come back as it was could reach another host than the one judged.
    try:
        labels = [encodings.idna.ToASCII(label) for label in host.split(".")]
        back = ".".join(encodings.idna.ToUnicode(label) for label in labels)
    except UnicodeError:
        return None
    return b".".join(labels).decode("ascii") if back == host else None


def cidr(networks: Sequence[str]) -> Matcher:
    """An IP address within one of these networks. Raises ValueError for a network that is none."""
    try:
        known = tuple(ip_network(network) for network in networks)
    except ValueError:
        raise ValueError("networks such as 10.0.0.0/8 or fd00::/8, host bits zero") from None

    def fits(value: str) -> bool:
        try:
            address = ip_address(value)
        except ValueError:
            return False
        if isinstance(address, IPv6Address):
            if address.scope_id is not None:
                return False
            address = address.ipv4_mapped or address
        return any(address.version == network.version and address in network for network in known)

    return on_text(fits, f"an IP address within {listed(networks)}")
