"""Searching events, and finding free time."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from toolgate_servers.actions.calendar.agenda import BUDGET, Agenda, status_of
from toolgate_servers.actions.calendar.events import Kept
from toolgate_servers.actions.calendar.expanding import Occurrence, Window, occurrences, unreadable
from toolgate_servers.actions.calendar.ics import Attendee, attendees, organizer, parse, text_of, value
from toolgate_servers.actions.calendar.rules import Budget
from toolgate_servers.actions.calendar.shapes import (
    MAX_TITLE,
    EventItem,
    EventList,
    FreeBusy,
    FreeBusyTimes,
    Interval,
    Person,
    Search,
)
from toolgate_servers.actions.calendar.when import When, moment, shown, zone_of
from toolgate_servers.actions.plaintext import check_line
from toolgate_servers.errors import Reason, Refused
from toolgate_servers.running import Run

MAX_SHOWN_TEXT = 2000
MAX_FOUND = 20_000


class Looked:
    """The occurrences of a window, and how many events could not be read in full."""

    def __init__(self, agenda: Agenda, window: Window, run: Run) -> None:
        self.found: list[tuple[Kept, Occurrence]] = []
        self.unreadable = 0
        budget = Budget(BUDGET)
        for kept in agenda.events.between(window.start, window.end, run):
            run.check()
            series = parse(kept.text, window.zone)
            self.unreadable += series is None or unreadable(series)
            if series is not None:
                self.found += [(kept, one) for one in occurrences(series, window, budget)]
            if budget.days < 0 or len(self.found) > MAX_FOUND:
                raise Refused(
                    Reason.TOO_COMPLEX,
                    "end",
                    found="too many events, or ones that repeat too often",
                    expected="a shorter time",
                )
        self.found.sort(key=lambda pair: moment(pair[1].start, window.zone))


def search(agenda: Agenda, arguments: Search, run: Run) -> EventList:
    """List what takes place in a window.

    Raises:
        Refused: BAD_TIME, CONTROL_CHARACTER, TOO_COMPLEX, or what the store refuses.
    """
    window = agenda.window(arguments.start, arguments.end, arguments.zone)
    if arguments.query.strip():
        check_line("query", arguments.query, MAX_TITLE)
    words = arguments.query.casefold().split()
    looked = Looked(agenda, window, run)
    items: list[EventItem] = []
    for kept, one in looked.found:
        item = _item(agenda, kept, one, window.zone)
        text = f"{item.title}\n{item.location}\n{item.description}".casefold()
        if (arguments.cancelled or item.status != "cancelled") and all(word in text for word in words):
            items.append(item)
        if len(items) > arguments.limit:
            break
    more = len(items) > arguments.limit
    return EventList(events=items[: arguments.limit], more=more, unreadable=looked.unreadable)


def free_busy(agenda: Agenda, arguments: FreeBusy, run: Run) -> FreeBusyTimes:
    """Say when there is time, and when not.

    Raises:
        Refused: BAD_TIME, TOO_COMPLEX, or what the store refuses.
    """
    window = agenda.window(arguments.start, arguments.end, arguments.zone)
    looked = Looked(agenda, window, run)
    taken = [one for _, one in looked.found if _is_busy(agenda, one)]
    busy = list(_merged(taken, window))
    least = timedelta(minutes=arguments.minutes)
    ends = [window.start, *(end for _, end in busy)]
    starts = [*(start for start, _ in busy), window.end]
    free = [(end, start) for end, start in zip(ends, starts, strict=True) if start - end >= least]
    return FreeBusyTimes(
        busy=[_interval(*one, window.zone) for one in busy],
        free=[_interval(*one, window.zone) for one in free],
        unreadable=looked.unreadable,
    )


def _is_busy(agenda: Agenda, one: Occurrence) -> bool:
    free = value(one.event, "TRANSP").upper() == "TRANSPARENT"
    return not free and status_of(one.event) != "cancelled" and my_answer(agenda, one) != "declined"


def _merged(taken: list[Occurrence], window: Window) -> Iterator[tuple[datetime, datetime]]:
    """Put together what overlaps or touches, within the window; in order of the beginnings."""
    held: tuple[datetime, datetime] | None = None
    for one in taken:
        start = max(moment(one.start, window.zone), window.start)
        end = min(moment(one.end, window.zone), window.end)
        if start >= end:
            continue
        if held is not None and start <= held[1]:
            held = held[0], max(held[1], end)
            continue
        if held is not None:
            yield held
        held = start, end
    if held is not None:
        yield held


def my_answer(agenda: Agenda, one: Occurrence) -> str | None:
    """Give what this person answered to the invitation, None when not invited."""
    own = agenda.own.lower()
    return next((who.answer for who in attendees(one.event) if who.address == own), None)


def _item(agenda: Agenda, kept: Kept, one: Occurrence, zone: ZoneInfo) -> EventItem:
    event, start, end = one.event, one.start, one.end
    invited: list[Attendee] = attendees(event)
    return EventItem(
        id=kept.id,
        occurrence=None if one.original is None else shown(one.original),
        title=text_of(event, "SUMMARY", MAX_TITLE),
        start=shown(_in(start, zone)),
        end=shown(_in(end, zone)),
        zone=zone_of(start),
        all_day=not isinstance(start, datetime),
        location=text_of(event, "LOCATION", MAX_TITLE),
        description=text_of(event, "DESCRIPTION", MAX_SHOWN_TEXT, lines=True),
        status=status_of(event),
        busy=_is_busy(agenda, one),
        organizer=None if agenda.is_own(event) else organizer(event),
        attendees=[Person(address=who.address, answer=who.answer) for who in invited],
        my_answer=my_answer(agenda, one),
        etag=kept.etag,
    )


def _in(when: When, zone: ZoneInfo) -> When:
    return when.astimezone(zone) if isinstance(when, datetime) else when


def _interval(start: datetime, end: datetime, zone: ZoneInfo) -> Interval:
    return Interval(start=shown(start.astimezone(zone)), end=shown(end.astimezone(zone)))
