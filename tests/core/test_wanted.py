"""Which entities are wanted, and from which score on."""

from __future__ import annotations

from toolgate.core.wanted import Wanted, least


def test_wanted_entities_are_a_set_with_a_score_for_each() -> None:
    wanted = Wanted({"PHONE_NUMBER": 0.7, "SECRET": 0.0})
    assert wanted & {"SECRET", "URL"} == {"SECRET"}
    assert [least(wanted, entity) for entity in ("PHONE_NUMBER", "SECRET", "URL")] == [0.7, 0.0, 0.0]


def test_a_plain_set_wants_every_score() -> None:
    assert least(frozenset({"SECRET"}), "SECRET") == 0.0


def test_two_that_differ_in_a_score_are_kept_apart() -> None:
    low, high = Wanted({"SECRET": 0.1}), Wanted({"SECRET": 0.9})
    kept = {low: "low", high: "high", frozenset({"SECRET"}): "plain"}
    assert (kept[Wanted({"SECRET": 0.1})], kept[high], len(kept)) == ("low", "high", 3)
