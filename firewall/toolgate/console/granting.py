"""What an approver can choose for each argument of a grant: from exactly this to anything."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import urlsplit

from toolgate.core.model import JsonObject
from toolgate.core.offers import ANY
from toolgate.core.shown import row_of, spelled
from toolgate.core.wording import reading

# Of a grant for more arguments than this only the exact one is offered.
_MOST: Final = 20
_MAIL: Final = re.compile(r"[^\s@<>,;\"/]+@[A-Za-z0-9.-]+\.[A-Za-z0-9-]+")
_PATH: Final = re.compile(r"(?!.*\.\.)[^\s:~][^\s:~]*/[^\s:~]+")


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to bound an argument: its number in the form, how it reads, and the pattern."""

    id: str
    words: str
    pattern: Any


@dataclass(frozen=True, slots=True)
class Chosen:
    """An argument with its choices, the narrowest first."""

    id: str
    name: str
    choices: tuple[Choice, ...]


def choices_of(arguments: JsonObject) -> list[Chosen]:
    """What can be chosen for each argument."""
    if len(arguments) > _MOST:
        return []
    return [
        Chosen(
            str(number),
            name,
            tuple(Choice(str(at), _words(spec), spec) for at, spec in enumerate(_bounds(value))),
        )
        for number, (name, value) in enumerate(arguments.items())
    ]


def pattern_of(arguments: JsonObject, sent: Callable[[str], str]) -> JsonObject:
    """The pattern that a form chose; what it does not say is exactly this."""
    found: JsonObject = {}
    for one in choices_of(arguments):
        wanted = sent(f"bound-{one.id}")
        found[one.name] = next(
            (choice.pattern for choice in one.choices if choice.id == wanted), one.choices[0].pattern
        )
    return found


def _words(spec: Any) -> str:
    """How it reads, as plain text: a choice of a form has no room for marks of another colour."""
    words = reading({"x": spec})[0].removeprefix("x: ")
    return spelled(row_of(words))


def _bounds(value: object) -> list[Any]:
    """Ways to bound a value, the narrowest first."""
    found: list[Any] = [{"equals": value}]
    texts = cast("list[object]", value) if isinstance(value, list) else [value]
    if texts and all(isinstance(text, str) for text in texts):
        shared = _shared([str(text) for text in texts])
        found += [{"each": one} for one in shared] if isinstance(value, list) else shared
    return [*found, ANY]


def _shared(texts: list[str]) -> list[JsonObject]:
    """What these texts have in common: hosts, or the folders they are in."""
    hosts = sorted({text.rpartition("@")[2].lower() for text in texts})
    if all(_MAIL.fullmatch(text) for text in texts):
        return [{"domain": hosts}]
    places = [place for place in map(_place, texts) if place is not None]
    if len(places) == len(texts):
        schemes, named = sorted({one[0] for one in places}), sorted({one[1] for one in places})
        return [{"url": {"schemes": schemes, "hosts": named}}]
    folders = sorted({text.rpartition("/")[0] for text in texts})
    if all(_PATH.fullmatch(text) for text in texts) and all(folders):
        return [{"path": folders}]
    return []


def _place(text: str) -> tuple[str, str] | None:
    """Scheme and host of a URL."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    return (parts.scheme, parts.hostname) if parts.scheme in ("http", "https") and parts.hostname else None
