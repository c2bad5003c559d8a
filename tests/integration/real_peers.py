"""Servers and clients by other hands: how each is started, and what proves that it works."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client.client import ConnectMode
from mcp.client.stdio import StdioServerParameters
from mcp_types import TextContent

from cells import POLICY
from node_packages import PackagesMissing, environment, installed, node

Json = dict[str, Any]

PROGRAMS = Path(sys.executable).parent
PEERS = ("git", "time", "everything", "filesystem")
_MANIFEST = Path(__file__).parent / "peers" / "package.json"
_CLIENT_SECONDS = 60
_STATUS = re.compile(r"(?P<name>[a-z]+): .* - \S+ (?P<status>Connected|Failed)")


@dataclass(frozen=True, slots=True)
class Peer:
    """A server, one of its tools, and the words that its answer must hold."""

    name: str
    command: tuple[str, ...]
    tool: str
    arguments: Json
    answer: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What a client saw of a server: the tools' names, the one tool's definition, and its answer."""

    version: str
    names: tuple[str, ...]
    definition: Json
    answer: str


def peer(name: str, folder: Path) -> Peer:
    """The server of this name with something of its own to work on below the folder."""
    match name:
        case "git":
            repository = _repository(folder / "repository")
            command = (_program("mcp-server-git"), "--repository", str(repository))
            newest: Json = {"repo_path": str(repository), "max_count": 1}
            return Peer(name, command, "git_log", newest, "The first commit")
        case "time":
            command = (_program("mcp-server-time"), "--local-timezone", "UTC")
            noon: Json = {"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Tokyo"}
            return Peer(name, command, "convert_time", noon, "T21:00:00+09:00")
        case "everything":
            command = (str(node()), str(_package("server-everything")), "stdio")
            return Peer(name, command, "echo", {"message": "hello"}, "Echo: hello")
        case _:
            note = folder / "files" / "note.txt"
            note.parent.mkdir(parents=True, exist_ok=True)
            note.write_text("kept text")
            command = (str(node()), str(_package("server-filesystem")), str(note.parent))
            return Peer(name, command, "read_text_file", {"path": str(note)}, "kept text")


def _repository(folder: Path) -> Path:
    """A repository with one commit, made without the settings of whoever runs the tests."""
    folder.mkdir(parents=True)
    (folder / "a.txt").write_text("a\n")
    author = ["-c", "user.name=tests", "-c", "user.email=tests@example.com", "-c", "commit.gpgsign=false"]
    plain = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    for step in (["init", "--quiet"], ["add", "."], [*author, "commit", "--quiet", "-m", "The first commit"]):
        subprocess.run(["git", *step], cwd=folder, env=plain, check=True)
    return folder


def _program(name: str) -> str:
    path = PROGRAMS / name
    if not path.exists():
        raise PackagesMissing(f"{path}: no such program, expected the development dependency {name}")
    return str(path)


def _package(name: str) -> Path:
    return _modules() / "@modelcontextprotocol" / name / "dist" / "index.js"


def _modules() -> Path:
    # The client of Anthropic puts its native part in place in an install script.
    return installed(_MANIFEST, scripts=True) / "node_modules"


def give_up(why: PackagesMissing) -> None:
    """End a test whose peer cannot be had: a failure in CI, else a skip that says why."""
    if os.environ.get("CI") == "true":
        pytest.fail(str(why))
    pytest.skip(str(why))


def home(folder: Path) -> dict[str, str]:
    """A data folder of toolgate's own that allows everything, as the variables that choose it."""
    chosen = folder / "toolgate-home"
    chosen.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copy(POLICY, chosen / "policy.yaml")
    return {"TOOLGATE_HOME": str(chosen)}


def wrapped(server: Peer) -> tuple[str, ...]:
    """The command that a client's configuration names instead of the server's own."""
    return (str(PROGRAMS / "toolgate"), "wrap", "--name", server.name, "--", *server.command)


async def seen_by_python(
    target: Sequence[str] | str, mode: ConnectMode, server: Peer, variables: Mapping[str, str] | None = None
) -> Seen:
    """What the Python SDK's client sees of a command or an address; `auto` prefers 2026-07-28."""
    place: StdioServerParameters | str
    if isinstance(target, str):
        place = target
    else:
        place = StdioServerParameters(command=target[0], args=list(target[1:]), env=dict(variables or {}))
    async with Client(place, mode=mode, read_timeout_seconds=_CLIENT_SECONDS) as client:
        tools = (await client.list_tools()).tools
        called = await client.call_tool(server.tool, server.arguments)
        definition = next(tool for tool in tools if tool.name == server.tool)
        blocks = [block.text for block in called.content if isinstance(block, TextContent)]
        return Seen(
            client.protocol_version,
            tuple(sorted(tool.name for tool in tools)),
            definition.model_dump(by_alias=True, exclude_none=True),
            "".join(blocks),
        )


def called_by_inspector(
    target: Sequence[str] | str,
    era: str,
    server: Peer,
    folder: Path,
    variables: Mapping[str, str] | None = None,
) -> Json:
    """What the Inspector's command line prints for a call of the server's tool; `era` is legacy or modern."""
    launcher = _modules() / "@modelcontextprotocol/inspector/clients/launcher/build/index.js"
    command = [str(node()), str(launcher), "--cli", *_place(target, folder, variables or {})]
    command += ["--protocol-era", era, "--format", "json", "--quiet", "--method", "tools/call"]
    command += ["--tool-name", server.tool, "--tool-args-json", json.dumps(server.arguments)]
    done = _client(command, folder)
    answer: Json = json.loads(done.stdout or done.stderr)
    return answer


def _place(target: Sequence[str] | str, folder: Path, variables: Mapping[str, str]) -> list[str]:
    """An address as it is; a command in a file, because the Inspector would take its options for its own."""
    if isinstance(target, str):
        return ["--server-url", target, "--transport", "http"]
    entry = {"type": "stdio", "command": target[0], "args": list(target[1:]), "env": dict(variables)}
    file = folder / "inspector.json"
    file.write_text(json.dumps({"mcpServers": {"server": entry}}))
    return ["--config", str(file), "--server", "server"]


def text_of(answer: Json) -> str:
    """The words of a tool's answer as the Inspector printed it; an error is empty."""
    blocks: list[Json] = answer.get("result", {}).get("content", [])
    return "".join(block.get("text", "") for block in blocks)


def claude(arguments: Sequence[str], folder: Path) -> str:
    """What Claude Code prints, run in a home folder of its own and without calls to its maker."""
    done = _client([str(_modules() / ".bin" / "claude"), *arguments], folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def statuses(listed: str) -> dict[str, str]:
    """The servers that `claude mcp list` printed and whether it connected."""
    return {found["name"]: found["status"] for found in map(_STATUS.match, listed.splitlines()) if found}


def _client(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    own = folder / "client-home"
    own.mkdir(parents=True, exist_ok=True)
    quiet = {
        "HOME": str(own),
        "CLAUDE_CONFIG_DIR": str(own / "claude"),
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
    }
    return subprocess.run(
        command,
        cwd=own,
        env={**environment(), **quiet},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_CLIENT_SECONDS,
        check=False,
    )
