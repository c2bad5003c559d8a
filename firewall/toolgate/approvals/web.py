"""What the console serves for other channels: signed decisions, and the page behind a link in a message."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import parse_qs

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from toolgate.approvals import links
from toolgate.approvals.approvers import Approver
from toolgate.approvals.desk import Declined
from toolgate.approvals.hooks import MOST, Decides, Hooks
from toolgate.approvals.links import Link
from toolgate.approvals.page import HEADERS, STYLE, Form, card_page, notice
from toolgate.approvals.telling import Shown
from toolgate.core.model import Tier
from toolgate.ports import Keyring

_COOKIE: Final = "toolgate_decide"
_CSRF: Final = "approval-form"
_GONE: Final = "This link leads nowhere"
_WHY: Final = "It has expired, was cut off when it was copied, or is not from here."


class Counter(Protocol):
    """The desk that people come to; `through` is the same desk seen through another channel."""

    async def card(self, approval: str) -> Shown | None: ...

    async def sign_in(self, name: str, passphrase: str) -> Approver | Declined: ...

    def through(self, channel: str) -> Decides: ...


SignedIn = Callable[[Request], Approver | None]


@dataclass(frozen=True, slots=True)
class Web:
    """What the pages need. `signed_in` is the session of the console, `secure`: it is reached over TLS."""

    desk: Counter
    hooks: Hooks
    keyring: Keyring
    now: Callable[[], float]
    signed_in: SignedIn = lambda _: None
    secure: bool = False


def routes(web: Web) -> list[Route]:
    """`/hooks/decisions`, `/decide/{token}` and its style, to be mounted at the root of the console."""

    async def decisions(request: Request) -> Response:
        body = await _body(request)
        said = await web.hooks.take(dict(request.headers), body)
        return Response(orjson.dumps(dict(said.said)), said.status, media_type="application/json")

    async def look(request: Request) -> Response:
        return await _look(web, request)

    async def decide(request: Request) -> Response:
        return await _decide(web, request)

    async def style(_: Request) -> Response:
        return Response(STYLE, media_type="text/css")

    return [
        Route("/decide.css", style, methods=["GET"]),
        Route("/hooks/decisions", decisions, methods=["POST"]),
        Route("/decide/{token}", look, methods=["GET"]),
        Route("/decide/{token}", decide, methods=["POST"]),
    ]


async def _look(web: Web, request: Request) -> Response:
    """Show the card. Programs that open links before people do see it too, and decide nothing."""
    link = links.read(web.keyring, request.path_params["token"], web.now())
    card = await web.desk.card(link.approval) if link else None
    if link is None or card is None:
        return _page(notice(_GONE, _WHY), 404)
    return _asking(web, request, link, card)


async def _decide(web: Web, request: Request) -> Response:
    link = links.read(web.keyring, request.path_params["token"], web.now())
    card = await web.desk.card(link.approval) if link else None
    if link is None or card is None:
        return _page(notice(_GONE, _WHY), 404)
    form = parse_qs((await _body(request)).decode("utf-8", "replace"), max_num_fields=10)
    cookie = request.cookies.get(_COOKIE, "")
    sent = form.get("csrf", [""])[0]
    known = bool(cookie) and hmac.compare_digest(sent.encode(), _csrf(web, request, cookie).encode())
    if not known or request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return _asking(
            web, request, link, card, "This page was open for too long. Look again, then decide.", 403
        )
    decision = form.get("decision", [""])[0]
    if decision not in ("approve", "deny"):
        return _asking(web, request, link, card, "Found no decision, expected one of the two buttons.", 400)
    who = await _who(web, request, link, card, form)
    if isinstance(who, Declined):
        return _asking(web, request, link, card, _sentence(who), 403)
    approver, channel = who
    desk = web.desk.through(channel)
    act = desk.approve if decision == "approve" else desk.deny
    done = await act(approver, link.approval)
    if isinstance(done, Declined):
        return _asking(web, request, link, await web.desk.card(link.approval) or card, _sentence(done), 409)
    return _page(notice(f"The call is {done.state.value}", f"Decided by {approver.name}."))


async def _who(
    web: Web, request: Request, link: Link, card: Shown, form: dict[str, list[str]]
) -> tuple[Approver, str] | Declined:
    """Who decides, and through which channel: whoever the link names, is signed in, or signs in now."""
    if _names(link, card):
        named = web.desk.through(link.channel).approver(link.approver)
        return (named, link.channel) if named else Declined("the approver of this link is not enrolled")
    if signed_in := web.signed_in(request):
        return signed_in, "console"
    name, passphrase = form.get("name", [""])[0], form.get("passphrase", [""])[0]
    if not name or not passphrase:
        return Declined("name and passphrase are needed")
    found = await web.desk.sign_in(name, passphrase)
    return found if isinstance(found, Declined) else (found, "console")


def _names(link: Link, card: Shown) -> bool:
    """Whether the link alone decides: never for a privileged tool, or one without a tier."""
    return bool(link.approver) and card.approval.tier in (Tier.REVERSIBLE, Tier.IRREVERSIBLE)


def _asking(
    web: Web, request: Request, link: Link, card: Shown, error: str = "", status: int = 200
) -> Response:
    """The card with a form that belongs to this browser."""
    cookie = request.cookies.get(_COOKIE, "") or secrets.token_urlsafe(24)
    signed_in = web.signed_in(request)
    decider = link.approver if _names(link, card) else signed_in.name if signed_in else ""
    form = Form(_csrf(web, request, cookie), decider)
    answer = _page(card_page(card, web.now(), form, error), status)
    answer.set_cookie(_COOKIE, cookie, path="/decide", secure=web.secure, httponly=True, samesite="strict")
    return answer


def _csrf(web: Web, request: Request, cookie: str) -> str:
    return web.keyring.digest(_CSRF, orjson.dumps([request.path_params["token"], cookie]))


def _sentence(declined: Declined) -> str:
    wait = "" if declined.retry_after is None else f" Try again in {declined.retry_after:.0f} s."
    return f"Not done: {declined.why}.{wait}"


def _page(html: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(html, status, HEADERS)


async def _body(request: Request) -> bytes:
    """The body up to one byte more than may be taken."""
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > MOST:
            return data[: MOST + 1]
    return data
