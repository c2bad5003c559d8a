"""What every request and every answer of the console must be, whatever page it is for."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from toolgate.core.model import Refuse
from toolgate.ingress.guard import Origins

# Held arguments may be 4 MiB, and an edit of them is a form.
LARGEST: Final = 5 << 20
# No inline script, no inline style, nothing from elsewhere, in nobody's frame.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    # Under no-referrer a browser calls our own forms those of nobody: Origin null (Fetch standard).
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
_READING: Final = frozenset({"GET", "HEAD"})


class Shield:
    """Refuses foreign hosts and foreign pages, and puts the headers on that keep a page to itself."""

    def __init__(self, app: ASGIApp, origins: Origins, public_url: str) -> None:
        self._app, self._origins = app, origins
        self._secure = urlsplit(public_url).scheme == "https"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        if scope["type"] != "http":
            return
        wrong = self._wrong(scope["method"], Headers(scope=scope))

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                headers.setdefault("Cache-Control", "no-store")
                if self._secure:
                    headers["Strict-Transport-Security"] = "max-age=31536000"
            await send(message)

        app: ASGIApp = self._app if wrong is None else wrong
        await app(scope, receive, dressed)

    def _wrong(self, method: str, headers: Headers) -> PlainTextResponse | None:
        plain = {name: headers[name] for name in ("host", "origin") if name in headers}
        reading = method in _READING
        if reading:
            plain.pop("origin", None)  # a page elsewhere cannot read the answer, and a GET changes nothing
        found = self._origins.wrong(plain)
        if isinstance(found, Refuse):
            return PlainTextResponse(found.detail, 421 if found.detail.startswith("Host") else 403)
        if reading:
            return None
        site = headers.get("sec-fetch-site", "same-origin")
        if site not in ("same-origin", "none"):
            return PlainTextResponse("expected a form of this console", 403)
        length = headers.get("content-length", "")
        if not length.isdigit():
            return PlainTextResponse("expected Content-Length", 411)
        return PlainTextResponse("too large", 413) if int(length) > LARGEST else None
