"""The one spelling of durations (`30s`), rates (`5/minute`) and sizes (`4MiB`) in settings and policies.

A text that is none of these raises ValueError, whose message is what was expected.
"""

from __future__ import annotations

import re

from toolgate.core.model import Limit

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_PERIODS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_OCTETS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_LONGEST = 10 * 365 * 86400
_SPELLING = re.compile(r"([1-9][0-9]{0,8})([A-Za-z]+)\Z")


def seconds(text: str) -> float:
    """`30s`, `15m`, `24h`, `30d` as seconds."""
    number, unit = _parts(text, _SECONDS, "a duration such as 30s, 15m, 24h or 30d")
    if number * unit > _LONGEST:
        raise ValueError("a duration of at most ten years")
    return float(number * unit)


def limit(text: str) -> Limit:
    """`5/minute` as a limit; the periods are second, minute, hour and day."""
    expected = "a rate such as 5/minute (per second, minute, hour or day)"
    head, slash, period = text.partition("/")
    if not slash or period not in _PERIODS or not re.fullmatch(r"[1-9][0-9]{0,8}", head):
        raise ValueError(expected)
    return Limit(float(head), float(_PERIODS[period]))


def octets(text: str) -> int:
    """`512KiB`, `4MiB` as bytes."""
    number, unit = _parts(text, _OCTETS, "a size such as 64KiB or 4MiB")
    return number * unit


def _parts(text: str, units: dict[str, int], expected: str) -> tuple[int, int]:
    match = _SPELLING.match(text)
    if match is None or match[2] not in units:
        raise ValueError(expected)
    return int(match[1]), units[match[2]]
