"""Executes the example in the description of every tool; shared by the tests of the servers."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from mcp import Client
from mcp.server.mcpserver import MCPServer
from mcp_types import TextContent

from toolgate_servers.strict import examples_of


async def run_examples(server: MCPServer[Any], names: Collection[str] | None = None) -> list[str]:
    """Call each tool (or those named) as its description says, in the order of the list; gives the names."""
    examples = await examples_of(server)
    called: list[str] = []
    async with Client(server) as client:
        for name, arguments in examples.items():
            if names is not None and name not in names:
                continue
            assert arguments is not None, f"{name}: found no line `Example: {{…}}` in its description"
            result = await client.call_tool(name, arguments)
            first = result.content[0] if result.content else None
            assert not result.is_error, f"{name}: {first.text if isinstance(first, TextContent) else first}"
            assert result.structured_content is not None
            called.append(name)
    return called
