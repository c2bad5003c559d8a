"""The cells of a conformance run: an upstream, the proxy before it, and the era the suite speaks."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from programs import free_port, healthy, listens, running, wait_for

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FIXTURE = HERE / "fixture_server.py"
POLICY = ROOT / "policies" / "allow-all.yaml"
TOOLGATE = f"{Path(sys.executable).parent / 'toolgate'} serve --settings {{settings}}"
LEGACY, MODERN = "2025-11-25", "2026-07-28"
_SHORT = {LEGACY: "2025", MODERN: "2026"}


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


@contextmanager
def fixture_http(folder: Path, options: Sequence[str] = ()) -> Generator[str]:
    """The fixture server over HTTP; yields the address of its endpoint."""
    port = free_port()
    command = [sys.executable, str(FIXTURE), "--http", str(port), *options]
    with running(command, folder / "fixture.log") as process:
        wait_for(process, folder / "fixture.log", lambda: listens(port))
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
        with gateway({"fixture": {"command": command, "share": "session"}}, folder, proxy) as base:
            yield f"{base}/fixture/mcp"
        return
    with (
        fixture_http(folder, cell.fixture_options()) as upstream,
        gateway({"fixture": {"url": upstream}}, folder, proxy) as base,
    ):
        yield f"{base}/fixture/mcp"


@contextmanager
def gateway(upstreams: Mapping[str, object], folder: Path, proxy: str = TOOLGATE) -> Generator[str]:
    """A proxy before these upstreams that allows everything; yields its address without a path."""
    port = free_port()
    settings = folder / "toolgate.yaml"
    settings.write_text(yaml.safe_dump(_settings(port, upstreams), sort_keys=False))
    command = [part.replace("{settings}", str(settings)) for part in shlex.split(proxy)]
    log = folder / "proxy.log"
    with running(command, log, TOOLGATE_HOME=str(folder / "home")) as process:
        wait_for(process, log, lambda: healthy(port))
        yield f"http://127.0.0.1:{port}"


def _settings(port: int, upstreams: Mapping[str, object]) -> dict[str, object]:
    return {
        "listen": f"127.0.0.1:{port}",
        "policies": str(POLICY),
        "upstreams": dict(upstreams),
        "identity": {"anonymous": {"caller": "conformance", "roles": ["admin"]}},
        "store": "sqlite:toolgate.db",
    }
