"""The command line and the transports that every server shares."""

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from toolgate_servers.errors import ServerError

if TYPE_CHECKING:
    from toolgate_servers.server import ToolServer

EXIT_MISUSE = 2

SettingsT = TypeVar("SettingsT")


def server_parser(name: str, about: str) -> argparse.ArgumentParser:
    """Make the parser of one server, with --stdio and --http, --config and --check."""
    parser = argparse.ArgumentParser(
        prog=f"toolgate-{name}",
        description=about,
        epilog="Exit codes: 0 the client has left, 2 an option or a file is wrong, 3 the address is taken.",
    )
    way = parser.add_mutually_exclusive_group()
    way.add_argument(
        "--stdio",
        action="store_true",
        help="speak MCP on standard input and output until the input closes (the default)",
    )
    way.add_argument(
        "--http",
        metavar="HOST:PORT",
        type=host_and_port,
        help="serve MCP at http://HOST:PORT/mcp, port 0 for any free one; there is no login here, so listen "
        "on 127.0.0.1 or behind a firewall that has one",
    )
    way.add_argument(
        "--check",
        action="store_true",
        help="check the settings and what they name, print which tools are on, and exit with 0 or 2",
    )
    parser.add_argument(
        "--config",
        metavar="FILE",
        type=Path,
        help="the settings, one YAML file; other options given here take precedence",
    )
    return parser


def host_and_port(text: str) -> tuple[str, int]:
    """Read HOST:PORT, with IPv6 addresses in square brackets."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    if not colon or not host or not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise argparse.ArgumentTypeError("expected HOST:PORT such as 127.0.0.1:8801 or [::1]:8801")
    return host, int(port)


def run(
    parser: argparse.ArgumentParser,
    settings_of: Callable[[argparse.Namespace], SettingsT],
    build: Callable[[SettingsT], "ToolServer"],
    argv: Sequence[str] | None,
    instead: "Callable[[argparse.Namespace, ToolServer], bool] | None" = None,
) -> int:
    """Build the server that the options describe and serve until the client leaves; gives the exit code.

    `instead` may do something else with the server, and then says True.
    """
    options = parser.parse_args(argv)
    try:
        server = build(settings_of(options))
        if instead is not None and instead(options, server):
            return 0
    except ServerError as problem:
        sys.stderr.write("".join(f"{parser.prog}: {line}\n" for line in str(problem).splitlines()))
        return EXIT_MISUSE
    if options.check:
        sys.stdout.write("".join(f"{family.line()}\n" for family in server.families))
    elif options.http is None:
        # A thread waits on standard input, so an interrupt handled in Python would hang until the next line.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        server.run("stdio")
    else:
        from toolgate_servers.http import serve_http  # late: only HTTP needs it

        serve_http(server, *options.http)
    return 0
