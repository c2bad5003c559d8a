"""The kill switch: stop everything, an upstream, a caller or a tool, from the next call on."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from toolgate.console.room import Form, Room, Signed, done
from toolgate.console.visitors import Visitor
from toolgate.core.shown import Kind, row_of

_MOST = 1000


async def page(room: Room, request: Request, visitor: Visitor) -> Response:
    """What is stopped, and what can be."""
    house, now = room.house, room.house.clock.now()
    tools = {name for name, _ in room.tally.by("tool", now)}
    return room.pages.show(
        request,
        visitor,
        "switches.html",
        pauses=await house.desk.pauses(),
        names=[*house.upstreams, *filter(_plain, sorted({*room.tally.people, *tools})[:_MOST])],
    )


def _plain(name: str) -> bool:
    """Whether a name can be suggested: as it reads it must be what it is."""
    return all(one.kind is Kind.SHOWN for one in row_of(name))


async def pause(room: Room, signed: Signed, form: Form) -> Response:
    """Stop."""
    scope, name = form["scope"], form["name"].strip()
    if scope not in ("everything", "upstream", "caller", "tool") or (scope != "everything" and not name):
        return room.pages.trouble(signed.request, signed.visitor, 400, "Say what is to be stopped.")
    what = {"upstream": "", "caller": "", "tool": ""}
    if scope == "tool":
        what["upstream"], _, what["tool"] = name.partition("/")
        if not what["upstream"] or not what["tool"]:
            why = "A tool: expected upstream/tool."
            return room.pages.trouble(signed.request, signed.visitor, 400, why)
    elif scope != "everything":
        what[scope] = name
    outcome = await room.house.desk.pause(signed.approver, **what)
    known, upstream = room.house.upstreams, what["upstream"]
    said = "Stopped, from the next call on."
    if upstream and known and upstream not in known:
        said += " Mind: the settings name no such upstream."
    return done(room, signed, "/switches", outcome, said)


async def resume(room: Room, signed: Signed, form: Form) -> Response:
    """Go on."""
    outcome = await room.house.desk.resume(signed.approver, form["pause"])
    return done(room, signed, "/switches", outcome, "Goes on, from the next call on.")
