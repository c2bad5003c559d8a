"""`toolgate wrap -- COMMAND`: stdio in front of one server. Imports nothing before it is needed."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolgate.app import App
    from toolgate.settings import Settings
    from toolgate.upstream.keyed import Address


_NO_PLUGINS = "PYDANTIC_DISABLE_PLUGINS"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="toolgate wrap",
        description="Put the firewall in front of one stdio server: the command for a client's config.",
        usage="toolgate wrap [options] -- COMMAND [ARG ...]",
    )
    parser.add_argument(
        "--name", help="what the policy and the journal call this server; default: its command"
    )
    parser.add_argument("--as", dest="caller", help="the caller's name; default: the user of this machine")
    parser.add_argument(
        "--role", action="append", help="a role of the caller; default: admin; may be repeated"
    )
    parser.add_argument("--home", type=Path, help="the data folder; default: TOOLGATE_HOME or the user's own")
    parser.add_argument("--settings", type=Path, help="a settings file instead of the data folder's")
    parser.add_argument("--policy", type=Path, help="a policy file instead of the data folder's policy.yaml")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds a call may take; default: 60")
    parser.add_argument("command", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


def main(words: list[str]) -> int:
    """Run until the client closes standard input. Exit codes: 0 fine, 2 misuse."""
    parser = _parser()
    given = parser.parse_args(words)
    command = given.command[1:] if given.command[:1] == ["--"] else given.command
    if not command:
        parser.error("expected -- and the command of the server")
    # Looking for plugins of pydantic costs 2 MiB and 30 ms, and there are none.
    os.environ.setdefault(_NO_PLUGINS, "__all__")
    from toolgate.errors import ToolgateError

    try:
        name = given.name or server_name(command)
        settings = _settings(given)
        located = {name: _address(command, given.timeout)}
    except ToolgateError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return _run(given, settings, name, located)


def _run(given: argparse.Namespace, settings: Settings, name: str, located: Mapping[str, Address]) -> int:
    from toolgate.core.model import Caller
    from toolgate.errors import ToolgateError
    from toolgate.serving_loop import run

    local = settings.identity.local
    who = given.caller or (local.caller if local else "local")
    roles = tuple(given.role or (local.roles if local else ("admin",)))

    async def serve() -> None:
        try:
            app: App = _build(settings, located)
            await app.start()
        except ToolgateError as error:
            from toolgate.ingress.broken import explain

            await explain(error)
            return
        from toolgate.piping import pipe

        await pipe(app, name, Caller(who, roles, f"local:{who}"))

    run(serve)
    return 0


def _build(settings: Settings, located: Mapping[str, Address]) -> App:
    from toolgate.app import build
    from toolgate.starters import ensure_policy

    ensure_policy(settings.policies, "wrapped")
    return build(settings, located)


def _settings(given: argparse.Namespace) -> Settings:
    from dataclasses import replace

    from toolgate.settings import chosen
    from toolgate.settings.sources import made

    home = None if given.home is None or given.settings else made(given.home)
    settings = chosen(home, given.settings)
    return replace(settings, policies=given.policy.absolute()) if given.policy else settings


def _address(command: list[str], timeout: float) -> Address:
    from toolgate.upstream.keyed import Address

    # The client's config gives this environment to the server; ours is not its business.
    env = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("TOOLGATE_") and key != _NO_PLUGINS
    }
    return Address(timeout, command=tuple(command), env=env)


_RUNNERS = frozenset({"uvx", "npx", "uv", "pipx", "python", "python3", "node", "bunx", "deno", "docker"})


def server_name(command: list[str]) -> str:
    """The name of a server by its command: the package it runs, in the letters names may have."""
    words = [word for word in command if not word.startswith("-")]
    first = Path(words[0]).stem if words else "server"
    while first in _RUNNERS | {"run", "tool", "exec", "dlx"} and len(words) > 1:
        words = words[1:]
        first = Path(words[0]).stem if words[0].endswith((".py", ".js")) else words[0].rpartition("/")[2]
    first = first.partition("@")[0].lower().removeprefix("mcp-server-").removeprefix("server-")
    cleaned = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in first)
    return "-".join(part for part in cleaned.split("-") if part) or "server"
