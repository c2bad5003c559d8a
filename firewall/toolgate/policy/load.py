"""Read a policy from a file, or from a folder whose files together are one policy."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from toolgate import documents
from toolgate.documents import Document
from toolgate.errors import PolicyError
from toolgate.mistakes import Steps
from toolgate.policy.document import PolicyFile


@dataclass(frozen=True, slots=True)
class Source:
    """A policy as written, and where each part of it stands."""

    path: Path
    file: PolicyFile
    documents: tuple[Document[PolicyFile], ...]

    def where(self, steps: Steps) -> str:
        """`FILE:LINE path.to.key`."""
        return max(self.documents, key=lambda document: _depth(document, steps)).where(steps)


def load(path: Path) -> Source:
    """Read and check the policy. Raises PolicyError with one line per mistake."""
    paths = files(path)
    if not paths:
        raise PolicyError(f"{path}: found no policy file, expected at least one ending in .yaml")
    found: list[Document[PolicyFile]] = []
    mistakes: list[str] = []
    for file in paths:
        try:
            found.append(documents.load(file, PolicyFile, PolicyError))
        except PolicyError as error:
            mistakes.append(str(error))
    merged = found[0].value if len(found) == 1 else None
    if not mistakes and merged is None:
        merged = _merged(found, mistakes)
    if mistakes or merged is None:
        raise PolicyError("\n".join(mistakes))
    return Source(path, merged, tuple(found))


def files(path: Path) -> list[Path]:
    """The policy files a path stands for, in a fixed order."""
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.glob("*.yaml") if not is_test(file))


def tests(path: Path) -> list[Path]:
    """The policy tests that stand beside a policy, in a fixed order."""
    if path.is_dir():
        return sorted(path.glob("*_test.yaml"))
    beside = path.with_name(f"{path.stem}_test.yaml")
    return [beside] if beside.exists() else []


def is_test(path: Path) -> bool:
    """Whether a file holds the tests of a policy."""
    return path.stem.endswith("_test")


def _depth(document: Document[PolicyFile], steps: Steps) -> int:
    """How much of a place stands in this file."""
    return max((n for n in range(len(steps) + 1) if steps[:n] in document.tree.lines), default=0)


def _merged(found: Sequence[Document[PolicyFile]], mistakes: list[str]) -> PolicyFile:
    """Several files as one; a key that two of them state is a mistake."""
    content: dict[str, Any] = {}
    for number, document in enumerate(found):
        for steps, value in _leaves(document.tree.content, ()):
            if _put(content, steps, value) or steps == ("version",):
                continue
            first = next(other for other in found[:number] if steps in other.tree.lines).where(steps)
            mistakes.append(f"{document.where(steps)}: found this key again, expected it only at {first}")
    return PolicyFile.model_validate_json(json.dumps(content))


def _leaves(content: dict[str, Any], at: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The parts that can stand in files of their own: a role or the rule of a tool is never split."""
    for key, value in content.items():
        steps = (*at, key)
        if isinstance(value, dict) and len(steps) < _SPLIT.get(steps[0], 0):
            yield from _leaves(cast("dict[str, Any]", value), steps)
        else:
            yield steps, value


def _put(into: dict[str, Any], steps: tuple[str, ...], value: object) -> bool:
    """Put a part into its place, if that is still free."""
    *parents, last = steps
    for step in parents:
        into = into.setdefault(step, {})
    if last in into:
        return False
    into[last] = value
    return True


_SPLIT = {"tiers": 2, "roles": 2, "tools": 2, "redaction": 3, "approval": 2}
