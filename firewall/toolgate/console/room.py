"""What all pages share, and the two ways to be a page: one that reads and one that acts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import parse_qsl, quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from toolgate.approvals.approvers import Approver
from toolgate.approvals.desk import Declined
from toolgate.console.house import House
from toolgate.console.live import Live
from toolgate.console.pages import Pages
from toolgate.console.tail import Tail
from toolgate.console.tally import Tally
from toolgate.console.visitors import Visitor, Visitors

# Sent by a page that fetches itself anew; nobody touched anything.
REFRESH: Final = "x-toolgate-refresh"
_MOST_FIELDS: Final = 200


@dataclass(frozen=True, slots=True)
class Room:
    """The house, who is in it, and how its pages are made."""

    house: House
    visitors: Visitors
    pages: Pages
    tail: Tail
    tally: Tally
    live: Live


View: TypeAlias = Callable[[Room, Request, Visitor], Awaitable[Response]]
Act: TypeAlias = Callable[[Room, "Signed", "Form"], Awaitable[Response]]
Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Signed:
    """A form of somebody who may decide."""

    request: Request
    visitor: Visitor
    approver: Approver

    def path(self, name: str) -> str:
        """A part of the address."""
        return str(self.request.path_params[name])


class Form:
    """What a form sent. A field that is missing is empty."""

    def __init__(self, body: bytes) -> None:
        pairs = parse_qsl(
            body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MOST_FIELDS
        )
        self._fields = dict(reversed(pairs))  # the first of two counts

    def __getitem__(self, name: str) -> str:
        return self._fields.get(name, "")


async def form_of(request: Request) -> Form:
    """The form that came; an empty one where it has more fields than any of ours."""
    try:
        return Form(await request.body())
    except ValueError:
        return Form(b"")


def reading(room: Room, view: View) -> Endpoint:
    """A page for whoever is signed in. It changes nothing."""

    async def endpoint(request: Request) -> Response:
        visitor = current(room, request)
        if visitor is None:
            return to_sign_in(request)
        if REFRESH not in request.headers:
            room.visitors.touch(visitor)
        return await view(room, request, visitor)

    return endpoint


def acting(room: Room, act: Act) -> Endpoint:
    """Something an approver does, from a form of ours."""

    async def endpoint(request: Request) -> Response:
        visitor, form = current(room, request), await form_of(request)
        if visitor is None:
            return to_sign_in(request)
        if not room.visitors.fits(request, form["token"]):
            return room.pages.trouble(request, visitor, 403, "This form is not from this session. Try again.")
        room.visitors.touch(visitor)
        if visitor.approver is None:
            return room.pages.trouble(request, visitor, 403, "To decide, sign in with your passphrase.")
        return await act(room, Signed(request, visitor, visitor.approver), form)

    return endpoint


def current(room: Room, request: Request) -> Visitor | None:
    """Who is signed in; an approver who was struck off the list is nobody, new roles count at once."""
    visitor = room.visitors.of(request)
    if visitor is None or visitor.how != "passphrase":
        return visitor
    known = room.house.desk.approver(visitor.name)
    if known is None or visitor.approver is None or known.hash != visitor.approver.hash:
        room.visitors.forget(request)
        return None
    visitor.approver = known
    return visitor


def to_sign_in(request: Request) -> Response:
    """Sign in first, then come back."""
    back = request.url.path if request.method == "GET" else "/"
    return RedirectResponse(f"/sign-in?next={quote(back, safe='')}", 303)


def done(room: Room, signed: Signed, where: str, outcome: object, said: str) -> Response:
    """Go and look at what became of it: a reload of that page does nothing again."""
    if isinstance(outcome, Declined):
        wait = "" if outcome.retry_after is None else f"; try again in {outcome.retry_after:.0f} s"
        said = f"Not done: {outcome.why}{wait}."
    room.visitors.tell(signed.visitor, said)
    return RedirectResponse(where, 303)
