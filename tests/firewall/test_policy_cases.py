"""Policy tests are strict themselves, and expect a refusal where nothing is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolgate.errors import PolicyError
from toolgate.policy.cases import Report, load_tests, policy_of, run, run_beside
from toolgate.policy.compile import open_policy

POLICY = "version: 1\ntiers: {read: [a/b]}\nroles: {r: {tools: ['a/*']}}\n"
HEAD = "policy: team.yaml\ncallers: {ann: {roles: [r]}, bob: {roles: []}}\n"


def report(folder: Path, text: str) -> Report:
    (folder / "team.yaml").write_text(POLICY, encoding="utf-8")
    path = folder / "team_test.yaml"
    path.write_text(HEAD + text, encoding="utf-8")
    tests = load_tests(path)
    return run(tests, open_policy(policy_of(tests)))


def places(found: Report) -> list[str]:
    return [line.removeprefix(f"{found.path}:").partition(": ")[0] for line in found.failures]


def test_every_call_of_every_caller_is_judged(tmp_path: Path) -> None:
    found = report(
        tmp_path, "calls: {x: {tool: a/b}, y: {tool: a/c}}\nexpect: {ann: {x: allow, y: {refuse: no-tier}}}"
    )
    assert (found.count, found.failures) == (4, ())


def test_what_is_not_expected_is_expected_to_be_refused(tmp_path: Path) -> None:
    assert places(report(tmp_path, "calls: {x: {tool: a/b}}")) == ["3 calls.x"]


def test_another_reason_or_verdict_is_a_failure(tmp_path: Path) -> None:
    text = "calls: {x: {tool: a/b}, y: {tool: a/c}}\nexpect:\n  ann: {x: hold, y: {refuse: not-allowed}}"
    assert places(report(tmp_path, text)) == ["5 expect.ann.x", "5 expect.ann.y"]


def test_any_refusal_will_do_where_no_reason_is_given(tmp_path: Path) -> None:
    assert report(tmp_path, "calls: {y: {tool: a/c}}\nexpect: {ann: {y: refuse}}").failures == ()


@pytest.mark.parametrize(
    "text",
    [
        "calls: {x: {tool: a}}",
        "calls: {x: {tool: a/b, prompt: a/b}}",
        "calls: {x: {}}",
        "calls: {x: {tool: a/b, found: [secrets]}}",
        "calls: {x: {tool: a/b, found: [SECRETS], arguments: {a: b}}}",
        "calls: {x: {tool: a/b}}\nexpect: {eve: {x: allow}}",
        "calls: {x: {tool: a/b}}\nexpect: {ann: {z: allow}}",
        "calls: {x: {tool: a/b}}\nexpect: {ann: {x: alow}}",
        "calls: {x: {tool: a/b}}\nexpect: {ann: {x: {refuse: whatever}}}",
        "calls: {x: {tool: a/b}}\nnow: yesterday",
        "calls: {x: {tool: a/b}}\nnow: 2026-01-01T12:00:00",
    ],
)
def test_a_file_of_tests_is_strict(tmp_path: Path, text: str) -> None:
    with pytest.raises(PolicyError):
        report(tmp_path, text)


def test_a_policy_without_tests_beside_it_has_nothing_to_fail(tmp_path: Path) -> None:
    path = tmp_path / "team.yaml"
    path.write_text(POLICY, encoding="utf-8")
    assert run_beside(path, open_policy(path)) == ()
