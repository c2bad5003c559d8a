"""`toolgate connect CLIENT`: what to put into the configuration of an MCP client."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

_PLACEHOLDER = "YOUR_KEY"


class Client(StrEnum):
    """A client whose configuration is known here."""

    CLAUDE_DESKTOP = "claude-desktop"
    CLAUDE_CODE = "claude-code"
    CURSOR = "cursor"
    VSCODE = "vscode"
    CODEX = "codex"


FILES = {
    Client.CLAUDE_DESKTOP: "claude_desktop_config.json (Settings, Developer, Edit Config)",
    Client.CLAUDE_CODE: ".mcp.json in the project",
    Client.CURSOR: "~/.cursor/mcp.json, or .cursor/mcp.json in the project",
    Client.VSCODE: ".vscode/mcp.json in the project",
    Client.CODEX: "~/.codex/config.toml",
}


@dataclass(frozen=True, slots=True)
class Way:
    """How the client reaches toolgate: an address with a key, or a command that it starts."""

    url: str = ""
    key: str = ""
    command: tuple[str, ...] = ()


def command(
    client: Annotated[Client, typer.Argument(help="The client.")],
    wrapped: Annotated[
        list[str] | None,
        typer.Argument(metavar="[-- COMMAND...]", help="Put toolgate in front of this server."),
    ] = None,
    url: Annotated[str, typer.Option(help="The address of a running toolgate, such as `up` prints.")] = "",
    key: Annotated[str, typer.Option(envvar="TOOLGATE_KEY", help="The API key for the address.")] = "",
    name: Annotated[str, typer.Option(help="What the client calls the server.")] = "toolgate",
    settings: Annotated[
        Path | None, typer.Option(help="The settings file, instead of the data folder's.")
    ] = None,
) -> None:
    """Print what to put into a client's configuration, and on standard error where it belongs.

    With --url the client connects to a running toolgate; with -- COMMAND it starts `toolgate wrap` in front
    of that server; with neither it starts `toolgate serve --stdio`.
    """
    way = chosen(url, key, tuple(wrapped or ()), settings)
    if way.url and client is Client.CLAUDE_DESKTOP:
        raise typer.BadParameter(
            "claude-desktop starts its servers itself, expected no address: leave --url out",
            param_hint="--url",
        )
    typer.echo(snippet(client, name, way))
    typer.echo(f"# into {FILES[client]}", err=True)
    if client is Client.CODEX and way.url:
        typer.echo("# the key goes into the environment: export TOOLGATE_KEY=…", err=True)
    elif way.url and not way.key:
        typer.echo(f"# {_PLACEHOLDER}: `toolgate keys add CALLER --role ROLE` makes a key", err=True)


def chosen(url: str, key: str, wrapped: tuple[str, ...], settings: Path | None) -> Way:
    """The one way that the options mean. Raises typer.BadParameter."""
    if url and (wrapped or settings):
        raise typer.BadParameter(
            "found it with a command or --settings, expected one of them", param_hint="--url"
        )
    if url:
        if not url.startswith(("http://", "https://")):
            raise typer.BadParameter("expected http:// or https://", param_hint="--url")
        return Way(url=url, key=key)
    named = ["--settings", str(settings.absolute())] if settings else []
    if wrapped:
        return Way(command=(*toolgate_command(), "wrap", *named, "--", *wrapped))
    return Way(command=(*toolgate_command(), "serve", "--stdio", *named))


def snippet(client: Client, name: str, way: Way) -> str:
    """The text for the client's configuration file."""
    if client is Client.CODEX:
        return _toml(name, way)
    if way.url:
        headers = {"Authorization": f"Bearer {way.key or _PLACEHOLDER}"}
        entry: dict[str, Any] = {"url": way.url, "headers": headers}
        if client is not Client.CURSOR:
            entry = {"type": "http", **entry}
    else:
        entry = {"command": way.command[0], "args": list(way.command[1:])}
        if client is Client.VSCODE:
            entry = {"type": "stdio", **entry}
    servers = "servers" if client is Client.VSCODE else "mcpServers"
    return json.dumps({servers: {name: entry}}, indent=2, ensure_ascii=False)


def toolgate_command() -> list[str]:
    """How toolgate is started from anywhere: absolute, because clients have a PATH of their own."""
    beside = Path(sys.executable).parent
    for program in ("toolgate", "toolgate.exe"):
        if (beside / program).exists():
            return [str(beside / program)]
    found = shutil.which("toolgate")
    return [found] if found else [sys.executable, "-m", "toolgate"]


def typed(*words: str) -> str:
    """A command as one types it in a shell."""
    return shlex.join(words)


def _toml(name: str, way: Way) -> str:
    """Codex: a table per server; it takes the key from the environment and not from the file."""
    head = f"[mcp_servers.{_string(name)}]"
    if way.url:
        return f'{head}\nurl = {_string(way.url)}\nbearer_token_env_var = "TOOLGATE_KEY"'
    arguments = ", ".join(map(_string, way.command[1:]))
    return f"{head}\ncommand = {_string(way.command[0])}\nargs = [{arguments}]"


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # a basic string of TOML
