"""Parts of JSON that a service sent: what has another type than it should is taken as empty."""

from typing import Any, cast


def mapping(value: object) -> dict[str, Any]:
    """Give an object."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def items(value: object) -> list[Any]:
    """Give an array."""
    found: Any = value
    return found if isinstance(value, list) else []


def text(value: object) -> str:
    """Give a string."""
    return value if isinstance(value, str) else ""


def number(value: object) -> int:
    """Give a whole number from 0 to 2**53."""
    whole = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 2**53
    return cast("int", value) if whole else 0
