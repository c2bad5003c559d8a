"""How the description of a tool is written, and how its example is read back: one format, one place."""

import json
import re
from typing import Any

EXAMPLE = re.compile(r"^Example: (\{.*\})$", re.MULTILINE)


def described(does: str, *, use: str, not_for: str, example: dict[str, Any]) -> str:
    """Write a description for a model: what the tool does, when to use it, when not, and one call of it."""
    return "\n".join(
        (
            does,
            f"Use when {use.rstrip('.')}.",
            f"Not for {not_for.rstrip('.')}.",
            f"Example: {json.dumps(example, ensure_ascii=False)}",
        )
    )


def example_in(description: str) -> dict[str, Any] | None:
    """Read the arguments of the example in a description, or None if it has none."""
    found = EXAMPLE.search(description)
    return json.loads(found.group(1)) if found else None
