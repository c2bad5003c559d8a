"""Held calls: the list, the card, and what an approver can do about one."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from toolgate import units
from toolgate.approvals.desk import Card, Declined
from toolgate.console.editing import Unreadable, edited, fields_of
from toolgate.console.granting import choices_of, pattern_of
from toolgate.console.room import Form, Room, Signed, done
from toolgate.console.visitors import Visitor
from toolgate.core.conditions.values import same
from toolgate.core.layout import EVERYTHING, SCREEN, Bounds, Layout, lay_out
from toolgate.core.model import Approval, ApprovalState, JsonObject, Tier
from toolgate.core.offers import exactly
from toolgate.core.wording import reading
from toolgate.errors import JournalDown

_DECIDED: Final = 20
_PREVIEW: Final = Bounds(values=4, characters=80, rows=2, total=400)
_MOST_PREVIEWS: Final = 500
LASTING: Final = ("15m", "1h", "8h", "24h", "7d", "30d")
_MOST_USES: Final = 1000
WHY: Final = {
    "tier": "By the policy a person agrees to each call of this tier.",
    "unlisted": "The policy does not list this tool: nobody has said yet what it can break.",
    "findings": "The arguments hold sensitive data, and by the policy a person is asked before it leaves.",
    "flow": "By the policy this session has seen data that may not reach this destination unasked.",
}


class Listing:
    """The page of what waits. The first lines of a held call are read once: what is held never changes."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Layout | None] = OrderedDict()

    async def page(self, room: Room, request: Request, visitor: Visitor) -> Response:
        """What waits, and what was decided lately."""
        desk, now = room.house.desk, room.house.clock.now()
        pending = [one for one in await desk.listing(ApprovalState.PENDING) if one.expires > now]
        decided = [one for one in await desk.listing() if one.state is not ApprovalState.PENDING]
        return room.pages.show(
            request,
            visitor,
            "approvals.html",
            pending=sorted(pending, key=lambda one: one.expires),
            previews={one.id: await self._preview(room, one) for one in pending},
            decided=decided[:_DECIDED],
            enrolled=desk.has_approvers(),
            role=room.house.role,
        )

    async def _preview(self, room: Room, one: Approval) -> Layout | None:
        if one.id not in self._known:
            found = await room.house.desk.card(one.id)
            if found is None or found.arguments is None:
                return None
            self._known[one.id] = lay_out(found.arguments, (), _PREVIEW, found.hidden)
            if len(self._known) > _MOST_PREVIEWS:
                self._known.popitem(last=False)
        return self._known[one.id]


async def card(room: Room, request: Request, visitor: Visitor) -> Response:
    """One held call, what is sensitive in it hidden."""
    found = await room.house.desk.card(str(request.path_params["approval"]))
    return await _shown(room, request, visitor, found)


async def reveal(room: Room, signed: Signed, form: Form) -> Response:
    """The same with everything shown; that somebody looked is on record."""
    del form
    found = await room.house.desk.reveal(signed.approver, signed.path("approval"))
    if isinstance(found, Declined):
        return done(room, signed, _page(signed), found, "")
    return await _shown(room, signed.request, signed.visitor, found)


async def approve(room: Room, signed: Signed, form: Form) -> Response:
    """Let the call be made once, as it stands."""
    approval = signed.path("approval")
    outcome = await room.house.desk.approve(signed.approver, approval, _tier(form))
    return done(room, signed, "/approvals", outcome, f"Approved {approval}.")


async def edit(room: Room, signed: Signed, form: Form) -> Response:
    """Let it be made once with other arguments."""
    desk, approval = room.house.desk, signed.path("approval")
    found = await desk.card(approval)
    if found is not None and found.hidden:
        # The form was made from what was revealed; a mask must never be sent in place of a value.
        opened = await desk.reveal(signed.approver, approval)
        if isinstance(opened, Declined):
            return done(room, signed, _page(signed), opened, "")
        found = opened
    if found is None or found.arguments is None:
        return room.pages.trouble(signed.request, signed.visitor, 404, "There is no such approval any more.")
    try:
        changed = edited(found.arguments, form.__getitem__)
    except Unreadable as wrong:
        return await _shown(room, signed.request, signed.visitor, found, 400, str(wrong), form.__getitem__)
    sent = None if same(changed, found.arguments) else changed
    outcome = await desk.approve(signed.approver, approval, _tier(form), sent)
    if isinstance(outcome, Declined):
        return await _shown(
            room, signed.request, signed.visitor, found, 409, f"Not done: {outcome.why}.", form.__getitem__
        )
    said = (
        f"Approved {approval} as it stood: nothing was changed."
        if sent is None
        else f"Approved {approval} with edits."
    )
    return done(room, signed, "/approvals", outcome, said)


async def deny(room: Room, signed: Signed, form: Form) -> Response:
    """Refuse it until it expires."""
    del form
    approval = signed.path("approval")
    outcome = await room.house.desk.deny(signed.approver, approval)
    return done(room, signed, "/approvals", outcome, f"Denied {approval}.")


async def clear(room: Room, signed: Signed, form: Form) -> Response:
    """Let a call be asked for again whose outcome nobody knows."""
    del form
    approval = signed.path("approval")
    outcome = await room.house.desk.clear(signed.approver, approval)
    return done(room, signed, _page(signed), outcome, f"Cleared {approval}: it may be asked for again.")


async def grant(room: Room, signed: Signed, form: Form) -> Response:
    """Ask no more for calls like this one, within bounds; and let this one be made, where that was chosen."""
    desk, approval = room.house.desk, signed.path("approval")
    found = await desk.card(approval)
    if found is None or found.arguments is None:
        return room.pages.trouble(signed.request, signed.visitor, 404, "There is no such approval any more.")
    lasting, uses = form["lasting"], form["uses"]
    if lasting not in LASTING or (uses and not (uses.isdigit() and 0 < int(uses) <= _MOST_USES)):
        return await _shown(
            room,
            signed.request,
            signed.visitor,
            found,
            400,
            "uses: expected a number, or nothing for any number",
        )
    pattern: JsonObject | None = None
    if form["scope"] == "offer" and found.offer is not None:
        pattern = found.offer.pattern
    elif form["scope"] == "bounds":
        opened = await desk.reveal(signed.approver, approval) if found.hidden else found
        if isinstance(opened, Declined) or opened.arguments is None:
            return done(room, signed, _page(signed), opened, "")
        pattern = pattern_of(opened.arguments, form.__getitem__)
    if form["approve"]:
        approved = await desk.approve(signed.approver, approval, _tier(form))
        if isinstance(approved, Declined):
            return done(room, signed, _page(signed), approved, "")
    outcome = await desk.grant(
        signed.approver, approval, pattern, int(uses) if uses else None, units.seconds(lasting)
    )
    return done(room, signed, "/callers", outcome, "Granted.")


async def _shown(
    room: Room,
    request: Request,
    visitor: Visitor,
    found: Card | None,
    status: int = 200,
    wrong: str = "",
    draft: Callable[[str], str] | None = None,
) -> Response:
    if found is None:
        return room.pages.trouble(request, visitor, 404, "There is no such approval.")
    desk, approval, arguments = room.house.desk, found.approval, found.arguments
    whole = request.query_params.get("whole") == "1"
    readable = arguments is not None and not found.hidden
    return room.pages.show(
        request,
        visitor,
        "card.html",
        status,
        card=found,
        approval=approval,
        layout=None
        if arguments is None
        else lay_out(arguments, (), EVERYTHING if whole else SCREEN, found.hidden),
        asked=None if found.asked is None else lay_out(found.asked, (), SCREEN, found.hidden),
        hold=await _hold(room, approval),
        why=WHY.get(approval.why, approval.why),
        may=visitor.approver is not None and _needed(approval) in desk.may_approve(visitor.approver),
        needed=_needed(approval),
        fields=fields_of(arguments, found.schema) if arguments is not None and readable else None,
        choices=choices_of(arguments) if arguments is not None and readable else None,
        exact=reading(exactly(arguments or {})),
        grants=approval.tier is None or room.house.policies.current.rule(approval.tier).grants,
        draft=draft,
        wrong=wrong,
        lasting=LASTING,
        tiers=tuple(Tier),
    )


async def _hold(room: Room, approval: Approval) -> JsonObject:
    """The record of the hold, empty where it cannot be read."""
    try:
        around = await room.tail.around(approval.created)
    except JournalDown:
        return {}
    for one in around:
        body = one.line.body
        if body.get("kind") == "hold" and body.get("approval") == approval.id:
            return body
    return {}


def _tier(form: Form) -> Tier | None:
    word = form["tier"]
    return Tier(word) if word in set(Tier) else None


def _needed(approval: Approval) -> Tier:
    return Tier.PRIVILEGED if approval.tier is Tier.PRIVILEGED else Tier.IRREVERSIBLE


def _page(signed: Signed) -> str:
    return f"/approvals/{signed.path('approval')}"
