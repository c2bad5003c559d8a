"""A small MCP server as people write them: notes in one JSON file. It knows nothing of toolgate."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from mcp.server.mcpserver import MCPServer

FILE = Path(sys.argv[1] if len(sys.argv) > 1 else "notes.json")
server = MCPServer("notes")


def _notes() -> list[str]:
    found: list[str] = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else []
    return found


@server.tool()
def list_notes() -> list[str]:
    """List all notes."""
    return _notes()


@server.tool()
def add_note(text: str) -> str:
    """Add a note."""
    FILE.write_text(json.dumps([*_notes(), text]), encoding="utf-8")
    return "added"


@server.tool()
def delete_all_notes() -> str:
    """Delete every note. This cannot be undone."""
    FILE.unlink(missing_ok=True)
    return "deleted"


if __name__ == "__main__":
    server.run("stdio")
