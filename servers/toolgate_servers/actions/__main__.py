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
        help="the SQLite file of drafts and sent mail, readable only by you "
        f"(default: {str(DEFAULT_OUTBOX).replace('%', '%%')})",
    )
    return run(parser, _settings, _build, argv)


def _settings(options: argparse.Namespace) -> "ActionsSettings":
    from toolgate_servers.actions.settings import ActionsSettings  # late: --help needs none of it
    from toolgate_servers.config import load_settings

    settings = load_settings(options.config, ActionsSettings) if options.config else ActionsSettings()
    outbox = options.outbox or settings.outbox or DEFAULT_OUTBOX
    return settings.model_copy(update={"outbox": outbox})


def _build(settings: "ActionsSettings") -> "ToolServer":
    from toolgate_servers.actions.server import build  # late: the SDK takes most of a second

    if settings.outbox == DEFAULT_OUTBOX:
        try:
            DEFAULT_OUTBOX.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as problem:
            raise CannotStart(f"--outbox {settings.outbox}: the folder cannot be made") from problem
    return build(settings)


if __name__ == "__main__":
    sys.exit(main())
