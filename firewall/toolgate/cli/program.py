"""The command line. `wrap` starts without anything that only other commands need."""

from __future__ import annotations

import sys


def main() -> None:
    """The `toolgate` command."""
    if len(sys.argv) > 1 and sys.argv[1] == "wrap":
        from toolgate.cli.wrap import main as wrap

        sys.exit(wrap(sys.argv[2:]))
    from toolgate.cli.commands import application

    application()()
