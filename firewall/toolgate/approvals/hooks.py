"""Signed decisions that a webhook's receiver sends back: who may, for what, and each only once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, cast

import orjson

from toolgate.approvals import signing
from toolgate.approvals.approvers import Approver
from toolgate.approvals.desk import Declined
from toolgate.approvals.outbox import Outbox
from toolgate.approvals.places import WebhookPlace
from toolgate.core.model import Approval
from toolgate.errors import Misuse, SecretUnavailable
from toolgate.ports import Secrets

MOST: Final = 16 * 1024
_KEYS: Final = {"type", "data"}
_DATA: Final = {"approval", "decision"}


class Decides(Protocol):
    """The desk, seen through one channel of the policy."""

    def approver(self, name: str) -> Approver | None: ...

    async def approve(self, approver: Approver, approval: str) -> Approval | Declined: ...

    async def deny(self, approver: Approver, approval: str) -> Approval | Declined: ...


@dataclass(frozen=True, slots=True)
class Decision:
    """What a decision says."""

    approval: str
    decision: Literal["approve", "deny"]


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP status, and what it means."""

    status: int
    said: Mapping[str, str]


def decision_of(body: bytes) -> Decision | None:
    """A decision's body, read strictly: `{"type": "decision", "data": {"approval": ID, "decision": …}}`."""
    try:
        found: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(found, dict) or set(cast("dict[str, Any]", found)) != _KEYS:
        return None
    said = cast("dict[str, Any]", found)
    data: Any = said["data"]
    if said["type"] != "decision" or not isinstance(data, dict) or set(cast("dict[str, Any]", data)) != _DATA:
        return None
    approval, decision = cast("dict[str, Any]", data)["approval"], cast("dict[str, Any]", data)["decision"]
    if not isinstance(approval, str) or decision not in ("approve", "deny"):
        return None
    return Decision(approval, decision)


class Hooks:
    """Takes signed decisions. Only webhooks whose settings name an approver may send any."""

    def __init__(
        self,
        places: Sequence[WebhookPlace],
        secrets: Secrets,
        outbox: Outbox,
        desk: Decides,
        now: Callable[[], float],
    ) -> None:
        self._places = tuple(place for place in places if place.approver)
        self._secrets, self._outbox, self._desk, self._now = secrets, outbox, desk, now

    async def take(self, headers: Mapping[str, str], body: bytes) -> Response:
        """Check signature, time and first use, in this order, then let the desk decide."""
        if len(body) > MOST:
            return Response(413, {"error": f"expected at most {MOST} bytes"})
        why = "expected a webhook whose settings name an approver"
        for place in self._places:
            found = await self._verified(place, headers, body)
            if isinstance(found, signing.Signed):
                return await self._decide(place, found, body)
            why = found.why
        return Response(401, {"error": why})

    async def _verified(
        self, place: WebhookPlace, headers: Mapping[str, str], body: bytes
    ) -> signing.Signed | signing.Unsigned:
        try:
            found = await self._secrets.reveal(f"notify.{place.target}", {"secret": place.secret})
            key = signing.key_of(found.texts["secret"])
        except (SecretUnavailable, Misuse):
            return signing.Unsigned("the secret of this webhook cannot be had here")
        return signing.verify([key], headers, body, self._now())

    async def _decide(self, place: WebhookPlace, signed: signing.Signed, body: bytes) -> Response:
        decision = decision_of(body)
        if decision is None:
            expected = '{"type": "decision", "data": {"approval": ID, "decision": "approve" or "deny"}}'
            return Response(400, {"error": f"found another body, expected {expected}"})
        # Longer than the signature counts, so that nothing can be replayed when it is forgotten.
        until = signed.timestamp + 2 * signing.TOLERANCE
        if not await self._outbox.take_nonce(f"{place.target}/{signed.id}", until):
            return Response(409, {"error": "this webhook-id was used already"})
        approver = self._desk.approver(place.approver)
        if approver is None:
            return Response(403, {"error": "the approver of this webhook is not enrolled"})
        act = self._desk.approve if decision.decision == "approve" else self._desk.deny
        done = await act(approver, decision.approval)
        if isinstance(done, Declined):
            return Response(403, {"error": done.why})
        return Response(200, {"approval": done.id, "state": done.state.value})
