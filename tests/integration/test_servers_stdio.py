"""Each server as a real process, over stdio and HTTP, in both eras of the protocol."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp_types import Tool

ERAS = {"legacy": "2025-11-25", "auto": "2026-07-28"}

FIRST_CALLS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "compute": ("calculate", {"expression": "6 * 7"}, {"result": 42, "expression": "6 * 7"}),
    "retrieval": (
        "read_document",
        {"path": "a.md"},
        {
            "path": "a.md",
            "title": "A",
            "text": "# A",
            "offset": 0,
            "total": 3,
            "next_offset": None,
            "page": None,
            "pages": None,
            "outline": [],
            "tables": [],
        },
    ),
    "actions": ("email_search", {"folder": "outbox"}, {"mails": [], "next_cursor": None, "total": 0}),
}


@pytest.fixture(params=list(FIRST_CALLS))
def server(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, list[str]]:
    """The name of a server, and the arguments of the Python that runs it."""
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.md").write_text("# A")
    options = {
        "compute": [],
        "retrieval": ["--folder", str(docs), "--index", str(tmp_path / "index.db")],
        "actions": ["--outbox", str(tmp_path / "outbox.db")],
    }
    name: str = request.param
    return name, ["-m", f"toolgate_servers.{name}", *options[name]]


async def first_call(client: Client, name: str) -> list[Tool]:
    tool, arguments, expected = FIRST_CALLS[name]
    result = await client.call_tool(tool, arguments)
    assert result.structured_content == expected
    assert client.server_info is not None
    assert client.server_info.name == name
    return (await client.list_tools()).tools


@pytest.mark.parametrize("era", ERAS)
async def test_a_server_speaks_both_eras_over_stdio(server: tuple[str, list[str]], era: str) -> None:
    name, arguments = server
    async with Client(StdioServerParameters(command=sys.executable, args=arguments), mode=era) as client:
        assert client.protocol_version == ERAS[era]
        assert await first_call(client, name)


def test_a_server_leaves_when_its_input_closes_and_writes_nothing_but_messages(
    server: tuple[str, list[str]],
) -> None:
    _, arguments = server
    hello = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        },
    }
    done = subprocess.run(
        [sys.executable, *arguments],
        input=json.dumps(hello) + "\n",
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["id"] == 1
    assert done.stderr == ""


def test_a_server_survives_garbage_on_its_input(server: tuple[str, list[str]]) -> None:
    _, arguments = server
    garbage = 'not json\n[]\n{"jsonrpc":"2.0"}\n{"jsonrpc":"2.0","id":1,"method":"nope"}\n\xff\n'
    done = subprocess.run(
        [sys.executable, *arguments], input=garbage, capture_output=True, text=True, timeout=30, check=True
    )
    assert all(json.loads(line)["jsonrpc"] == "2.0" for line in done.stdout.splitlines())


@pytest.fixture
def url(server: tuple[str, list[str]]) -> Iterator[str]:
    """Where the server says that it listens for HTTP."""
    _, arguments = server
    command = [sys.executable, *arguments, "--http", "127.0.0.1:0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        yield process.stderr.readline().split()[-1]
        process.terminate()


async def test_a_server_speaks_both_eras_over_http(server: tuple[str, list[str]], url: str) -> None:
    for era, version in ERAS.items():
        async with Client(url, mode=era) as client:
            assert client.protocol_version == version
            assert await first_call(client, server[0])
