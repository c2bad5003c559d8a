"""The one byte sequence of a JSON value: sorted keys, UTF-8, exact integers, no blanks."""

from __future__ import annotations

from typing import Any

import orjson


def canonical(value: Any) -> bytes:
    """The canonical bytes of a decoded JSON value.

    Keys are sorted by their UTF-8 bytes; `1` and `1.0` stay different. Raises TypeError for what JSON
    cannot say exactly: integers beyond 64 bits, lone surrogates, keys that are not strings. NaN never
    gets here: `toolgate.core.decode` refuses it.
    """
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
