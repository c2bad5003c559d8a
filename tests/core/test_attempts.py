"""Refusals are limited, too: per credential, for as long as they keep coming."""

from __future__ import annotations

import pytest

from toolgate.core.attempts import Attempts
from toolgate.core.model import Limit

FIVE = Limit(5, 60.0)


def failed(attempts: Attempts, key: str, times: int, now: float = 0.0) -> None:
    for _ in range(times):
        attempts.failed(key, now)


def wait(attempts: Attempts, key: str, now: float = 0.0) -> float | None:
    return attempts.blocked(key, lambda: now)


@pytest.mark.parametrize(("times", "blocked"), [(0, False), (1, False), (4, False), (5, True), (50, True)])
def test_the_count_may_be_used_up_and_no_more(times: int, blocked: bool) -> None:
    attempts = Attempts(FIVE)
    failed(attempts, "ann", times)
    assert (wait(attempts, "ann", 0.0) is not None) is blocked


def test_one_credential_does_not_block_another() -> None:
    attempts = Attempts(FIVE)
    failed(attempts, "ann", 5)
    assert wait(attempts, "bob", 0.0) is None


def test_the_wait_named_is_long_enough_and_not_longer() -> None:
    attempts = Attempts(FIVE)
    failed(attempts, "ann", 5)
    assert wait(attempts, "ann", 0.0) == 12.0
    assert wait(attempts, "ann", 11.999) is not None
    assert wait(attempts, "ann", 12.0) is None


def test_however_many_refusals_nobody_waits_longer_than_for_two_attempts() -> None:
    attempts = Attempts(FIVE)
    failed(attempts, "ann", 1000)
    assert wait(attempts, "ann", 0.0) == 24.0


def test_refusals_of_long_ago_are_forgiven() -> None:
    attempts = Attempts(FIVE)
    failed(attempts, "ann", 5)
    failed(attempts, "ann", 4, now=120.0)
    assert wait(attempts, "ann", 120.0) is None


def test_ten_thousand_keys_are_kept_and_the_least_recent_one_is_forgotten_first() -> None:
    attempts = Attempts(Limit(1, 60.0))
    attempts.failed("old", 0.0)
    attempts.failed("ann", 0.0)
    attempts.failed("old", 0.0)
    for number in range(9_999):
        attempts.failed(f"address:{number}", 0.0)
    assert wait(attempts, "ann", 0.0) is None
    assert wait(attempts, "old", 0.0) is not None
