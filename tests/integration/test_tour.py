"""The tour, as a stranger takes it, and its exit code when something is otherwise."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from household import plain, run
from toolgate.starters import starter

ROOT = Path(__file__).resolve().parents[2]


def test_the_tour_of_the_readme_goes_as_expected() -> None:
    done = subprocess.run(
        [str(ROOT / "scripts" / "run"), "--tour"],
        env=plain(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=55,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(" ok ") == 10
    assert done.stderr == ""


def test_a_policy_that_allows_too_much_is_found_out(tmp_path: Path) -> None:
    lax = tmp_path / "lax.yaml"
    text = starter("tour").read_text().replace("actions/email_draft,", '"actions/email_{draft,send}",')
    lax.write_text(text.replace("email_{send,reply,delete_draft}", "email_{reply,delete_draft}"))
    done = run("up", "--tour", "--json", "--policy", str(lax))
    steps = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1
    assert [step["step"] for step in steps if not step["ok"]] == [5, 6, 7]


def test_a_tour_that_cannot_start_says_why(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("version: 1\ntears: {}\n")
    done = run("tour", "--policy", str(broken))
    assert done.returncode == 2
    assert "policy.yaml:2" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_tour_keeps_its_own_folder(tmp_path: Path) -> None:
    assert run("up", "--tour", "--home", str(tmp_path)).returncode == 2
    assert not list(tmp_path.iterdir())
