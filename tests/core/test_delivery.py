"""How long a message that did not arrive waits."""

from __future__ import annotations

from toolgate.core.delivery import FIRST, LONGEST, pause


def test_waits_double_with_jitter_up_to_a_bound() -> None:
    longest = [pause(attempt, 1.0) for attempt in range(1, 12)]
    assert longest[:4] == [FIRST, 2 * FIRST, 4 * FIRST, 8 * FIRST]
    assert max(longest) == LONGEST
    assert [pause(attempt, 0.0) for attempt in range(1, 12)] == [one / 2 for one in longest]
    assert pause(10**9, 1.0) == LONGEST


def test_what_a_receiver_asks_for_is_never_undercut() -> None:
    assert pause(1, 0.0, told=120.0) == 120.0
