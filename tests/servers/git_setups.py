"""Repositories for tests, made with git itself under an identity of their own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    **{f"GIT_{role}_NAME": "Ann Example" for role in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{role}_EMAIL": "ann@example.com" for role in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{role}_DATE": "2026-01-01T12:00:00Z" for role in ("AUTHOR", "COMMITTER")},
}


def run_git(folder: Path, *arguments: str) -> str:
    """Run git as a person would and give what it says."""
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=ENVIRONMENT, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def make_repository(folder: Path) -> Path:
    """Make a repository with two commits on main."""
    folder.mkdir()
    run_git(folder, "init", "-q", "-b", "main")
    (folder / "docs").mkdir()
    (folder / "docs" / "index.md").write_text("# Hello\n")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    run_git(folder, "add", ".")
    run_git(folder, "commit", "-q", "-m", "Begin")
    (folder / "docs" / "index.md").write_text("# Hello\nWorld\n")
    run_git(folder, "commit", "-q", "-a", "-m", "Greet the world\n\nIt was time.")
    return folder
