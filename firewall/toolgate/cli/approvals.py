"""`toolgate approvals`: held calls, decided by a person with a passphrase."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn

import typer

from toolgate.errors import Misuse

if TYPE_CHECKING:
    from toolgate.approvals.approvers import Approver
    from toolgate.approvals.desk import Desk
    from toolgate.core.model import Approval

app = typer.Typer(help="Held calls: list, show, approve, deny.", no_args_is_help=True)

Home = Annotated[Path | None, typer.Option(help="The data folder; default: TOOLGATE_HOME or the user's.")]
SettingsFile = Annotated[
    Path | None, typer.Option("--settings", help="A settings file, instead of a folder.")
]
Json = Annotated[bool, typer.Option("--json", help="JSON, one object a line.")]
As = Annotated[str, typer.Option("--as", help="Your name as an approver; default: the only one there is.")]
Stdin = Annotated[bool, typer.Option("--passphrase-stdin", help="Read the passphrase from standard input.")]
Ident = Annotated[str, typer.Argument(metavar="ID", help="The approval, as `list` shows it.")]

_STATES: Final = ("pending", "approved", "denied", "spent", "executed", "all")


@app.command("list")
def list_(
    state: Annotated[str, typer.Option(help="One of: " + ", ".join(_STATES))] = "pending",
    home: Home = None,
    settings: SettingsFile = None,
    json: Json = False,
) -> None:
    """The newest held calls; those that wait for a decision, unless told otherwise."""
    import time

    from toolgate.approvals.card import row_text
    from toolgate.core.model import ApprovalState

    if state not in _STATES:
        raise Misuse(f"--state: found {state!r}, expected one of {', '.join(_STATES)}")
    wanted = None if state == "all" else ApprovalState(state)
    found = _at_the_desk(home, settings, lambda desk: desk.listing(wanted))
    now = time.time()
    if wanted is ApprovalState.PENDING:
        found = [approval for approval in found if approval.expires > now]
    for approval in found:
        typer.echo(_json(_fields(approval)) if json else row_text(approval, now))
    if not found and not json:
        typer.echo("nothing waits" if state == "pending" else "none", err=True)


@app.command()
def show(ident: Ident, home: Home = None, settings: SettingsFile = None, json: Json = False) -> None:
    """One held call, with the arguments that will be sent."""
    import time

    from toolgate.approvals.card import card_text

    card = _at_the_desk(home, settings, lambda desk: desk.card(ident))
    if card is None:
        _decline("no such approval")
    if json:
        typer.echo(_json({**_fields(card.approval), "arguments": card.arguments}))
    else:
        typer.echo(card_text(card, time.time()))


@app.command()
def approve(
    ident: Ident,
    tier: Annotated[
        str,
        typer.Option(
            help="For a tool the policy does not list: read, reversible, irreversible or privileged."
        ),
    ] = "",
    name: As = "",
    passphrase_stdin: Stdin = False,
    home: Home = None,
    settings: SettingsFile = None,
) -> None:
    """Let a held call be made, once."""
    from toolgate.core.model import Tier

    if tier and tier not in set(Tier):
        raise Misuse(f"--tier: found {tier!r}, expected one of {', '.join(Tier)}")
    given = Tier(tier) if tier else None
    _decide(home, settings, name, passphrase_stdin, lambda desk, by: desk.approve(by, ident, given))


@app.command()
def deny(
    ident: Ident,
    name: As = "",
    passphrase_stdin: Stdin = False,
    home: Home = None,
    settings: SettingsFile = None,
) -> None:
    """Refuse a held call."""
    _decide(home, settings, name, passphrase_stdin, lambda desk, by: desk.deny(by, ident))


@app.command()
def clear(
    ident: Ident,
    name: As = "",
    passphrase_stdin: Stdin = False,
    home: Home = None,
    settings: SettingsFile = None,
) -> None:
    """Let a call be asked for again that was sent and whose outcome is unknown. Look first what it did."""
    _decide(home, settings, name, passphrase_stdin, lambda desk, by: desk.clear(by, ident))


@app.command()
def enrol(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new approver.")],
    role: Annotated[list[str], typer.Option(help="A role of the policy; may be repeated.")],
    by: Annotated[str, typer.Option(help="An approver who vouches; needed for all but the first.")] = "",
    passphrase_stdin: Stdin = False,
    home: Home = None,
    settings: SettingsFile = None,
) -> None:
    """Add an approver. With --passphrase-stdin: the new passphrase, then on the next line the voucher's."""
    from toolgate.approvals.desk import Declined

    async def added(desk: Desk) -> Approver | Declined:
        if desk.has_approvers() and not by:
            raise Misuse("--by: found nobody, expected an approver who vouches for the new one")
        new = _passphrase(f"New passphrase of {name}: ", passphrase_stdin)
        if not passphrase_stdin and new != _passphrase("Again: ", passphrase_stdin):
            return Declined("the two passphrases differ")
        voucher = (
            await desk.sign_in(by, _passphrase(f"Passphrase of {by}: ", passphrase_stdin)) if by else None
        )
        if isinstance(voucher, Declined):
            return voucher
        return await desk.enrol(name, tuple(role), new, voucher)

    done = _at_the_desk(home, settings, added)
    if isinstance(done, Declined):
        _decline(done.why, done.retry_after)
    typer.echo(f"{name} may now decide held calls")


def _decide(
    home: Path | None,
    settings: Path | None,
    name: str,
    stdin: bool,
    act: Callable[[Desk, Approver], Awaitable[Any]],
) -> None:
    """Sign in, act, and say what came of it."""
    from toolgate.approvals.desk import Declined

    async def signed_in(desk: Desk) -> Approval | Declined:
        who = name or desk.only_approver()
        approver = await desk.sign_in(who, _passphrase(f"Passphrase of {who}: ", stdin))
        return approver if isinstance(approver, Declined) else await act(desk, approver)

    done = _at_the_desk(home, settings, signed_in)
    if isinstance(done, Declined):
        _decline(done.why, done.retry_after)
    typer.echo(f"{done.id}: {done.state.value}")


def _at_the_desk(home: Path | None, settings: Path | None, act: Callable[[Desk], Awaitable[Any]]) -> Any:
    """Open the store, do one thing at the desk, close the store."""
    import asyncio
    import time

    from toolgate.approvals.desk import Desk
    from toolgate.policy.compile import open_policy
    from toolgate.secrets.keyring import open_keyring
    from toolgate.settings import chosen
    from toolgate.starters import ensure_policy
    from toolgate.stores.sqlite import SqliteStore

    places = chosen(home, settings)
    if places.file is None:
        # The first approver may come before the first wrapped server has put a policy here.
        ensure_policy(places.policies, "wrapped")
    keyring = open_keyring(places.master_key)

    async def run() -> Any:
        store = SqliteStore(places.store, keyring.journal_keys())
        try:
            return await act(
                Desk(store, keyring, places.approvers, open_policy(places.policies), "cli", time.time)
            )
        finally:
            await store.aclose()

    return asyncio.run(run())


def _passphrase(prompt: str, stdin: bool) -> str:
    """From the terminal itself, unseen; from standard input only when told so."""
    if stdin:
        return sys.stdin.readline().rstrip("\r\n")
    import getpass

    return getpass.getpass(prompt)


def _decline(why: str, retry_after: float | None = None) -> NoReturn:
    wait = "" if retry_after is None else f"; try again in {retry_after:.0f} s"
    typer.echo(f"not done: {why}{wait}", err=True)
    raise typer.Exit(1)


def _fields(approval: Approval) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(approval)


def _json(value: dict[str, Any]) -> str:
    import json

    return json.dumps(value)
