"""`toolgate call`: one tool of an MCP server, called from the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from toolgate_clients.answers import mapping

if TYPE_CHECKING:
    from mcp_types import CallToolResult, Tool

    from toolgate_clients.connection import Place

_PAIR = re.compile(r"[A-Za-z_][\w.-]*=")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the words of the command line say: where, which tool, and its arguments as text."""

    place: Place
    tool: str
    pairs: tuple[tuple[str, str], ...]


def command(
    words: Annotated[list[str], typer.Argument(metavar="[URL] TOOL [NAME=VALUE]... [-- COMMAND...]")],
    arguments: Annotated[str, typer.Option(help="The arguments as a JSON object.")] = "{}",
    key: Annotated[str, typer.Option(envvar="TOOLGATE_KEY", help="The API key for a URL.")] = "",
    list_: Annotated[bool, typer.Option("--list", help="List the tools instead; leave TOOL out.")] = False,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for an answer.")] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="The whole answer as one JSON object.")] = False,
) -> None:
    """Call a tool: `call URL TOOL name=value` or `call TOOL name=value -- COMMAND`.

    Exit code 0: there is a result, 1: the server or its firewall said no, 2: misuse, or no connection.
    """
    import asyncio

    from toolgate_clients.connection import NotConnected

    asked = read(words, key, listing=list_)
    given = _object(arguments)
    try:
        if list_:
            raise typer.Exit(asyncio.run(_list(asked.place, timeout, as_json=as_json)))
        raise typer.Exit(asyncio.run(_call(asked, given, timeout, as_json=as_json)))
    except NotConnected as why:
        typer.echo(shown(str(why)), err=True)
        raise typer.Exit(2) from None


def read(words: Sequence[str], key: str, *, listing: bool = False) -> Asked:
    """Make sense of the words; `--` is not among them any more. Raises typer.BadParameter."""
    from toolgate_clients.connection import Place

    rest = list(words)
    url = rest.pop(0) if rest and rest[0].startswith(("http://", "https://")) else ""
    tool = "" if listing or not rest else rest.pop(0)
    pairs: list[tuple[str, str]] = []
    while rest and not listing and _PAIR.match(rest[0]):
        name, _, value = rest.pop(0).partition("=")
        pairs.append((name, value))
    if not tool and not listing:
        raise typer.BadParameter("found no tool, expected its name after the URL, or --list")
    if url and rest:
        raise typer.BadParameter(f"found {rest[0]!r}, expected NAME=VALUE after the tool")
    if not url and not rest:
        raise typer.BadParameter("found no server, expected a URL first, or -- and a command last")
    return Asked(Place(url, key) if url else Place(command=tuple(rest)), tool, tuple(pairs))


def valued(text: str, schema: object) -> Any:
    """The value a NAME=VALUE means: text where the tool wants text, else JSON if it is JSON."""
    if mapping(schema).get("type") == "string":
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def shown(text: str) -> str:
    """A stranger's text for a terminal: what could move the cursor or hide is written as an escape."""
    return "".join(
        letter if letter.isprintable() or letter in "\n\t" else f"\\u{{{ord(letter):x}}}" for letter in text
    )


def lines(result: CallToolResult) -> list[str]:
    """The content of a result as people read it."""
    told: list[str] = []
    for block in result.content:
        plain = block.model_dump(by_alias=True, exclude_none=True)
        if block.type == "text":
            told.append(shown(block.text))
        else:
            told.append(shown(f"[{block.type} {plain.get('mimeType') or plain.get('uri') or ''}]"))
    if not told and result.structured_content is not None:
        told.append(json.dumps(result.structured_content, indent=2))
    return told


async def _call(asked: Asked, given: dict[str, Any], seconds: float, *, as_json: bool) -> int:
    from mcp import MCPError

    from toolgate_clients.connection import connected

    async with connected(asked.place, seconds) as client:
        listed = {tool.name: tool for tool in (await client.list_tools()).tools}
        values = {name: valued(text, _property(listed.get(asked.tool), name)) for name, text in asked.pairs}
        try:
            result = await client.call_tool(asked.tool, {**given, **values})
        except MCPError as error:
            return _failed(error, sorted(listed), as_json=as_json)
    if as_json:
        typer.echo(result.model_dump_json(by_alias=True, exclude_none=True))
    else:
        for line in lines(result):
            typer.echo(line, err=bool(result.is_error))
    return 1 if result.is_error else 0


def _failed(error: Any, listed: list[str], *, as_json: bool) -> int:
    if as_json:
        typer.echo(json.dumps({"error": error.error.model_dump(by_alias=True, exclude_none=True)}))
        return 1
    typer.echo(shown(str(error)), err=True)
    typer.echo(shown(f"tools listed here: {', '.join(listed) or 'none'}"), err=True)
    return 1


async def _list(place: Place, seconds: float, *, as_json: bool) -> int:
    from toolgate_clients.connection import connected

    async with connected(place, seconds) as client:
        tools = (await client.list_tools()).tools
    if as_json:
        typer.echo(json.dumps([tool.model_dump(by_alias=True, exclude_none=True) for tool in tools]))
        return 0
    for tool in tools:
        about = (tool.description or "").strip().split("\n")[0]
        typer.echo(f"{shown(tool.name):<30} {shown(about)}")
    return 0


def _property(tool: Tool | None, name: str) -> object:
    schema: Any = tool.input_schema if tool is not None else {}
    return schema.get("properties", {}).get(name)


def _object(text: str) -> dict[str, Any]:
    try:
        found: Any = json.loads(text)
    except json.JSONDecodeError as fault:
        where = f"character {fault.pos + 1}"
        raise typer.BadParameter(
            f"found no JSON at {where}, expected an object", param_hint="--arguments"
        ) from None
    if not isinstance(found, dict):
        raise typer.BadParameter("found JSON of another kind, expected an object", param_hint="--arguments")
    return mapping(cast("object", found))
