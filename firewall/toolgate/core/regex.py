"""Regular expressions in linear time, over whole values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import re2  # type: ignore[import-untyped, unused-ignore]  # google-re2 ships no types

_MEMORY: Final = 1 << 20


def whole(expression: str) -> Callable[[str], bool]:
    """Compile an RE2 expression that must match a whole value.

    Raises ValueError, naming the fault, for an expression RE2 does not accept.
    """
    options: Any = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    try:
        compiled: Any = re2.compile(expression, options)
    except re2.error as fault:
        raise ValueError(f"expected an RE2 expression: {_text(fault)}") from None
    except UnicodeEncodeError:
        raise ValueError("expected an RE2 expression in valid Unicode") from None

    def matches(value: str) -> bool:
        try:
            return compiled.fullmatch(value) is not None
        except UnicodeEncodeError:  # a lone surrogate is no text
            return False

    return matches


def _text(fault: Exception) -> str:
    """RE2's own words; its bindings raise bytes."""
    found = fault.args[0] if fault.args else b""
    return found.decode("utf-8", "replace") if isinstance(found, bytes) else str(found)


def escape(literal: str) -> str:
    """The expression that matches exactly this text."""
    escaped: Any = re2.escape(literal)
    return str(escaped)
