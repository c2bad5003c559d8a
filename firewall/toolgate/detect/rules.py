"""What a detector looks for: an anchor for the one pass over everything, and a verdict on each candidate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

# Stands between two texts of one message; no rule reads a value across it.
SEPARATOR: Final = "\x1e"

Span: TypeAlias = tuple[int, int]
# Looks at the whole text and the offset at which the anchor ended, in characters; None: it is nothing.
Verify: TypeAlias = Callable[[str, int], Span | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """One way to find one entity.

    `anchor` is a pattern for `matchers`: cheap, ASCII, with one possible end for every start. `labelled`:
    the anchor ends just behind a key, and what it names is the next text of the message.
    """

    name: str
    entity: str
    anchor: str
    verify: Verify
    score: float = 1.0
    labelled: bool = False
