"""Events on a CalDAV server: RFC 4791, with ETag and If-Match on every change."""

import re
from datetime import datetime
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from caldav.elements import cdav, dav
from caldav.lib.error import DAVError

from toolgate_servers.actions.calendar.davwire import Wire, refuse
from toolgate_servers.actions.calendar.events import Kept, changed_meanwhile, no_such_event, uid_taken
from toolgate_servers.actions.calendar.settings import CalDav
from toolgate_servers.config import resolve_secret
from toolgate_servers.errors import Reason, Refused
from toolgate_servers.net import Answer, Net, bad_answer
from toolgate_servers.running import Run

ID = re.compile(r"[A-Za-z0-9@_+=][A-Za-z0-9@._+=-]{0,199}")
ETAG = re.compile(r'(?:W/)?"[!#-~]{0,180}"')
# What the package raises about answers that are not as it expects.
ODD = (DAVError, AssertionError, AttributeError, TypeError, ValueError, LookupError)


class DavEvents:
    """One calendar of a server."""

    def __init__(self, settings: CalDav, net: Net | None = None) -> None:
        self._settings = settings
        self._password = resolve_secret(settings.password)
        self._net = net
        self._url: str | None = None if settings.calendar else _folder(settings.url)

    def between(self, start: datetime, end: datetime, run: Run) -> list[Kept]:
        """Give what may take place from one moment until another."""
        wire = self._wire(run)
        url = self._calendar(wire)
        events = cdav.CompFilter("VEVENT") + cdav.TimeRange(start, end)
        asked = dav.Prop() + dav.GetEtag() + cdav.CalendarData()
        query = cdav.CalendarQuery() + asked + (cdav.Filter() + (cdav.CompFilter("VCALENDAR") + events))
        try:
            response = wire.report(url, str(query), depth=1)
            found: dict[str, dict[str, Any]] = response.expand_simple_props(
                [dav.GetEtag(), cdav.CalendarData()]
            )
        except ODD:
            raise bad_answer("an answer that is no list of events", "one as RFC 4791 says") from None
        return [
            Kept(_id(url, href), text, etag)
            for href, properties in found.items()
            if isinstance(text := properties.get(cdav.CalendarData.tag), str)
            and isinstance(etag := properties.get(dav.GetEtag.tag) or "", str)
        ]

    def get(self, event_id: str, run: Run) -> Kept:
        """Give one object."""
        wire = self._wire(run)
        return self._get(wire, event_id)

    def add(self, event_id: str, uid: str, text: str, run: Run) -> Kept:
        """Keep a new object; what is there under the id stays (RFC 4791 5.3.2)."""
        wire = self._wire(run)
        answer = self._put(wire, event_id, text, {"if-none-match": "*"})
        if answer.status == 412:
            return self._get(wire, event_id)
        if answer.status in (403, 409) and b"no-uid-conflict" in answer.body[:10_000]:
            raise uid_taken()
        return self._written(wire, event_id, text, answer)

    def change(self, kept: Kept, text: str, run: Run) -> Kept:
        """Replace an object, unless it was changed meanwhile (RFC 9110 13.1.1)."""
        wire = self._wire(run)
        answer = self._put(wire, kept.id, text, {"if-match": kept.etag})
        if answer.status == 412:
            raise changed_meanwhile()
        return self._written(wire, kept.id, text, answer)

    def _wire(self, run: Run) -> Wire:
        settings = self._settings
        wire = Wire(settings.url, settings.user, self._password, settings.seconds, self._net)
        wire.run = run
        return wire

    def _calendar(self, wire: Wire) -> str:
        """Give the URL of the calendar; of a named one by asking for the calendars of the account (6.2.1)."""
        if self._url is not None:
            return self._url
        wanted = self._settings.calendar
        try:
            account: Any = wire
            calendars: list[Any] = account.principal().calendars()
            named = {str(one.url): str(one.name or "") for one in calendars}
        except ODD:
            raise bad_answer("an answer that is no list of calendars", "one as RFC 4791 says") from None
        for url, name in named.items():
            if wanted in (name, unquote(url.rstrip("/").rpartition("/")[2])):
                self._url = _folder(url)
                return self._url
        raise Refused(
            Reason.NOT_FOUND,
            "the calendar server",
            found="no calendar of the name in the settings",
            expected="one; the operator can change the name",
        )

    def _at(self, wire: Wire, event_id: str) -> str:
        if ID.fullmatch(event_id) is None:
            raise no_such_event()
        return f"{self._calendar(wire)}{quote(event_id, safe='@+=')}.ics"

    def _get(self, wire: Wire, event_id: str) -> Kept:
        answer = wire.ask("GET", self._at(wire, event_id), {"accept": "text/calendar"})
        if answer.status in (404, 410):
            raise no_such_event()
        if answer.status != 200:
            refuse(answer)
        etag = answer.headers.get("etag", "")
        if ETAG.fullmatch(etag) is None:
            raise bad_answer("an event without a usable ETag", "one, as RFC 4791 5.3.4 wants it")
        return Kept(event_id, answer.body.decode("utf-8", errors="replace"), etag)

    def _put(self, wire: Wire, event_id: str, text: str, condition: dict[str, str]) -> Answer:
        headers = {"content-type": "text/calendar; charset=utf-8", **condition}
        return wire.ask("PUT", self._at(wire, event_id), headers, text.encode())

    def _written(self, wire: Wire, event_id: str, text: str, answer: Answer) -> Kept:
        if answer.status not in (200, 201, 204):
            refuse(answer)
        etag = answer.headers.get("etag", "")
        return Kept(event_id, text, etag) if ETAG.fullmatch(etag) else self._get(wire, event_id)


def _folder(url: str) -> str:
    return url if url.endswith("/") else f"{url}/"


def _id(url: str, href: str) -> str:
    """Give the id of an object that is directly in the calendar; empty when it has none that can be used."""
    folder = unquote(urlsplit(url).path)
    name = unquote(urlsplit(href).path).removeprefix(folder).removesuffix(".ics")
    return name if ID.fullmatch(name) and href.endswith(".ics") else ""
