"""A held call as a person reads it on a terminal: nothing in it can pass for another part of it."""

from __future__ import annotations

from typing import Final

from toolgate.approvals.desk import Card
from toolgate.core.layout import lay_out, written
from toolgate.core.model import Approval
from toolgate.core.shown import row_of, spelled

_BECAUSE: Final = {
    "tier": "its tier",
    "unlisted": "a tool that the policy does not list",
    "findings": "sensitive data in the arguments",
}


def card_text(card: Card, now: float) -> str:
    """The whole card, nothing cut. Arguments stand behind a bar, so that none can look like a field."""
    approval = card.approval
    fields = {
        "approval": approval.id,
        "tool": f"{approval.upstream}/{approval.target}",
        "caller": approval.caller,
        "tier": "not listed in the policy" if approval.tier is None else approval.tier.value,
        "state": state_text(approval, now),
        "held": f"{span(now - approval.created)} ago, because of {_BECAUSE.get(approval.why, approval.why)}",
    }
    if approval.decided_by:
        fields["decided by"] = approval.decided_by
    lines = [f"{name:<11}{_plain(value)}" for name, value in fields.items()]
    if card.arguments is None:
        return "\n".join([*lines, "arguments  expired, or sealed under another master key"])
    shown = written(lay_out(card.arguments, masked=card.hidden))
    lines += ["arguments, as they will be sent:", *(f"  | {line}" for line in shown)]
    if card.origins:
        lines.append("where the destinations came from:")
        lines += [f"  {_plain(place)}: {origin_text(tool)}" for place, tool in card.origins.items()]
    if card.similar:
        lines.append("similar calls, the newest first:")
        lines += [f"  {one.id}: {one.state.value} by {_plain(one.decided_by)}" for one in card.similar]
    return "\n".join(lines)


def origin_text(tool: str) -> str:
    """What a person is told of one destination."""
    return f"read in a result of {_plain(tool)}" if tool else "in no result of this session: the caller's own"


def row_text(approval: Approval, now: float) -> str:
    """An approval on one line."""
    tier = "unlisted" if approval.tier is None else approval.tier.value
    tool = _plain(f"{approval.upstream}/{approval.target}")
    who = _plain(approval.caller)
    return f"{_plain(approval.id)}  {tier:<12}  {tool}  for {who}  {state_text(approval, now)}"


def state_text(approval: Approval, now: float) -> str:
    """The state, and how long it lasts."""
    state = approval.state.value
    if state == "spent":
        return "spent, outcome unknown"
    if approval.expires <= now:
        return f"{state}, expired"
    return f"{state}, expires in {span(approval.expires - now)}"


def span(seconds: float) -> str:
    """A duration in its largest whole unit."""
    whole = max(0, int(seconds))
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if whole >= 2 * size:
            return f"{whole // size}{unit}"
    return f"{whole}s"


def _plain(text: str) -> str:
    return spelled(row_of(text))
