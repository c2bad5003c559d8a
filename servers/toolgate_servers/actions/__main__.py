"""`python -m toolgate_servers.actions`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platformdirs import user_data_path

from toolgate_servers.command_line import run, server_parser
from toolgate_servers.errors import CannotStart

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer

ABOUT = (
    "An MCP server for mail: drafts, and sending. A sent mail is delivered to a local outbox, "
    "one SQLite file, and goes no further."
)
DEFAULT_OUTBOX = user_data_path("toolgate", appauthor=False) / "outbox.db"


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until the client leaves; gives the exit code."""
    parser = server_parser("actions", ABOUT)
    parser.add_argument(
        "--outbox",
        metavar="FILE",
        type=Path,
        default=DEFAULT_OUTBOX,
        help="the SQLite file of drafts and sent mail, readable only by you (default: %(default)s)",
    )
    return run(parser, _build, argv)


def _build(options: argparse.Namespace) -> "MCPServer[Any]":
    from toolgate_servers.actions.server import build  # late: the SDK takes most of a second

    if options.outbox == DEFAULT_OUTBOX:
        try:
            DEFAULT_OUTBOX.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as problem:
            raise CannotStart(f"--outbox {options.outbox}: the folder cannot be made") from problem
    return build(options.outbox)


if __name__ == "__main__":
    sys.exit(main())
