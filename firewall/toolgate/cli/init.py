"""`toolgate init`: meet a server and write a policy to edit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from toolgate.errors import Misuse, UpstreamDown

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from toolgate.firstcontact import Lister

Meet: TypeAlias = "Callable[[Sequence[str]], AbstractAsyncContextManager[Lister]]"

_SECONDS = 60.0
_PAGES = 1000


def command(
    target: Annotated[
        list[str] | None, typer.Argument(metavar="[URL | -- COMMAND...]", help="The server to meet.")
    ] = None,
    name: Annotated[
        str, typer.Option(help="What the server is called in policies. Default: from URL or command.")
    ] = "",
    out: Annotated[
        Path | None, typer.Option(help="The policy to write. Default: policy.yaml in the data folder.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over an existing policy.")] = False,
    home: Annotated[Path | None, typer.Option(help="The data folder. Default: yours.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Write the proposals as JSON, and no file.")
    ] = False,
) -> None:
    """Meet a server, propose a tier for each of its tools and write a commented policy to edit."""
    import asyncio

    from toolgate.firstcontact import propose, write_policy
    from toolgate.settings import for_home
    from toolgate.settings import home as default_home

    words = list(target or [])
    upstream = _name(name, words) if words else ""
    path = out if out is not None else for_home(home if home is not None else default_home()).policies
    if not as_json and not force and path.exists():
        raise Misuse(
            f"{path}: found a policy already, expected --out for another file or --force to replace it"
        )
    proposals = propose(asyncio.run(_tools(words, met))) if words else []
    if as_json:
        _write_json(proposals)
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_text(write_policy(proposals, upstream), encoding="utf-8")
    _tell(path, upstream, words, proposals)


@asynccontextmanager
async def met(target: Sequence[str]) -> AsyncGenerator[Lister]:
    """A connection to a URL or a started command. Raises UpstreamDown."""
    from mcp import MCPError
    from mcp.client import Client
    from mcp.client.stdio import StdioServerParameters

    from toolgate.upstream.greeting import Greeting

    yield Greeting(Client, StdioServerParameters, MCPError, target)


async def _tools(target: Sequence[str], meet: Meet) -> list[dict[str, Any]]:
    import asyncio

    try:
        async with asyncio.timeout(_SECONDS), meet(target) as server:
            return await server.list_all("tools/list")
    except TimeoutError:
        raise UpstreamDown(
            f"found no answer from the server within {_SECONDS:.0f} s, expected its tools"
        ) from None
