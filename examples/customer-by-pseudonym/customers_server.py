"""A small MCP server as people write them: customers by name. It knows nothing of toolgate."""

from __future__ import annotations

from mcp.server.mcpserver import MCPServer

ACME = {"contact": "purchasing@acme.example.com", "phone": "+1 415 555 0132", "open": "2 invoices"}
CUSTOMERS = {"Acme": ACME}
server = MCPServer("customers")


@server.tool()
def find_customer(name: str) -> dict[str, str]:
    """Find a customer by the name of the company."""
    return CUSTOMERS.get(name, {"error": "no such customer"})


if __name__ == "__main__":
    server.run("stdio")
