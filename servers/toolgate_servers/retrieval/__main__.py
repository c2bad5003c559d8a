"""`python -m toolgate_servers.retrieval`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolgate_servers.command_line import run, server_parser

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer

ABOUT = (
    "An MCP server that searches, lists and reads the documents of one folder: "
    ".md, .txt, .rst, .html and .json. It never writes to the folder and never leaves it."
)


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until the client leaves; gives the exit code."""
    parser = server_parser("retrieval", ABOUT)
    parser.add_argument("--folder", metavar="FOLDER", type=Path, required=True, help="the documents to serve")
    parser.add_argument(
        "--index",
        metavar="FILE",
        type=Path,
        help="keep the index in this SQLite file, so that the next start reads only what has changed; "
        "it contains the documents' text (default: in memory)",
    )
    return run(parser, _build, argv)


def _build(options: argparse.Namespace) -> "MCPServer[Any]":
    from toolgate_servers.retrieval.server import build  # late: the SDK takes most of a second

    return build(options.folder, options.index)


if __name__ == "__main__":
    sys.exit(main())
