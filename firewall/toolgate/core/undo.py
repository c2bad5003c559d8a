"""The way back from a call: the arguments of its inverse, from what was sent and what came back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

import orjson

from toolgate.core.model import JsonObject

_ROOTS: Final = ("result", "arguments")
MISSING: Final = object()


def reference(text: str) -> tuple[str, ...] | None:
    """The path that a text stands for: `$result.id` is ("result", "id"); None for any other text.

    Raises ValueError for a `$` that begins neither; `$$` stands for a single one.
    """
    if not text.startswith("$") or text.startswith("$$"):
        return None
    root, *path = text[1:].split(".")
    if root not in _ROOTS or not all(path) or (root == "result" and not path):
        raise ValueError("$result.PATH, $arguments or $arguments.PATH; $$ for a text that begins with $")
    return (root, *path)


def inverse_of(template: JsonObject, arguments: JsonObject, result: JsonObject) -> JsonObject | str:
    """The arguments of the inverse; the reference that leads nowhere where one does."""
    roots = {"arguments": arguments, "result": told(result)}
    missing: list[str] = []
    made = _filled(template, roots, missing)
    return missing[0] if missing else cast("JsonObject", made)


def told(result: JsonObject) -> object:
    """What a tool's result says as a value: its structured content, else its first text read as JSON."""
    if "structuredContent" in result:
        return cast("object", result["structuredContent"])
    content: object = result.get("content")
    for block in cast("Sequence[Any]", content) if isinstance(content, list) else ():
        text: object = cast("JsonObject", block).get("text") if isinstance(block, dict) else None
        if isinstance(text, str):
            try:
                return cast("object", orjson.loads(text))
            except orjson.JSONDecodeError:
                return None
    return None


def _filled(template: Any, roots: dict[str, Any], missing: list[str]) -> Any:
    """The template with every reference in it replaced."""
    if isinstance(template, dict):
        parts = cast("JsonObject", template)
        return {key: _filled(value, roots, missing) for key, value in parts.items()}
    if isinstance(template, list):
        return [_filled(value, roots, missing) for value in cast("Sequence[Any]", template)]
    if not isinstance(template, str):
        return template
    path = reference(template)
    if path is None:
        return template[1:] if template.startswith("$$") else template
    found = _at(roots[path[0]], path[1:])
    if found is MISSING:
        missing.append(template)
    return found


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        if isinstance(value, dict) and step in value:
            value = cast("JsonObject", value)[step]
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(cast("Sequence[Any]", value)):
            value = cast("Sequence[Any]", value)[int(step)]
        else:
            return MISSING
    return cast("object", value)
