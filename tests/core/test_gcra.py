"""Buckets in integer nanoseconds: exact counts, honest waits."""

from __future__ import annotations

import pytest

from toolgate.core.gcra import SECOND, Wait, draw
from toolgate.core.model import Limit

NOW = 1_700_000_000 * SECOND


def taken(limit: Limit, times: int, weight: float = 1.0, now: int = NOW) -> int:
    """How many of so many draws at one instant succeed."""
    tat, count = 0, 0
    for _ in range(times):
        drawn = draw(tat, limit, weight, now)
        if isinstance(drawn, int):
            tat, count = drawn, count + 1
    return count


@pytest.mark.parametrize("count", [1, 3, 7, 60, 200, 1000])
@pytest.mark.parametrize("per", [1.0, 60.0, 3600.0, 86400.0])
def test_a_full_bucket_gives_exactly_its_count(count: int, per: float) -> None:
    assert taken(Limit(count, per), count + 10) == count


def test_the_wait_is_long_enough_and_not_longer() -> None:
    limit = Limit(3, 60.0)
    tat = NOW
    for _ in range(3):
        drawn = draw(tat, limit, 1.0, NOW)
        assert isinstance(drawn, int)
        tat = drawn
    wait = draw(tat, limit, 1.0, NOW)
    assert wait == Wait(20.0)
    assert isinstance(draw(tat, limit, 1.0, NOW + 20 * SECOND), int)
    assert isinstance(draw(tat, limit, 1.0, NOW + 20 * SECOND - 1), Wait)


def test_weights_count() -> None:
    assert taken(Limit(5, 86400.0), 10_000, weight=0.001) == 5000
    assert taken(Limit(10, 1.0), 10, weight=4.0) == 2


def test_a_weight_above_the_bucket_never_fits() -> None:
    assert draw(0, Limit(5, 60.0), 6.0, NOW) == Wait(60.0)


def test_a_limit_of_nothing_gives_nothing() -> None:
    assert draw(0, Limit(0, 60.0), 1.0, NOW) == Wait(60.0)


def test_a_clock_set_back_locks_nobody_out_for_longer_than_a_period() -> None:
    far = NOW + 1000 * 60 * SECOND
    assert draw(far, Limit(1, 60.0), 1.0, NOW) == Wait(60.0)


def test_a_bucket_left_alone_is_full_again_and_no_fuller() -> None:
    limit = Limit(2, 1.0)
    assert taken(limit, 5, now=NOW + 10_000 * SECOND) == 2
