"""Secrets that toolgate itself resolved: found exactly, whatever form they reappear in."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import quote, quote_plus

from toolgate.detect.matchers import Candidate, Compile, Matcher

# Shorter values are words that occur by chance: masking them everywhere would destroy texts.
SHORTEST: Final = 6


class Known:
    """Values to find literally: raw, base64 (also inside a longer one), URL-encoded, hex, JSON-escaped."""

    def __init__(self, compile_patterns: Compile) -> None:
        self._compile = compile_patterns
        self._forms: dict[str, int] = {}
        self._matcher: Matcher | None = None

    def add(self, value: str) -> bool:
        """Look for this value from now on; False where it is too short to be told from ordinary text."""
        if len(value) < SHORTEST:
            return False
        new = [form for form in forms(value) if form not in self._forms]
        self._forms.update((form, len(form)) for form in new)
        if new:
            self._matcher = None
        return True

    def find(self, data: bytes) -> list[tuple[Candidate, int]]:
        """The end of every place in bytes where a value stands, and its length in characters."""
        if not self._forms:
            return []
        if self._matcher is None:
            self._matcher = self._compile([literal(form) for form in self._forms])
        found = self._matcher.find(data)
        if not found:
            return []
        lengths = list(self._forms.values())
        return [(candidate, lengths[candidate[1]]) for candidate in found]


def forms(value: str) -> set[str]:
    """Every way a value is commonly written."""
    raw = value.encode("utf-8", "surrogatepass")
    found = {
        value,
        raw.hex(),
        raw.hex().upper(),
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
    }
    found |= {quote(raw, safe=""), quote(raw), quote_plus(raw), _lower_escapes(quote(raw, safe=""))}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        found |= set(_base64(raw, encode))
    return {form for form in found if len(form) >= SHORTEST}


def _lower_escapes(text: str) -> str:
    """The same with %2f for %2F."""
    parts = text.split("%")
    return parts[0] + "".join("%" + part[:2].lower() + part[2:] for part in parts[1:])


def _base64(raw: bytes, encode: Callable[[bytes], bytes]) -> Iterator[str]:
    """The whole, and the characters that stay the same whatever stands before and after it."""
    yield encode(raw).decode().rstrip("=")
    for before in range(3):
        text = encode(b"\0" * before + raw).decode()
        first = (before * 8 + 5) // 6
        whole_bits = (before + len(raw)) * 8 // 6
        inner = text[first:whole_bits]
        if len(inner) >= SHORTEST + 2:
            yield inner


def literal(form: str) -> str:
    """A pattern for exactly these bytes, in the syntax of both engines."""
    return "".join(f"\\x{byte:02x}" for byte in form.encode("utf-8", "surrogatepass"))
