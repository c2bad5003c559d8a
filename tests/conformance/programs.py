"""Programs that the tests start beside themselves: ports, readiness, an end that leaves nothing behind."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

_START_SECONDS = 30.0
_STOP_SECONDS = 10.0


class NotReady(Exception):
    """A program did not come up; the message names it, its last line and its log."""


def free_port() -> int:
    """A loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(command: Sequence[str], log: Path, **extra: str) -> Generator[subprocess.Popen[bytes]]:
    """Run a program with its output in a log, and end it and its process group afterwards."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **extra},
                start_new_session=True,
            )
        except OSError as missing:
            raise NotReady(f"{command[0]}: {missing.strerror}") from missing
        try:
            yield process
        finally:
            _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the program to end, and end its whole process group if it does not."""
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        pass  # the group is ended below
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # nothing of it is left
    process.wait()


def wait_for(process: subprocess.Popen[bytes], log: Path, ready: Callable[[], bool]) -> None:
    """Wait until the program is ready; one that ends or stays silent is an error with its last line."""
    deadline = time.monotonic() + _START_SECONDS
    while not ready():
        ended = process.poll() is not None
        if ended or time.monotonic() > deadline:
            lines = log.read_text(errors="replace").splitlines() or ["no output"]
            found = (
                f"ended with status {process.returncode}"
                if ended
                else f"not ready after {_START_SECONDS:.0f} s"
            )
            raise NotReady(f"{log}: {found}, last line: {lines[-1]}")
        time.sleep(0.05)


def listens(port: int) -> bool:
    """Whether somebody accepts connections on this loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def healthy(port: int) -> bool:
    """Whether `GET /healthz` on this loopback port answers 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
