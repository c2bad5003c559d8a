"""Upstreams: where they are, whether they answer, their tools and the pins of those."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from toolgate.console.house import Look
from toolgate.console.room import Form, Room, Signed, done
from toolgate.console.tally import percentile
from toolgate.console.visitors import Visitor
from toolgate.core.model import JsonObject, Tier

_MOST_TOOLS = 500


class Upstreams:
    """The pages of upstreams. What one said is kept until somebody looks again: no page asks by itself."""

    def __init__(self) -> None:
        self._looks: dict[str, Look] = {}

    async def page(self, room: Room, request: Request, visitor: Visitor) -> Response:
        """All of them."""
        sums = dict(room.tally.by("upstream", room.house.clock.now()))
        rows: list[JsonObject] = []
        for name, where in room.house.upstreams.items():
            slot, look = sums.get(name), self._looks.get(name)
            good, bad = room.tally.last.get(name, (0.0, 0.0))
            rows.append(
                {
                    "name": name,
                    "where": where,
                    "health": _health(good, bad, look),
                    "slot": slot,
                    "p95": percentile(slot.ms, 0.95) if slot is not None else None,
                    "look": look,
                }
            )
        return room.pages.show(request, visitor, "upstreams.html", rows=rows)

    async def one(self, room: Room, request: Request, visitor: Visitor) -> Response:
        """One upstream with its tools."""
        name = str(request.path_params["upstream"])
        if name not in room.house.upstreams:
            return room.pages.trouble(request, visitor, 404, "There is no such upstream.")
        look, policy = self._looks.get(name), room.house.policies.current
        tools: list[tuple[Any, Tier | None, str]] = []
        if look is not None:
            for tool in look.tools[:_MOST_TOOLS]:
                described = look.listed.get(tool.name, {}).get("description", "")
                tools.append((tool, policy.tiers.find(name, tool.name), str(described)))
        return room.pages.show(
            request,
            visitor,
            "upstream.html",
            name=name,
            where=room.house.upstreams[name],
            look=look,
            tools=tools,
        )

    async def look(self, room: Room, signed: Signed, form: Form) -> Response:
        """Ask one what it offers."""
        del form
        name = signed.path("upstream")
        if name not in room.house.upstreams:
            return room.pages.trouble(signed.request, signed.visitor, 404, "There is no such upstream.")
        found = self._looks[name] = await room.house.look(name)
        said = found.trouble or f"{name} answered with {len(found.tools)} tools."
        return done(room, signed, f"/upstreams/{name}", None, said)


def _health(good: float, bad: float, look: Look | None) -> str:
    """What was last seen of it, by calls or by looking."""
    if look is not None and look.at > max(good, bad):
        return "trouble" if look.trouble else "well"
    if good == bad == 0.0:
        return "unknown"
    return "well" if good > bad else "trouble"
