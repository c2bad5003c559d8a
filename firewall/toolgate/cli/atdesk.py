"""The desk as commands use it: opened for one thing, with a passphrase where something is decided."""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import typer

if TYPE_CHECKING:
    from toolgate.approvals.approvers import Approver
    from toolgate.approvals.desk import Desk
    from toolgate.approvals.notify import Notifier
    from toolgate.ports import Announcer, Detectors, Keyring
    from toolgate.settings import Settings
    from toolgate.stores.sqlite import SqliteStore

Act = Callable[["Desk", "Approver"], Awaitable[Any]]


def at_the_desk(
    home: Path | None, settings: Path | None, act: Callable[[Desk], Awaitable[Any]], *, telling: bool = False
) -> Any:
    """Open the store, do one thing at the desk, close the store. `telling`: people hear of decisions."""
    import asyncio

    from toolgate.detect.matchers import Re2
    from toolgate.detecting import Later
    from toolgate.ports import Silent
    from toolgate.secrets.keyring import open_keyring
    from toolgate.stores.sqlite import SqliteStore

    places = places_of(home, settings)
    keyring = open_keyring(places.master_key)

    async def run() -> Any:
        store = SqliteStore(places.store, keyring.journal_keys())
        told = _teller(places, store, keyring) if telling else None
        detectors = Later(places, Re2)
        try:
            return await act(_desk(places, store, keyring, detectors, told or Silent()))
        finally:
            await detectors.close()
            if told is not None:
                await told.close()
            await store.aclose()

    return asyncio.run(run())


def _desk(
    places: Settings, store: SqliteStore, keyring: Keyring, detectors: Detectors, announcer: Announcer
) -> Desk:
    import time

    from toolgate.approvals.desk import Desk
    from toolgate.policy.compile import open_policy
    from toolgate.policy.matchers import pattern

    return Desk(
        store,
        keyring,
        places.approvers,
        open_policy(places.policies),
        "cli",
        time.time,
        detectors=detectors,
        patterns=pattern,
        announcer=announcer,
    )


def _teller(places: Settings, store: SqliteStore, keyring: Keyring) -> Notifier:
    """Who is told of decisions."""
    from toolgate.app import teller

    return teller(places, store, keyring)


def places_of(home: Path | None, settings: Path | None) -> Settings:
    """Where things are. An approver or the console may come before the first wrapped server left a policy."""
    from toolgate.settings import chosen
    from toolgate.starters import ensure_policy

    places = chosen(home, settings)
    if places.file is None:
        ensure_policy(places.policies, "wrapped")
    return places


async def signed_in(desk: Desk, name: str, stdin: bool, act: Act) -> Any:
    """Sign in, then act."""
    from toolgate.approvals.desk import Declined

    who = name or desk.only_approver()
    approver = await desk.sign_in(who, passphrase(f"Passphrase of {who}: ", stdin))
    return approver if isinstance(approver, Declined) else await act(desk, approver)


def decided(home: Path | None, settings: Path | None, name: str, stdin: bool, act: Act) -> Any:
    """What came of one thing that needs an approver; ends with exit code 1 where it was declined."""
    return undeclined(
        at_the_desk(home, settings, lambda desk: signed_in(desk, name, stdin, act), telling=True)
    )


def undeclined(done: Any) -> Any:
    """What came of it; ends with exit code 1 where the desk declined."""
    from toolgate.approvals.desk import Declined

    if isinstance(done, Declined):
        decline(done.why, done.retry_after)
    return done


def passphrase(prompt: str, stdin: bool) -> str:
    """From the terminal itself, unseen; from standard input only when told so."""
    if stdin:
        return sys.stdin.readline().rstrip("\r\n")
    import getpass

    return getpass.getpass(prompt)


def decline(why: str, retry_after: float | None = None) -> NoReturn:
    """Say why it was not done, and end with exit code 1."""
    wait = "" if retry_after is None else f"; try again in {retry_after:.0f} s"
    typer.echo(f"not done: {why}{wait}", err=True)
    raise typer.Exit(1)


def line_of(fields: dict[str, Any]) -> str:
    """One JSON object on a line."""
    return json.dumps(fields)
