"""`toolgate undo`: calls taken back by the way back that the policy names, through the same checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from toolgate.cli.atdesk import at_the_desk, line_of, places_of, signed_in, undeclined
from toolgate.cli.options import As, Home, Json, SettingsFile, Stdin
from toolgate.errors import Misuse

if TYPE_CHECKING:
    from pathlib import Path

    from toolgate.approvals.desk import Approver, Desk
    from toolgate.core.model import Inverse
    from toolgate.undoing import Step


def command(
    call: Annotated[str, typer.Argument(metavar="CALL", help="The call, as the journal names it.")] = "",
    run: Annotated[str, typer.Option("--run", help="Every call of this session, the newest first.")] = "",
    again: Annotated[
        bool, typer.Option("--again", help="Although the last time failed, or nobody knows how it ended.")
    ] = False,
    listing: Annotated[bool, typer.Option("--list", help="Only show what can be taken back.")] = False,
    name: As = "",
    passphrase_stdin: Stdin = False,
    home: Home = None,
    settings: SettingsFile = None,
    json: Json = False,
) -> None:
    """Take back one call, or a whole run of them; stops and says so where one cannot be."""
    if listing:
        found: list[Inverse] = at_the_desk(home, settings, lambda desk: desk.inverses(run))
        for one in found:
            typer.echo(line_of(_fields(one)) if json else _line(one))
        if not found and not json:
            typer.echo("none", err=True)
        return
    if bool(call) == bool(run):
        raise Misuse("expected the id of one call, or --run SESSION")
    steps = _taken_back(home, settings, (name, passphrase_stdin), call, run, again=again)
    for step in steps:
        typer.echo(line_of(_fields(step)) if json else _told(step))
    if steps[-1].status != "done":
        raise typer.Exit(1)


def _taken_back(
    home: Path | None, settings: Path | None, who: tuple[str, bool], call: str, run: str, *, again: bool
) -> list[Step]:
    """Sign in at an app of our own, with its upstreams, and take back."""
    import asyncio

    from toolgate.app import build

    places = places_of(home, settings)

    async def main() -> Any:
        app = build(places)
        await app.start()
        desk = app.desk("cli")
        undoer = app.undoer(desk)

        async def act(_: Desk, approver: Approver) -> Any:
            if run:
                return await undoer.undo_run(approver, run)
            return await undoer.undo(approver, call, again=again)

        try:
            return await signed_in(desk, *who, act)
        finally:
            await app.close()

    done = undeclined(asyncio.run(main()))
    return cast("list[Step]", done if isinstance(done, list) else [done])


def _told(step: Step) -> str:
    from toolgate.core.plain import plain

    detail = f": {step.detail}" if step.detail else ""
    return plain(f"{step.call}  {step.undoes}  by {step.target}  {step.status}{detail}")


def _line(inverse: Inverse) -> str:
    import time

    from toolgate.approvals.card import span
    from toolgate.core.plain import plain

    left = "too late" if inverse.until <= time.time() else f"{span(inverse.until - time.time())} left"
    way = plain(f"{inverse.undoes}  by {inverse.upstream}/{inverse.target}  of {inverse.caller}")
    return f"{inverse.call}  {way}  {inverse.state.value}  {left}  session {plain(inverse.session)}"


def _fields(found: Inverse | Step) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(found)
