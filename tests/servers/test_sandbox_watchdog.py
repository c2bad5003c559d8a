"""What the watchdog kills, and what it leaves alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from sandboxed import children
from toolgate_servers.compute.sandbox.watching import WATCHDOG, Watchdog

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")
SLEEP = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(60)"]


@pytest.fixture
def sleepers() -> Iterator[list[subprocess.Popen[bytes]]]:
    started = [subprocess.Popen(SLEEP, start_new_session=True) for _ in range(3)]
    yield started
    for one in started:
        one.kill()
        one.wait()


def test_what_is_watched_dies_with_the_watcher_and_nothing_else(
    sleepers: list[subprocess.Popen[bytes]],
) -> None:
    watched, forgotten, group = sleepers
    lines = f"+{watched.pid}\n+{forgotten.pid}\n-{forgotten.pid}\n+-{group.pid}\n+{2**22 + 1}\n"
    subprocess.run(
        [sys.executable, "-I", "-S", str(WATCHDOG)], input=lines, text=True, timeout=30, check=True
    )
    assert watched.wait(30) == -signal.SIGKILL
    assert group.wait(30) == -signal.SIGKILL
    assert forgotten.poll() is None


def test_a_watchdog_that_was_killed_comes_back_and_knows_its_work(
    sleepers: list[subprocess.Popen[bytes]],
) -> None:
    before = children(os.getpid())
    watchdog = Watchdog()
    watchdog.watch(sleepers[0].pid)
    (first,) = children(os.getpid()) - before
    os.kill(first, signal.SIGKILL)
    while first in children(os.getpid()):
        watchdog.watch(sleepers[1].pid)
    with watchdog.watching(sleepers[2].pid):
        pass
    del watchdog
    assert [one.wait(30) for one in sleepers[:2]] == [-signal.SIGKILL] * 2
    assert sleepers[2].poll() is None
