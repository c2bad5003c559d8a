"""The console as one application: what is served under which address, and to whom."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from toolgate.approvals.approvers import Approver
from toolgate.console.house import House
from toolgate.console.live import Live
from toolgate.console.pages import FOLDER, Pages
from toolgate.console.room import Act, Room, View, acting, current, reading
from toolgate.console.shield import Shield
from toolgate.console.signin import SignIn
from toolgate.console.tail import Tail
from toolgate.console.tally import Tally
from toolgate.console.views import callers, figures, held, reversal, rules, switches, traffic
from toolgate.console.views.history import History
from toolgate.console.views.upstreams import Upstreams
from toolgate.console.visitors import Visitor, Visitors
from toolgate.ingress.guard import Origins

_GET: Final = ("GET",)
_POST: Final = ("POST",)


class Console:
    """The application, and the links that sign the local user in."""

    def __init__(self, house: House) -> None:
        self.room = _room(house)
        self.app: ASGIApp = Shield(
            Starlette(
                routes=[*_strangers(self.room), *_visitors(self.room)],
                lifespan=self._lifespan,
                exception_handlers={404: self._missing, 405: self._missing},
            ),
            Origins(house.listen, house.public_url),
            house.public_url,
        )

    def link(self) -> str:
        """An address that signs the local user in, once."""
        return f"{self.room.house.public_url}/sign-in/link/{self.room.visitors.link()}"

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncGenerator[None]:
        self.room.live.start()
        try:
            yield
        finally:
            await self.room.live.close()

    async def _missing(self, request: Request, _: Exception) -> Response:
        visitor = current(self.room, request)
        return self.room.pages.trouble(request, visitor, 404, "There is nothing at this address.")


def _room(house: House) -> Room:
    now = house.clock.now
    visitors = Visitors(house.public_url, now)

    def rights(visitor: Visitor) -> frozenset[str]:
        return house.desk.may_approve(visitor.approver) if visitor.approver is not None else frozenset()

    def cost(call: str) -> float:
        upstream, _, tool = call.partition("/")
        rule = house.policies.current.tools.find(upstream, tool)
        return rule.cost if rule is not None else 0.0

    tail, tally = Tail(house.journal), Tally(cost)
    return Room(house, visitors, Pages(visitors, now, rights), tail, tally, Live(tail, tally, now))


def _strangers(room: Room) -> list[Route | Mount]:
    """What is served to anybody."""
    sign_in = SignIn(room)

    def approver(request: Request) -> Approver | None:
        visitor = current(room, request)
        return visitor.approver if visitor is not None else None

    async def health(_: Request) -> Response:
        return Response("ok", media_type="text/plain")

    return [
        Mount("/static", StaticFiles(directory=FOLDER / "static")),
        Route("/healthz", health, methods=_GET),
        Route("/sign-in", sign_in.page, methods=_GET),
        Route("/sign-in/passphrase", sign_in.passphrase, methods=_POST),
        Route("/sign-in/link/{link}", sign_in.link, methods=_GET),
        Route("/sign-in/link/{link}", sign_in.follow, methods=_POST),
        Route("/sign-in/enrol", sign_in.enrol, methods=_POST),
        Route("/sign-in/openid", sign_in.leave_for_provider, methods=_POST),
        Route("/sign-in/back", sign_in.back_from_provider, methods=_GET),
        Route("/sign-in/back", sign_in.arrive_from_provider, methods=_POST),
        Route("/sign-out", sign_in.leave, methods=_POST),
        *room.house.elsewhere(approver),
    ]


def _visitors(room: Room) -> list[Route]:
    """What is served to whoever is signed in: GET reads, POST acts."""
    history, upstreams = History(), Upstreams()

    async def home(_: Request) -> Response:
        return RedirectResponse("/approvals", 303)

    pages, acts = _pages(history, upstreams), _acts(history, upstreams)
    return [
        Route("/", home, methods=_GET),
        *(Route(path, reading(room, view), methods=_GET) for path, view in pages.items()),
        *(Route(path, acting(room, act), methods=_POST) for path, act in acts.items()),
    ]


def _pages(history: History, upstreams: Upstreams) -> dict[str, View]:
    return {
        "/approvals": held.Listing().page,
        "/approvals/{approval}": held.card,
        "/traffic": traffic.page,
        "/charts": figures.page,
        "/callers": callers.page,
        "/upstreams": upstreams.page,
        "/upstreams/{upstream}": upstreams.one,
        "/policy": rules.page,
        "/journal": history.page,
        "/journal/{record:int}": history.record,
        "/undo": reversal.page,
        "/switches": switches.page,
        "/events": _events,
    }


def _acts(history: History, upstreams: Upstreams) -> dict[str, Act]:
    return {
        "/approvals/{approval}/approve": held.approve,
        "/approvals/{approval}/edit": held.edit,
        "/approvals/{approval}/deny": held.deny,
        "/approvals/{approval}/reveal": held.reveal,
        "/approvals/{approval}/clear": held.clear,
        "/approvals/{approval}/grant": held.grant,
        "/grants/{grant}/revoke": callers.revoke_grant,
        "/keys/{key}/revoke": callers.revoke_key,
        "/upstreams/{upstream}/look": upstreams.look,
        "/policy/explain": rules.explain,
        "/journal/verify": history.verify,
        "/undo/call": reversal.undo,
        "/undo/run": reversal.undo_run,
        "/switches/pause": switches.pause,
        "/switches/resume": switches.resume,
    }


async def _events(room: Room, request: Request, visitor: Visitor) -> Response:
    """What changes, as it changes, until the session ends."""
    if request.method == "HEAD":
        return Response(media_type="text/event-stream")

    def welcome() -> bool:
        return current(room, request) is visitor

    return StreamingResponse(room.live.stream(welcome), media_type="text/event-stream")
