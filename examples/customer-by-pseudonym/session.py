"""What a model does with a customer it may write to and may not know: every line is what the model sees."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp_types import CallToolResult, TextContent

TOOLGATE = StdioServerParameters(command="toolgate", args=["serve", "--stdio", "--settings", "toolgate.yaml"])


async def called(client: Client, tool: str, **arguments: Any) -> CallToolResult:
    """Call a tool and show what comes back."""
    answer = await client.call_tool(tool, arguments)
    shown = " ".join(block.text for block in answer.content if isinstance(block, TextContent))
    print(f"{tool}({arguments})\n  -> {shown}")
    return answer


async def main() -> None:
    """Look a customer up, and write to it."""
    async with Client(stdio_client(TOOLGATE)) as client:
        found = await called(client, "customers__find_customer", name="Acme")
        contact = cast("dict[str, str]", found.structured_content)["contact"]
        await called(client, "actions__email_send", to=[contact], subject="Invoices", body="Two are open.")
        await called(client, "actions__email_send", to=["me@example.com"], subject="It is", body=contact)


if __name__ == "__main__":
    asyncio.run(main())
