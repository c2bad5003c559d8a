"""What a schema leaves open: arguments without description, limit or type; no I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

DEEPEST = 12
MOST = 200

# What a format alone limits: JSON Schema 2020-12 Validation 7.3.
LIMITING = frozenset({"date", "date-time", "time", "uuid", "ipv4", "ipv6"})
# Arguments whose names promise a form that the schema should state.
FORMED = re.compile(r"(?:^|_)(?:url|uri|email|date|uuid)$", re.IGNORECASE)
FORMS = re.compile(r'"(?:format|pattern|enum|const|boolean|integer|\$ref)"')
JOINING = ("anyOf", "oneOf", "allOf")

Schema: TypeAlias = "dict[str, Any]"


@dataclass(frozen=True, slots=True)
class Lack:
    """Something that is missing: where, what was found and what was expected."""

    where: str
    found: str
    expected: str


def lacks(schema: Schema, where: str, *, bounded: bool) -> list[Lack]:
    """Look through the schema of an object; `bounded` asks for closed objects, limits and descriptions."""
    if schema.get("type") != "object":
        return [Lack(where, "another type than object", "an object")]
    found: list[Lack] = []
    for lack in _Walk(schema, bounded=bounded).at(schema, where, 0):
        found.append(lack)
        if len(found) == MOST:
            break
    return found


class _Walk:
    """Goes through a schema and the definitions that it refers to."""

    def __init__(self, root: Schema, *, bounded: bool) -> None:
        self._root = root
        self._bounded = bounded
        self._seen: set[str] = set()

    def at(self, schema: Schema, where: str, depth: int) -> Iterator[Lack]:
        """Look at one schema and what is in it."""
        if depth > DEEPEST:
            yield Lack(where, f"more than {DEEPEST} levels", "a flatter schema")
            return
        if (reference := schema.get("$ref")) is not None:
            yield from self._referred(reference, where, depth)
            return
        branches = [branch for key in JOINING for branch in _schemas(schema.get(key))]
        for branch in branches:
            yield from self.at(branch, where, depth + 1)
        if branches or "enum" in schema or "const" in schema:
            return
        kinds = schema.get("type")
        for kind in cast("list[object]", kinds) if isinstance(kinds, list) else [kinds]:
            yield from self._kind(kind, schema, where, depth)

    def _kind(self, kind: object, schema: Schema, where: str, depth: int) -> Iterator[Lack]:
        match kind:
            case "object":
                yield from self._object(schema, where, depth)
            case "array":
                yield from self._array(schema, where, depth)
            case "string" if self._bounded:
                yield from _string(schema, where)
            case "integer" | "number" if self._bounded:
                yield from _number(schema, where)
            case "string" | "integer" | "number" | "boolean" | "null":
                pass
            case _ if self._bounded:
                yield Lack(where, "no type", "one, or the values that are allowed")
            case _:
                pass

    def _referred(self, reference: object, where: str, depth: int) -> Iterator[Lack]:
        target: Any = self._root
        for part in str(reference).removeprefix("#/").split("/"):
            target = cast("Schema", target).get(part) if isinstance(target, dict) else None
        if not str(reference).startswith("#/") or not isinstance(target, dict):
            yield Lack(where, "a $ref that leads nowhere in the schema", "a definition of its own")
        elif str(reference) not in self._seen:
            self._seen.add(str(reference))
            yield from self.at(cast("Schema", target), where, depth + 1)

    def _object(self, schema: Schema, where: str, depth: int) -> Iterator[Lack]:
        inner = schema.get("properties")
        properties = cast("dict[str, Any]", inner) if isinstance(inner, dict) else {}
        others = schema.get("additionalProperties")
        if self._bounded and others is not False and not (others and "maxProperties" in schema):
            yield Lack(where, "an object that takes anything", "additionalProperties: false")
        if isinstance(others, dict):
            yield from self.at(cast("Schema", others), f"{where}.*", depth + 1)
        for name, value in properties.items():
            at = f"{where}.{name if re.fullmatch(r'[A-Za-z0-9_.$-]{1,80}', name) else '(a property)'}"
            if not isinstance(value, dict):
                yield Lack(at, "no schema", "one")
                continue
            found = cast("Schema", value)
            if self._bounded:
                yield from self._property(name, found, at)
            yield from self.at(found, at, depth + 1)

    def _property(self, name: str, schema: Schema, where: str) -> Iterator[Lack]:
        if not self._says(schema):
            yield Lack(where, "no description", "what it is and what it does")
        if FORMED.search(name) and not FORMS.search(json.dumps(schema)):
            yield Lack(where, "no form for what its name promises", "a format, a pattern or an enum")

    def _says(self, schema: Schema) -> bool:
        """Whether there is a description, here or in the definition that is referred to."""
        if isinstance(schema.get("description"), str) and schema["description"].strip():
            return True
        name = str(schema.get("$ref", "")).rpartition("/")[2]
        target = cast("Schema", self._root.get("$defs") or {}).get(name)
        return isinstance(target, dict) and bool(cast("Schema", target).get("description"))

    def _array(self, schema: Schema, where: str, depth: int) -> Iterator[Lack]:
        if self._bounded and "maxItems" not in schema:
            yield Lack(where, "an array without a limit", "maxItems")
        items = schema.get("items", schema.get("prefixItems"))
        if isinstance(items, dict):
            yield from self.at(cast("Schema", items), f"{where}[]", depth + 1)
        elif not isinstance(items, list):
            yield Lack(where, "an array of anything", "items")


def _string(schema: Schema, where: str) -> Iterator[Lack]:
    if "maxLength" not in schema and schema.get("format") not in LIMITING:
        yield Lack(where, "a string without a limit", "maxLength, an enum or a format")


def _number(schema: Schema, where: str) -> Iterator[Lack]:
    for bound, other in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if bound not in schema and other not in schema:
            yield Lack(where, f"a number without a {bound}", bound)


def _schemas(value: object) -> list[Schema]:
    listed = cast("list[object]", value) if isinstance(value, list) else []
    return [cast("Schema", one) for one in listed if isinstance(one, dict)]
