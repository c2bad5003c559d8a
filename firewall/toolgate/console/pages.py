"""Templates: everything shown goes through them, and through `plain` where a stranger wrote it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from toolgate.approvals.card import span
from toolgate.console.visitors import Visitor, Visitors
from toolgate.core.shown import Kind, Row, row_of, rows_of

FOLDER: Final = Path(__file__).resolve().parent
_LONGEST: Final = 400
_MOST_ROWS: Final = 20
_YEAR_9999: Final = 253_402_300_000.0
NAVIGATION: Final = (
    ("/approvals", "Approvals"),
    ("/traffic", "Traffic"),
    ("/charts", "Charts"),
    ("/callers", "Callers"),
    ("/upstreams", "Upstreams"),
    ("/policy", "Policy"),
    ("/journal", "Journal"),
    ("/undo", "Undo"),
    ("/switches", "Kill switch"),
)


class Pages:
    """Makes pages. `now` gives seconds since the epoch; `rights` what a visitor may approve."""

    def __init__(
        self, visitors: Visitors, now: Callable[[], float], rights: Callable[[Visitor], frozenset[str]]
    ) -> None:
        self._visitors, self._now, self._rights = visitors, now, rights
        self._templates = Environment(
            loader=FileSystemLoader(FOLDER / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {
            "told": told,
            "row": row,
            "rows": rows,
            "when": when,
            "clock": clock,
            "ago": self._ago,
            "until": self._until,
            "count": lambda number: f"{number:,}",
        }

    def show(
        self, request: Request, visitor: Visitor | None, template: str, status: int = 200, **values: Any
    ) -> HTMLResponse:
        """A page from a template."""
        response = HTMLResponse(status_code=status)
        if visitor is None:
            token = self._visitors.visit(request, response)
        else:
            token = self._visitors.form_token(request)
        text = self._templates.get_template(template).render(
            visitor=visitor,
            rights=self._rights(visitor) if visitor is not None else frozenset(),
            token=token,
            path=request.url.path,
            navigation=NAVIGATION,
            notice=self._visitors.notice(visitor) if visitor is not None else "",
            now=self._now(),
            **values,
        )
        response.body = text.encode()
        response.headers["content-length"] = str(len(response.body))
        return response

    def trouble(self, request: Request, visitor: Visitor | None, status: int, why: str) -> HTMLResponse:
        """A page that says what went wrong."""
        return self.show(request, visitor, "trouble.html", status, why=why)

    def _ago(self, moment: float) -> str:
        return f"{span(self._now() - moment)} ago"

    def _until(self, moment: float) -> Markup:
        """A time to come, counted down by the page itself."""
        left = span(moment - self._now()) if moment > self._now() else "over"
        return Markup('<time class="until" data-until="{}">{}</time>').format(f"{moment:.0f}", left)


def told(text: object) -> Markup:
    """A stranger's text on one row: what cannot be seen or misleads stands as a mark."""
    return row(row_of(str(text), limit=_LONGEST))


def row(segments: Row) -> Markup:
    """Segments as HTML: the author's letters escaped, our marks in a style that no author can write."""
    parts = (
        escape(one.text)
        if one.kind is Kind.SHOWN
        else Markup('<span class="mark {}">{}</span>').format(one.kind.value, one.text)
        for one in segments
    )
    return Markup("").join(parts)


def rows(text: object) -> list[Markup]:
    """A stranger's text on as many rows as it has, within bounds."""
    return [row(one) for one in rows_of(str(text), (), 4 * _LONGEST, _MOST_ROWS)]


def when(moment: float) -> Markup:
    """A time for reading and for programs; nothing for what is none."""
    if not 0 <= moment < _YEAR_9999:
        return Markup("–")
    at = datetime.fromtimestamp(moment).astimezone()
    return Markup('<time datetime="{}">{}</time>').format(
        at.isoformat(timespec="seconds"), at.strftime("%Y-%m-%d %H:%M:%S")
    )


def clock(moment: float) -> Markup:
    """The time of day."""
    at = datetime.fromtimestamp(moment).astimezone()
    return Markup('<time datetime="{}">{}</time>').format(
        at.isoformat(timespec="seconds"), at.strftime("%H:%M:%S")
    )
