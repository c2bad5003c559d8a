"""Mail over MCP: drafts, and a local outbox."""
