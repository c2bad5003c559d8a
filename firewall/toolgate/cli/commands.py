"""Every command: ours and those other packages add through the entry-point group `toolgate.commands`."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from typing import Any

import typer
from typer.core import TyperGroup

from toolgate.errors import ToolgateError

# `wrap` reads its own words: it is also started without anything that is loaded here (program.py).
_AS_GIVEN = {"allow_extra_args": True, "ignore_unknown_options": True}


class _Quiet(TyperGroup):
    """Errors raised on purpose are told in their own words, with the exit code for misuse."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except ToolgateError as error:
            sys.stderr.write(f"{error}\n")
            sys.exit(2)


def application() -> typer.Typer:
    """The command-line application with every command registered."""
    app = typer.Typer(
        cls=_Quiet,
        name="toolgate",
        help="A firewall for AI agents' tool calls: a proxy in front of any MCP server.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for point in sorted(entry_points(group="toolgate.commands"), key=lambda one: one.name):
        command = point.load()
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=point.name)
        else:
            app.command(point.name)(command)
    app.command("wrap", add_help_option=False, context_settings=_AS_GIVEN)(_wrap)
    return app


def _wrap(words: typer.Context) -> None:
    """Put the firewall in front of one stdio server: the command for a client's configuration."""
    from toolgate.cli.wrap import main

    sys.exit(main(words.args))
