"""From what a caller typed to an FTS5 expression that is only words."""

import re

from toolgate_servers.errors import Reason, Refused

MAX_QUERY = 500
MAX_WORDS = 32

WORD = re.compile(r"\w+")


def words(query: str) -> tuple[str, ...]:
    """Split a query into words; every operator of FTS5 becomes a word or disappears.

    Raises:
        Refused: NO_WORDS or TOO_COMPLEX.
    """
    found = tuple(WORD.findall(query))
    if not any(any(character.isalnum() for character in word) for word in found):
        raise Refused(Reason.NO_WORDS, "query", found="no words", expected="at least one word or number")
    if len(found) > MAX_WORDS:
        raise Refused(
            Reason.TOO_COMPLEX, "query", found=f"{len(found)} words", expected=f"at most {MAX_WORDS}"
        )
    return found


def match_expression(wanted: tuple[str, ...], *, every: bool) -> str:
    """Make the FTS5 expression for every or any of the words; quoted, no word is an operator."""
    return (" AND " if every else " OR ").join(f'"{word}"' for word in wanted)
