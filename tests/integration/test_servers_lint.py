"""`toolgate lint-tools` on real servers: ours score full, over both transports, and others do not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TOOLGATE = Path(sys.executable).with_name("toolgate")
FAMILIES = ("messaging", "crm", "git")


def lint(*target: str) -> tuple[int, dict[str, Any]]:
    """The exit code, and what the command said in JSON."""
    done = subprocess.run(
        [TOOLGATE, "lint-tools", "--json", *target], capture_output=True, text=True, timeout=50, check=False
    )
    return done.returncode, json.loads(done.stdout) if done.stdout else {}


def ours(name: str, folder: Path) -> list[str]:
    (folder / "docs").mkdir(exist_ok=True)
    options = {
        "compute": [],
        "retrieval": ["--folder", str(folder / "docs"), "--index", str(folder / "index.db")],
        "actions": ["--stores", str(folder / "stores")],
    }
    return [sys.executable, "-m", f"toolgate_servers.{name}", *options[name]]


@pytest.mark.parametrize("name", ["compute", "retrieval", "actions"])
def test_our_servers_score_full_as_they_come(tmp_path: Path, name: str) -> None:
    code, said = lint("--", *ours(name, tmp_path))
    assert (code, said["score"], said["findings"]) == (0, 100, [])
    assert 1 <= said["tools"] <= 19


@pytest.mark.parametrize("name", FAMILIES)
def test_the_families_that_are_off_score_full_too(tmp_path: Path, name: str) -> None:
    config = tmp_path / "actions.yaml"
    families = {"mail": False, "calendar": False, "tickets": False, name: True}
    config.write_text(json.dumps({"families": families, "stores": "stores"}))
    code, said = lint("--", sys.executable, "-m", "toolgate_servers.actions", "--config", str(config))
    assert (code, said["score"], said["findings"]) == (0, 100, [])


def test_a_server_over_http_is_judged_the_same() -> None:
    command = [sys.executable, "-m", "toolgate_servers.compute", "--http", "127.0.0.1:0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        url = process.stderr.readline().split()[-1]
        code, said = lint(url)
        process.terminate()
    assert (code, said["score"]) == (0, 100)


def test_a_server_of_others_has_findings(tmp_path: Path) -> None:
    code, said = lint("--", sys.executable, "-m", "mcp_server_time")
    assert code == 1
    assert said["score"] < 100
    assert {"tool", "rule", "where", "found", "expected"} == set(said["findings"][0])


def test_a_server_that_is_not_there_is_misuse() -> None:
    assert lint("--", "no-such-program-anywhere") == (2, {})
