"""Replacements that a schema takes: something that fits, where a mask breaks a format, length or range."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import Any, Final, TypeAlias, cast
from urllib.parse import unquote

from toolgate.core.model import JsonObject, Validate
from toolgate.core.regex import whole
from toolgate.core.schema import compile_schema, path_of

_kind: Final = cast("Callable[[object], type[object]]", type)
Path: TypeAlias = tuple[str | int, ...]
# Schemas that all hold for one value.
_All: TypeAlias = tuple[JsonObject, ...]

# Alternatives that are followed for one place, references in a row, and how often another one is tried.
_ALTERNATIVES: Final = 32
_DEEPEST: Final = 32
_TRIES: Final = 64
# Below RFC 2606 and RFC 6761 nobody ever has an address of these names.
_HOST: Final = "redacted.invalid"
_SAMPLES: Final[Mapping[str, tuple[str, ...]]] = {
    "email": (f"redacted@{_HOST}", "r@r.invalid"),
    "idn-email": (f"redacted@{_HOST}", "r@r.invalid"),
    "uri": (f"https://{_HOST}/", "x:x"),
    "url": (f"https://{_HOST}/",),
    "iri": (f"https://{_HOST}/", "x:x"),
    "uri-reference": (f"https://{_HOST}/", "x"),
    "iri-reference": (f"https://{_HOST}/", "x"),
    "hostname": (_HOST, "r.invalid"),
    "idn-hostname": (_HOST, "r.invalid"),
    "ipv4": ("0.0.0.0",),  # noqa: S104 - an address that is none
    "ipv6": ("::",),
    "date": ("0001-01-01",),
    "time": ("00:00:00Z",),
    "date-time": ("0001-01-01T00:00:00Z",),
    "duration": ("PT0S",),
    "uuid": ("00000000-0000-0000-0000-000000000000",),
}
_URI: Final = r"[a-z][a-z0-9+.-]*:[^\s<>\"{}|\\^`]+"
_NAME: Final = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*"
_TIME: Final = r"\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:z|[+-]\d{2}:\d{2})"
_SHAPES: Final = {
    name: re.compile(shape, re.IGNORECASE)
    for name, shape in {
        "email": rf"[^@\s<>]+@{_NAME}",
        "idn-email": r"[^@\s<>]+@[^@\s<>]+",
        "uri": _URI,
        "url": _URI,
        "iri": _URI,
        "uri-reference": r"[^\s<>\"{}|\\^`]*",
        "iri-reference": r"[^\s<>\"{}|\\^`]*",
        "hostname": _NAME,
        "idn-hostname": r"[^\s<>@/]+",
        "ipv4": r"\d{1,3}(?:\.\d{1,3}){3}",
        "ipv6": r"[0-9a-f:.]*:[0-9a-f:.]*",
        "date": r"\d{4}-\d{2}-\d{2}",
        "time": _TIME,
        "date-time": rf"\d{{4}}-\d{{2}}-\d{{2}}t{_TIME}",
        "duration": r"p[0-9ymwdths]+",
        "uuid": r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    }.items()
}
# What pads a text of a format without breaking it: text before and after the padding.
_PADDED: Final = {
    **dict.fromkeys(("email", "idn-email"), ("redacted", f"@{_HOST}")),
    **dict.fromkeys(("uri", "url", "iri", "uri-reference", "iri-reference"), (f"https://{_HOST}/", "")),
}
# What a part of a schema says of a single value, formats apart.
_OWN: Final = frozenset(
    "type enum const pattern minLength maxLength minimum maximum exclusiveMinimum exclusiveMaximum"
    " multipleOf".split()
)


@dataclass(frozen=True, slots=True)
class _Place:
    """A text or number that was masked, and what may stand there instead, the best first."""

    path: Path
    candidates: tuple[Any, ...]


def fitted(before: Any, masked: Any, schema: Any, valid: Validate) -> Any | None:
    """A masked value as its schema takes it: the same object where it does already, None where nothing fits.

    `before` is the value as it came. Only what was masked is replaced, formats are held to as well, and what
    a list of values or a constant names is never made up. Alternatives (`anyOf`, `oneOf`) are tried in turn.
    """
    checks = _Checks(schema)
    places: list[_Place] = []
    for path, old, new in _changed(before, masked, ()):
        candidates = tuple(checks.candidates(path, old, new))
        if not candidates:
            return None
        places.append(_Place(path, candidates))
    chosen = [0] * len(places)
    for _ in range(_TRIES):
        made = masked
        for place, at in zip(places, chosen, strict=True):
            made = _put(made, place.path, place.candidates[at])
        mismatch = valid(made)
        if mismatch is None:
            return made
        other = _next(places, chosen, mismatch.path)
        if other is None:
            return None
        chosen[other] += 1
    return None


def agreeing(text: str, before: Any, after: Any) -> str | None:
    """The text of a block that repeats structured content, or a part of it, saying the same as it does now.

    None where it does not repeat it.
    """
    try:
        said: Any = json.loads(text)
    except ValueError:
        said = text
    for old, new in _parts(before, after):
        if type(old) is type(said) and old == said:
            if isinstance(new, str) and said is text:
                return new
            spaced = None if "\n" not in text else 2
            dense = spaced is None and '": ' not in text and '", ' not in text
            return json.dumps(
                new, ensure_ascii=False, indent=spaced, separators=(",", ":") if dense else None
            )
    return None


def _parts(before: Any, after: Any, depth: int = 0) -> Iterator[tuple[Any, Any]]:
    """A value and what it holds, two levels down, beside the same of the other."""
    yield before, after
    if depth < 2:
        for old, new in zip(_items(before), _items(after), strict=False):
            yield from _parts(old[1], new[1], depth + 1)


def _items(value: Any) -> list[tuple[str | int, Any]]:
    if _kind(value) is dict:
        return list(cast("JsonObject", value).items())
    return list(enumerate(cast("list[Any]", value))) if _kind(value) is list else []


def _changed(before: Any, masked: Any, path: Path) -> Iterator[tuple[Path, Any, Any]]:
    """Every text and number that was masked, at its place in the masked value; keys may have changed."""
    if isinstance(masked, (dict, list)):
        for (_, old), (step, new) in zip(_items(before), _items(masked), strict=True):
            yield from _changed(old, new, (*path, step))
    elif masked != before:
        yield path, before, masked


def _put(value: Any, path: Path, new: Any) -> Any:
    """The value with something else at a place; the rest is shared."""
    if not path:
        return new
    step = path[0]
    made, inner = value.copy(), value[step]
    put = _put(inner, path[1:], new)
    if put is inner:
        return value
    made[step] = put
    return made


def _next(places: Sequence[_Place], chosen: Sequence[int], where: str) -> int | None:
    """The place to try something else at: the first at or below the mismatch that has more to try."""
    for number, place in enumerate(places):
        if chosen[number] + 1 < len(place.candidates) and path_of(place.path).startswith(where):
            return number
    return None


class _Checks:
    """What a schema says of single places of a value, worked out once per part of the schema."""

    def __init__(self, schema: Any) -> None:
        self._root = schema
        self._known: dict[tuple[int, ...], Validate | None] = {}

    def candidates(self, path: Path, old: Any, new: Any) -> Iterator[Any]:
        """What may stand at a place, best first, each once."""
        seen: list[Any] = []
        for alternative in self._at(path):
            for candidate in _offered(alternative, old, new):
                if candidate != old and candidate not in seen and self._takes(alternative, candidate):
                    seen.append(candidate)
                    yield candidate

    def _takes(self, schemas: _All, candidate: Any) -> bool:
        """Whether a value fits what these schemas say of it alone, formats among it."""
        key = tuple(id(schema) for schema in schemas)
        if key not in self._known:
            own = [{name: schema[name] for name in schema.keys() & _OWN} for schema in schemas]
            try:
                self._known[key] = compile_schema({"allOf": own}) if own else None
            except ValueError:
                self._known[key] = None
        valid = self._known[key]
        if valid is not None and valid(candidate) is not None:
            return False
        shapes = [shape for schema in schemas if (shape := _SHAPES.get(str(schema.get("format"))))]
        return not isinstance(candidate, str) or all(shape.fullmatch(candidate) for shape in shapes)

    def _at(self, path: Path) -> list[_All]:
        """The schemas for a place: one tuple per alternative."""
        found = self._expanded(self._root, 0)
        for step in path:
            found = [
                together
                for alternative in found
                for together in self._together(
                    [child for schema in alternative for child in _below(schema, step)], 0
                )
            ][:_ALTERNATIVES]
        return found

    def _expanded(self, schema: Any, depth: int) -> list[_All]:
        """A schema with what it refers to and what it is put together of."""
        if not isinstance(schema, dict) or depth > _DEEPEST:
            return [()]
        node = cast("JsonObject", schema)
        every: list[Any] = [
            _resolved(self._root, node[key]) for key in ("$ref", "$dynamicRef") if key in node
        ]
        every += cast("list[Any]", node.get("allOf") or [])
        found: list[_All] = [(node, *rest) for rest in self._together(every, depth + 1)]
        for key in ("anyOf", "oneOf"):
            if key in node:
                found = self._either(found, cast("list[Any]", node[key]), depth)
        if "if" in node:
            found = self._either(found, [node.get("then"), node.get("else")], depth)
        return found

    def _together(self, schemas: Sequence[Any], depth: int) -> list[_All]:
        """All of these hold."""
        found: list[_All] = [()]
        for schema in schemas:
            more = self._expanded(schema, depth)
            found = [(*one, *other) for one in found for other in more][:_ALTERNATIVES]
        return found

    def _either(self, found: Sequence[_All], schemas: Sequence[Any], depth: int) -> list[_All]:
        """One of these holds."""
        more = [one for schema in schemas for one in self._expanded(schema, depth + 1)]
        return [(*one, *other) for other in more for one in found][:_ALTERNATIVES]


def _resolved(root: Any, reference: object) -> Any:
    """What a reference within the schema leads to, None where it leads nowhere or outside."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        return None
    here = root
    for word in reference[1:].split("/")[1:]:
        step = unquote(word).replace("~1", "/").replace("~0", "~")
        try:
            here = here[int(step)] if _kind(here) is list else here[step]
        except (KeyError, IndexError, TypeError, ValueError):
            return None
    return here


def _below(schema: JsonObject, step: str | int) -> Iterator[Any]:
    """What a schema says of one member or item."""
    if isinstance(step, int):
        first = cast("list[Any]", schema.get("prefixItems") or [])
        items: Any = schema.get("items")
        if step < len(first):
            yield first[step]
        elif _kind(items) is list:  # the drafts before 2020-12
            yield items[step] if step < len(items) else schema.get("additionalItems")
        elif items is not None:
            yield items
        return
    named = cast("JsonObject", schema.get("properties") or {})
    matched = [
        inner
        for pattern, inner in cast("JsonObject", schema.get("patternProperties") or {}).items()
        if _matches(pattern, step)
    ]
    if step in named:
        yield named[step]
    yield from matched
    if step not in named and not matched and "additionalProperties" in schema:
        yield schema["additionalProperties"]


def _matches(pattern: str, name: str) -> bool:
    try:
        return whole(rf"(?s:.*)(?:{pattern})(?s:.*)")(name)
    except ValueError:
        return False  # with lookahead: the validator has the last word anyway


def _offered(schemas: _All, old: Any, new: Any) -> Iterator[Any]:
    """What to try at one place, the best first."""
    if not isinstance(new, str):
        yield from _numbers(schemas)
        return
    formats = [name for schema in schemas if (name := str(schema.get("format"))) in _SAMPLES]
    least = max((_whole(schema.get("minLength"), 0) for schema in schemas), default=0)
    most = min((_whole(schema.get("maxLength"), 1 << 40) for schema in schemas), default=1 << 40)
    yield new
    for name in formats:
        yield from _SAMPLES[name]
        head, tail = _PADDED.get(name, ("", ""))
        yield head + "x" * (least - len(head) - len(tail)) + tail
    if not formats:
        yield new[:most].ljust(least, "*")
        if any("pattern" in schema for schema in schemas):
            yield _zeroed(str(old))


def _zeroed(text: str) -> str:
    """The same form without what it says: every digit a 0, every letter an x."""
    return re.sub(r"[^\W\d_]", lambda letter: "X" if letter[0].isupper() else "x", re.sub(r"\d", "0", text))


def _whole(value: object, otherwise: int) -> int:
    return int(value) if isinstance(value, (int, float)) else otherwise


def _numbers(schemas: _All) -> Iterator[int | float]:
    """Numbers in the range and on the grid of these schemas, 0 first."""
    yield 0
    for schema in schemas:
        step = schema.get("multipleOf")
        grid = step if isinstance(step, (int, float)) and step > 0 else 1
        for key, rounded, further in (
            ("minimum", ceil, 0),
            ("exclusiveMinimum", floor, 1),
            ("maximum", floor, 0),
            ("exclusiveMaximum", ceil, -1),
        ):
            bound = schema.get(key)
            if isinstance(bound, (int, float)):
                yield (rounded(bound / grid) + further) * grid
                yield bound + further / 2
