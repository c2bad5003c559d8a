"""The generic cell rate algorithm (ITU-T I.371) in integer nanoseconds, so that limits are exact.

A bucket is one number, its theoretical arrival time (`tat`): when it will be full again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from toolgate.core.model import Limit

SECOND: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Wait:
    """The bucket is too empty; `seconds` until it holds enough."""

    seconds: float


def draw(tat: int, limit: Limit, weight: float, now: int) -> int | Wait:
    """Take `weight` units from a bucket: its new `tat`, or how long to wait. Times in nanoseconds.

    A weight above the whole bucket never fits: it is told to wait a full period, every time.

    A `tat` further ahead than a whole period can only come from a clock that was set back or from a
    looser limit of an earlier policy: it counts as an empty bucket, so nobody is locked out for longer.
    """
    period = int(limit.per * SECOND)
    cost = int(limit.per * SECOND * weight / limit.count) if limit.count > 0 else period + 1
    if cost > period:
        return Wait(limit.per)
    latest = now + period
    full_at = cost + (now if tat < now else min(tat, latest))
    return full_at if full_at <= latest else Wait((full_at - latest) / SECOND)
