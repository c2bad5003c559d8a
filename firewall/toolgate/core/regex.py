"""Regular expressions in linear time, over whole values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import re2

_RE2: Final[Any] = re2  # the package ships no types
_MEMORY: Final = 1 << 20


def whole(expression: str) -> Callable[[str], bool]:
    """Compile an RE2 expression that must match a whole value.

    Raises ValueError, naming the fault, for an expression RE2 does not accept.
    """
    options = _RE2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    try:
        compiled = _RE2.compile(expression, options)
    except UnicodeEncodeError:
        raise ValueError("an RE2 expression in valid Unicode") from None
    except _RE2.error as fault:
        # Its words arrive as bytes and can end in a piece of the expression, which stands in the policy.
        words: bytes = fault.args[0]
        raise ValueError(f"an RE2 expression ({words.decode('utf-8', 'replace')})") from None

    def matches(value: str) -> bool:
        try:
            return compiled.fullmatch(value) is not None
        except UnicodeEncodeError:  # a lone surrogate is no text
            return False

    return matches


def escape(literal: str) -> str:
    """The expression that matches exactly this text."""
    return str(_RE2.escape(literal))
