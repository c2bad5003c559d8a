"""JSON Pointer, RFC 6901: a place in a JSON document such as /items/0/name."""

import re
from typing import Any, TypeGuard

from toolgate_servers.errors import Reason, Refused


def pointed(document: Any, pointer: str) -> Any:
    """Give what is at a place.

    Raises:
        Refused: NO_SUCH_PLACE, saying what is there instead.
    """
    if not pointer:
        return document
    if not pointer.startswith("/") or re.search(r"~(?![01])", pointer):
        raise Refused(
            Reason.NO_SUCH_PLACE,
            "pointer",
            found="no JSON pointer",
            expected="one such as /items/0/name (RFC 6901)",
        )
    for depth, token in enumerate(pointer[1:].split("/"), 1):
        document = _step(document, token.replace("~1", "/").replace("~0", "~"), depth)
    return document


def is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    """Whether a JSON value is an object."""
    return isinstance(value, dict)


def is_list(value: Any) -> TypeGuard[list[Any]]:
    """Whether a JSON value is an array."""
    return isinstance(value, list)


def inside(document: Any) -> str:
    """Say what may follow at a place, for somebody who has to choose."""
    if is_object(document):
        keys = [key[:40] for key in document]
        return (
            f"one of {', '.join(keys[:20])}{', …' if len(keys) > 20 else ''}"
            if keys
            else "nothing: it is empty"
        )
    if is_list(document):
        count = len(document)
        return f"an index from 0 to {count - 1}" if count else "nothing: the list is empty"
    return "nothing further: it is a single value"


def _step(document: Any, token: str, depth: int) -> Any:
    if is_object(document) and token in document:
        return document[token]
    # RFC 6901 4: an index has no leading zeros.
    if is_list(document) and re.fullmatch(r"0|[1-9][0-9]{0,9}", token) and int(token) < len(document):
        return document[int(token)]
    raise Refused(
        Reason.NO_SUCH_PLACE,
        f"pointer, step {depth}",
        found="a step that leads nowhere",
        expected=inside(document),
    )
