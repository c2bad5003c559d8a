"""`python -m toolgate_servers.compute`."""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from toolgate_servers.command_line import run, server_parser

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer

ABOUT = "An MCP server with one tool, calculate: arithmetic on numbers, bounded in size and time."


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until the client leaves; gives the exit code."""
    return run(server_parser("compute", ABOUT), _build, argv)


def _build(_options: argparse.Namespace) -> "MCPServer[Any]":
    from toolgate_servers.compute.server import build  # late: the SDK takes most of a second

    return build()


if __name__ == "__main__":
    sys.exit(main())
