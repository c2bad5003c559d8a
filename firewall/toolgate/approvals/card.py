"""A held call as a person reads it on a terminal: nothing in it can pass for another part of it."""

from __future__ import annotations

from toolgate.approvals.desk import Card
from toolgate.core.model import Approval
from toolgate.core.plain import plain, plain_json


def card_text(card: Card, now: float) -> str:
    """The whole card. Every line of the arguments starts with a bar, so none can look like a field."""
    approval = card.approval
    fields = {
        "approval": approval.id,
        "tool": f"{approval.upstream}/{approval.target}",
        "caller": approval.caller,
        "tier": "not listed in the policy" if approval.tier is None else approval.tier.value,
        "state": state_text(approval, now),
        "held": f"{span(now - approval.created)} ago",
    }
    if approval.decided_by:
        fields["decided by"] = approval.decided_by
    lines = [f"{name:<11}{plain(value)}" for name, value in fields.items()]
    if card.arguments is None:
        return "\n".join([*lines, "arguments  expired, or sealed under another master key"])
    shown = plain_json(card.arguments).split("\n")
    return "\n".join([*lines, "arguments, as they will be sent:", *(f"  | {line}" for line in shown)])


def row_text(approval: Approval, now: float) -> str:
    """An approval on one line."""
    tier = "unlisted" if approval.tier is None else approval.tier.value
    tool = plain(f"{approval.upstream}/{approval.target}")
    return (
        f"{plain(approval.id)}  {tier:<12}  {tool}  for {plain(approval.caller)}  {state_text(approval, now)}"
    )


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
