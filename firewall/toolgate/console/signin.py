"""Signing in: by the link that was printed at start, with a passphrase, or at an OpenID provider."""

from __future__ import annotations

import hashlib
import re
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from toolgate.approvals.approvers import SHORTEST, Approver
from toolgate.approvals.desk import Declined
from toolgate.console.room import Form, Room, current, form_of
from toolgate.core.attempts import Attempts
from toolgate.core.model import Limit
from toolgate.errors import Misuse, PortDown

# Wrong passphrases and links of one address; the desk also counts those of one name, over all processes.
_GUESSES: Final = Limit(20.0, 300.0)
_LONGEST: Final = 1024
_OWN: Final = re.compile(r"/(?:[A-Za-z0-9._~%-]+(?:/[A-Za-z0-9._~%-]+)*)?")


class SignIn:
    """The pages for strangers. A GET shows a form and signs nobody in: a prefetched link stays good."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._guesses = Attempts(_GUESSES)

    async def page(self, request: Request) -> Response:
        """The form."""
        return self._form(request, next_of(request.query_params.get("next", "")))

    async def passphrase(self, request: Request) -> Response:
        """Sign in with a name and a passphrase."""
        form = await form_of(request)
        back = next_of(form["next"])
        if refused := self._refused(request, form, back):
            return refused
        name, passphrase = form["name"], form["passphrase"]
        if max(len(name), len(passphrase)) > _LONGEST:
            return self._form(request, back, 400, "That is too long.")
        found = await self._room.house.desk.sign_in(name, passphrase)
        if isinstance(found, Declined):
            self._failed(request)
            wait = "" if found.retry_after is None else f" Try again in {found.retry_after:.0f} s."
            return self._form(request, back, 403, f"Not signed in: {found.why}.{wait}")
        if not self._room.house.desk.may_approve(found):
            return self._form(request, back, 403, "By the policy your roles approve nothing.")
        return self._enter(request, back, found)

    async def link(self, request: Request) -> Response:
        """What the printed link leads to: a button."""
        return self._room.pages.show(
            request, None, "link.html", link=request.path_params["link"], local=self._room.house.local
        )

    async def follow(self, request: Request) -> Response:
        """Use the printed link, once."""
        form = await form_of(request)
        if refused := self._refused(request, form, "/"):
            return refused
        if not self._room.visitors.follow(request.path_params["link"]):
            self._failed(request)
            return self._form(request, "/", 403, "This link was used already, or is too old.")
        response = RedirectResponse("/", 303)
        self._room.visitors.enter(response, self._room.house.local, "link", None)
        return response

    async def enrol(self, request: Request) -> Response:
        """The first approver: whoever came by the link, as long as there is none."""
        form, room = await form_of(request), self._room
        visitor = current(room, request)
        if visitor is None or visitor.how != "link" or not room.visitors.fits(request, form["token"]):
            return self._form(request, "/", 403, "Follow the link that was printed at start.")
        if form["passphrase"] != form["again"]:
            return room.pages.trouble(request, visitor, 400, "The two passphrases differ.")
        desk = room.house.desk
        if desk.has_approvers():
            return room.pages.trouble(request, visitor, 403, "There are approvers already; one must vouch.")
        try:
            made = await desk.enrol(form["name"], (room.house.role,), form["passphrase"], None)
        except Misuse:
            why = f"Expected a name, and a passphrase of {SHORTEST} characters or more."
            return room.pages.trouble(request, visitor, 400, why)
        if isinstance(made, Declined):
            return room.pages.trouble(request, visitor, 403, f"Not enrolled: {made.why}.")
        return self._enter(request, "/approvals", made)

    async def leave_for_provider(self, request: Request) -> Response:
        """Off to the provider, by a page of ours: a form may not lead elsewhere."""
        form = await form_of(request)
        openid = self._room.house.openid
        if refused := self._refused(request, form, "/"):
            return refused
        if openid is None:
            return self._form(request, "/", 404, "There is no OpenID provider in the settings.")
        try:
            where = await openid.leave(self._visit(request))
        except PortDown:
            return self._form(request, "/", 502, "The provider does not answer.")
        return self._room.pages.show(request, None, "leave.html", where=where, provider=openid.name)

    async def back_from_provider(self, request: Request) -> Response:
        """What came from the provider, as a form of ours: our strict cookie comes along with that."""
        asked = request.query_params
        return self._room.pages.show(
            request,
            None,
            "back.html",
            state=asked.get("state", "")[:_LONGEST],
            code=asked.get("code", "")[:_LONGEST],
            iss=asked.get("iss", "")[:_LONGEST],
        )

    async def arrive_from_provider(self, request: Request) -> Response:
        """Sign in with what the provider sent."""
        form, room = await form_of(request), self._room
        openid = room.house.openid
        if refused := self._refused(request, form, "/"):
            return refused
        if openid is None:
            return self._form(request, "/", 404, "There is no OpenID provider in the settings.")
        try:
            found = await openid.back(self._visit(request), form["state"], form["code"], form["iss"])
        except PortDown:
            return self._form(request, "/", 502, "The provider does not answer.")
        if isinstance(found, str):
            self._failed(request)
            return self._form(request, "/", 403, f"Not signed in: {found}.")
        if not room.house.desk.may_approve(found):
            return self._form(request, "/", 403, "By the policy your roles approve nothing.")
        response = RedirectResponse("/", 303)
        room.visitors.enter(response, found.name, "openid", found)
        return response

    async def leave(self, request: Request) -> Response:
        """Sign out."""
        form = await form_of(request)
        if not self._room.visitors.fits(request, form["token"]):
            return self._form(request, "/", 403, "This form is not from this session.")
        response = RedirectResponse("/sign-in", 303)
        self._room.visitors.leave(request, response)
        return response

    def _enter(self, request: Request, back: str, approver: Approver) -> Response:
        response = RedirectResponse(back, 303)
        self._room.visitors.leave(request, response)
        self._room.visitors.enter(response, approver.name, "passphrase", approver)
        return response

    def _form(self, request: Request, back: str, status: int = 200, why: str = "") -> Response:
        """The sign-in page. Whoever came by the link keeps their session, and what is said names nobody."""
        house = self._room.house
        return self._room.pages.show(
            request,
            current(self._room, request),
            "sign_in.html",
            status,
            why=why,
            next=back,
            openid=house.openid.name if house.openid is not None else "",
            enrolled=house.desk.has_approvers(),
        )

    def _refused(self, request: Request, form: Form, back: str) -> Response | None:
        """Why this form is not even looked at."""
        wait = self._guesses.blocked(_address(request), self._room.house.clock.monotonic)
        if wait is not None:
            return self._form(request, back, 429, f"Too many attempts. Try again in {wait:.0f} s.")
        if not self._room.visitors.fits(request, form["token"]):
            return self._form(request, back, 403, "This form was too old. Try again.")
        return None

    def _failed(self, request: Request) -> None:
        self._guesses.failed(_address(request), self._room.house.clock.monotonic())

    def _visit(self, request: Request) -> str:
        """This browser, for as long as somebody signs in."""
        return hashlib.sha256(self._room.visitors.form_token(request).encode()).hexdigest()


def next_of(text: str) -> str:
    """A page of ours to go on to; anything else is the first page."""
    return text if _OWN.fullmatch(text) else "/"


def _address(request: Request) -> str:
    return request.client.host if request.client is not None else "?"
