"""`secret:` references inside settings: kept as text until the value is used.

`secret:env:NAME` is an environment variable, `secret:file:PATH` the content of a file without its final
newline, `secret:vault:MOUNT/PATH#KEY` one value of a secret in Vault. They may stand inside a longer text
(`Bearer secret:vault:kv/crm#token`); the path of a file reaches to the end of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

_SEGMENT = r"(?!\.\.?(?:[/#]|\Z))[A-Za-z0-9_@+=~.-]+"
PATH = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*\Z")
_REFERENCE = re.compile(
    r"secret:(?:env:([A-Za-z_][A-Za-z0-9_]*)|file:(.+)"
    rf"|vault:({_SEGMENT}(?:/{_SEGMENT})+)#([A-Za-z0-9_]+(?:[.-][A-Za-z0-9_]+)*))?",
    re.DOTALL,
)
_EXPECTED = "secret:env:NAME, secret:file:PATH or secret:vault:MOUNT/PATH#KEY"


@dataclass(frozen=True, slots=True)
class Variable:
    """An environment variable."""

    name: str

    def __str__(self) -> str:
        return f"secret:env:{self.name}"


@dataclass(frozen=True, slots=True)
class Content:
    """The content of a file; a relative path starts where the settings are."""

    path: str

    def __str__(self) -> str:
        return f"secret:file:{self.path}"


@dataclass(frozen=True, slots=True)
class Stored:
    """One value of a secret in Vault; the path begins with the mount."""

    path: str
    key: str

    def __str__(self) -> str:
        return f"secret:vault:{self.path}#{self.key}"


Reference: TypeAlias = Variable | Content | Stored


def mistake(text: str) -> str:
    """What is wrong with the references in `text`, as a sentence; empty where they are sound."""
    if any(match.end() - match.start() == len("secret:") for match in _REFERENCE.finditer(text)):
        return f"found an incomplete or unknown reference, expected {_EXPECTED}"
    return ""


def parts(text: str) -> list[str | Reference]:
    """`text` cut into its references and what stands between them. It has no mistake."""
    found: list[str | Reference] = []
    at = 0
    for match in _REFERENCE.finditer(text):
        found += [text[at : match.start()], _reference(match)]
        at = match.end()
    return [*found, text[at:]]


def references(text: str) -> Iterator[Reference]:
    """The references in `text`."""
    return (part for part in parts(text) if not isinstance(part, str))


def whole(text: str) -> bool:
    """Whether `text` is one reference to a variable or file and nothing else."""
    match = _REFERENCE.fullmatch(text)
    return match is not None and (match[1] is not None or match[2] is not None)


def _reference(match: re.Match[str]) -> Reference:
    if match[1] is not None:
        return Variable(match[1])
    return Content(match[2]) if match[2] is not None else Stored(match[3], match[4])
