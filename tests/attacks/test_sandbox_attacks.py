"""Hostile code in both sandboxes, as whoever runs the tests and as nobody: each case named and refused."""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox_cases import CASES, Case

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="bubblewrap is of Linux"),
    pytest.mark.timeout(120),
]
HERE = Path(__file__).resolve().parent
SERVERS = HERE.parents[1] / "servers"
RUNNER = HERE.parent / "servers" / "sandbox_runner.py"
NOBODY = "65534"


class Runner:
    """A process that runs code in the sandboxes."""

    def __init__(self, command: list[str]) -> None:
        environment = {**os.environ, "TOOLGATE_CANARY": "hunter2", "PYTHONPATH": str(SERVERS)}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.about = self._line()

    def ask(self, **asked: Any) -> dict[str, Any]:
        """Run something; gives its reason, text and so on."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        return self._line()

    def close(self) -> None:
        """Let it end."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()

    def _line(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        said: dict[str, Any] = json.loads(self.process.stdout.readline())
        return said


class Outside:
    """A file, a listener and a socket that nothing inside may reach."""

    def __init__(self, folder: Path) -> None:
        self.canary = folder / "canary"
        self.canary.write_text("PWNED")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.port: int = self.listener.getsockname()[1]
        self.abstract = f"toolgate-test-{os.getpid()}"
        self.unix = socket.socket(socket.AF_UNIX)
        self.unix.bind(f"\0{self.abstract}")
        self.unix.listen()
        self.unix.setblocking(False)

    def touched(self) -> bool:
        """Whether anybody has connected."""
        for one in (self.listener, self.unix):
            try:
                one.accept()[0].close()
            except BlockingIOError:
                continue
            return True
        return False

    def close(self) -> None:
        """Close the sockets."""
        self.listener.close()
        self.unix.close()


@pytest.fixture(scope="module")
def outside() -> Iterator[Outside]:
    # Not a folder of pytest: nobody may not enter those of root.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        made = Outside(Path(folder))
        yield made
        made.close()


@pytest.fixture(scope="module", params=["self", "nobody"])
def runner(request: pytest.FixtureRequest) -> Iterator[Runner]:
    command = [sys.executable, str(RUNNER)]
    if request.param == "nobody":
        if os.geteuid() != 0:
            pytest.skip("not root already, so `self` is what is wanted")
        command = as_nobody(command)
    made = Runner(command)
    assert made.about["user"] == (int(NOBODY) if request.param == "nobody" else os.geteuid())
    yield made
    made.close()


def as_nobody(command: list[str]) -> list[str]:
    """Run a command as nobody, who may not enter every folder that the Python of root may lie in."""
    drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--", *command]
    base = Path(sys.base_prefix)
    closed = [path for path in (base, *base.parents) if not path.stat().st_mode & 0o001]
    if not closed:
        return drop
    top, spare = shlex.quote(str(closed[-1])), "/mnt"
    place = shlex.quote(str(base))
    script = (
        f"mount --make-rprivate / && mount --bind {place} {spare} && "
        f"mount -t tmpfs -o mode=755 none {top} && "
        f"mkdir -p {place} && mount --move {spare} {place} && exec {shlex.join(drop)}"
    )
    return ["unshare", "--mount", "sh", "-ec", script]


def need(runner: Runner) -> None:
    """Skip where no jail works; in CI that is a failure."""
    problem = runner.about["problem"]
    if problem is not None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must have bubblewrap: {problem}")
        pytest.skip(f"no bubblewrap here: {problem}")


def aimed(code: str, outside: Outside, runner: Runner) -> str:
    for name, value in (
        ("SERVER_PID", runner.process.pid),
        ("CANARY", outside.canary),
        ("PORT", outside.port),
        ("ABSTRACT", outside.abstract),
    ):
        code = code.replace(name, str(value)) if f"TOOLGATE_{name}" not in code else code
    return code.replace("'PWNED'", "'PWN' 'ED'")  # so that a traceback does not say it


@pytest.mark.servers
@pytest.mark.parametrize("name", CASES)
def test_in_the_jail(name: str, runner: Runner, outside: Outside) -> None:
    need(runner)
    case: Case = CASES[name]
    found = runner.ask(sandbox="bubblewrap", code=aimed(case.code, outside, runner))
    assert "PWNED" not in found["text"], found
    assert case.jail in (found["reason"] or found["text"]), found
    unharmed(runner, outside, "bubblewrap")


@pytest.mark.parametrize("name", CASES)
def test_in_the_embedded_sandbox(name: str, runner: Runner, outside: Outside) -> None:
    case: Case = CASES[name]
    found = runner.ask(sandbox="monty", code=aimed(case.code, outside, runner))
    assert "PWNED" not in found["text"], found
    if not case.harmless_embedded:
        assert found["reason"] is not None or found["error"] is not None, found
    unharmed(runner, outside, "monty")


def unharmed(runner: Runner, outside: Outside, sandbox: str) -> None:
    """Look whether the server still works and nobody has come out."""
    assert runner.process.poll() is None
    assert not outside.touched()
    assert outside.canary.read_text() == "PWNED"
    assert runner.ask(sandbox=sandbox, code="40 + 2")["text"].startswith("42 ")


PROGRAMS = {
    "fork bomb": (["sh", "-c", "f() { f | f & }; f; wait; while :; do :; done"], None),
    "many programs that hold memory": (
        [
            "sh",
            "-c",
            "for n in 1 2 3 4 5 6 7 8; do tail -c 400M /dev/zero | tail -c 400M >/dev/null & done; wait",
        ],
        None,
    ),
    "read the accounts": (["cat", "/etc/passwd"], "No such file"),
    "read through the work folder": (["cat", "/work/../etc/shadow"], "No such file"),
    "read through a link": (["cat", "/work/link"], "No such file"),
    "read through a linked folder": (["ls", "/work/up/"], "No such file"),
    "change the work folder": (["ln", "-s", "/etc", "/work/new"], "Read-only"),
    "see other processes": (
        ["sh", "-c", "ls /proc | grep -c '^[0-9][0-9]*$' | grep -q '^[1-6]$' && echo held"],
        "held",
    ),
    "kill the first process": (["sh", "-c", "kill -9 1; echo held"], "held"),
    "kill everything": (["sh", "-c", "kill -9 -1; echo held"], "held"),
    "an endless loop": (["sh", "-c", "while :; do :; done"], None),
    "a flood of output": (["sh", "-c", "while :; do echo x; done"], None),
    "fill the disk": (["dd", "if=/dev/zero", "of=/tmp/x", "bs=1M", "count=1000"], "File too large"),
    "stay in the background": (["sh", "-c", "(trap '' HUP TERM; sleep 100) & echo held"], "held"),
    "connect": (["python3", "-c", "import socket; socket.create_connection(('127.0.0.1', 1))"], "Permission"),
    "leave by exec": (["sh", "-c", "exec /proc/1/root/bin/cat /etc/passwd"], "No such file"),
    "become root": (["sh", "-c", "su -c id 2>&1; id -u | grep -qx 1000 && echo held"], "held"),
}


@pytest.mark.servers
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_in_the_jail(name: str, runner: Runner, outside: Outside) -> None:
    need(runner)
    work = outside.canary.parent / "work"
    if not work.exists():
        work.mkdir()
        (work / "link").symlink_to(outside.canary)
        (work / "up").symlink_to(outside.canary.parent)
    argv, expected = PROGRAMS[name]
    found = runner.ask(argv=argv, folder=str(work))
    assert "PWNED" not in found["text"], found
    if expected is None:
        assert found["reason"] == "limit-reached", found
    else:
        assert expected in found["text"], found
    unharmed(runner, outside, "bubblewrap")


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 40
