"""`toolgate pause` and `toolgate resume`: the kill switch, in force from the next call on, everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolgate.cli.atdesk import at_the_desk, decided, decline, line_of, places_of, signed_in, undeclined
from toolgate.cli.options import As, Home, Json, SettingsFile, Stdin
from toolgate.errors import Misuse

if TYPE_CHECKING:
    from toolgate.approvals.desk import Desk
    from toolgate.core.standing import Pause

Upstream = Annotated[str, typer.Option(help="Only calls to this upstream.")]
Caller = Annotated[str, typer.Option(help="Only calls of this caller.")]
Tool = Annotated[str, typer.Option(metavar="U/T", help="Only calls to this tool of an upstream.")]


def pause(
    upstream: Upstream = "",
    caller: Caller = "",
    tool: Tool = "",
    listing: Annotated[bool, typer.Option("--list", help="Only show what is paused.")] = False,
    name: As = "",
    passphrase_stdin: Stdin = False,
    home: Home = None,
    settings: SettingsFile = None,
    json: Json = False,
) -> None:
    """Refuse every call from now on, or those of one upstream, caller or tool."""
    if listing:
        _show(at_the_desk(home, settings, lambda desk: desk.pauses()), "paused", as_json=json)
        return
    upstream, target = _place(upstream, tool)
    done = decided(
        home, settings, name, passphrase_stdin, lambda desk, by: desk.pause(by, upstream, caller, target)
    )
    _show((done,), "paused", as_json=json)
    known = places_of(home, settings).upstreams
    if upstream and known and upstream not in known:
        typer.echo(f"mind: the settings name no upstream `{upstream}`, only {', '.join(known)}", err=True)


def resume(
    upstream: Upstream = "",
    caller: Caller = "",
    tool: Tool = "",
    every: Annotated[bool, typer.Option("--all", help="Lift everything that is paused.")] = False,
    name: As = "",
    passphrase_stdin: Stdin = False,
    home: Home = None,
    settings: SettingsFile = None,
    json: Json = False,
) -> None:
    """Lift what `pause` was told with the same options; without any, the pause of everything."""
    upstream, target = _place(upstream, tool)

    async def lifted(desk: Desk) -> Any:
        named = (upstream, caller, target)
        found = [one.id for one in await desk.pauses() if (one.upstream, one.caller, one.tool) == named]
        if not found and not every:
            decline("nothing of this is paused; `toolgate pause --list` shows what is")
        wanted = "" if every else found[0]
        return await signed_in(desk, name, passphrase_stdin, lambda desk, by: desk.resume(by, wanted))

    _show(undeclined(at_the_desk(home, settings, lifted)), "resumed", as_json=json)


def _place(upstream: str, tool: str) -> tuple[str, str]:
    """The upstream and the tool's own name. Raises Misuse."""
    if not tool:
        return upstream, ""
    place, slash, target = tool.partition("/")
    if not (place and slash and target) or upstream not in ("", place):
        raise Misuse("--tool: expected UPSTREAM/TOOL, and no other --upstream beside it")
    return place, target


def _show(pauses: tuple[Pause, ...], word: str, *, as_json: bool) -> None:
    from toolgate.core.plain import plain

    for one in pauses:
        fields = {name: getattr(one, name) for name in ("id", "upstream", "caller", "tool", "by", "at")}
        typer.echo(line_of(fields) if as_json else f"{word}: {plain(one.words())}  by {plain(one.by)}")
    if not pauses and not as_json:
        typer.echo("nothing is paused", err=True)
