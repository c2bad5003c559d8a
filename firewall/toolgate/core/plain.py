"""Text from strangers, made safe to show: nothing in it can move the cursor, hide or reorder letters."""

from __future__ import annotations

import unicodedata

# Controls, formats (bidi, zero width, tags), surrogates, private use, unassigned, line separators.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Letters that look like nothing, and blanks that are not one space wide.
_BLANK = frozenset("\u00ad\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\u2800")


def plain(text: str) -> str:
    """The text on one line with everything invisible or misleading written as `\\u{202e}`.

    A backslash is doubled, so that an escape in the output is never the author's. More than two combining
    marks in a row are escaped too: piled up they cover the lines around.
    """
    shown: list[str] = []
    marks = 0
    for letter in text:
        marks = marks + 1 if unicodedata.category(letter) in {"Mn", "Me"} else 0
        shown.append(_shown(letter) if marks <= 2 else _escaped(letter))
    return "".join(shown)


def _shown(letter: str) -> str:
    if letter == "\\":
        return "\\\\"
    category = unicodedata.category(letter)
    odd = category in _UNSEEN or letter in _BLANK or (category == "Zs" and letter != " ")
    return _escaped(letter) if odd else letter


def _escaped(letter: str) -> str:
    return f"\\u{{{ord(letter):x}}}"
