"""The matcher of URLs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from toolgate.core.conditions.hosts import host_in
from toolgate.core.conditions.values import Matcher, listed, on_text
from toolgate.core.patterns import Glob, choices, has_dots

# RFC 3986 appendix B, narrowed to what every parser reads alike: a host without user, an optional port,
# then a path. No backslash, no blank, no control character, no percent sign before the path.
_URL: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://"
    r"(?P<host>[^/?#@:\\%\[\]\s\x00-\x20]+)(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/[^?#\\\s\x00-\x20\x7f]*)?(?:[?#][^\\\s\x00-\x20\x7f]*)?\Z"
)
_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443, "ftp": 21}


def url(
    schemes: Sequence[str],
    hosts: Sequence[str] | None = None,
    ports: Sequence[int] | None = None,
    paths: Sequence[str] | None = None,
) -> Matcher:
    """An absolute URL without a user part, of one of the schemes.

    `ports` are the ports beside the scheme's own; `paths` are globs of the path. Raises ValueError.
    """
    known = frozenset(scheme.lower() for scheme in schemes)
    reaches = None if hosts is None else host_in(hosts)
    globs = None if paths is None else tuple(Glob(text) for path in paths for text in choices(path))

    def fits(value: str) -> bool:
        found = _URL.match(value)
        if found is None:
            return False
        scheme, port, path = found["scheme"].lower(), found["port"], found["path"] or "/"
        return (
            scheme in known
            and (reaches is None or reaches(found["host"]))
            and (port is None or int(port) == _PORTS.get(scheme) or int(port) in (ports or ()))
            and (globs is None or (not has_dots(path) and any(glob.matches(path) for glob in globs)))
        )

    where = "" if hosts is None else f" at {listed(hosts)}"
    return on_text(fits, f"an absolute URL of {listed(schemes)}{where}, plainly written")
