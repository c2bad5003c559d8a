"""`toolgate-actions`, or `python -m toolgate_servers.actions`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_data_path

from toolgate_servers.command_line import run, server_parser
from toolgate_servers.errors import CannotStart

if TYPE_CHECKING:
    from toolgate_servers.actions.settings import ActionsSettings
    from toolgate_servers.server import ToolServer

ABOUT = (
    "An MCP server that acts: mail, calendar and tickets, and when switched on messaging, contacts and git. "
    "Without settings everything stays in local SQLite files and goes no further."
)
DEFAULT_STORES = user_data_path("toolgate", appauthor=False)


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until the client leaves; gives the exit code."""
    parser = server_parser("actions", ABOUT)
    parser.add_argument(
        "--stores",
        metavar="FOLDER",
        type=Path,
        help="the folder of the SQLite files, readable only by you; made when it is not there "
        f"(default: the folder of --outbox, or {str(DEFAULT_STORES).replace('%', '%%')})",
    )
    parser.add_argument(
        "--outbox",
        metavar="FILE",
        type=Path,
        help="the SQLite file of drafts and sent mail (default: outbox.db in the folder of --stores)",
    )
    return run(parser, _settings, _build, argv)


def _settings(options: argparse.Namespace) -> "ActionsSettings":
    from toolgate_servers.actions.settings import ActionsSettings  # late: --help needs none of it
    from toolgate_servers.config import load_settings

    settings = load_settings(options.config, ActionsSettings) if options.config else ActionsSettings()
    outbox = options.outbox or settings.outbox
    beside = None if options.outbox is None else options.outbox.parent
    if beside is not None and not beside.is_dir():
        raise CannotStart(f"the outbox {options.outbox}: found no folder there, expected one")
    stores = options.stores or settings.stores or beside or DEFAULT_STORES
    return settings.model_copy(update={"outbox": outbox, "stores": stores})


def _build(settings: "ActionsSettings") -> "ToolServer":
    from toolgate_servers.actions.server import build  # late: the SDK takes most of a second

    return build(settings)


if __name__ == "__main__":
    sys.exit(main())
