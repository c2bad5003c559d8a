"""`toolgate console`: the console of a data folder, in the browser."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from toolgate.errors import SettingsError


def command(
    home: Annotated[
        Path | None, typer.Option(help="The data folder; default: TOOLGATE_HOME or the user's.")
    ] = None,
    settings: Annotated[Path | None, typer.Option(help="A settings file, instead of a folder.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Another port than 8718; 0 takes any free one.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The addresses as one JSON object.")] = False,
) -> None:
    """Serve the console until Ctrl-C, and print a link that signs you in once."""
    import asyncio
    import json

    from toolgate.app import build
    from toolgate.consoling import Serving, until_signal
    from toolgate.serving_loop import run
    from toolgate.settings import Tcp, chosen
    from toolgate.starters import ensure_policy

    places = chosen(home, settings)
    if places.file is None:
        # The console may come before the first wrapped server has put a policy here.
        ensure_policy(places.policies, "wrapped")
    where = places.console
    if port is not None:
        where = replace(where, listen=Tcp(where.listen.host, port))

    async def main() -> None:
        app = build(places)
        watching = asyncio.ensure_future(app.policies.watch())
        try:
            serving = Serving(app, where)
            serving.start()
            said = {"url": serving.where.url, "link": serving.link}
            typer.echo(json.dumps(said) if as_json else told(said["url"], said["link"]))
            await until_signal()
            await serving.close()
        except SettingsError as taken:
            raise SettingsError(f"console.{taken} (--port 0 takes any)") from None
        finally:
            watching.cancel()
            await app.close()

    run(main)


def told(url: str, link: str) -> str:
    """Where the console is, and how to get in."""
    return f"Console: {url}\nSign in, once, within an hour: {link}"
