"""JSON Schemas of strangers: compiled once, checked fast, explained without quoting a value."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from toolgate.core.model import JsonObject, Mismatch, Validate
from toolgate.core.pattern_cost import BACKTRACK_LIMIT, too_many
from toolgate.core.schema_cost import TooComplex, cost

if TYPE_CHECKING:
    import jsonschema_rs

REGEX_BYTES: Final = 1 << 20
# Explaining visits every alternative, 20 µs each: beyond so many, at worst, the answer is only yes or no.
EXPLAIN_AT_MOST: Final = 20_000
LISTED: Final = 20
LONGEST: Final = 300
DEEPEST: Final = 64

_UNEXPLAINED: Final = Mismatch("$", "schema", "a value that fits the schema (too large to say where)")
_TOO_LONG: Final = Mismatch(
    "$", "pattern", "less text where the schema has patterns: it takes too long to match"
)
_NO_TEXT: Final = Mismatch("$", "encoding", "text without lone surrogates")

_Path: TypeAlias = list[str | int]
_Explain: TypeAlias = Callable[[Any, JsonObject], str]


class BadSchema(ValueError):
    """The schema cannot be compiled; the message names the place, never a value."""


def too_complex(schema: Any) -> str:
    """Why a schema is refused before it is compiled: size, depth, expanded references, references outside.

    Empty when it may be compiled.
    """
    try:
        cost(schema)
    except TooComplex as found:
        return str(found)
    return ""


def compile_schema(schema: Any) -> Validate:
    """Compile a schema: draft 2020-12, or the draft its `$schema` declares.

    Nothing is fetched and no file is read. `format` is an annotation, as the draft has it by default.
    Raises BadSchema for one that is too complex, invalid, or refers to something that is not in it.
    """
    import jsonschema_rs

    try:
        spent = cost(schema)
    except TooComplex as found:
        raise BadSchema(str(found)) from None
    limits = jsonschema_rs.FancyRegexOptions(
        backtrack_limit=BACKTRACK_LIMIT, size_limit=REGEX_BYTES, dfa_size_limit=REGEX_BYTES
    )
    try:
        validator = jsonschema_rs.validator_for(
            schema, offline=True, pattern_options=limits, validate_formats=False
        )
    except jsonschema_rs.ValidationError as error:
        raise BadSchema(f"{path_of(error.instance_path)}: not a valid schema ({error.kind.name})") from None
    except (ValueError, jsonschema_rs.ReferencingError):
        raise BadSchema("$: not a valid schema") from None

    def explained(value: Any) -> Mismatch:
        depth, size = _extent(value)
        if spent.at(depth) * size > EXPLAIN_AT_MOST:
            return _UNEXPLAINED
        try:
            validator.validate(value)
        except jsonschema_rs.ValidationError as error:
            return Mismatch(path_of(error.instance_path), error.kind.name, _short(_expected(error, schema)))
        return _UNEXPLAINED  # pragma: no cover - is_valid and validate agree; if they ever did not, refuse

    def validate(value: Any) -> Mismatch | None:
        if spent.steps and too_many(spent.steps, value):
            return _TOO_LONG
        try:
            return None if validator.is_valid(value) else explained(value)
        except UnicodeEncodeError:
            return _NO_TEXT

    return validate


def _extent(value: Any) -> tuple[int, int]:
    """How deep a value nests and how many values it holds."""
    depth, size, level = 0, 0, [value]
    while level and depth < DEEPEST:
        depth += 1
        size += len(level)
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below += cast("JsonObject", item).values()
            elif isinstance(item, list):
                below += item
        level = below
    return depth, size


def path_of(steps: Iterable[str | int]) -> str:
    """A JSON path: `$.filters.status[0]`; names that are no identifiers in quotes."""
    return "$" + "".join(_step(step) for step in steps)


def _step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if step.isidentifier() and len(step) <= LONGEST else f"[{_name(step)}]"


def _name(text: str) -> str:
    """A property name in quotes, cut where it is longer than any name should be."""
    return json.dumps(text if len(text) <= 60 else text[:60] + "…", ensure_ascii=False)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"


def _expected(error: jsonschema_rs.ValidationError, schema: Any) -> str:
    """What was expected, from the keyword and the schema alone."""
    name = error.kind.name
    if name == "propertyNames":
        return f"property names that fit: {_expected(error.kind.value, schema)}"
    if name in ("anyOf", "oneOf"):
        return _alternatives(error, schema)
    if name == "falseSchema" and error.schema_path[-1:] == ["additionalProperties"]:
        return "no properties"
    explain = _EXPLAIN.get(name)
    if explain is None:
        return f"a value that fits `{name}`"
    return explain(error.kind.value, _around(schema, error.schema_path))


def _around(schema: Any, path: _Path) -> JsonObject:
    """The schema object that holds the keyword at the end of the path, empty if it cannot be followed."""
    here: Any = schema
    for step in path[:-1]:
        try:
            here = here[step]
        except (KeyError, IndexError, TypeError):  # pragma: no cover - the library's paths lead somewhere
            return {}
    return cast("JsonObject", here) if isinstance(here, dict) else {}


def _alternatives(error: jsonschema_rs.ValidationError, schema: Any) -> str:
    """What each alternative misses first: the ones that got furthest into the value."""
    branches: list[list[jsonschema_rs.ValidationError]] = error.kind.value
    firsts = [branch[0] for branch in branches if branch]
    if len(firsts) < len(branches):
        return "a value that fits exactly one of the alternatives, not several"
    deepest = max((len(first.instance_path) for first in firsts), default=0)
    here = len(error.instance_path)
    said = dict.fromkeys(
        _placed(first, first.instance_path[here:], schema)
        for first in firsts
        if len(first.instance_path) == deepest
    )
    return " or ".join(list(said)[:LISTED])


def _placed(error: jsonschema_rs.ValidationError, below: _Path, schema: Any) -> str:
    said = _expected(error, schema)
    return f"{said} at {path_of(below)}" if below else said


def _plain(value: Any) -> str:
    """A value of the schema as text: strings bare, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _listing(values: Iterable[Any]) -> str:
    shown = [_plain(value) for value in values]
    return ", ".join(shown[:LISTED]) + (", …" if len(shown) > LISTED else "")


def _no_property(found: list[str], around: JsonObject) -> str:
    known = around.get("properties")
    names = _listing(cast("JsonObject", known)) if isinstance(known, dict) else ""
    return f"no property {', '.join(_name(name) for name in found[:LISTED])} (known: {names or 'none'})"


def _units(few: str, unit: str) -> _Explain:
    return lambda limit, _: f"{few} {limit} {unit if limit != 1 else _SINGULAR[unit]}"


_SINGULAR: Final = {"characters": "character", "items": "item", "properties": "property"}
_EXPLAIN: Final[dict[str, _Explain]] = {
    "type": lambda types, _: " or ".join(types),
    "required": lambda name, _: f"property {_name(name)} is required",
    "additionalProperties": _no_property,
    "unevaluatedProperties": _no_property,
    "enum": lambda options, _: f"one of: {_listing(options)}",
    "const": lambda value, _: f"exactly {_plain(value)}",
    "minimum": lambda limit, _: f"at least {limit}",
    "maximum": lambda limit, _: f"at most {limit}",
    "exclusiveMinimum": lambda limit, _: f"more than {limit}",
    "exclusiveMaximum": lambda limit, _: f"less than {limit}",
    "multipleOf": lambda step, _: f"a multiple of {step}",
    "minLength": _units("at least", "characters"),
    "maxLength": _units("at most", "characters"),
    "minItems": _units("at least", "items"),
    "maxItems": _units("at most", "items"),
    "minProperties": _units("at least", "properties"),
    "maxProperties": _units("at most", "properties"),
    "additionalItems": _units("at most", "items"),
    "pattern": lambda _, around: f"text matching {_plain(around.get('pattern', 'a pattern'))}",
    "uniqueItems": lambda _, __: "no item twice",
    "contains": lambda _, __: "as many items fitting `contains` as the schema asks for",
    "not": lambda _, __: "a value that the schema does not exclude",
    "unevaluatedItems": lambda _, __: "no further items",
    "falseSchema": lambda _, __: "nothing here",
}
