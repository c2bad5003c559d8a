"""Picks records out of a journal and puts each on one line."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from toolgate.core.plain import plain
from toolgate.journal.reading import Line


@dataclass(frozen=True, slots=True)
class Filter:
    """What records must say; empty fields ask nothing. `since` is seconds since the epoch.

    A record that does not carry a field is taken with the call it belongs to: an outcome names no caller,
    its intent does.
    """

    caller: str = ""
    upstream: str = ""
    tool: str = ""
    verdict: str = ""
    kind: str = ""
    call: str = ""
    since: float = 0.0
    limit: int = 50


def select(lines: Iterable[Line], wanted: Filter) -> list[Line]:
    """The newest records that fit, oldest first."""
    found: deque[Line] = deque(maxlen=wanted.limit)
    calls: set[str] = set()
    for line in lines:
        if _fits(line.body, wanted, calls):
            found.append(line)
    return list(found)


def one_line(line: Line) -> str:
    """A record as people read it: time, kind, who, what, and what became of it."""
    body = line.body
    at = body.get("at")
    when = (
        datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S") if isinstance(at, int | float) else "-"
    )
    what = "/".join(_word(body, name) for name in ("upstream", "target") if body.get(name))
    rest = (_word(body, name) for name in ("verdict", "reason", "status", "approval") if body.get(name))
    parts = (when, _word(body, "kind"), _word(body, "call"), _word(body, "caller"), what, *rest)
    return "  ".join(part for part in parts if part)


def _word(body: dict[str, Any], name: str) -> str:
    return plain(str(body.get(name, "")))


def _fits(body: dict[str, Any], wanted: Filter, calls: set[str]) -> bool:
    at = body.get("at")
    if wanted.since and not (isinstance(at, int | float) and at >= wanted.since):
        return False
    if wanted.kind and body.get("kind") != wanted.kind:
        return False
    if wanted.call and body.get("call") != wanted.call:
        return False
    asked = {
        "caller": wanted.caller,
        "upstream": wanted.upstream,
        "target": wanted.tool,
        "verdict": wanted.verdict,
    }
    asked = {name: value for name, value in asked.items() if value}
    call = str(body.get("call", ""))
    if all(body.get(name) == value for name, value in asked.items()):
        calls.add(call)
        return True
    return (
        bool(call) and call in calls and all(body.get(name, value) == value for name, value in asked.items())
    )
