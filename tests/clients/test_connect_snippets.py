"""`toolgate connect`: what each client's configuration gets."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from toolgate_clients.connect import Client, Way, chosen, command, snippet

RUNNER = CliRunner()
HTTP = Way(url="http://127.0.0.1:8717/mcp", key="tg_1")
STDIO = Way(command=("/opt/toolgate", "serve", "--stdio"))
BY_URL = [client for client in Client if client is not Client.CLAUDE_DESKTOP]


def written(client: Client, way: Way) -> dict[str, Any]:
    """The server's entry in the snippet, read as the client reads it."""
    text = snippet(client, 'a "name"', way)
    found: dict[str, dict[str, dict[str, Any]]]
    if client is Client.CODEX:
        found = tomllib.loads(text)
        return found["mcp_servers"]['a "name"']
    found = json.loads(text)
    return found["servers" if client is Client.VSCODE else "mcpServers"]['a "name"']


@pytest.mark.parametrize("client", Client)
def test_every_client_can_start_toolgate(client: Client) -> None:
    entry = written(client, STDIO)
    assert entry["command"] == "/opt/toolgate"
    assert entry["args"] == ["serve", "--stdio"]


@pytest.mark.parametrize("client", BY_URL)
def test_every_other_client_can_connect_to_an_address(client: Client) -> None:
    entry = written(client, HTTP)
    assert entry["url"] == HTTP.url
    if client is Client.CODEX:
        assert entry["bearer_token_env_var"] == "TOOLGATE_KEY"
    else:
        assert entry["headers"] == {"Authorization": "Bearer tg_1"}


def test_a_wrapped_command_follows_two_dashes() -> None:
    way = chosen("", "", ("uvx", "mcp-server-git"), None)
    assert way.command[-4:] == ("wrap", "--", "uvx", "mcp-server-git")
    assert Path(way.command[0]).is_absolute()


def test_a_settings_file_is_named_absolutely() -> None:
    assert chosen("", "", (), Path("t.yaml")).command[-1] == str(Path.cwd() / "t.yaml")


def test_an_address_and_a_command_exclude_each_other() -> None:
    with pytest.raises(typer.BadParameter):
        chosen(HTTP.url, "", ("uvx",), None)
    with pytest.raises(typer.BadParameter):
        chosen("127.0.0.1:8717", "", (), None)


def test_claude_desktop_takes_no_address() -> None:
    app = typer.Typer()
    app.command()(command)
    assert RUNNER.invoke(app, ["claude-desktop", "--url", HTTP.url]).exit_code == 2
    found = RUNNER.invoke(app, ["cursor", "--url", HTTP.url, "--key", "tg_2"])
    assert found.exit_code == 0
    assert json.loads(found.stdout)["mcpServers"]["toolgate"]["headers"]["Authorization"] == "Bearer tg_2"
