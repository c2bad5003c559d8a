"""`toolgate approvals`: held calls, decided by a person with a passphrase."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from toolgate.cli.atdesk import at_the_desk, decided, decline, line_of, passphrase, undeclined
from toolgate.cli.options import As, Home, Json, SettingsFile, Stdin
from toolgate.errors import Misuse

if TYPE_CHECKING:
    from toolgate.approvals.approvers import Approver
    from toolgate.approvals.desk import Desk, Offer
    from toolgate.core.model import Approval

app = typer.Typer(help="Held calls: list, show, approve, deny, watch.", no_args_is_help=True)

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
    found = at_the_desk(home, settings, lambda desk: desk.listing(wanted))
    now = time.time()
    if wanted is ApprovalState.PENDING:
        found = [approval for approval in found if approval.expires > now]
    for approval in found:
        typer.echo(line_of(_fields(approval)) if json else row_text(approval, now))
    if not found and not json:
        typer.echo("nothing waits" if state == "pending" else "none", err=True)


@app.command()
def show(
    ident: Ident,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Also what is hidden on the card; needs your passphrase.")
    ] = False,
    name: As = "",
    passphrase_stdin: Stdin = False,
    home: Home = None,
    settings: SettingsFile = None,
    json: Json = False,
) -> None:
    """One held call, with the arguments that will be sent."""
    import time

    from toolgate.approvals.card import card_text
    from toolgate.approvals.counter import UNKNOWN_ID

    if reveal:
        card = decided(home, settings, name, passphrase_stdin, lambda desk, by: desk.reveal(by, ident))
    else:
        card = at_the_desk(home, settings, lambda desk: desk.card(ident))
    if card is None:
        decline(UNKNOWN_ID)
    if json:
        typer.echo(line_of({**_fields(card.approval), "arguments": card.arguments, "hidden": card.hidden}))
        return
    typer.echo(card_text(card, time.time()))
    if card.offer is not None:
        typer.echo(_offer_text(card.offer))


@app.command()
def approve(
    ident: Ident,
    tier: Annotated[
        str,
        typer.Option(
            help="For a tool the policy does not list: read, reversible, irreversible or privileged."
        ),
    ] = "",
    edit: Annotated[
        str, typer.Option(help="Other arguments, as JSON or @FILE; - opens your editor with those held.")
    ] = "",
    grant: Annotated[
        str,
        typer.Option(help="Also let such calls go unasked: same, offered, or a pattern as JSON or @FILE."),
    ] = "",
    uses: Annotated[int, typer.Option(min=0, help="How many calls a grant covers; 0: as many as come.")] = 0,
    lasting: Annotated[str, typer.Option("--for", help="How long a grant lasts.")] = "1h",
    name: As = "",
    passphrase_stdin: Stdin = False,
    home: Home = None,
    settings: SettingsFile = None,
) -> None:
    """Let a held call be made, once; with --edit changed, with --grant and others like it, too."""
    from toolgate import units
    from toolgate.cli.editing import approved, given
    from toolgate.core.model import Tier

    if tier and tier not in set(Tier):
        raise Misuse(f"--tier: found {tier!r}, expected one of {', '.join(Tier)}")
    try:
        seconds = units.seconds(lasting)
    except ValueError as mistake:
        raise Misuse(f"--for: {mistake}") from None
    wish = given(ident, Tier(tier) if tier else None, edit, grant, uses or None, seconds)
    done = decided(home, settings, name, passphrase_stdin, lambda desk, by: approved(desk, by, wish))
    typer.echo(f"{done.approval.id}: {done.approval.state.value}")
    for line in done.words:
        typer.echo(line)


@app.command()
def deny(
    ident: Ident,
    name: As = "",
    passphrase_stdin: Stdin = False,
    home: Home = None,
    settings: SettingsFile = None,
) -> None:
    """Refuse a held call."""
    done = decided(home, settings, name, passphrase_stdin, lambda desk, by: desk.deny(by, ident))
    typer.echo(f"{done.id}: {done.state.value}")


@app.command()
def clear(
    ident: Ident,
    name: As = "",
    passphrase_stdin: Stdin = False,
    home: Home = None,
    settings: SettingsFile = None,
) -> None:
    """Let a call be asked for again that was sent and whose outcome is unknown. Look first what it did."""
    done = decided(home, settings, name, passphrase_stdin, lambda desk, by: desk.clear(by, ident))
    typer.echo(f"{done.id}: {done.state.value}")


@app.command()
def watch(
    name: As = "", passphrase_stdin: Stdin = False, home: Home = None, settings: SettingsFile = None
) -> None:
    """Held calls as they come, one key for each decision: a approve, d deny, s skip, q end."""
    from toolgate.cli.watching import watched

    decided(home, settings, name, passphrase_stdin, watched)


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
        new = passphrase(f"New passphrase of {name}: ", passphrase_stdin)
        if not passphrase_stdin and new != passphrase("Again: ", passphrase_stdin):
            return Declined("the two passphrases differ")
        voucher = (
            await desk.sign_in(by, passphrase(f"Passphrase of {by}: ", passphrase_stdin)) if by else None
        )
        if isinstance(voucher, Declined):
            return voucher
        return await desk.enrol(name, tuple(role), new, voucher)

    undeclined(at_the_desk(home, settings, added))
    typer.echo(f"{name} may now decide held calls")


def _offer_text(offer: Offer) -> str:
    """The grant a card offers, as it reads."""
    from toolgate.core.plain import plain

    lines = [f"approved {offer.like} times before; `approve --grant offered` would also let go unasked:"]
    lines += [f"  {plain(line)}" for line in offer.words]
    if offer.broad:
        lines.append(f"  mind: {', '.join(map(plain, offer.broad))} may be anything")
    return "\n".join(lines)


def _fields(approval: Approval) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(approval)
