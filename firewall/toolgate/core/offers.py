"""The grant that would have covered calls a person approved: per argument what they had in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast
from urllib.parse import urlsplit

from toolgate.core.conditions import equals
from toolgate.core.model import JsonObject

ANY: Final = "any"
# What differs more often than this is no choice between a few.
_FEW: Final = 3


def offered(calls: Sequence[JsonObject]) -> JsonObject:
    """The narrowest pattern of ours that fits the arguments of all these calls."""
    pattern: JsonObject = {}
    for name in dict.fromkeys(name for call in calls for name in call):
        spec = _common([call[name] for call in calls if name in call])
        if spec != ANY and any(name not in call for call in calls):
            spec = {**cast("JsonObject", spec), "optional": True}
        pattern[name] = spec
    return pattern


def exactly(arguments: JsonObject) -> JsonObject:
    """The pattern of these very arguments."""
    return {name: {"equals": value} for name, value in arguments.items()}


def _common(values: Sequence[Any]) -> JsonObject | str:
    same = equals(values[0])
    if all(same(value, "") is None for value in values):
        return {"equals": values[0]}
    if all(isinstance(value, str) for value in values):
        return _texts(values)
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return {"range": {"min": min(values), "max": max(values)}}
    if all(isinstance(value, list) for value in values):
        items = [item for value in values for item in cast("list[Any]", value)]
        inner = _common(items)
        return ANY if isinstance(inner, str) else {"each": inner}
    return ANY


def _texts(values: Sequence[str]) -> JsonObject | str:
    hosts = sorted({value.rpartition("@")[2].lower() for value in values})
    if all(value.count("@") == 1 and " " not in value for value in values) and len(hosts) <= _FEW:
        return {"domain": hosts}
    places = [_place(value) for value in values]
    known = [place for place in places if place is not None]
    if len(known) == len(values):
        schemes, named = sorted({place[0] for place in known}), sorted({place[1] for place in known})
        return {"url": {"schemes": schemes, "hosts": named}} if len(named) <= _FEW else ANY
    folder = _folder(values)
    if folder:
        return {"path": [folder]}
    distinct = sorted(set(values))
    return {"in": distinct} if len(distinct) <= _FEW and len(distinct) < len(values) else ANY


def _place(value: str) -> tuple[str, str] | None:
    """Scheme and host of a URL."""
    try:
        parts = urlsplit(value)
    except ValueError:
        return None
    return (parts.scheme, parts.hostname) if parts.scheme in ("http", "https") and parts.hostname else None


def _folder(values: Sequence[str]) -> str:
    """The deepest folder that all these paths are in, empty where they are none or share only the root."""
    split = [value.split("/")[:-1] for value in values]
    if not all(split) or any(part in ("..", "~") or ":" in part for parts in split for part in parts):
        return ""
    shared: list[str] = []
    for parts in zip(*split, strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return "/".join(shared) if any(shared) else ""
