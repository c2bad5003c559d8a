"""`toolgate grants`: which calls go ahead unasked, and how to take that back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolgate.cli.atdesk import at_the_desk, decided, line_of
from toolgate.cli.options import As, Home, Json, SettingsFile, Stdin

if TYPE_CHECKING:
    from toolgate.approvals.desk import Granted

app = typer.Typer(help="Grants: calls that go ahead unasked.", no_args_is_help=True)


@app.command("list")
def list_(
    caller: Annotated[str, typer.Option(help="Only those of this caller.")] = "",
    every: Annotated[bool, typer.Option("--all", help="Also those used up, expired or revoked.")] = False,
    home: Home = None,
    settings: SettingsFile = None,
    json: Json = False,
) -> None:
    """The grants in force, each in words."""
    found: list[Granted] = at_the_desk(home, settings, lambda desk: desk.grants(caller))
    shown = [one for one in found if every or one.state == "live"]
    for one in shown:
        typer.echo(line_of(_fields(one)) if json else _text(one))
    if not shown and not json:
        typer.echo("none", err=True)


@app.command()
def revoke(
    ident: Annotated[str, typer.Argument(metavar="ID", help="The grant, as `list` shows it.")],
    name: As = "",
    passphrase_stdin: Stdin = False,
    home: Home = None,
    settings: SettingsFile = None,
) -> None:
    """Take a grant back: the next call is asked about again."""
    done = decided(home, settings, name, passphrase_stdin, lambda desk, by: desk.revoke(by, ident))
    typer.echo(f"{done.grant.id}: {done.state}")


def _text(granted: Granted) -> str:
    import time

    from toolgate.approvals.card import span
    from toolgate.core.plain import plain

    grant = granted.grant
    left = (
        "any number of calls" if grant.uses is None else f"{grant.uses - granted.used} of {grant.uses} left"
    )
    head = f"{grant.id}  {plain(grant.caller)}  {plain(f'{grant.upstream}/{grant.target}')}  {granted.state}"
    lines = [f"{head}  {left}  {span(grant.expires - time.time())}  by {plain(grant.by)}"]
    lines += [f"    {plain(line)}" for line in granted.words]
    if granted.broad:
        lines.append(f"    mind: {', '.join(map(plain, granted.broad))} may be anything")
    return "\n".join(lines)


def _fields(granted: Granted) -> dict[str, Any]:
    grant = granted.grant
    names = ("id", "caller", "upstream", "target", "tier", "uses", "created", "expires", "by")
    fields: dict[str, Any] = {name: getattr(grant, name) for name in names}
    fields |= {"pattern": dict(grant.pattern), "used": granted.used, "state": granted.state}
    return fields | {"words": list(granted.words), "broad": list(granted.broad)}
