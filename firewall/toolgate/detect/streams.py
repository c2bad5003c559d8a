"""Texts that come one after the other, such as progress and log messages: a value may be split over two."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from toolgate.core.model import Finding
from toolgate.detect.engine import Engine

# What is kept of earlier texts, in characters.
KEPT: Final = 256


class Stream:
    """Looks at each text together with the end of those before it. One per stream; it keeps plain text."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._before = ""

    def find(self, text: str, entities: frozenset[str]) -> tuple[Finding, ...]:
        """What stands in this text, or ends in it; what began earlier starts at 0."""
        known = len(self._before)
        whole = self._before + text
        self._before = whole[-KEPT:]
        return tuple(
            replace(finding, start=max(0, finding.start - known), end=finding.end - known)
            for finding in self._engine.find([whole], entities)
            if finding.end > known
        )
