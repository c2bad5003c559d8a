"""A server made of families of tools, each of which can be switched off."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mcp.server import CacheHint
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.tools import Tool

from toolgate_servers.errors import CannotStart
from toolgate_servers.strict import VERSION


@dataclass(frozen=True, slots=True)
class Family:
    """Tools that are switched on and off together; `about` says what they work on, without secrets."""

    name: str
    about: str
    tools: Sequence[Tool]
    is_on: bool = True

    @staticmethod
    def off(name: str) -> "Family":
        """Make the family that offers nothing."""
        return Family(name, "off", (), is_on=False)

    def line(self) -> str:
        """Say in one line what the family offers."""
        if not self.is_on:
            return f"{self.name}: {self.about}"
        return f"{self.name}: on, {self.about}; {', '.join(tool.name for tool in self.tools)}"


class ToolServer(MCPServer[Any]):
    """An MCP server that offers the tools of its families."""

    def __init__(self, name: str, *, families: Iterable[Family], **settings: Any) -> None:
        self.families = tuple(families)
        tools = [tool for family in self.families for tool in family.tools]
        names = [tool.name for tool in tools]
        if doubled := {name for name in names if names.count(name) > 1}:
            raise CannotStart(
                f"{name}: found two tools named {', '.join(sorted(doubled))}, expected one each"
            )
        super().__init__(
            name,
            version=VERSION,
            tools=tools,
            cache_hints={"tools/list": CacheHint(ttl_ms=300_000, scope="public")},
            subscriptions=False,
            log_level="WARNING",
            **settings,
        )
