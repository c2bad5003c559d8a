"""A call that waits for a person: for tests that change in it what they are about."""

from __future__ import annotations

from toolgate.core.model import Approval, ApprovalState, Tier

HELD = Approval(
    id="ap-1",
    caller="ann",
    upstream="actions",
    target="email_send",
    digest="d1",
    pin="p1",
    tier=Tier.IRREVERSIBLE,
    state=ApprovalState.PENDING,
    created=1000.0,
    expires=1900.0,
)
