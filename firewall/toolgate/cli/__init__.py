"""The command line."""

from toolgate.cli.program import main

__all__ = ["main"]
