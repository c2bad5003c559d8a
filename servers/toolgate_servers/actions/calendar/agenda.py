"""What every calendar tool works on: the events, the zone, and whose calendar it is."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

from icalendar import Event

from toolgate_servers.actions.calendar.events import Events, Kept, changed_meanwhile
from toolgate_servers.actions.calendar.expanding import Window
from toolgate_servers.actions.calendar.ics import Series, bounds_of, organizer, parse, put, text_of, value
from toolgate_servers.actions.calendar.shapes import Status
from toolgate_servers.actions.calendar.when import moment, said, shown, zone_named
from toolgate_servers.errors import Reason, Refused
from toolgate_servers.running import Run

MAX_WINDOW = timedelta(days=400)
BUDGET = 300_000
MARK = "X-TOOLGATE-ACTION"


@dataclass(frozen=True, slots=True)
class Agenda:
    """A calendar of one person: `own` is the address, `zone` where the person lives."""

    events: Events
    zone: ZoneInfo
    own: str
    clock: Callable[[], datetime]

    def zone_of(self, name: str | None) -> ZoneInfo:
        """Give the zone that was asked for, or that of the settings.

        Raises:
            Refused: BAD_TIME.
        """
        return self.zone if name is None else zone_named(name, "zone")

    def window(self, start: str, end: str, zone: str | None) -> Window:
        """Read the two ends of a window.

        Raises:
            Refused: BAD_TIME.
        """
        here = self.zone_of(zone)
        since, until = moment(said(start, here, "start"), here), moment(said(end, here, "end"), here)
        if not timedelta() < until - since <= MAX_WINDOW:
            raise Refused(
                Reason.BAD_TIME,
                "end",
                found="none of the 400 days after start",
                expected="a later or earlier one",
            )
        return Window(since, until, here)

    def series(self, event_id: str, run: Run) -> tuple[Kept, Series]:
        """Get an event to change it.

        Raises:
            Refused: NO_SUCH_EVENT or BAD_ANSWER.
        """
        kept = self.events.get(event_id, run)
        series = parse(kept.text, self.zone)
        if series is None:
            raise Refused(
                Reason.BAD_ANSWER, "id", found="a damaged event", expected="one that follows RFC 5545"
            )
        return kept, series

    def touch(self, event: Event, action: str, *former: str) -> None:
        """Mark an event as changed, and by which action, so that a repeat knows (RFC 5545 3.8.7.4)."""
        sequence = value(event, "SEQUENCE")
        put(event, "SEQUENCE", int(sequence) + 1 if sequence.isdecimal() and len(sequence) < 9 else 1)
        self.mark(event, action, *former)

    def mark(self, event: Event, action: str, *former: str) -> None:
        """Note the action that made or changed an event, and what was before."""
        now = self.clock().astimezone(UTC).replace(microsecond=0)
        put(event, "DTSTAMP", now)
        put(event, "LAST-MODIFIED", now)
        put(event, MARK, "|".join((action, *former)))

    def is_own(self, event: Event) -> bool:
        """Whether it is for this person to change an event: nobody else invited."""
        return organizer(event) in ("", self.own.lower())


def expect(kept: Kept, etag: str | None) -> None:
    """Refuse to change what is not as the caller saw it.

    Raises:
        Refused: CHANGED_MEANWHILE.
    """
    if etag is not None and etag != kept.etag:
        raise changed_meanwhile()


def marked(event: Event, action: str, parts: int) -> list[str] | None:
    """Give what was before, when this very action was the last to change an event."""
    found = text_of(event, MARK, 500).split("|")
    return found[1:] if found[0] == action and len(found) == parts + 1 else None


def status_of(event: Event) -> Status:
    """Give the status of an event, confirmed when it says none."""
    found = value(event, "STATUS").lower()
    return cast("Status", found) if found in ("tentative", "cancelled") else "confirmed"


def shown_times(event: Event, zone: ZoneInfo) -> tuple[str, str]:
    """Write beginning and end of an event."""
    start, end = bounds_of(event, zone)
    return shown(start), shown(end)
