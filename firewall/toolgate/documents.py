"""Strict YAML: every mistake in a file people write is named with its line, all at once.

Only a plain subset of YAML is read: mappings with text keys, lists, text, numbers, `true`, `false`, `null`.
`no`, `on`, `012`, `1:30` and dates are text. Anchors, aliases, tags, merge keys, directives and a second
document are refused, so a small file cannot unfold into a large one.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

import yaml

from toolgate.errors import Misuse
from toolgate.mistakes import Steps, explained, spelled

if TYPE_CHECKING:
    from pydantic import BaseModel

MAX_BYTES = 1 << 20
MAX_DEPTH = 64

M = TypeVar("M", bound="BaseModel")
Scalar: TypeAlias = str | int | float | bool | None

_LOADER: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}
# Eighteen digits fit 64 bits; longer ones, leading zeros, 0x1F and 1_000 stay text.
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\Z")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?\Z")


@dataclass(frozen=True, slots=True)
class Tree:
    """The plain content of one file, and the line on which each key and list item stands."""

    path: Path
    content: Any
    lines: dict[Steps, int] = field(repr=False)

    def line(self, path: Steps) -> int:
        """The line of `path`, or of its nearest ancestor that is in the file."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return 1

    def where(self, path: Steps) -> str:
        """`FILE:LINE path.to[2].key`, the beginning of every message about this place."""
        return f"{self.path}:{self.line(path)} {spelled(path)}".rstrip()


@dataclass(frozen=True, slots=True)
class Document(Generic[M]):
    """A file that satisfies its model."""

    value: M
    tree: Tree = field(repr=False)

    @property
    def path(self) -> Path:
        """The file it was read from."""
        return self.tree.path

    def line(self, path: Steps) -> int:
        """The line of `path`, or of its nearest ancestor that is in the file."""
        return self.tree.line(path)

    def where(self, path: Steps) -> str:
        """`FILE:LINE path.to[2].key`."""
        return self.tree.where(path)


def load(path: Path, model: type[M], error: type[Misuse]) -> Document[M]:
    """Read `path` and check it against `model`. Raises `error` with one line per mistake."""
    return checked(read(path, error), model, error)


def checked(tree: Tree, model: type[M], error: type[Misuse]) -> Document[M]:
    """Check a tree against `model`. Raises `error` with one line per mistake."""
    from pydantic import ValidationError  # whoever passes a model has paid for this import already

    try:
        # JSON rules, strictly: lists may become tuples and text an enum, but "yes" never becomes true.
        return Document(model.model_validate_json(json.dumps(tree.content), strict=True), tree)
    except ValidationError as mistakes:
        complaints = [
            (e["type"], e["loc"], e["msg"], e.get("ctx", {})) for e in mistakes.errors(include_url=False)
        ]
        lines = explained(complaints, tree.content, json_schema(model))
        lines.sort(key=lambda line: tree.line(line[0]))
        raise error("\n".join(f"{tree.where(at)}: {text}" for at, text in lines)) from None


def read(path: Path, error: type[Misuse]) -> Tree:
    """Read the plain content of a file. Raises `error` where it cannot be read or is not our YAML."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as trouble:
        raise error(f"{path}: cannot be read: {trouble.strerror or type(trouble).__name__}") from None
    if len(content) > MAX_BYTES:
        raise error(f"{path}: found more than {MAX_BYTES} bytes, expected at most 1 MiB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as trouble:
        line = content.count(b"\n", 0, trouble.start) + 1
        raise error(f"{path}:{line}: found bytes that are not UTF-8, expected UTF-8 text") from None
    return parse(text, path, error)


def parse(text: str, path: Path, error: type[Misuse]) -> Tree:
    """Read the plain content of `text`; `path` is what messages call it. Raises `error`."""
    reader = _Reader(text)
    try:
        content = reader.document()
    except yaml.YAMLError as trouble:
        line, message = _syntax(trouble, text)
        raise error(f"{path}:{line}: {message}") from None
    tree = Tree(path, content, reader.lines)
    if reader.problems:
        raise error(
            "\n".join(
                f"{path}:{line} {spelled(at)}".rstrip() + f": {what}" for line, at, what in reader.problems
            )
        )
    return tree


def json_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema of a model, for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}


class _Reader:
    """Builds plain values from parser events; mistakes that do not stop reading are collected."""

    def __init__(self, text: str) -> None:
        self.lines: dict[Steps, int] = {}
        self.problems: list[tuple[int, Steps, str]] = []
        self._events: Iterator[Any] = yaml.parse(text, Loader=_LOADER)

    def document(self) -> Any:
        content: Any = None
        documents = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                self._opening(event, documents)
            elif isinstance(event, yaml.NodeEvent):
                value = self._value(event, ())
                content = value if documents == 1 else content
        if content is None and not self.problems:
            self._problem(None, (), "found an empty file, expected a mapping")
        return content

    def _opening(self, event: Any, documents: int) -> None:
        if event.version or event.tags:
            self._problem(event, (), "found a % directive, expected none")
        if documents == 2:
            self._problem(event, (), "found a second document, expected one per file")

    def _value(self, event: Any, at: Steps) -> Any:
        self.lines.setdefault(at, _line(event))
        if isinstance(event, yaml.AliasEvent):
            self._problem(event, at, "found an alias, expected the value itself")
            return None
        if event.anchor is not None:
            self._problem(event, at, "found an anchor, expected none")
        if event.tag is not None:
            self._problem(event, at, "found a tag, expected none")
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, at)
        if len(at) >= MAX_DEPTH:
            raise _broken(event, f"found more than {MAX_DEPTH} levels")
        return self._mapping(at) if isinstance(event, yaml.MappingStartEvent) else self._sequence(at)

    def _sequence(self, at: Steps) -> list[Any]:
        items: list[Any] = []
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            items.append(self._value(event, (*at, len(items))))
        return items

    def _mapping(self, at: Steps) -> dict[str, Any]:
        entries: dict[str, Any] = {}
        for event in self._events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key = self._key(event, at)
            inner = (*at, key)
            if key in entries:
                first = self.lines[inner]
                self._problem(event, inner, f"found this key a second time, expected it only on line {first}")
            self.lines.setdefault(inner, _line(event))
            value = self._value(next(self._events), inner)
            entries.setdefault(key, value)
        return entries

    def _key(self, event: Any, at: Steps) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            what = "an alias" if isinstance(event, yaml.AliasEvent) else "a list or mapping"
            raise _broken(event, f"found {what} as a key, expected text")
        key = str(event.value)
        plain = not event.style  # None or '', depending on the parser
        if event.anchor is not None or event.tag is not None:
            self._problem(event, (*at, key), "found an anchor or tag on a key, expected none")
        if plain and key == "<<":
            self._problem(event, (*at, key), "found a merge key, expected the keys themselves")
        if not key or (plain and key in ("~", "null")):
            self._problem(event, at, "found an empty key, expected text")
        return key

    def _scalar(self, event: Any, at: Steps) -> Scalar:
        text = str(event.value)
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            self._problem(event, at, "found half of a surrogate pair, expected whole characters")
            return None
        return text if event.style else _plain(text)

    def _problem(self, event: Any, at: Steps, what: str) -> None:
        self.problems.append((1 if event is None else _line(event), at, what))


def _plain(text: str) -> Scalar:
    """What an unquoted scalar means."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.match(text):
        return int(text)
    if _DECIMAL.match(text) and ("." in text or "e" in text.lower()) and math.isfinite(float(text)):
        return float(text)
    return text


def _broken(event: Any, what: str) -> yaml.MarkedYAMLError:
    mark: Any = event.start_mark
    return yaml.MarkedYAMLError(problem=what, problem_mark=mark)


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _syntax(trouble: yaml.YAMLError, text: str) -> tuple[int, str]:
    """Line and message of a YAML error. Its full text can quote the file: only `problem` is used."""
    mark = getattr(trouble, "problem_mark", None)
    if mark is None:
        position = getattr(trouble, "position", 0)
        return text.count("\n", 0, position) + 1, "found a control character, expected text"
    lines = text.split("\n")
    line = min(int(mark.line), len(lines) - 1)
    indent = re.match(r"[ \t]*", lines[line])
    if indent and "\t" in indent.group():
        return line + 1, "found a tab in the indentation, expected spaces"
    problem = getattr(trouble, "problem", None) or "found a mistake in the YAML syntax"
    return line + 1, str(problem)
