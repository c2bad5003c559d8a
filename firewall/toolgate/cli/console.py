"""`toolgate console`: the console of a data folder, in the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from toolgate.cli.atdesk import places_of
from toolgate.cli.options import Home, SettingsFile

if TYPE_CHECKING:
    import socket

    from toolgate.settings import Settings


def command(
    home: Home = None,
    settings: SettingsFile = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Another port than 8718; 0 takes any free one.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The addresses as one JSON object.")] = False,
) -> None:
    """Serve the console until Ctrl-C, and print a link that signs you in once."""
    from toolgate.consoling import seated
    from toolgate.serving_loop import run

    taken, seats = seated(places_of(home, settings), port)
    run(lambda: _serve(seats, taken, as_json=as_json))


async def _serve(settings: Settings, taken: socket.socket, *, as_json: bool) -> None:
    import asyncio
    import json

    from toolgate.app import build
    from toolgate.consoling import Serving, until_signal

    app = build(settings)
    await app.start()
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
