"""`toolgate console`: the console of a data folder, in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import socket

    from toolgate.settings import Settings


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
    from toolgate.consoling import seated
    from toolgate.serving_loop import run
    from toolgate.settings import chosen
    from toolgate.starters import ensure_policy

    places = chosen(home, settings)
    if places.file is None:
        # The console may come before the first wrapped server has put a policy here.
        ensure_policy(places.policies, "wrapped")
    taken, seats = seated(places, port)
    run(lambda: _serve(seats, taken, as_json=as_json))


async def _serve(settings: Settings, taken: socket.socket, *, as_json: bool) -> None:
    import asyncio
    import json

    from toolgate.app import build
    from toolgate.consoling import Serving, until_signal

    app = build(settings)
    watching = asyncio.ensure_future(app.policies.watch())
    app.notifier.start()
    serving = Serving(app, taken)
    try:
        serving.start()
        await serving.ready()
        said = {"url": serving.url, "link": serving.link}
        typer.echo(json.dumps(said) if as_json else told(serving.url, serving.link))
        await until_signal()
    finally:
        await serving.close()
        watching.cancel()
        await app.close()


def told(url: str, link: str) -> str:
    """Where the console is, and how to get in."""
    return f"Console: {url}\nSign in, once, within an hour: {link}"
