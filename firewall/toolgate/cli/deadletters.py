"""`toolgate deadletters`: messages about held calls that did not arrive."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from toolgate.cli.options import Home, Json, SettingsFile
from toolgate.errors import Misuse

if TYPE_CHECKING:
    from toolgate.core.delivery import Delivery
    from toolgate.settings import Settings
    from toolgate.stores.outbox import SqliteOutbox

T = TypeVar("T")

app = typer.Typer(
    help="Messages about held calls that did not arrive: list, retry, drop.", no_args_is_help=True
)

Ident = Annotated[str, typer.Argument(metavar="ID", help="The message, as `list` shows it, or `all`.")]


@app.command("list")
def list_(home: Home = None, settings: SettingsFile = None, json: Json = False) -> None:
    """The messages that nobody tries to deliver any more, newest first, and how many still wait."""

    async def read(outbox: SqliteOutbox, _: Settings) -> tuple[list[Delivery], dict[str, int]]:
        return await outbox.dead(), await outbox.waiting()

    found, waiting = _at_the_outbox(home, settings, read)
    for one in found:
        typer.echo(_json(one) if json else _row(one))
    if not found and not json:
        typer.echo("none", err=True)
    for target, count in sorted(waiting.items()):
        typer.echo(f"{target}: {count} on their way", err=True)


@app.command()
def retry(ident: Ident, home: Home = None, settings: SettingsFile = None) -> None:
    """Try again to deliver one, or all, now; what fails again keeps being tried by whatever runs."""

    async def again(outbox: SqliteOutbox, places: Settings) -> tuple[int, dict[str, int], int]:
        count = await outbox.revive(_one(ident))
        if count:
            await _deliver(places)
        return count, await outbox.waiting(), len(await outbox.dead())

    count, waiting, dead = _at_the_outbox(home, settings, again)
    if not count:
        _nothing(ident)
    left = sum(waiting.values())
    typer.echo(f"{count} tried again; {left} on their way, {dead} dead letters")
    raise typer.Exit(1 if left or dead else 0)


@app.command()
def drop(ident: Ident, home: Home = None, settings: SettingsFile = None) -> None:
    """Forget one, or all. The approval itself stays as it is."""

    async def forget(outbox: SqliteOutbox, _: Settings) -> int:
        return await outbox.drop(_one(ident))

    count = _at_the_outbox(home, settings, forget)
    if not count:
        _nothing(ident)
    typer.echo(f"{count} dropped")


def _one(ident: str) -> str:
    if not ident:
        raise Misuse("found no ID, expected one of `toolgate deadletters list`, or all")
    return "" if ident == "all" else ident


def _nothing(ident: str) -> None:
    sys.stderr.write("no dead letters\n" if ident == "all" else "no such dead letter\n")
    raise typer.Exit(1)


async def _deliver(places: Settings) -> None:
    """Try everything that is due once, with the settings' own receivers and on record."""
    from toolgate.app import teller
    from toolgate.secrets.keyring import open_keyring
    from toolgate.stores.sqlite import SqliteStore

    keyring = open_keyring(places.master_key)
    store = SqliteStore(places.store, keyring.journal_keys())
    notifier = teller(places, store, keyring)
    try:
        await notifier.flush()
    finally:
        await notifier.close()
        await store.aclose()


def _at_the_outbox(
    home: Path | None, file: Path | None, act: Callable[[SqliteOutbox, Settings], Awaitable[T]]
) -> T:
    import asyncio
    import time

    from toolgate.settings import chosen
    from toolgate.stores.database import create
    from toolgate.stores.outbox import SqliteOutbox

    places = chosen(home, file)
    create(places.store)

    async def run() -> T:
        return await act(SqliteOutbox(places.store, time.time), places)

    return asyncio.run(run())


def _row(one: Delivery) -> str:
    from datetime import UTC, datetime

    from toolgate.core.plain import plain

    when = datetime.fromtimestamp(one.created, UTC).isoformat(timespec="seconds")
    about = one.subject if one.subject != one.id else "-"
    what = f"{one.id}  {when}  {one.target}  {one.event}  {plain(about)}"
    return f"{what}  {one.attempts} attempts: {plain(one.why)}"


def _json(one: Delivery) -> str:
    import json

    said: dict[str, Any] = {
        "id": one.id,
        "target": one.target,
        "event": one.event,
        "approval": one.subject if one.subject != one.id else None,
        "created": one.created,
        "attempts": one.attempts,
        "why": one.why,
    }
    return json.dumps(said)
