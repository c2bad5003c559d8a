"""Undo: what can be taken back, one call or a whole run."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from toolgate.approvals.desk import Declined
from toolgate.console.house import Step
from toolgate.console.room import Form, Room, Signed, done
from toolgate.console.visitors import Visitor
from toolgate.core.model import Inverse


async def page(room: Room, request: Request, visitor: Visitor) -> Response:
    """What can be undone, newest first, by session."""
    runs: dict[str, list[Inverse]] = {}
    for one in await room.house.desk.inverses():
        runs.setdefault(one.session, []).append(one)
    return room.pages.show(request, visitor, "undo.html", runs=runs)


async def undo(room: Room, signed: Signed, form: Form) -> Response:
    """Take one call back, through the same checks as any call."""
    outcome = await room.house.undoer.undo(signed.approver, form["call"])
    said = "" if isinstance(outcome, Declined) else _said([outcome])
    return done(room, signed, "/undo", outcome, said)


async def undo_run(room: Room, signed: Signed, form: Form) -> Response:
    """Take a whole run back, in reverse order, up to the first that fails."""
    outcome = await room.house.undoer.undo_run(signed.approver, form["session"])
    said = "" if isinstance(outcome, Declined) else _said(outcome)
    return done(room, signed, "/undo", outcome, said)


def _said(steps: Sequence[Step]) -> str:
    """What became of each."""
    words = (f"{one.target}: {one.status}{f' ({one.detail})' if one.detail else ''}" for one in steps)
    return "; ".join(words) or "There was nothing to undo."
