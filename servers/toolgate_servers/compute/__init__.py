"""Arithmetic over MCP."""
