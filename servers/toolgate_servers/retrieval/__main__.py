"""`toolgate-retrieval`, or `python -m toolgate_servers.retrieval`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_data_path

from toolgate_servers.command_line import run, server_parser
from toolgate_servers.errors import CannotStart

if TYPE_CHECKING:
    from toolgate_servers.retrieval.settings import RetrievalSettings
    from toolgate_servers.server import ToolServer

ABOUT = (
    "An MCP server that searches and reads the documents of one folder, asks databases, searches the web and "
    "fetches from it. It only reads, and never leaves the folder, the databases and the hosts it is given."
)
DEFAULT_FOLDER = user_data_path("toolgate", appauthor=False) / "documents"


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until the client leaves; gives the exit code."""
    parser = server_parser("retrieval", ABOUT)
    parser.add_argument(
        "--folder",
        metavar="FOLDER",
        type=Path,
        help="the documents to serve "
        f"(default: {str(DEFAULT_FOLDER).replace('%', '%%')}, made when it is not there)",
    )
    parser.add_argument(
        "--index",
        metavar="FILE",
        type=Path,
        help="keep the index in this SQLite file, so that the next start reads only what has changed; "
        "it contains the documents' text (default: in memory)",
    )
    parser.add_argument(
        "--reindex",
        action="store_true",
        help="bring the index up to date, show how far it is, and exit; wants --index",
    )
    return run(parser, _settings, _build, argv, instead=_reindexed)


def _settings(options: argparse.Namespace) -> "RetrievalSettings":
    from toolgate_servers.config import load_settings  # late: --help needs none of it
    from toolgate_servers.retrieval.settings import RetrievalSettings

    settings = load_settings(options.config, RetrievalSettings) if options.config else RetrievalSettings()
    given = {
        name: getattr(options, name) for name in ("folder", "index") if getattr(options, name) is not None
    }
    if settings.folder is None and "folder" not in given:
        given["folder"] = _made(DEFAULT_FOLDER)
    return settings.model_copy(update=given)


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as problem:
        raise CannotStart(
            f"--folder {folder}: found {type(problem).__name__}, expected a folder that can be made"
        ) from problem
    return folder


def _build(settings: "RetrievalSettings") -> "ToolServer":
    from toolgate_servers.retrieval.server import build  # late: the SDK takes most of a second

    return build(settings)


def _reindexed(options: argparse.Namespace, server: "ToolServer") -> bool:
    if not options.reindex:
        return False
    from toolgate_servers.retrieval.reindex import reindex  # late: only here a progress bar is drawn

    reindex(server)
    return True


if __name__ == "__main__":
    sys.exit(main())
