"""Matchers of plain values: numbers, texts and lists as they stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, cast

from toolgate.core.patterns import Glob, choices
from toolgate.core.regex import whole

# A value and where it stands, to None where it fits, else where and what was expected. Never the value.
Matcher: TypeAlias = Callable[[Any, str], str | None]


def on_text(fits: Callable[[str], bool], expected: str) -> Matcher:
    """A matcher of texts only."""

    def match(value: Any, where: str) -> str | None:
        return None if isinstance(value, str) and fits(value) else f"{where}: expected {expected}"

    return match


def same(left: Any, right: Any) -> bool:
    """Equality of JSON values: 1 is 1.0 and never true."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        ours, theirs = cast("Sequence[Any]", left), cast("Sequence[Any]", right)
        return len(ours) == len(theirs) and all(same(a, b) for a, b in zip(ours, theirs, strict=True))
    if isinstance(left, dict) and isinstance(right, dict):
        mine, yours = cast("Mapping[str, Any]", left), cast("Mapping[str, Any]", right)
        return mine.keys() == yours.keys() and all(same(mine[key], yours[key]) for key in mine)
    return bool(left == right)


def equals(expected: Any) -> Matcher:
    """The very value."""

    def match(value: Any, where: str) -> str | None:
        return None if same(value, expected) else f"{where}: expected {shown(expected)}"

    return match


def among(expected: Sequence[Any]) -> Matcher:
    """One of the values."""

    def match(value: Any, where: str) -> str | None:
        if any(same(value, candidate) for candidate in expected):
            return None
        return f"{where}: expected one of {listed(expected)}"

    return match


def not_among(excluded: Sequence[Any]) -> Matcher:
    """A single value that is none of these; a list could hide one and is refused."""

    def match(value: Any, where: str) -> str | None:
        if not isinstance(value, list | dict) and not any(same(value, one) for one in excluded):
            return None
        return f"{where}: expected a single value, none of {listed(excluded)}"

    return match


def prefix(starts: Sequence[str]) -> Matcher:
    """A text that begins with one of these."""
    return on_text(lambda value: value.startswith(tuple(starts)), f"text that begins with {listed(starts)}")


def suffix(ends: Sequence[str]) -> Matcher:
    """A text that ends with one of these."""
    return on_text(lambda value: value.endswith(tuple(ends)), f"text that ends with {listed(ends)}")


def glob(patterns: Sequence[str]) -> Matcher:
    """A text that fits one of these as a whole. Raises ValueError for a pattern that is none."""
    globs = tuple(Glob(text) for pattern in patterns for text in choices(pattern))
    return on_text(lambda value: any(g.matches(value) for g in globs), f"text like {listed(patterns)}")


def regex(expression: str) -> Matcher:
    """A text that fits the RE2 expression as a whole. Raises ValueError."""
    return on_text(whole(expression), f"text that matches {expression} as a whole")


def between(least: float | None, most: float | None) -> Matcher:
    """A number within the bounds, which belong to it."""
    texts = ("" if least is None else f"at least {least:g}", "" if most is None else f"at most {most:g}")
    expected = "a number " + " and ".join(filter(None, texts))

    def match(value: Any, where: str) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"{where}: expected {expected}"
        fits = (least is None or value >= least) and (most is None or value <= most)
        return None if fits else f"{where}: expected {expected}"

    return match


def max_length(most: int) -> Matcher:
    """At most so many characters of a text, or items of a list."""

    def match(value: Any, where: str) -> str | None:
        if isinstance(value, str | list) and len(cast("Sequence[Any]", value)) <= most:
            return None
        return f"{where}: expected at most {most} characters or items"

    return match


def each(inner: Matcher) -> Matcher:
    """A list of which every item fits; an empty one does."""

    def match(value: Any, where: str) -> str | None:
        if not isinstance(value, list):
            return f"{where}: expected a list"
        for number, item in enumerate(cast("Sequence[Any]", value)):
            if failed := inner(item, f"{where}[{number}]"):
                return failed
        return None

    return match


def some(inner: Matcher) -> Matcher:
    """A list of which at least one item fits."""

    def match(value: Any, where: str) -> str | None:
        if not isinstance(value, list):
            return f"{where}: expected a list"
        failed: str | None = f"{where}: expected an item"
        for item in cast("Sequence[Any]", value):
            failed = inner(item, where)
            if failed is None:
                return None
        return f"{failed}, in at least one item"

    return match


def shown(value: Any) -> str:
    """A value of the policy in a message."""
    match value:
        case str():
            return f'"{value}"'
        case bool() | None:
            return {True: "true", False: "false", None: "null"}[value]
        case int() | float():
            return f"{value:g}" if isinstance(value, float) else str(value)
        case _:
            return "the value the policy names"


def listed(values: Sequence[Any]) -> str:
    """Values of the policy in a message, the first eight of them."""
    rest = len(values) - 8
    return ", ".join(map(shown, values[:8])) + (f" or {rest} more" if rest > 0 else "")
