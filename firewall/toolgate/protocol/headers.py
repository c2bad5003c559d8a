"""The `Mcp-*` headers of 2026-07-28: how values are encoded, and that they agree with the body."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from toolgate.core.model import JsonObject

NAMED: Final = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
    "tasks/get": "taskId",
    "tasks/update": "taskId",
    "tasks/cancel": "taskId",
}
ANNOTATION: Final = "x-mcp-header"
PREFIX: Final = "Mcp-Param-"

_SENTINEL = re.compile(r"=\?base64\?(.*)\?=")
_PLAIN = re.compile(r"[\x20-\x7E]*")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_DECIMAL = re.compile(r"-?[0-9]+(\.0+)?")
_TYPES = ("string", "integer", "boolean")
_ONE = (
    "items contains unevaluatedItems additionalProperties propertyNames unevaluatedProperties "
    "not if then else contentSchema"
).split()
_MANY = ("allOf", "anyOf", "oneOf", "prefixItems")
_NAMED_SCHEMAS = ("patternProperties", "dependentSchemas", "$defs", "definitions")


def encode(value: str) -> str:
    """A header value for any text: printable ASCII as it is, everything else in the base64 sentinel."""
    if _PLAIN.fullmatch(value) and value == value.strip() and not _SENTINEL.fullmatch(value):
        return value
    return f"=?base64?{base64.b64encode(value.encode()).decode()}?="


def decode(value: str | None) -> str | None:
    """The text of a header value, None for a sentinel that is not canonical base64 of UTF-8."""
    match = _SENTINEL.fullmatch(value) if value is not None else None
    if match is None:
        return value
    try:
        raw = base64.b64decode(match[1], validate=True)
        return raw.decode() if base64.b64encode(raw).decode() == match[1] else None
    except (binascii.Error, UnicodeDecodeError):
        return None


def declared(schema: object) -> dict[tuple[str, ...], tuple[str, str]] | str:
    """(header token, type) per property path that carries `x-mcp-header`, or why one of them is invalid.

    MCP 2026-07-28 streamable-http, custom headers: only on string, integer and boolean properties that
    a chain of plain `properties` reaches, an RFC 9110 token, unique whatever its case.
    """
    found: dict[tuple[str, ...], tuple[str, str]] = {}
    tokens: set[str] = set()
    for path, position in _positions(schema):
        if ANNOTATION not in position:
            continue
        token, kind = position[ANNOTATION], position.get("type")
        where = ".".join(path or ()) or "(root)"
        if not path:
            return f"{ANNOTATION} at {where}: expected on a property reached by plain `properties`"
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            return f"{ANNOTATION} at {where}: expected an RFC 9110 token"
        if not isinstance(kind, str) or kind not in _TYPES:
            return f"{ANNOTATION} at {where}: expected a string, integer or boolean property"
        if token.lower() in tokens:
            return f"{ANNOTATION} at {where}: expected a header no other property names"
        tokens.add(token.lower())
        found[path] = (token, kind)
    return found


def _positions(root: object) -> Iterator[tuple[tuple[str, ...] | None, JsonObject]]:
    stack: list[tuple[tuple[str, ...] | None, object]] = [((), root)]
    while stack:
        path, node = stack.pop()
        if not isinstance(node, dict):
            continue
        schema = cast("JsonObject", node)
        yield path, schema
        properties: object = schema.get("properties")
        if isinstance(properties, dict):
            below = cast("JsonObject", properties)
            stack.extend(((*path, name) if path is not None else None, sub) for name, sub in below.items())
        stack.extend((None, schema[key]) for key in _ONE if key in schema)
        for key in _MANY:
            stack.extend((None, sub) for sub in _listed(schema.get(key)))
        for key in _NAMED_SCHEMAS:
            named: object = schema.get(key)
            if isinstance(named, dict):
                stack.extend((None, sub) for sub in cast("JsonObject", named).values())


def _listed(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def param_headers(paths: Mapping[tuple[str, ...], tuple[str, str]], arguments: JsonObject) -> dict[str, str]:
    """The `Mcp-Param-*` headers that mirror these arguments; absent and null values have none."""
    made: dict[str, str] = {}
    for path, (token, _) in paths.items():
        text = _rendered(_at(arguments, path))
        if text is not None:
            made[PREFIX + token] = encode(text)
    return made


def param_mismatch(
    paths: Mapping[tuple[str, ...], tuple[str, str]], arguments: JsonObject, given: Mapping[str, str]
) -> str:
    """Where a call's `Mcp-Param-*` headers (lower-case names) and its arguments disagree, else empty."""
    for path, (token, kind) in paths.items():
        header = PREFIX + token
        raw, value = given.get(header.lower()), _at(arguments, path)
        text = _rendered(value)
        if (raw is None) != (text is None):
            return f"{header}: expected it exactly when the argument {'.'.join(path)} is given"
        if raw is None or text is None:
            continue
        decoded = decode(raw)
        if decoded is None or not _agrees(kind, value, text, decoded):
            return f"{header}: expected the value of the argument {'.'.join(path)}"
    return ""


def _agrees(kind: str, value: object, text: str, decoded: str) -> bool:
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if kind == "integer" and whole and not isinstance(value, bool) and _DECIMAL.fullmatch(decoded):
        # Integers are compared numerically: 42 and 42.0 agree.
        return len(decoded) < 32 and int(decoded.partition(".")[0]) == int(cast("int", value))
    return decoded == text


def _at(arguments: JsonObject, path: tuple[str, ...]) -> object:
    node: Any = arguments
    for key in path:
        if not isinstance(node, dict):
            return None
        node = cast("JsonObject", node).get(key)
    return node


def _rendered(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None
