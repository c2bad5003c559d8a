"""`toolgate serve`: the firewall in front of the upstreams of a settings file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolgate.cli.options import Home
from toolgate.errors import SettingsError


def command(
    settings: Annotated[
        Path | None, typer.Option(help="The settings file; default: that of the data folder.")
    ] = None,
    stdio: Annotated[
        bool, typer.Option("--stdio", help="Serve all upstreams to one client over stdio.")
    ] = False,
    home: Home = None,
) -> None:
    """Serve the upstreams of a settings file over HTTP (or stdio) until interrupted."""
    from toolgate.app import build
    from toolgate.serving_loop import run
    from toolgate.settings import chosen

    async def http() -> None:
        from toolgate.serving import serve

        app = build(chosen(home, settings))
        await serve(app, lambda: typer.echo(f"toolgate listens on {app.settings.listen.url}", err=True))

    async def pipe() -> None:
        from toolgate.core.model import Caller
        from toolgate.piping import pipe

        app = build(chosen(home, settings))
        local = app.settings.identity.local
        if local is None:
            raise SettingsError("identity.local: found nothing, expected the caller that stdio is for")
        await app.start()
        await pipe(app, None, Caller(local.caller, local.roles, f"local:{local.caller}"))

    run(pipe if stdio else http)
