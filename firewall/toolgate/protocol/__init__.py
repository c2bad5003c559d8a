"""MCP as pure functions: versions, message shapes, headers, event streams and the shapes of both eras."""
