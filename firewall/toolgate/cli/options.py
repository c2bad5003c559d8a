"""Options that several commands take, spelled and explained the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Home = Annotated[Path | None, typer.Option(help="The data folder; default: TOOLGATE_HOME or the user's.")]
SettingsFile = Annotated[
    Path | None, typer.Option("--settings", help="A settings file, instead of a folder.")
]
Json = Annotated[bool, typer.Option("--json", help="JSON, one object a line.")]
As = Annotated[str, typer.Option("--as", help="Your name as an approver; default: the only one there is.")]
Stdin = Annotated[bool, typer.Option("--passphrase-stdin", help="Read the passphrase from standard input.")]
