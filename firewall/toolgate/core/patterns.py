"""Patterns of names: `*` is any run of characters, `{a,b}` a choice.

In URIs `*` stops at `/` and `**` does not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar
from urllib.parse import unquote

from toolgate.core.regex import escape, whole

CHOICES: Final = 256
_BRACES: Final = re.compile(r"\{([^{}]*)\}")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Glob:
    """Text in which each `*` stands for any run of characters, `/` included."""

    text: str

    def matches(self, value: str) -> bool:
        """Whether the whole value fits, in time linear in the value for each `*`."""
        first, *middle = self.text.split("*")
        if not middle:
            return value == first
        last = middle.pop()
        end = len(value) - len(last)
        at = len(first)
        if end < at or not value.startswith(first) or not value.endswith(last):
            return False
        for part in middle:
            found = value.find(part, at, end)
            if found < 0:
                return False
            at = found + len(part)
        return True

    def overlaps(self, other: Glob) -> bool:
        """Whether some text fits both."""
        left, right = self.text, other.text
        todo = [(0, 0)]
        seen = {(0, 0)}
        while todo:
            i, j = todo.pop()
            if i == len(left) and j == len(right):
                return True
            for step in _steps(left[i : i + 1], right[j : j + 1]):
                state = (i + step[0], j + step[1])
                if state not in seen:
                    seen.add(state)
                    todo.append(state)
        return False


def _steps(left: str, right: str) -> Iterator[tuple[int, int]]:
    """How far two globs may advance together, given the next character of each."""
    if left == "*":
        yield 1, 0
    if right == "*":
        yield 0, 1
    if left == "*" and right:
        yield 0, 1
    if right == "*" and left:
        yield 1, 0
    if left and left == right:
        yield 1, 1


@dataclass(frozen=True, slots=True)
class Pattern:
    """`upstream/name`, each half a glob of its own, so that no `*` reaches across the first `/`."""

    text: str
    upstream: Glob
    name: Glob

    @property
    def exact(self) -> bool:
        """Whether it names one thing only."""
        return "*" not in self.text

    @property
    def specificity(self) -> tuple[int, int]:
        """Exact names first, then the longest literal prefix, `*/*` last."""
        if self.exact:
            return 2, len(self.text)
        return (0, 0) if self.text == "*/*" else (1, self.text.index("*"))

    def matches(self, upstream: str, name: str) -> bool:
        """Whether it names this tool or prompt of this upstream."""
        return self.upstream.matches(upstream) and self.name.matches(name)

    def covers(self, other: Pattern) -> bool:
        """Whether everything the other names is named by this one, too."""
        # A `*` of the other taken as a plain character can only be met by a `*` here.
        return self.matches(other.upstream.text, other.name.text)

    def overlaps(self, other: Pattern) -> bool:
        """Whether one name can fit both."""
        return self.upstream.overlaps(other.upstream) and self.name.overlaps(other.name)


@dataclass(frozen=True, slots=True)
class UriPattern:
    """`upstream/URI`; a URI with `.` or `..` segments fits only a pattern that means every URI."""

    text: str
    upstream: Glob
    fits: Callable[[str], bool] = field(repr=False, compare=False)

    def matches(self, upstream: str, uri: str) -> bool:
        """Whether it names this resource of this upstream."""
        return self.upstream.matches(upstream) and self.fits(uri)


@dataclass(frozen=True, slots=True)
class MethodPattern:
    """A method on every upstream, or `upstream/method`."""

    text: str
    glob: Glob

    def matches(self, upstream: str, method: str) -> bool:
        """Whether it names this method of this upstream."""
        return self.glob.matches(method) or self.glob.matches(f"{upstream}/{method}")


def names(text: str) -> tuple[Pattern, ...]:
    """The patterns of one text for tools or prompts. Raises ValueError saying what was expected."""
    return tuple(_name(choice) for choice in choices(text))


def uris(text: str) -> tuple[UriPattern, ...]:
    """The patterns of one text for resources. Raises ValueError saying what was expected."""
    return tuple(_uri(choice) for choice in choices(text))


def methods(text: str) -> tuple[MethodPattern, ...]:
    """The patterns of one text for JSON-RPC methods. Raises ValueError saying what was expected."""
    return tuple(MethodPattern(choice, Glob(choice)) for choice in choices(text))


def choices(text: str) -> tuple[str, ...]:
    """Every text that a text with `{a,b}` stands for, at most 256. Raises ValueError."""
    pieces = _BRACES.split(text)
    if not text or any(mark in piece for piece in pieces[::2] for mark in "{}"):
        raise ValueError("a pattern such as upstream/name_*, choices as {a,b}")
    texts = [pieces[0]]
    for options, literal in zip(pieces[1::2], pieces[2::2], strict=True):
        words = options.split(",")
        if len(texts) * len(words) > CHOICES:
            raise ValueError(f"at most {CHOICES} choices in one pattern")
        texts = [text + word.strip() + literal for text in texts for word in words]
    return tuple(dict.fromkeys(texts))


def _name(text: str) -> Pattern:
    """One pattern without choices."""
    upstream, slash, name = text.partition("/")
    if not (upstream and slash and name) or "**" in text:
        raise ValueError("upstream/name, where * is any run of characters")
    return Pattern(text, Glob(upstream), Glob(name))


def _uri(text: str) -> UriPattern:
    """One pattern without choices."""
    upstream, slash, uri = text.partition("/")
    if not (upstream and slash and uri) or "**" in upstream:
        raise ValueError("upstream/URI, such as docs/file:///public/**")
    return UriPattern(text, Glob(upstream), _fits(uri))


def _fits(uri: str) -> Callable[[str], bool]:
    """The test of a URI against one pattern."""
    if uri in ("*", "**"):
        return lambda _: True
    if "*" not in uri:
        return lambda value: value == uri
    expression = "(?s)" + "".join(_expression(piece) for piece in re.split(r"(\*\*?)", uri))
    fits = whole(expression)
    return lambda value: fits(value) and not has_dots(value)


def _expression(piece: str) -> str:
    """The regular expression of one piece of a URI pattern."""
    return {"**": ".*", "*": "[^/]*"}.get(piece) or escape(piece)


def has_dots(uri: str) -> bool:
    """Whether a URI has `.` or `..` segments, however often they are percent-encoded."""
    for _ in range(4):
        if not {".", ".."}.isdisjoint(re.split(r"[/\\?#;]", uri)):
            return True
        decoded = unquote(uri)
        if decoded == uri:
            return False
        uri = decoded
    return True


@dataclass(frozen=True, slots=True)
class Ranked(Generic[T]):
    """What is said under many patterns; the most specific one wins as a whole."""

    exact: dict[str, T]
    globs: tuple[tuple[Pattern, T], ...]

    @classmethod
    def of(cls, entries: Iterable[tuple[Pattern, T]]) -> Ranked[T]:
        """Rank the entries once."""
        ranked = sorted(entries, key=lambda entry: entry[0].specificity, reverse=True)
        return cls(
            {pattern.text: value for pattern, value in ranked if pattern.exact},
            tuple(entry for entry in ranked if not entry[0].exact),
        )

    def find(self, upstream: str, name: str) -> T | None:
        """What is said of this name, or None."""
        found = self.exact.get(f"{upstream}/{name}")
        if found is not None:
            return found
        return next((value for pattern, value in self.globs if pattern.matches(upstream, name)), None)

    def plain(self, form: Callable[[T], object]) -> dict[str, object]:
        """Every pattern's text and what is said under it, in a form of choice."""
        globs = {pattern.text: form(value) for pattern, value in self.globs}
        return globs | {text: form(value) for text, value in self.exact.items()}


def conflicts(patterns: Sequence[Pattern]) -> Iterator[tuple[int, int]]:
    """Pairs of positions whose patterns are equally specific and can name the same thing."""
    for later, pattern in enumerate(patterns):
        for earlier, other in enumerate(patterns[:later]):
            if other.specificity == pattern.specificity and other.overlaps(pattern):
                yield earlier, later
