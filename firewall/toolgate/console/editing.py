"""Arguments as a form an approver can change: a field for each, and back to arguments again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, cast

from toolgate.core.model import JsonObject
from toolgate.core.shown import Kind, rows_of

How: TypeAlias = Literal["text", "json"]
# With more arguments than this there is one field for all of them.
_MOST: Final = 40
_WHOLE: Final = "all"
_TALLEST: Final = 14


@dataclass(frozen=True, slots=True)
class Field:
    """One argument in a form. `id` is the name of its fields, `rows` how tall it is."""

    id: str
    name: str
    how: How
    value: str
    rows: int
    about: str


class Unreadable(ValueError):
    """What stands in a field is not what it must be; the message names the field and no value."""


def fields_of(arguments: JsonObject, schema: JsonObject) -> list[Field]:
    """A field for each argument, in their order. Texts stand as they are where nothing in them is odd."""
    if len(arguments) > _MOST:
        return [_field(_WHOLE, "all arguments", "json", arguments, "")]
    properties: Any = schema.get("properties")
    described = cast("JsonObject", properties) if isinstance(properties, dict) else {}
    return [
        _field(str(number), name, _how(value), value, _about(described.get(name)))
        for number, (name, value) in enumerate(arguments.items())
    ]


def edited(arguments: JsonObject, sent: Callable[[str], str]) -> JsonObject:
    """The arguments after an edit; `sent` gives a field of the form. Raises Unreadable."""
    if len(arguments) > _MOST:
        return _object(sent(f"field-{_WHOLE}"))
    found: JsonObject = {}
    for number, (name, value) in enumerate(arguments.items()):
        if sent(f"leave-{number}"):
            continue
        found[name] = _value(name, value, sent(f"field-{number}"))
    return found


def _value(name: str, before: object, text: str) -> object:
    # HTML: a form sends every line break as CR LF.
    text = text.replace("\r\n", "\n")
    if _how(before) == "text":
        return text
    try:
        return _loaded(text)
    except (ValueError, RecursionError):
        raise Unreadable(
            f"{name}: expected JSON, such as a number, true, [\u2026] or a text in quotation marks"
        ) from None


def _object(text: str) -> JsonObject:
    try:
        found = _loaded(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Unreadable("all arguments: expected a JSON object")
    return cast("JsonObject", found)


def _loaded(text: str) -> Any:
    """JSON without doubled keys: what is judged must be what was read."""

    def once(pairs: list[tuple[str, Any]]) -> JsonObject:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError("a key stands twice")
        return found

    def never(_: str) -> Any:
        raise ValueError("no number")

    return json.loads(text, object_pairs_hook=once, parse_constant=never)


def _how(value: object) -> How:
    """Whether a text survives a form as it is: nothing unseen in it that an approver would lose."""
    if not isinstance(value, str):
        return "json"
    marks = (one.kind for row in rows_of(value) for one in row)
    return "text" if all(kind is Kind.SHOWN for kind in marks) else "json"


def _field(ident: str, name: str, how: How, value: object, about: str) -> Field:
    text = str(value) if how == "text" else json.dumps(value, indent=2, ensure_ascii=True)
    if how == "json" and len(text) < 60 and not isinstance(value, dict):
        text = json.dumps(value, ensure_ascii=True)
    rows = sum(1 + len(line) // 70 for line in text.split("\n"))
    return Field(ident, name, how, text, min(_TALLEST, rows), about)


def _about(schema: object) -> str:
    described = cast("JsonObject", schema) if isinstance(schema, dict) else {}
    description: object = described.get("description")
    return description if isinstance(description, str) else ""
