"""Who is at the console: sessions in memory, their cookies, and the tokens their forms carry."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from toolgate.approvals.approvers import Approver

How: TypeAlias = Literal["link", "passphrase", "openid"]

# Signed out after so many seconds without a request, and after so many in any case.
IDLE: Final = 3600.0
LONGEST: Final = 12 * 3600.0
LINK_LASTS: Final = 3600.0
NOTICE_LASTS: Final = 10.0
_MOST: Final = 1000


@dataclass(slots=True)
class Visitor:
    """Somebody signed in. `approver` is None for whoever came by the link: they look and decide nothing."""

    name: str
    how: How
    approver: Approver | None
    since: float
    seen: float
    notice: tuple[str, float] = ("", 0.0)


class Visitors:
    """The sessions of this process. They end with it. Cookies hold random numbers, kept here as hashes."""

    def __init__(self, public_url: str, now: Callable[[], float]) -> None:
        parts = urlsplit(public_url)
        self._secure = parts.scheme == "https"
        # Cookies know no ports: two consoles on one machine must not sign each other out.
        port = f"_{parts.port}" if parts.port else ""
        prefix = "__Host-" if self._secure else ""
        self.session_cookie, self.visit_cookie = f"{prefix}toolgate{port}", f"{prefix}toolgate_visit{port}"
        self._now = now
        self._secret = secrets.token_bytes(32)
        self._known: dict[str, Visitor] = {}
        self._links: dict[str, float] = {}

    def link(self) -> str:
        """A token that signs the local user in, once."""
        token = secrets.token_urlsafe(32)
        self._links[_hash(token)] = self._now() + LINK_LASTS
        return token

    def follow(self, token: str) -> bool:
        """Use up the token of a link; whether it was one."""
        return self._links.pop(_hash(token), 0.0) > self._now()

    def of(self, request: Request) -> Visitor | None:
        """Who sent this request, None for a stranger or somebody whose time is over."""
        key = _hash(request.cookies.get(self.session_cookie, ""))
        visitor = self._known.get(key)
        if visitor is None:
            return None
        now = self._now()
        if now - visitor.seen > IDLE or now - visitor.since > LONGEST:
            del self._known[key]
            return None
        return visitor

    def tell(self, visitor: Visitor, notice: str) -> None:
        """What the next page says on top."""
        visitor.notice = (notice, self._now())

    def notice(self, visitor: Visitor) -> str:
        """What was told a moment ago."""
        text, at = visitor.notice
        return text if self._now() - at < NOTICE_LASTS else ""

    def touch(self, visitor: Visitor) -> None:
        """Somebody did something: an open page that only refreshes itself does not count."""
        visitor.seen = self._now()

    def enter(self, response: Response, name: str, how: How, approver: Approver | None) -> Visitor:
        """Begin a session; it gets a number of its own, whatever cookie came along."""
        token = secrets.token_urlsafe(32)
        now = self._now()
        visitor = Visitor(name, how, approver, now, now)
        self._known[_hash(token)] = visitor
        if len(self._known) > _MOST:
            del self._known[next(iter(self._known))]
        self._set(response, self.session_cookie, token)
        return visitor

    def leave(self, request: Request, response: Response) -> None:
        """End the session of this request."""
        self.forget(request)
        response.delete_cookie(
            self.session_cookie, path="/", secure=self._secure, httponly=True, samesite="strict"
        )

    def forget(self, request: Request) -> None:
        """End it without a word to the browser."""
        self._known.pop(_hash(request.cookies.get(self.session_cookie, "")), None)

    def visit(self, request: Request, response: Response) -> str:
        """The form token of somebody who has not signed in; the response gives them the cookie for it."""
        token = request.cookies.get(self.visit_cookie, "")
        if len(token) != _TOKEN_LENGTH:
            token = secrets.token_urlsafe(32)
        self._set(response, self.visit_cookie, token)
        return self._signed(token)

    def form_token(self, request: Request) -> str:
        """What the forms of this visitor carry."""
        return self._signed(self._cookie(request))

    def fits(self, request: Request, token: str) -> bool:
        """Whether a form came from a page that we gave to this very browser."""
        cookie = self._cookie(request)
        return bool(cookie) and hmac.compare_digest(self._signed(cookie).encode(), token.encode())

    def _cookie(self, request: Request) -> str:
        cookies = request.cookies
        if self.of(request) is not None:
            return cookies[self.session_cookie]
        return cookies.get(self.visit_cookie, "")

    def _signed(self, cookie: str) -> str:
        return hmac.new(self._secret, b"form\n" + cookie.encode(), "sha256").hexdigest()

    def _set(self, response: Response, name: str, value: str) -> None:
        response.set_cookie(
            name, value, max_age=int(LONGEST), path="/", secure=self._secure, httponly=True, samesite="strict"
        )


_TOKEN_LENGTH: Final = len(secrets.token_urlsafe(32))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
