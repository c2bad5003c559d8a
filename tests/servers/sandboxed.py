"""What the tests of sandboxes share: whether jails work here, and building servers and interpreters."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from toolgate_servers.compute.sandboxes import jail_problem


def need_jail() -> None:
    """Skip a test where no jail works; in CI that is a failure."""
    problem = jail_problem()
    if problem is None:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI must have bubblewrap: {problem}")
    pytest.skip(f"no bubblewrap here: {problem}")


def children(pid: int) -> set[int]:
    """All processes below a process."""
    found: set[int] = set()
    pending = [pid]
    while pending:
        try:
            for task in Path(f"/proc/{pending.pop()}/task").iterdir():
                new = {int(child) for child in (task / "children").read_text().split()} - found
                found |= new
                pending += new
        except OSError:
            continue
    return found


def strays() -> set[int]:
    """Jails of this machine whose server is gone."""
    found: set[int] = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                is_jail = b"/inside/enter.py" in (folder / "cmdline").read_bytes()
                parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            except OSError:
                continue
            if is_jail and parent == "1":
                found.add(int(folder.name))
    return found


def gone(pids: set[int], wait: Callable[[], object], tries: int = 500) -> bool:
    """Whether processes end; a zombie that its new parent has not buried yet has ended."""
    for _ in range(tries):
        if not any(_lives(pid) for pid in pids):
            return True
        wait()
    return False


def _lives(pid: int) -> bool:
    try:
        said = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return said.rpartition(")")[2].split()[0] not in ("Z", "X")
