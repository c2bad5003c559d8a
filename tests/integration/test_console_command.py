"""`toolgate console` on any data folder: an address of its own, and gone when told to go."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from household import TOOLGATE, Json, ended, plain, up


@contextmanager
def console(home: Path) -> Generator[tuple[Json, subprocess.Popen[str]]]:
    """A console on a data folder, and what it said."""
    command = [str(TOOLGATE), "console", "--home", str(home), "--port", "0", "--json"]
    process = subprocess.Popen(
        command, env=plain(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline()), process
    finally:
        ended(process)


def got(url: str, path: str) -> http.client.HTTPResponse:
    """The answer to a GET."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def test_a_folder_that_nobody_configured_gets_a_console_of_its_own(tmp_path: Path) -> None:
    with console(tmp_path) as (said, process):
        assert said["link"].startswith(f"{said['url']}/sign-in/link/")
        assert got(said["url"], "/healthz").status == 200
        assert got(said["url"], "/approvals").status == 303
        link = said["link"].removeprefix(said["url"])
        assert got(said["url"], link).status == 200
        assert ended(process, signal.SIGTERM) == 0
    assert (tmp_path / "policy.yaml").exists()


def test_the_agents_address_has_no_console_and_the_consoles_no_tools(tmp_path: Path) -> None:
    with up(tmp_path / "home") as running:
        agents = running.said["url"].removesuffix("/mcp")
        assert agents != running.said["console"]
        for path in ("/approvals", "/sign-in", "/static/console.js", "/events"):
            assert got(agents, path).status in (401, 404)
        assert got(running.said["console"], "/mcp").status == 404


def test_an_open_page_does_not_keep_toolgate_from_ending(tmp_path: Path) -> None:
    with console(tmp_path) as (said, process):
        parts = urlsplit(str(said["url"]))
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10):
            began = time.monotonic()
            assert ended(process) == 0
            assert time.monotonic() - began < 10


def test_a_console_whose_address_is_taken_says_so(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [str(TOOLGATE), "console", "--home", str(tmp_path), "--port", port],
            env=plain(),
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
    assert done.returncode == 2
    assert "console.listen" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_wrapped_server_loads_nothing_of_the_console() -> None:
    code = (
        "import sys; from toolgate.cli import wrap; import toolgate.app, toolgate.piping;"
        "heavy = ('toolgate.console', 'jinja2', 'starlette');"
        "print([name for name in sys.modules if name.startswith(heavy)])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=plain(), capture_output=True, text=True, timeout=50, check=True
    )
    assert done.stdout.strip() == "[]"
