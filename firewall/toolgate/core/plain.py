"""Text from strangers, made safe to show: nothing in it can move the cursor, hide or reorder letters."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Final

# Controls, formats (bidi, zero width, tags), surrogates, private use, unassigned, line separators.
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Letters that look like nothing.
_BLANK: Final = frozenset("\u00ad\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\u2800")
# Combining marks piled higher than this cover the lines around.
_MARKS: Final = 2


def plain(text: str) -> str:
    """The text on one line with everything invisible or misleading written as `\\u{202e}`.

    A backslash is doubled, so that an escape in the output is never the author's.
    """
    escaped = (
        f"\\u{{{ord(letter):x}}}" if odd else letter for letter, odd in misleading(text.replace("\\", "\\\\"))
    )
    return "".join(escaped)


def misleading(text: str) -> Iterator[tuple[str, bool]]:
    """Each character, and whether it must not be shown as it is."""
    marks = 0
    for letter in text:
        marks = marks + 1 if unicodedata.category(letter) in {"Mn", "Me"} else 0
        yield letter, marks > _MARKS or _odd(letter)


def _odd(letter: str) -> bool:
    category = unicodedata.category(letter)
    return category in _UNSEEN or letter in _BLANK or (category == "Zs" and letter != " ")
