"""What is told of a held call: the card as it is shown to people, never what it masks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

import orjson

from toolgate.core.layout import SCREEN, lay_out
from toolgate.core.model import Approval, JsonObject
from toolgate.core.shown import spelled

# Arguments are told as JSON too, for programs, unless they are longer than this in bytes.
_JSON: Final = 64 * 1024


class Shown(Protocol):
    """A card of the desk: arguments as they will be sent, masked where `hidden` names entities."""

    @property
    def approval(self) -> Approval: ...

    @property
    def arguments(self) -> JsonObject | None: ...

    @property
    def hidden(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Told:
    """Something that happened to a held call. `arguments` are masked; None: there are none to show."""

    kind: str
    approval: Approval
    at: float
    page: str = ""
    arguments: JsonObject | None = None
    hidden: tuple[str, ...] = ()


def body(told: Told, decisions: str) -> bytes:
    """The body of a signed webhook. `decisions` is where a signed decision may be sent, "" for nowhere."""
    approval = told.approval
    data: JsonObject = {
        "approval": {
            "id": approval.id,
            "state": approval.state.value if approval.id else told.kind,
            "tier": approval.tier.value if approval.tier else None,
            "caller": approval.caller,
            "upstream": approval.upstream,
            "tool": approval.target,
            "created": _time(approval.created),
            "expires": _time(approval.expires),
            "decided_by": approval.decided_by,
            "why": approval.why,
        },
        "page": told.page,
        "decisions": decisions,
        **_card(told),
    }
    return orjson.dumps({"type": f"approval.{told.kind}", "timestamp": _time(told.at), "data": data})


def _card(told: Told) -> Mapping[str, object]:
    """The arguments laid out as on every card, and as JSON where that is not too long."""
    if told.arguments is None:
        return {"card": None, "whole": False, "hidden": [], "arguments": None}
    layout = lay_out(told.arguments, bounds=SCREEN, masked=told.hidden)
    lines = [
        {"path": spelled(line.path), "rows": [spelled(row) for row in line.rows]} for line in layout.lines
    ]
    short = layout.whole and len(orjson.dumps(told.arguments)) <= _JSON
    return {
        "card": lines,
        "whole": layout.whole,
        "hidden": sorted(told.hidden),
        "arguments": told.arguments if short else None,
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
