"""A conformance run is held against another check by check, and against the losses that are explained."""

from __future__ import annotations

from pathlib import Path

import pytest

from outcomes import Check, Loss, Run, faults, judge, losses, passed, total
from run import load_baseline


def ran(**scenarios: str) -> Run:
    """A run in short: `tools="check=SUCCESS other=FAILURE"`; the reason is always `why`."""
    return {
        name: tuple(Check(pair.partition("=")[0], "", pair.partition("=")[2], "why") for pair in text.split())
        for name, text in scenarios.items()
    }


def test_equal_runs_lose_nothing() -> None:
    run = ran(tools="a=SUCCESS b=INFO", prompts="c=WARNING")
    assert losses(run, run) == []


def test_a_check_that_fails_only_through_the_proxy_is_lost_with_its_reason() -> None:
    assert losses(ran(tools="a=SUCCESS"), ran(tools="a=FAILURE")) == [Loss("tools", "a", "why")]


def test_a_check_that_only_warns_through_the_proxy_is_lost_too() -> None:
    assert [loss.check for loss in losses(ran(tools="a=SUCCESS"), ran(tools="a=WARNING"))] == ["a"]


def test_a_check_that_is_no_longer_reported_is_lost() -> None:
    assert [loss.check for loss in losses(ran(tools="a=SUCCESS b=SUCCESS"), ran(tools="a=SUCCESS"))] == ["b"]


def test_a_check_that_is_skipped_through_the_proxy_is_lost() -> None:
    assert [loss.check for loss in losses(ran(tools="a=SUCCESS"), ran(tools="a=SKIPPED"))] == ["a"]


def test_one_of_two_equal_checks_can_be_lost() -> None:
    found = losses(ran(tools="a=SUCCESS a=SUCCESS"), ran(tools="a=SUCCESS a=FAILURE"))
    assert [loss.check for loss in found] == ["a"]


def test_a_failure_the_reference_does_not_have_is_a_loss() -> None:
    assert [loss.check for loss in losses(ran(tools="a=SUCCESS"), ran(tools="a=SUCCESS b=FAILURE"))] == ["b"]


def test_a_fault_that_both_have_is_no_loss() -> None:
    assert losses(ran(tools="a=WARNING"), ran(tools="a=WARNING")) == []


def test_a_scenario_that_did_not_run_is_lost() -> None:
    assert [
        loss.scenario for loss in losses(ran(tools="a=SUCCESS", ping="b=SUCCESS"), ran(tools="a=SUCCESS"))
    ] == ["ping"]


def test_information_and_skipped_checks_do_not_count() -> None:
    run = ran(tools="a=SUCCESS b=INFO c=SKIPPED d=WARNING")
    assert (passed(run), total(run), [fault.check for fault in faults(run)]) == (1, 2, ["d"])


def test_an_explained_loss_is_good() -> None:
    assert judge([Loss("tools", "a", "why")], {"tools": {"a": "No proxy can."}}).good


def test_an_unexplained_loss_is_not_good() -> None:
    assert judge([Loss("tools", "a", "why")], {"tools": {}}).unexplained == (Loss("tools", "a", "why"),)


def test_an_explanation_of_something_no_longer_lost_is_not_good() -> None:
    assert judge([], {"tools": {"a": "No proxy can."}}).stale == (("tools", "a"),)


def test_the_committed_baseline_names_known_cells_and_explains_every_loss() -> None:
    assert load_baseline(Path(__file__).parent / "era_matrix_baseline.yml")


def test_a_baseline_entry_without_a_sentence_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "baseline.yml"
    path.write_text("http-2025-to-2026: {tools: {a: known}}\n")
    with pytest.raises(SystemExit):
        load_baseline(path)


def test_a_baseline_for_an_unknown_cell_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "baseline.yml"
    path.write_text("http-2024: {}\n")
    with pytest.raises(SystemExit):
        load_baseline(path)
