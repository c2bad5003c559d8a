"""Matchers of file paths and command lines, by their text alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from toolgate.core.conditions.values import Matcher, listed, on_text


def path(roots: Sequence[str]) -> Matcher:
    """A path inside one of these folders, without `..`; links are not followed, so they are not seen.

    Raises ValueError for a root that is no such path.
    """
    inside = tuple(_parts(root) for root in roots)
    if None in inside:
        raise ValueError("folders such as /srv/docs or notes, without .., ~ and backslash")
    known = tuple(root for root in inside if root is not None)

    def fits(value: str) -> bool:
        found = _parts(value)
        return found is not None and any(found[: len(root)] == root for root in known)

    return on_text(fits, f"a path inside {listed(roots)}, without ..")


def _parts(text: str) -> tuple[str, ...] | None:
    """The segments of a path, the first one empty for a relative path; None where it is not plain."""
    odd = text.startswith("~") or "://" in text or "\\" in text or text[1:2] == ":"
    if not text or odd or any(ord(letter) < 32 or ord(letter) == 127 for letter in text):
        return None
    segments = [segment for segment in text.split("/") if segment not in ("", ".")]
    if ".." in segments:
        return None
    return ("/" if text.startswith("/") else "", *segments)


def argv(programs: Sequence[str]) -> Matcher:
    """A command as a list of texts, of which the first is one of these programs."""
    known = frozenset(programs)

    def match(value: Any, where: str) -> str | None:
        words = cast("Sequence[Any]", value) if isinstance(value, list) else ()
        plain = all(isinstance(word, str) and "\0" not in word for word in words)
        if plain and words and words[0] in known:
            return None
        return f"{where}: expected a list of texts that begins with {listed(programs)}"

    return match
