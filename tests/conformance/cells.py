"""The cells of a conformance run: an upstream, the proxy before it, and the era the suite speaks."""

from __future__ import annotations

import http.client
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FIXTURE = HERE / "fixture_server.py"
LEGACY, MODERN = "2025-11-25", "2026-07-28"
_START_SECONDS = 30.0
_STOP_SECONDS = 10.0
_SHORT = {LEGACY: "2025", MODERN: "2026"}


class NotReady(Exception):
    """A program did not come up; the message names it, its last line and its log."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination: how the upstream is reached, the only era it speaks if any, the era of the suite."""

    transport: str
    version: str
    only_era: str | None = None

    @property
    def name(self) -> str:
        """`http-2026`, or `http-2025-to-2026` for an upstream of one era and a suite of the other."""
        if self.only_era is None:
            return f"{self.transport}-{_SHORT[self.version]}"
        return f"{self.transport}-{_SHORT[self.only_era]}-to-{_SHORT[self.version]}"

    @property
    def resumable(self) -> bool:
        """Whether streams can be expected to resume: a stdio upstream has none to begin with."""
        return self.transport == "http" and self.only_era in (None, self.version)

    def fixture_options(self) -> list[str]:
        """What the fixture server is told beside its transport."""
        return ["--only-era", self.only_era] if self.only_era else []


CELLS = tuple(Cell(transport, version) for transport in ("http", "stdio") for version in (LEGACY, MODERN))
MATRIX = tuple(
    Cell(transport, version, only_era)
    for transport in ("http", "stdio")
    for only_era in (LEGACY, MODERN)
    for version in (LEGACY, MODERN)
)


def free_port() -> int:
    """A loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def fixture_http(folder: Path, options: Sequence[str] = ()) -> Generator[str]:
    """The fixture server over HTTP; yields the address of its endpoint."""
    port = free_port()
    command = [sys.executable, str(FIXTURE), "--http", str(port), *options]
    with _running(command, folder / "fixture.log") as process:
        _await(process, folder / "fixture.log", lambda: _listens(port))
        yield f"http://127.0.0.1:{port}/mcp"


@contextmanager
def reference(folder: Path, *, resumable: bool) -> Generator[str]:
    """The fixture server as the suite meets it without a proxy."""
    with fixture_http(folder, [] if resumable else ["--no-event-store"]) as url:
        yield url


@contextmanager
def proxied(cell: Cell, folder: Path, proxy: str) -> Generator[str]:
    """The fixture server behind the proxy; yields the address that the suite is given."""
    if cell.transport == "stdio":
        command = [sys.executable, str(FIXTURE), "--stdio", *cell.fixture_options()]
        with _proxy({"command": command, "share": "session"}, folder, proxy) as url:
            yield url
        return
    with (
        fixture_http(folder, cell.fixture_options()) as upstream,
        _proxy({"url": upstream}, folder, proxy) as url,
    ):
        yield url


@contextmanager
def _proxy(upstream: dict[str, object], folder: Path, proxy: str) -> Generator[str]:
    port = free_port()
    settings = folder / "toolgate.yaml"
    settings.write_text(yaml.safe_dump(_settings(port, upstream), sort_keys=False))
    command = [part.replace("{settings}", str(settings)) for part in shlex.split(proxy)]
    log = folder / "proxy.log"
    with _running(command, log, TOOLGATE_HOME=str(folder / "home")) as process:
        _await(process, log, lambda: _healthy(port))
        yield f"http://127.0.0.1:{port}/fixture/mcp"


def _settings(port: int, upstream: dict[str, object]) -> dict[str, object]:
    return {
        "listen": f"127.0.0.1:{port}",
        "policies": str(ROOT / "policies" / "allow-all.yaml"),
        "upstreams": {"fixture": upstream},
        "identity": {"anonymous": {"caller": "conformance", "roles": ["admin"]}},
        "store": "sqlite:toolgate.db",
    }


@contextmanager
def _running(command: Sequence[str], log: Path, **extra: str) -> Generator[subprocess.Popen[bytes]]:
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


def _await(process: subprocess.Popen[bytes], log: Path, ready: Callable[[], bool]) -> None:
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


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _healthy(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
