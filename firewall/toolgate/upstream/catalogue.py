"""The tools of one upstream: definitions walked, capped, compiled once and pinned by digest."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

import orjson

from toolgate.core.model import JsonObject, Mismatch, Tool
from toolgate.core.schema import compile_schema, too_complex
from toolgate.errors import Malformed, UpstreamDown
from toolgate.protocol.headers import declared

MAX_PAGES = 100
MAX_TOOLS = 10_000
FRESH_SECONDS = 300.0
_RELIST_SECONDS = 1.0

# Fetches one page of tools/list: takes a cursor, gives the result object.
FetchPage = Callable[[str | None], Awaitable[JsonObject]]


class Catalogue:
    """What one upstream lists. A tool that is not here does not exist for anybody.

    Definitions are compiled when their tool is first called: a list of thousands costs next to nothing.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._listed: dict[str, JsonObject] = {}
        self._tools: dict[str, Tool] = {}
        self._listed_at: float | None = None

    def peek(self, tool: str, now: float) -> Tool | None:
        """The tool as last listed, None when it is not known or the list is stale."""
        if self._listed_at is None or now - self._listed_at > FRESH_SECONDS:
            return None
        return self._tools.get(tool) or self._made(tool)

    def just_listed(self, now: float) -> bool:
        """Whether listing anew could hardly tell more: invented names must not cost a list each."""
        return self._listed_at is not None and now - self._listed_at < _RELIST_SECONDS

    def stale(self) -> None:
        """Forget that the list is fresh: the upstream said that it changed."""
        self._listed_at = None

    def learn(self, items: list[Any]) -> None:
        """Take in a page of definitions that passed through on its way to a client."""
        for item in _definitions(items[:MAX_TOOLS]):
            if item["name"] in self._listed or len(self._listed) < MAX_TOOLS:
                self._list(item)

    async def refresh(self, fetch: FetchPage, now: float) -> None:
        """Walk every page. Raises UpstreamDown on a cursor cycle or a list without end."""
        listed: dict[str, JsonObject] = {}
        cursor: str | None = None
        seen: set[str | None] = set()
        for _ in range(MAX_PAGES):
            page = await fetch(cursor)
            items: object = page.get("tools")
            if not isinstance(items, list):
                raise Malformed(f"{self._name}: tools/list: expected a list of tools")
            listed |= {str(item["name"]): item for item in _definitions(cast("list[object]", items))}
            if len(listed) > MAX_TOOLS:
                raise Malformed(f"{self._name}: tools/list: expected at most {MAX_TOOLS} tools")
            following: object = page.get("nextCursor")
            if not isinstance(following, str):
                self._replace(listed)
                self._listed_at = now
                return
            if following in seen:
                break
            seen.add(following)
            cursor = following
        raise UpstreamDown(
            f"{self._name}: tools/list: expected an end, found more than {MAX_PAGES} pages or a cycle"
        )

    def _replace(self, listed: dict[str, JsonObject]) -> None:
        before, self._listed = self._listed, listed
        self._tools = {
            name: tool for name, tool in self._tools.items() if listed.get(name) == before.get(name)
        }

    def _list(self, item: JsonObject) -> None:
        name: str = item["name"]
        if self._listed.get(name) != item:
            self._tools.pop(name, None)
        self._listed[name] = item

    def _made(self, name: str) -> Tool | None:
        item = self._listed.get(name)
        if item is None:
            return None
        pin = hashlib.sha256(orjson.dumps(item, option=orjson.OPT_SORT_KEYS)).hexdigest()
        made = self._tools[name] = compiled(item, pin)
        return made


def _definitions(items: Sequence[object]) -> list[JsonObject]:
    """What of a page can be called at all: objects with a name."""
    objects = [cast("JsonObject", item) for item in items if isinstance(item, dict)]
    return [item for item in objects if isinstance(item.get("name"), str)]


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
    schema = cast("JsonObject", takes) if isinstance(takes, dict) else {}
    formats = b'"format"' in orjson.dumps(gives)
    return Tool(name, pin, accepts, returns, "", _title(item), params, schema, gives, formats)


def _title(item: JsonObject) -> str:
    title: object = item.get("title")
    return title if isinstance(title, str) else ""
