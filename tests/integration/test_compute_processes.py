"""However a compute server ends, nothing that it started is left: neither sandbox, nor a program."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from mcp import Client, MCPError, StdioServerParameters

from sandboxed import children, gone, need_jail, strays

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")
SETTINGS = """
families: {shell: true, transform: false}
python: {sandbox: SANDBOX, libraries: false}
shell: {commands: [sleep]}
"""
LOOP = {"code": "while True: pass", "seconds": 30}
ENDS: dict[str, Callable[[int], None]] = {
    "killed": lambda pid: os.kill(pid, signal.SIGKILL),
    "terminated": lambda pid: os.kill(pid, signal.SIGTERM),
    "interrupted": lambda pid: os.kill(pid, signal.SIGINT),
}


def pause() -> None:
    threading.Event().wait(0.02)


@pytest.fixture(params=["monty", "bubblewrap"])
def command(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    need_jail()
    settings = tmp_path / "compute.yaml"
    settings.write_text(SETTINGS.replace("SANDBOX", request.param))
    return [sys.executable, "-m", "toolgate_servers.compute", "--config", str(settings)]


async def busy(client: Client) -> None:
    """Keep a notebook, two endless pieces of code and a program running."""
    opened = await client.call_tool("notebook_open", {})
    assert opened.structured_content is not None
    session = opened.structured_content["session_id"]
    await client.call_tool("notebook_run", {"session_id": session, "code": "x = 1"})


@pytest.mark.parametrize("way", ENDS)
async def test_nothing_outlives_the_server(command: list[str], way: str) -> None:
    before, old = children(os.getpid()), strays()
    parameters = StdioServerParameters(command=command[0], args=command[1:])
    started: set[int] = set()
    try:
        async with Client(parameters) as client, anyio.create_task_group() as group:
            await busy(client)
            group.start_soon(client.call_tool, "run_python", LOOP)
            group.start_soon(client.call_tool, "run_shell", {"argv": ["sleep", "60"]})
            server = _server(before)
            started = await anyio.to_thread.run_sync(_all_started, server)
            ENDS[way](server)
            await anyio.to_thread.run_sync(gone, started, pause)
            group.cancel_scope.cancel()
    except* (MCPError, OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
        pass  # the connection broke off, as it had to
    assert len(started) > 4
    assert gone(started, pause, tries=1)
    assert gone(strays() - old, pause)


def _all_started(server: int) -> set[int]:
    """The server and all that it has started, once the notebook, the code and the program run."""
    for _ in range(1000):
        below = children(server)
        if len(below) > 3:
            return {server, *below}
        pause()
    return set()


def _server(before: set[int]) -> int:
    new = children(os.getpid()) - before
    words = b"toolgate_servers.compute"
    return min(pid for pid in new if words in Path(f"/proc/{pid}/cmdline").read_bytes())


# Starts a jail, and dies or ends it a moment later: bubblewrap is then half way.
HASTY = """
import os, signal, sys, time
from toolgate_servers.compute.sandbox.jail import Jail
from toolgate_servers.compute.sandbox.process import Jailed, Spawner
way, wait = sys.argv[1], float(sys.argv[2])
spawner = Spawner()
start = spawner.start
def hasty(command, descriptors):
    started = start(command, descriptors)
    time.sleep(wait)
    if way == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    return started
spawner.start = hasty
jailed = Jailed(Jail(("sleep", "60"), forks=True), spawner)
jailed.end()
"""


@pytest.mark.parametrize("way", ["killed", "ended"])
def test_a_jail_whose_server_goes_while_it_starts_goes_too(way: str) -> None:
    need_jail()
    before = strays()
    for wait in (0, 0.01, 0.015, 0.02, 0.025, 0.03, 0.035, 0.04, 0.05, 0.06, 0.08):
        command = [sys.executable, "-c", HASTY, way, str(wait)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == (-signal.SIGKILL if way == "killed" else 0), done.stderr
    assert gone(strays() - before, pause)


def test_a_server_that_is_never_asked_starts_nothing_and_leaves_nothing(command: list[str]) -> None:
    before = children(os.getpid())
    done = subprocess.run(command, input="", capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0
    assert done.stderr == ""
    assert children(os.getpid()) <= before


def test_the_check_says_which_sandbox_there_is(command: list[str]) -> None:
    done = subprocess.run([*command, "--check"], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0
    assert "shell: on, in bubblewrap, sleep" in done.stdout
