"""`toolgate-compute`, or `python -m toolgate_servers.compute`."""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from toolgate_servers.command_line import run, server_parser

if TYPE_CHECKING:
    from toolgate_servers.compute.settings import ComputeSettings
    from toolgate_servers.server import ToolServer

ABOUT = "An MCP server that reckons, runs Python in a sandbox, keeps notebooks and transforms tables."


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until the client leaves; gives the exit code."""
    return run(server_parser("compute", ABOUT), _settings, _build, argv)


def _settings(options: argparse.Namespace) -> "ComputeSettings":
    from toolgate_servers.compute.settings import ComputeSettings  # late: --help needs none of it
    from toolgate_servers.config import load_settings

    return load_settings(options.config, ComputeSettings) if options.config else ComputeSettings()


def _build(settings: "ComputeSettings") -> "ToolServer":
    from toolgate_servers.compute.server import build  # late: the SDK takes most of a second

    return build(settings)


if __name__ == "__main__":
    sys.exit(main())
