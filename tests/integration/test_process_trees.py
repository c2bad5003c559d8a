"""Nothing that toolgate started outlives it, however it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gate import HERE, PROGRAM, Gate, gate, heard, piped, puppet, until, write_settings
from wires import LEGACY, MODERN, Client, spoken

pytestmark = [
    pytest.mark.usefixtures("connections"),
    pytest.mark.skipif(sys.platform == "win32", reason="signals and process groups of POSIX"),
]


def alive(pid: int) -> bool:
    """Whether a process still runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] != "Z"
    except FileNotFoundError:
        return False


def script(folder: Path, name: str, stubborn: str = "") -> list[str]:
    """A shell that starts a long sleep of its own beside the puppet, and writes down their ids."""
    pids = folder / f"{name}.pids"
    words = " ".join(f"'{word}'" for word in puppet(folder / f"{name}.log", era="both"))
    beside = f"{stubborn} sleep 1000 & echo $! >> '{pids}'; echo $$ >> '{pids}'"
    return ["/bin/sh", "-c", f"{beside}; {words}; {'wait' if stubborn else 'true'}"]


def pids(folder: Path, name: str) -> list[int]:
    """The shell, its sleep and the puppet of every process started so far."""
    file = folder / f"{name}.pids"
    written = [int(line) for line in file.read_text().split()] if file.exists() else []
    return [*written, *{event["pid"] for event in heard(folder / f"{name}.log")}]


def none_of(found: list[int]) -> Callable[[], bool]:
    return lambda: not [pid for pid in found if alive(pid)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_no_descendant_survives_the_end_of_serve(tmp_path: Path, number: signal.Signals) -> None:
    upstreams = {
        "plain": piped(tmp_path, "plain"),
        "shell": {"command": script(tmp_path, "shell"), "cwd": str(HERE)},
        "stubborn": {"command": script(tmp_path, "stubborn", "trap '' TERM HUP INT;"), "cwd": str(HERE)},
    }
    with gate(tmp_path, upstreams) as running:
        await _everybody_called(running, upstreams)
        found = [pid for name in upstreams for pid in pids(tmp_path, name)]
        assert len(found) >= 14
        os.kill(running.pid, number)
        assert await until(none_of(found), 15)


async def _everybody_called(running: Gate, upstreams: object) -> None:
    for name in ("plain", "shell", "stubborn"):
        for era in (LEGACY, MODERN):
            client = await Client(running, f"/{name}/mcp", era=era).open()
            assert "result" in await client.call("echo", {"text": "started"})


async def test_a_session_that_is_deleted_takes_its_process_with_it(tmp_path: Path) -> None:
    with gate(tmp_path, {"shell": {"command": script(tmp_path, "shell"), "cwd": str(HERE)}}) as running:
        client = await Client(running, "/shell/mcp", era=LEGACY).open()
        await client.call("echo", {"text": "started"})
        found = pids(tmp_path, "shell")
        assert len(found) == 3
        exchange = await client.send("DELETE", [*client.headers().items()])
        assert await exchange.only() == 200
        assert await until(none_of(found))
        assert running.alive()


async def test_a_refused_handshake_leaves_no_process_behind(tmp_path: Path) -> None:
    command = [
        "/bin/sh",
        "-c",
        f"echo $$ >> '{tmp_path}/no.pids'; read line; echo '%s'; exec cat > /dev/null",
    ]
    refusal = '{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"no"}}'
    command[2] = command[2].replace("%s", refusal)
    with gate(tmp_path, {"no": {"command": command, "timeout": "5s"}}) as running:
        client = Client(running, "/no/mcp", era=LEGACY)
        exchange = await client.post(client.request("initialize", {"protocolVersion": LEGACY}))
        answer = (await exchange.all())[-1]
        assert "error" in answer
        started = [int(line) for line in (tmp_path / "no.pids").read_text().split()]
        assert await until(none_of(started))


@pytest.mark.parametrize("how", ["input closed", "SIGTERM", "SIGKILL"])
async def test_no_descendant_survives_the_end_of_wrap(tmp_path: Path, how: str) -> None:
    write_settings(tmp_path, 0, {})
    command = [str(PROGRAM), "wrap", "--name", "shell", "--settings", str(tmp_path / "toolgate.yaml")]
    async with spoken([*command, "--", *script(tmp_path, "shell")], tmp_path) as client:
        assert "result" in await client.open()
        answer = await client.ask("tools/call", {"name": "echo", "arguments": {"text": "a"}})
        assert "result" in answer
        await client.ask("server/discover", {}, modern=True)
        found = await until(lambda: pids(tmp_path, "shell"))
        assert len(found) >= 3
        if how == "input closed":
            assert client.process.stdin is not None
            client.process.stdin.close()
        else:
            client.process.send_signal(signal.Signals[how])
        async with asyncio.timeout(15):
            await client.process.wait()
        assert await until(none_of(found))
