"""What a stranger's schema can cost, worked out before anything compiles it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, cast
from urllib.parse import unquote, urldefrag, urljoin

from toolgate.core.model import JsonObject
from toolgate.core.pattern_cost import ANYWHERE, KEYS, added, own_steps

MAX_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 64
MAX_NODES: Final = 20_000
# Subschemas met when every $ref is written out; a validator visits each of them.
MAX_EXPANDED: Final = 50_000
MAX_CHAIN: Final = 200

# Keywords whose subschemas judge the same value, and those whose subschemas judge a part of it.
_SAME_ONE: Final = ("not", "if", "then", "else")
_SAME_LIST: Final = ("allOf", "anyOf", "oneOf")
_SAME_MAP: Final = ("dependentSchemas", "dependencies")
_PART_ONE: Final = (
    *("items", "additionalItems", "unevaluatedItems", "contains"),
    *("additionalProperties", "unevaluatedProperties", "propertyNames"),
)
_PART_LIST: Final = ("prefixItems", "items")
_PART_MAP: Final = ("properties", "patternProperties")
_HOLDS_MORE: Final = ("$defs", "definitions")
_REFS: Final = ("$ref", "$dynamicRef", "$recursiveRef")

# Whether it judges the same value, the subschema, and which part of the value it judges.
_Edge: TypeAlias = tuple[bool, JsonObject, str]


class TooComplex(ValueError):
    """The schema is beyond a cap; the message says which."""


@dataclass(frozen=True, slots=True)
class Cost:
    """`total` subschemas with every reference written out; `again` of them start the schema over.

    `steps` are what their patterns take for a letter, by where in the value it stands.
    """

    total: int
    again: int
    steps: Mapping[str, int] = field(default_factory=dict[str, int])

    def at(self, depth: int) -> int:
        """Subschemas met, at worst, when a value nests this deep."""
        starts: int = max(self.again, 1) ** min(depth, MAX_DEPTH)
        return self.total * starts


def cost(schema: object) -> Cost:
    """The cost of a schema. Raises TooComplex where it is beyond the caps or refers to something outside."""
    _within_caps(schema)
    if not isinstance(schema, dict):
        return Cost(1, 0)
    root = cast("JsonObject", schema)
    expansion = _Expansion(_Places(root))
    found = expansion.of(root)
    expansion.refuse_loops()
    return found


def _within_caps(schema: object) -> None:
    """Bytes, depth and nodes, whatever the keywords mean."""
    nodes, todo = 0, [(schema, 1)]
    while todo:
        value, depth = todo.pop()
        nodes += 1
        if nodes > MAX_NODES:
            raise TooComplex(f"the schema has more than {MAX_NODES} nodes")
        if depth > MAX_DEPTH:
            raise TooComplex(f"the schema nests deeper than {MAX_DEPTH} levels")
        if isinstance(value, dict):
            todo += [(item, depth + 1) for item in cast("JsonObject", value).values()]
        elif isinstance(value, list):
            todo += [(item, depth + 1) for item in cast("list[object]", value)]
    if len(json.dumps(schema)) > MAX_BYTES:
        raise TooComplex(f"the schema is larger than {MAX_BYTES} bytes")


@dataclass(slots=True)
class _Places:
    """Where the references of one document lead. `bases` gives each subschema its base URI by identity."""

    root: JsonObject
    roots: dict[str, JsonObject] = field(default_factory=dict[str, JsonObject])
    anchors: dict[tuple[str, str], JsonObject] = field(default_factory=dict[tuple[str, str], JsonObject])
    dynamic: dict[str, list[JsonObject]] = field(default_factory=dict[str, list[JsonObject]])
    bases: dict[int, str] = field(default_factory=dict[int, str])

    def __post_init__(self) -> None:
        self.learn(self.root, "")
        self.roots.setdefault("", self.root)

    def learn(self, schema: JsonObject, base: str) -> None:
        """Take in a subschema and all below it."""
        todo = [(schema, base)]
        while todo:
            node, base = todo.pop()
            base = self._identified(node, base)
            self.bases[id(node)] = base
            for _, child, _ in _children(node):
                todo.append((child, base))
            for keyword in _HOLDS_MORE:
                todo += [(child, base) for child in _schemas(node.get(keyword))]

    def _identified(self, node: JsonObject, base: str) -> str:
        """Note the names a subschema gives itself; its base URI."""
        own: object = node.get("$id", node.get("id"))
        if isinstance(own, str) and not own.startswith("#"):
            base = urldefrag(urljoin(base, own)).url
            self.roots.setdefault(base, node)
        elif isinstance(own, str):
            self.anchors[base, own[1:]] = node
        for keyword in ("$anchor", "$dynamicAnchor"):
            name: object = node.get(keyword)
            if isinstance(name, str):
                self.anchors[base, name] = node
                if keyword == "$dynamicAnchor":
                    self.dynamic.setdefault(name, []).append(node)
        return base

    def targets(self, node: JsonObject) -> Iterator[JsonObject]:
        """Where the references of a subschema lead; a dynamic one to every place it may."""
        for keyword in _REFS:
            ref: object = node.get(keyword)
            if not isinstance(ref, str):
                continue
            target = self._target(ref, self.bases.get(id(node), ""))
            if target is not None:
                yield target
            if keyword == "$dynamicRef":
                yield from (
                    other for other in self.dynamic.get(urldefrag(ref).fragment, ()) if other is not target
                )

    def _target(self, ref: str, base: str) -> JsonObject | None:
        """The schema a reference names, None for a boolean one."""
        url, fragment = urldefrag(urljoin(base, ref))
        root = self.root if not url and not base else self.roots.get(url)
        if root is None:
            raise TooComplex("a $ref leads outside the schema: expected one within it, starting with #")
        if (url, fragment) in self.anchors:
            return self.anchors[url, fragment]
        target = None if fragment and fragment[0] != "/" else _pointed(root, unquote(fragment))
        if not isinstance(target, dict):
            return None
        found = cast("JsonObject", target)
        if id(found) not in self.bases:
            self.learn(found, url)
        return found


def _pointed(root: JsonObject, pointer: str) -> object:
    """What a JSON pointer names; None where there is nothing (the compiler says so later)."""
    here: Any = root
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(here, list):
            items = cast("list[object]", here)
            here = items[int(name)] if name.isdecimal() and int(name) < len(items) else None
        elif isinstance(here, dict):
            here = cast("JsonObject", here).get(name)
        else:
            return None
    return here


def _schemas(value: object) -> Iterator[JsonObject]:
    """The schemas among the values of a list or an object."""
    yield from (child for _, child in _named(value))


def _named(value: object) -> Iterator[tuple[str, JsonObject]]:
    """The same, each with its key in the object."""
    items: list[tuple[str, object]] = []
    if isinstance(value, list):
        items = [(ANYWHERE, item) for item in cast("list[object]", value)]
    elif isinstance(value, dict):
        items = list(cast("JsonObject", value).items())
    yield from ((key, cast("JsonObject", item)) for key, item in items if isinstance(item, dict))


def _children(node: JsonObject) -> Iterator[_Edge]:
    """The subschemas written inside a schema."""
    for same, ones, many in (
        (True, _SAME_ONE, _SAME_LIST + _SAME_MAP),
        (False, _PART_ONE, _PART_LIST + _PART_MAP),
    ):
        for keyword in ones:
            child: object = node.get(keyword)
            if isinstance(child, dict):
                yield same, cast("JsonObject", child), KEYS if keyword == "propertyNames" else ANYWHERE
        for keyword in many:
            if keyword == "items" and not isinstance(node.get(keyword), list):
                continue
            for key, inner in _named(node.get(keyword)):
                yield same, inner, key if keyword == "properties" else ANYWHERE


class _Expansion:
    """Counts the subschemas of a document with every reference written out, each subschema once."""

    def __init__(self, places: _Places) -> None:
        self._places = places
        self._known: dict[int, Cost] = {}
        self._open: set[int] = set()
        self._same: dict[int, list[int]] = {}

    def of(self, node: JsonObject) -> Cost:
        """The cost of one subschema. A reference back to an open one starts over: it counts as one, again."""
        if len(self._open) >= MAX_CHAIN:
            raise TooComplex(f"the schema chains more than {MAX_CHAIN} subschemas")
        self._open.add(id(node))
        total, again, same = 1, 0, self._same.setdefault(id(node), [])
        steps = own_steps(node)
        for on_same, child, name in self._edges(node):
            inner = self._child(child)
            total += inner.total
            again += inner.again
            added(steps, inner.steps, name)
            if on_same:
                same.append(id(child))
            if total > MAX_EXPANDED:
                raise TooComplex(
                    f"the schema has more than {MAX_EXPANDED} subschemas with each $ref written out"
                )
        self._open.remove(id(node))
        self._known[id(node)] = found = Cost(total, again, steps)
        return found

    def _edges(self, node: JsonObject) -> Iterator[_Edge]:
        yield from _children(node)
        yield from ((True, target, ANYWHERE) for target in self._places.targets(node))

    def _child(self, child: JsonObject) -> Cost:
        if id(child) in self._open:
            return Cost(1, 1)
        return self._known.get(id(child)) or self.of(child)

    def refuse_loops(self) -> None:
        """Raises TooComplex where a schema leads back to itself without descending into the value."""
        waiting = dict.fromkeys(self._same, 0)
        for target in (target for targets in self._same.values() for target in targets):
            waiting[target] += 1
        free = [node for node, count in waiting.items() if not count]
        while free:
            for target in self._same[free.pop()]:
                waiting[target] -= 1
                if not waiting[target]:
                    free.append(target)
        if any(waiting.values()):
            raise TooComplex("a $ref leads back to its own schema for the same value, without end")
