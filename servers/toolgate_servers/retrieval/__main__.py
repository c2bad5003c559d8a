"""`toolgate-retrieval`, or `python -m toolgate_servers.retrieval`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from toolgate_servers.command_line import run, server_parser

if TYPE_CHECKING:
    from toolgate_servers.retrieval.settings import RetrievalSettings
    from toolgate_servers.server import ToolServer

ABOUT = (
    "An MCP server that searches, lists and reads the documents of one folder: "
    ".md, .txt, .rst, .html and .json. It never writes to the folder and never leaves it."
)


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until the client leaves; gives the exit code."""
    parser = server_parser("retrieval", ABOUT)
    parser.add_argument("--folder", metavar="FOLDER", type=Path, help="the documents to serve")
    parser.add_argument(
        "--index",
        metavar="FILE",
        type=Path,
        help="keep the index in this SQLite file, so that the next start reads only what has changed; "
        "it contains the documents' text (default: in memory)",
    )
    return run(parser, _settings, _build, argv)


def _settings(options: argparse.Namespace) -> "RetrievalSettings":
    from toolgate_servers.config import load_settings  # late: --help needs none of it
    from toolgate_servers.retrieval.settings import RetrievalSettings

    settings = load_settings(options.config, RetrievalSettings) if options.config else RetrievalSettings()
    given = {
        name: getattr(options, name) for name in ("folder", "index") if getattr(options, name) is not None
    }
    return settings.model_copy(update=given)


def _build(settings: "RetrievalSettings") -> "ToolServer":
    from toolgate_servers.retrieval.server import build  # late: the SDK takes most of a second

    return build(settings)


if __name__ == "__main__":
    sys.exit(main())
