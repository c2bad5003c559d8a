"""Calls as they are judged."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from toolgate.console.room import Room
from toolgate.console.tally import VERDICTS
from toolgate.console.visitors import Visitor


async def page(room: Room, request: Request, visitor: Visitor) -> Response:
    """The newest calls first, all or those of one verdict."""
    verdict = request.query_params.get("verdict", "")
    recent = [one for one in reversed(room.tally.recent) if not verdict or one.judged.verdict == verdict]
    return room.pages.show(
        request, visitor, "traffic.html", recent=recent[:100], verdict=verdict, verdicts=VERDICTS
    )
