"""The YAML that settings are written in: mappings, lists, text, numbers, true, false, null, and nothing else.

`no`, `on`, `012` and `1:30` are text. Anchors, tags and a second document are refused, so a small file cannot
unfold into a large one; a key that occurs twice is an error and not a choice.
"""

import re
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from toolgate_servers.errors import CannotStart

MAX_BYTES = 1 << 20

Steps: TypeAlias = tuple[str | int, ...]
Lines: TypeAlias = dict[Steps, int]

BOOL, INT, FLOAT, NULL, TEXT = (
    f"tag:yaml.org,2002:{kind}" for kind in ("bool", "int", "float", "null", "str")
)
PLAIN = (
    (BOOL, re.compile(r"true|false")),
    (NULL, re.compile(r"null|~|")),
    (INT, re.compile(r"-?(?:0|[1-9][0-9]{0,17})")),
    (FLOAT, re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")),
)


class PlainLoader(yaml.SafeLoader):
    """Composes nodes without anchors, tags and the surprising scalars of YAML 1.1."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Compose one node."""
        base: Any = super()
        event: Any = base.peek_event()
        mark: Any = event.start_mark
        if event.anchor is not None:  # of aliases too
            raise yaml.MarkedYAMLError(problem="found an anchor or alias", problem_mark=mark)
        if getattr(event, "tag", None) is not None:
            raise yaml.MarkedYAMLError(problem="found a tag", problem_mark=mark)
        return base.compose_node(parent, index)

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        """Give the tag of a node; quoted scalars are text."""
        base: Any = super()
        if kind is not yaml.ScalarNode:
            return base.resolve(kind, value, implicit)
        if implicit[0]:
            return next((tag for tag, pattern in PLAIN if pattern.fullmatch(value)), TEXT)
        return TEXT


def read_yaml(path: Path) -> tuple[Any, Lines]:
    """Read the plain content of a file, and the line of every key and item.

    Raises:
        CannotStart: The file cannot be read or is not this kind of YAML; the text says where.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as trouble:
        raise CannotStart(f"{path}: cannot be read: {trouble.strerror or type(trouble).__name__}") from None
    if len(raw) > MAX_BYTES:
        raise CannotStart(f"{path}: found more than {MAX_BYTES} bytes, expected at most 1 MiB")
    try:
        node = PlainLoader(raw.decode("utf-8-sig")).get_single_node()
    except UnicodeDecodeError:
        raise CannotStart(f"{path}: found bytes that are not UTF-8, expected UTF-8 text") from None
    except RecursionError:
        raise CannotStart(f"{path}: found values nested too deep, expected a settings file") from None
    except yaml.YAMLError as trouble:
        mark = getattr(trouble, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        problem = getattr(trouble, "problem", None) or "something that is not YAML"
        raise CannotStart(f"{path}:{line}: {problem}, expected plain YAML") from None
    lines: Lines = {(): 1}
    return _plain(node, (), lines, path), lines


def spelled(steps: Steps) -> str:
    """Write a place in a file as `path.to[2].key`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return text.removeprefix(".")


def _plain(node: Any, at: Steps, lines: Lines, path: Path) -> Any:
    if node is None:
        return None
    lines.setdefault(at, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, at, lines, path)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*at, number), lines, path) for number, item in enumerate(node.value)]
    if node.tag == BOOL:
        return node.value == "true"
    if node.tag == NULL:
        return None
    return {INT: int, FLOAT: float}.get(node.tag, str)(node.value)


def _mapping(node: yaml.MappingNode, at: Steps, lines: Lines, path: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise CannotStart(f"{path}:{line} {spelled(at)}: found a key that is not text, expected text")
        if key.value in found:
            raise CannotStart(
                f"{path}:{line} {spelled((*at, key.value))}: found the same key twice, expected it once"
            )
        lines[*at, key.value] = line
        found[key.value] = _plain(value, (*at, key.value), lines, path)
    return found
