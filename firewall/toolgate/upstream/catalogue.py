"""The tools of one upstream: definitions walked, capped, compiled once and pinned by digest."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any, cast

import orjson

from toolgate.core.model import JsonObject, Mismatch, Tool
from toolgate.core.schema import compile_schema, too_complex
from toolgate.errors import UpstreamDown
from toolgate.protocol.headers import declared

MAX_PAGES = 100
MAX_TOOLS = 10_000
FRESH_SECONDS = 300.0
_RELIST_SECONDS = 1.0

# Fetches one page of tools/list: takes a cursor, gives the result object.
FetchPage = Callable[[str | None], Awaitable[JsonObject]]


class Catalogue:
    """What one upstream lists. A tool that is not here does not exist for anybody."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._tools: dict[str, Tool] = {}
        self._compiled: dict[str, Tool] = {}
        self._listed_at: float | None = None

    def peek(self, tool: str, now: float) -> Tool | None:
        """The tool as last listed, None when it is not known or the list is stale."""
        if self._listed_at is None or now - self._listed_at > FRESH_SECONDS:
            return None
        return self._tools.get(tool)

    def just_listed(self, now: float) -> bool:
        """Whether listing anew could hardly tell more: invented names must not cost a list each."""
        return self._listed_at is not None and now - self._listed_at < _RELIST_SECONDS

    def stale(self) -> None:
        """Forget that the list is fresh: the upstream said that it changed."""
        self._listed_at = None

    def learn(self, items: list[Any]) -> None:
        """Take in a page of definitions that passed through on its way to a client."""
        for tool in self._compile(items):
            self._tools[tool.name] = tool

    async def refresh(self, fetch: FetchPage, now: float) -> None:
        """Walk every page. Raises UpstreamDown on a cursor cycle or a list without end."""
        tools: dict[str, Tool] = {}
        cursor: str | None = None
        seen: set[str | None] = set()
        for _ in range(MAX_PAGES):
            page = await fetch(cursor)
            items: object = page.get("tools")
            if not isinstance(items, list):
                raise UpstreamDown(f"{self._name}: tools/list: expected a list of tools")
            tools |= {tool.name: tool for tool in self._compile(cast("list[object]", items))}
            following: object = page.get("nextCursor")
            if not isinstance(following, str):
                self._tools, self._listed_at = tools, now
                self._compiled = {tool.pin: tool for tool in tools.values()}
                return
            if following in seen or len(tools) > MAX_TOOLS:
                break
            seen.add(following)
            cursor = following
        raise UpstreamDown(
            f"{self._name}: tools/list: expected an end, found more than {MAX_PAGES} pages or a cycle"
        )

    def _compile(self, items: list[Any]) -> list[Tool]:
        return [self._one(cast("JsonObject", item)) for item in items if _named(item)]

    def _one(self, item: JsonObject) -> Tool:
        pin = hashlib.sha256(orjson.dumps(item, option=orjson.OPT_SORT_KEYS)).hexdigest()
        known = self._compiled.get(pin)
        if known is None:
            known = self._compiled[pin] = compiled(item, pin)
        return known


def _named(item: object) -> bool:
    return isinstance(item, dict) and isinstance(cast("JsonObject", item).get("name"), str)


def _never(_: Any) -> Mismatch:
    return Mismatch("arguments", "schema", "a tool whose schema can be checked")


def compiled(item: JsonObject, pin: str) -> Tool:
    """A tool definition ready to judge calls with; `broken` where its schemas cannot be used safely."""
    name, takes = cast("str", item["name"]), item.get("inputSchema", True)
    gives: object = item.get("outputSchema")
    params = declared(takes)
    why = too_complex(takes) or (too_complex(gives) if gives is not None else "")
    if isinstance(params, str):
        why, params = why or params, {}
    if why:
        return Tool(name, pin, _never, None, why)
    try:
        accepts = compile_schema(takes)
        returns = compile_schema(gives) if gives is not None else None
    except ValueError as error:
        return Tool(name, pin, _never, None, f"the schema does not compile: {error}")
    return Tool(name, pin, accepts, returns, "", _title(item), params)


def _title(item: JsonObject) -> str:
    title: object = item.get("title")
    return title if isinstance(title, str) else ""
