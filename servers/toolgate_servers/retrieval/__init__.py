"""Full-text search over a folder of documents, over MCP."""
