"""Servers and clients by other hands work through toolgate as they do without it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client.client import ConnectMode
from mcp.client.context import ClientRequestContext
from mcp.client.stdio import StdioServerParameters
from mcp_types import ListRootsResult, Root, TextContent
from pydantic import FileUrl

from cells import gateway
from node_packages import PackagesMissing
from real_peers import (
    PEERS,
    Peer,
    called_by_inspector,
    claude,
    give_up,
    home,
    peer,
    seen_by_python,
    statuses,
    text_of,
    wrapped,
)

# The first test that needs the Node packages installs them.
pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]

MODERN = "2026-07-28"
MakePeer = Callable[[str], Peer]


@pytest.fixture
def start(tmp_path: Path) -> MakePeer:
    """A server by name, working below the test's own folder; skips or fails if it cannot be had."""

    def make(name: str) -> Peer:
        try:
            return peer(name, tmp_path)
        except PackagesMissing as why:
            give_up(why)
            raise

    return make


def upstream(server: Peer) -> dict[str, object]:
    """The server as the settings file names it."""
    return {server.name: {"command": list(server.command), "share": "session"}}


@pytest.mark.parametrize("mode", ["legacy", "auto"])
@pytest.mark.parametrize("name", PEERS)
async def test_a_python_client_sees_the_same_server_through_wrap(
    start: MakePeer, tmp_path: Path, name: str, mode: ConnectMode
) -> None:
    server = start(name)
    direct = await seen_by_python(server.command, mode, server)
    through = await seen_by_python(wrapped(server), mode, server, home(tmp_path))
    assert server.answer in direct.answer
    assert (through.names, through.definition) == (direct.names, direct.definition)
    assert through.answer == direct.answer


@pytest.mark.parametrize("mode", ["legacy", "auto"])
@pytest.mark.parametrize("name", PEERS)
async def test_a_python_client_sees_the_same_server_through_the_endpoint(
    start: MakePeer, tmp_path: Path, name: str, mode: ConnectMode
) -> None:
    server = start(name)
    direct = await seen_by_python(server.command, mode, server)
    with gateway(upstream(server), tmp_path) as base:
        through = await seen_by_python(f"{base}/{name}/mcp", mode, server)
    assert (through.names, through.definition) == (direct.names, direct.definition)
    assert through.answer == direct.answer


@pytest.mark.parametrize("name", ["everything", "filesystem"])
async def test_a_server_of_2025_speaks_2026_through_wrap(start: MakePeer, tmp_path: Path, name: str) -> None:
    server = start(name)
    direct = await seen_by_python(server.command, "auto", server)
    through = await seen_by_python(wrapped(server), "auto", server, home(tmp_path))
    assert (direct.version, through.version) == ("2025-11-25", MODERN)


@pytest.mark.parametrize("era", ["legacy", "modern"])
@pytest.mark.parametrize("name", PEERS)
def test_the_inspector_calls_a_tool_through_wrap(
    start: MakePeer, tmp_path: Path, name: str, era: str
) -> None:
    server = start(name)
    answer = called_by_inspector(wrapped(server), era, server, tmp_path, home(tmp_path))
    assert server.answer in text_of(answer), answer


@pytest.mark.parametrize("era", ["legacy", "modern"])
@pytest.mark.parametrize("name", PEERS)
def test_the_inspector_calls_a_tool_through_the_endpoint(
    start: MakePeer, tmp_path: Path, name: str, era: str
) -> None:
    server = start(name)
    with gateway(upstream(server), tmp_path) as base:
        answer = called_by_inspector(f"{base}/{name}/mcp", era, server, tmp_path)
    assert server.answer in text_of(answer), answer


def test_claude_code_connects_to_every_wrapped_server(start: MakePeer, tmp_path: Path) -> None:
    servers = [start(name) for name in PEERS]
    variables = [part for key, value in home(tmp_path).items() for part in ("-e", f"{key}={value}")]
    for server in servers:
        claude(["mcp", "add", "--scope", "user", server.name, *variables, "--", *wrapped(server)], tmp_path)
    assert statuses(claude(["mcp", "list"], tmp_path)) == dict.fromkeys(PEERS, "Connected")


def test_claude_code_connects_to_every_endpoint(start: MakePeer, tmp_path: Path) -> None:
    servers = [start(name) for name in PEERS]
    together = {name: settings for server in servers for name, settings in upstream(server).items()}
    with gateway(together, tmp_path) as base:
        for name in PEERS:
            address = f"{base}/{name}/mcp"
            claude(["mcp", "add", "--scope", "user", "--transport", "http", name, address], tmp_path)
        assert statuses(claude(["mcp", "list"], tmp_path)) == dict.fromkeys(PEERS, "Connected")


def test_claude_code_names_a_server_that_does_not_start(start: MakePeer, tmp_path: Path) -> None:
    start("everything")  # where the Node packages are missing, so is Claude Code
    claude(["mcp", "add", "--scope", "user", "absent", "--", "/bin/false"], tmp_path)
    assert statuses(claude(["mcp", "list"], tmp_path)) == {"absent": "Failed"}


async def test_roots_that_a_server_asks_for_outside_a_call_reach_it(start: MakePeer, tmp_path: Path) -> None:
    """The file server asks for the client's roots right after the handshake and then serves only those."""
    server = start("filesystem")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    async def roots(context: ClientRequestContext) -> ListRootsResult:
        return ListRootsResult(roots=[Root(uri=FileUrl(elsewhere.as_uri()))])

    command = wrapped(server)
    place = StdioServerParameters(command=command[0], args=list(command[1:]), env=home(tmp_path))
    async with Client(place, mode="legacy", list_roots_callback=roots) as client:
        assert str(elsewhere) in await _allowed(client)


async def _allowed(client: Client) -> str:
    """What the file server serves; it learns the roots while we ask, so ask until it says something new."""
    said: Any = None
    for _ in range(50):
        block = (await client.call_tool("list_allowed_directories", {})).content[0]
        assert isinstance(block, TextContent)
        if said not in (None, block.text):
            return block.text
        said = block.text
    return str(said)
