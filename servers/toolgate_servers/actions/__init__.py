"""Acting over MCP: mail, calendar, tickets, messages, contacts, git."""
