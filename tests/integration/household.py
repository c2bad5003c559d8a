"""`toolgate up` as a stranger starts it, in a folder of its own and on a free port."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

Json = dict[str, Any]
Found = TypeVar("Found")

PROGRAMS = Path(sys.executable).parent
TOOLGATE = PROGRAMS / "toolgate"
_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Up:
    """A running `toolgate up --json`, and what it said when it listened."""

    process: subprocess.Popen[str]
    said: Json

    def line(self) -> Json:
        """The next line of a judged call."""
        assert self.process.stdout is not None
        found: Json = json.loads(self.process.stdout.readline())
        return found


@contextmanager
def up(home: Path, *options: str) -> Generator[Up]:
    """Start it and end it as Ctrl-C does."""
    command = [str(TOOLGATE), "up", "--json", "--home", str(home), "--port", "0", *options]
    process = subprocess.Popen(
        command, env=plain(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield Up(process, json.loads(process.stdout.readline()))
    finally:
        ended(process)


def ended(process: subprocess.Popen[str], by: signal.Signals = signal.SIGINT) -> int:
    """Send the signal, wait for the end, give the exit code."""
    if process.poll() is None:
        process.send_signal(by)
    try:
        process.communicate(timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return process.returncode


def run(
    *words: str, cwd: Path | None = None, given: str = "", **env: str
) -> subprocess.CompletedProcess[str]:
    """A toolgate command to its end."""
    return subprocess.run(
        [str(TOOLGATE), *words],
        cwd=cwd,
        env=plain(env),
        input=given,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def plain(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """This environment with our programs first and nothing of toolgate's own in it."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("TOOLGATE_")}
    return {**kept, "PATH": f"{PROGRAMS}{os.pathsep}{kept.get('PATH', '')}", **(more or {})}


def children(pid: int) -> set[int]:
    """The processes that this one started."""
    return {child for child, parent in _parents().items() if parent == pid}


def processes() -> set[int]:
    """Every process there is."""
    return set(_parents())


def _parents() -> dict[int, int]:
    """Each process and who started it, by Linux's own list."""
    found: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:  # it ended meanwhile
            continue
        found[int(stat.parent.name)] = int(text.rpartition(")")[2].split()[1])
    return found
