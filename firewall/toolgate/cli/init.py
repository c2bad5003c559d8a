"""`toolgate init`: meet a server and write a policy to edit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from toolgate.errors import Misuse, UpstreamDown

if TYPE_CHECKING:
    from toolgate.firstcontact import Lister, Proposal

# How a server is met: its name in policies and its URL or command.
Meet: TypeAlias = "Callable[[str, Sequence[str]], AbstractAsyncContextManager[Lister]]"

_SECONDS = 60.0


def command(
    target: Annotated[
        list[str] | None, typer.Argument(metavar="[URL | -- COMMAND...]", help="The server to meet.")
    ] = None,
    name: Annotated[str, typer.Option(help="Its name in policies. Default: from the URL or command.")] = "",
    out: Annotated[Path | None, typer.Option(help="The policy file. Default: in the data folder.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over an existing policy.")] = False,
    home: Annotated[Path | None, typer.Option(help="The data folder. Default: yours.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Only show the proposals, as JSON.")] = False,
) -> None:
    """Meet a server, propose a tier for each of its tools and write a commented policy to edit."""
    from toolgate.firstcontact import write_policy
    from toolgate.settings import for_home
    from toolgate.settings import home as default_home

    words = list(target or [])
    upstream = _sound(name or guessed(words)) if words else ""
    path = out if out is not None else for_home(home if home is not None else default_home()).policies
    if path.exists() and not (force or as_json):
        raise Misuse(
            f"{path}: found a policy already, expected --out with another file, or --force to replace it"
        )
    proposals = _proposals(upstream, words)
    if as_json:
        _write_json(proposals)
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_text(write_policy(proposals, upstream), encoding="utf-8")
    _tell(path, upstream, words, proposals)


async def tools(name: str, target: Sequence[str], meet: Meet) -> list[dict[str, Any]]:
    """What a server lists. Raises UpstreamDown when it does not answer within a minute."""
    import asyncio

    try:
        async with asyncio.timeout(_SECONDS), meet(name, target) as server:
            return await server.list_all("tools/list")
    except TimeoutError:
        raise UpstreamDown(f"{name}: found no answer within a minute, expected the list of tools") from None


def guessed(target: Sequence[str]) -> str:
    """A name for a server that nobody named: as `wrap` calls its command, or its host."""
    from urllib.parse import urlsplit

    from toolgate.cli.meeting import is_url
    from toolgate.cli.wrap import server_name

    if not is_url(target):
        return server_name(list(target))
    labels = (urlsplit(target[0]).hostname or "").split(".")
    telling = [
        label for label in labels if label not in ("mcp", "www", "api", "localhost") and not label.isdigit()
    ]
    return server_name(telling[:1])


def _sound(name: str) -> str:
    from toolgate.settings.file import upstream_name

    try:
        return upstream_name(name)
    except ValueError as wrong:
        raise typer.BadParameter(str(wrong), param_hint="--name") from None


def _proposals(name: str, target: Sequence[str]) -> list[Proposal]:
    import asyncio

    from toolgate.cli.meeting import met
    from toolgate.firstcontact import propose

    return propose(asyncio.run(tools(name, target, met))) if target else []


def _tell(path: Path, upstream: str, target: Sequence[str], proposals: Sequence[Proposal]) -> None:
    """What was written, and what to do next."""
    import json

    from toolgate.cli.meeting import is_url
    from toolgate.core.model import Tier

    typer.echo(f"{path}: a policy for {len(proposals)} tools; read it, then run `toolgate check`.")
    for tier in Tier:
        names = [proposal.tool for proposal in proposals if proposal.tier is tier]
        if names:
            typer.echo(f"  {tier.value:12}  {', '.join(json.dumps(name)[1:-1] for name in names)}")
    if target:
        place = {"url": target[0]} if is_url(target) else {"command": list(target)}
        typer.echo("Under `upstreams:` in toolgate.yaml this server is")
        typer.echo(f"  {upstream}: {json.dumps(place)}")


def _write_json(proposals: Sequence[Proposal]) -> None:
    import json

    rows = [{"tool": one.tool, "tier": one.tier.value, "why": one.why} for one in proposals]
    typer.echo(json.dumps(rows, indent=2))
