"""`toolgate up` on an empty folder: what it prints works, and nothing is left when it ends."""

from __future__ import annotations

import os
import pty
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from household import TOOLGATE, Up, children, ended, plain, processes, run, up
from toolgate.journal.reading import open_journal
from toolgate_clients.answers import ask
from toolgate_clients.connection import NotConnected, Place, connected

ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Generator[Up]:
    """One start for the tests that only call."""
    with up(tmp_path_factory.mktemp("up") / "home") as found:
        yield found


async def test_both_kinds_of_address_and_the_key_work(running: Up) -> None:
    said = running.said
    async with connected(Place(said["url"], said["key"])) as client:
        got = await ask(client, "compute__calculate", {"expression": "6 * 7"})
    assert got.values["result"] == 42
    async with connected(Place(said["upstreams"]["retrieval"], said["key"])) as client:
        got = await ask(client, "search_knowledge", {"query": "welcome"})
    assert got.values["results"][0]["path"] == "welcome.md"


async def test_the_snippet_for_claude_desktop_starts_a_server_that_works(running: Up) -> None:
    entry = running.said["claude_desktop"]["mcpServers"]["toolgate"]
    assert Path(entry["command"]).is_absolute()
    async with connected(Place(command=(entry["command"], *entry["args"]))) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        got = await ask(client, "actions__email_search", {"folder": "drafts"})
    assert {"compute__calculate", "actions__email_send", "toolgate_continue"} <= names
    assert got.verdict == "allow"


async def test_nobody_is_let_in_without_a_key(running: Up) -> None:
    with pytest.raises(NotConnected):
        async with connected(Place(running.said["url"], "tg_wrong")):
            pass


async def test_nobody_may_approve_until_somebody_is_enrolled(running: Up) -> None:
    assert running.said["has_approvers"] is False
    mail = {"to": ["bob@example.com"], "subject": "Hi", "body": "Hello"}
    async with connected(Place(running.said["url"], running.said["key"])) as client:
        held = await ask(client, "actions__email_send", mail)
    assert held.verdict == "hold"
    refused = run("approvals", "approve", held.approval, "--passphrase-stdin", "--home", running.said["home"])
    assert refused.returncode == 2


def test_a_tool_is_called_from_the_command_line(running: Up) -> None:
    key, url = running.said["key"], running.said["url"]
    done = run("call", url, "compute__calculate", "expression=6*7", "--json", TOOLGATE_KEY=key)
    assert done.returncode == 0
    assert '"result":42' in done.stdout
    assert run("call", "--list", url, TOOLGATE_KEY=key).stdout.startswith("compute__calculate")


def test_the_command_line_says_no_in_one_line(running: Up) -> None:
    url: str = running.said["url"]
    unknown = run("call", url, "compute__rm", TOOLGATE_KEY=running.said["key"])
    assert unknown.returncode == 1
    assert "compute__calculate" in unknown.stderr
    stranger = run("call", url, "compute__calculate", TOOLGATE_KEY="tg_wrong")
    assert stranger.returncode == 2
    assert len(stranger.stderr.splitlines()) == 1
    assert "tg_wrong" not in stranger.stderr
    assert run("call", "http://127.0.0.1:1/mcp", "x").returncode == 2
    assert run("call", "x", "--", "/nowhere/to/be/found").returncode == 2


@ON_LINUX
@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
async def test_it_ends_with_every_server_it_started(tmp_path: Path, by: signal.Signals) -> None:
    with up(tmp_path) as found:
        async with connected(Place(found.said["url"], found.said["key"])) as client:
            await client.list_tools()
        servers = children(found.process.pid)
        assert len(servers) >= 3
        assert ended(found.process, by) == 0
    assert not servers & processes()
    with open_journal(tmp_path / "toolgate.db") as journal:
        assert [line.body["kind"] for line in journal.lines()][-1] == "stop"


async def test_every_judged_call_is_a_line(tmp_path: Path) -> None:
    with up(tmp_path) as found:
        async with connected(Place(found.said["url"], found.said["key"])) as client:
            await ask(client, "compute__calculate", {"expression": "1 + 1"})
            await ask(client, "compute__calculate", {"expression": 1})
            await ask(client, "compute__\x1b[2Jrm", {})
        lines = [found.line() for _ in range(3)]
    assert [line["verdict"] for line in lines] == ["allow", "refuse", "refuse"]
    assert [line["reason"] for line in lines] == ["", "arguments-invalid", "not-allowed"]
    assert lines[0]["call"] == "compute/calculate"
    assert lines[0]["caller"] == "assistant"
    assert lines[0]["ms"] > 0


def test_the_key_is_shown_on_the_first_start_only(tmp_path: Path) -> None:
    with up(tmp_path) as first:
        assert first.said["key"]
    with up(tmp_path) as second:
        assert second.said["key"] is None


def test_a_port_that_is_taken_is_named_before_a_key_is_made(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run("up", "--home", str(tmp_path), "--port", str(taken.getsockname()[1]))
    assert done.returncode == 2
    assert "--port 0" in done.stderr
    assert not (tmp_path / "keys.yaml").exists()


def test_a_policy_with_a_mistake_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("version: 1\nroles: {assistant: {tolls: [compute/*]}}\n")
    done = run(
        "up", "--home", str(tmp_path / "home"), "--policy", str(tmp_path / "broken.yaml"), "--port", "0"
    )
    assert done.returncode == 2
    assert "policy.yaml:2" in done.stderr


@ON_LINUX
def test_whoever_sits_at_the_terminal_may_enrol_at_once(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [str(TOOLGATE), "up", "--home", str(tmp_path), "--port", "0"]
    process = subprocess.Popen(
        command, env=plain(), stdin=theirs, stdout=theirs, stderr=theirs, text=True, start_new_session=True
    )
    os.close(theirs)
    try:
        typed(ours, "later): ", "ann")
        typed(ours, "New passphrase of ann: ", "correct horse battery")
        typed(ours, "Again: ", "correct horse battery")
        shown = until(ours, "Calls:")
    finally:
        assert ended(process) == 0
        os.close(ours)
    assert "ann may now decide" in shown
    assert "correct horse" not in shown
    assert 'name: "ann"' in (tmp_path / "approvers.yaml").read_text()


def typed(terminal: int, after: str, text: str) -> None:
    """Answer a question once it was asked."""
    until(terminal, after)
    os.write(terminal, f"{text}\n".encode())


def until(terminal: int, word: str) -> str:
    """What the terminal shows up to a word."""
    shown = ""
    while word not in shown:
        assert select.select([terminal], [], [], 20.0)[0], f"nothing more after {shown!r}"
        shown += os.read(terminal, 65536).decode()
    return shown
