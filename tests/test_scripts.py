"""The scripts on a machine that lacks something: one line that names it and the remedy."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = sorted(
    path
    for path in [*(ROOT / "scripts").iterdir(), ROOT / ".ci" / "run"]
    if path.read_text(encoding="utf-8").startswith("#!/usr/bin/env bash") or path.suffix == ".sh"
)


def python(folder: Path, script: str) -> str:
    """A program that answers like some other Python."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def said(folder: Path, **environment: str) -> tuple[int, list[str]]:
    """The exit code and the lines of `scripts/test` with an environment of its own."""
    known = {**os.environ, "TOOLGATE_VENV": str(folder / "venv"), **environment}
    command = [str(ROOT / "scripts" / "test"), "--version"]
    done = subprocess.run(command, env=known, capture_output=True, text=True, timeout=50, check=False)
    return done.returncode, done.stderr.splitlines()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_sound_bash(script: Path) -> None:
    subprocess.run(["bash", "-n", str(script)], check=True, timeout=20)
    assert script.suffix == ".sh" or os.access(script, os.X_OK)


def test_an_old_python_is_named_in_one_line(tmp_path: Path) -> None:
    old = python(tmp_path, 'if [ "$1" = -V ]; then echo "Python 3.9.2"; else exit 1; fi')
    code, lines = said(tmp_path, PYTHON=old)
    assert code == 2
    assert len(lines) == 1
    assert "Python 3.9.2" in lines[0]
    assert "3.11" in lines[0]


def test_a_python_without_venv_is_named_with_the_remedy(tmp_path: Path) -> None:
    bare = python(tmp_path, f'case "$2" in *ensurepip*) exit 1;; esac; exec {sys.executable} "$@"')
    code, lines = said(tmp_path, PYTHON=bare)
    assert code == 2
    assert len(lines) == 1
    assert "python3-venv" in lines[0]
    assert not (tmp_path / "venv").exists()
    assert not (tmp_path / "venv.busy").exists()


def test_somebody_elses_environment_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv" / "theirs").touch()
    code, lines = said(tmp_path, PYTHON=sys.executable)
    assert code == 2
    assert len(lines) == 1
    assert "TOOLGATE_VENV" in lines[0]
    assert (tmp_path / "venv" / "theirs").exists()
