"""Making, moving and cancelling events."""

from copy import deepcopy
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

from icalendar import Event, vRecur

from toolgate_servers.actions.addresses import check_address
from toolgate_servers.actions.calendar.agenda import Agenda, expect, marked, shown_times, status_of
from toolgate_servers.actions.calendar.events import no_such_event
from toolgate_servers.actions.calendar.expanding import occurs, repeats
from toolgate_servers.actions.calendar.ics import (
    Series,
    bounds_of,
    envelope,
    parse,
    parts,
    person,
    put,
    rendered,
    value,
)
from toolgate_servers.actions.calendar.moving import shift
from toolgate_servers.actions.calendar.rules import WEEKDAYS, Budget
from toolgate_servers.actions.calendar.shapes import (
    MAX_DESCRIPTION,
    MAX_TITLE,
    Cancel,
    Cancelled,
    Create,
    Created,
    Move,
    Moved,
    Repeat,
    Status,
)
from toolgate_servers.actions.calendar.when import When, at_clock, later, said, shown, span, zone_of
from toolgate_servers.actions.plaintext import check_line, check_text
from toolgate_servers.errors import Reason, Refused
from toolgate_servers.idempotency import stable_id
from toolgate_servers.running import Run

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SEARCHED_DAYS = 100_000


def create(agenda: Agenda, arguments: Create, run: Run) -> Created:
    """Make an event.

    Raises:
        Refused: BAD_TIME, BAD_ADDRESS, CONTROL_CHARACTER, TOO_LARGE, or what the store refuses.
    """
    action = stable_id("calendar_create", run.idempotency_key)
    zone = agenda.zone_of(arguments.zone)
    start, end = _times(arguments.start, arguments.end, zone, None)
    event = _event(agenda, arguments, action, start, end)
    uid = value(event, "UID")
    kept = agenda.events.add(action, uid, rendered(envelope(event)), run)
    series = parse(kept.text, agenda.zone)
    made = event if series is None or series.main is None else series.main
    began, ended = shown_times(made, agenda.zone)
    return Created(
        id=kept.id,
        etag=kept.etag,
        start=began,
        end=ended,
        zone=zone_of(start),
        invitation=message(made, "REQUEST"),
    )


def move(agenda: Agenda, arguments: Move, run: Run) -> Moved:
    """Let an event, or one occurrence of it, take place at another time.

    Raises:
        Refused: NO_SUCH_EVENT, CHANGED_MEANWHILE, BAD_TIME, TOO_COMPLEX, REJECTED, or what the store refuses.
    """
    action = stable_id("calendar_move", run.idempotency_key)
    kept, series = agenda.series(arguments.id, run)
    event = _aim(agenda, series, arguments.occurrence)
    before = marked(event, action, 3)
    if before is None:
        expect(kept, arguments.etag)
        before = [*shown_times(event, agenda.zone), status_of(event)]
        _move(agenda, series, event, arguments)
        _settle(agenda, event, "CONFIRMED", action, before)
        kept = agenda.events.change(kept, rendered(series.calendar, series.zones), run)
    began, ended = shown_times(event, agenda.zone)
    return Moved(
        id=kept.id,
        occurrence=_occurrence(agenda, event),
        etag=kept.etag,
        start=began,
        end=ended,
        former_start=before[0],
        former_end=before[1],
        former_status=_status(before[2]),
        invitation=message(event, "REQUEST"),
    )


def cancel(agenda: Agenda, arguments: Cancel, run: Run) -> Cancelled:
    """Call an event, or one occurrence of it, off; it stays in the calendar as cancelled.

    Raises:
        Refused: NO_SUCH_EVENT, CHANGED_MEANWHILE, REJECTED, or what the store refuses.
    """
    action = stable_id("calendar_cancel", run.idempotency_key)
    kept, series = agenda.series(arguments.id, run)
    event = _aim(agenda, series, arguments.occurrence)
    before = marked(event, action, 1)
    if before is None:
        expect(kept, arguments.etag)
        before = [status_of(event)]
        _settle(agenda, event, "CANCELLED", action, before)
        kept = agenda.events.change(kept, rendered(series.calendar, series.zones), run)
    began, ended = shown_times(event, agenda.zone)
    return Cancelled(
        id=kept.id,
        occurrence=_occurrence(agenda, event),
        etag=kept.etag,
        start=began,
        end=ended,
        former_status=_status(before[0]),
        cancellation=message(event, "CANCEL"),
    )


def message(event: Event, method: str) -> str | None:
    """Write what to mail to those who are invited (RFC 5546), None when there is nobody."""
    if not parts(event, "ATTENDEE"):
        return None
    sent: Any = deepcopy(event)
    for name in [name for name in sent if str(name).upper().startswith("X-")]:
        sent.pop(name)
    for one in (*parts(sent, "ATTENDEE"), *parts(sent, "ORGANIZER")):
        one.params.pop("SCHEDULE-AGENT", None)
    return rendered(envelope(sent, method=method))


def _event(agenda: Agenda, arguments: Create, action: str, start: When, end: When) -> Event:
    check_line("title", arguments.title, MAX_TITLE)
    if arguments.location:
        check_line("location", arguments.location, MAX_TITLE)
    if arguments.description:
        check_text("description", arguments.description, MAX_DESCRIPTION)
    made: Any = Event()
    made.add("uid", f"{action}@toolgate")
    made.add("summary", arguments.title)
    made.add("dtstart", start)
    made.add("dtend", end)
    made.add("status", "CONFIRMED")
    made.add("transp", "OPAQUE" if arguments.busy else "TRANSPARENT")
    made.add("sequence", 0)
    for name, text in (("location", arguments.location), ("description", arguments.description)):
        if text:
            made.add(name, text)
    if arguments.repeat is not None:
        made.add("rrule", _rule(arguments.repeat, start))
    for number, address in enumerate(arguments.attendees):
        check_address(address, f"attendees.{number}")
        # RFC 6638 7.1: the server of the calendar sends nothing; the invitation is mailed, or not
        how = {"PARTSTAT": "NEEDS-ACTION", "RSVP": "TRUE", "SCHEDULE-AGENT": "CLIENT"}
        made.add("attendee", person(address, **how), encode=False)
    if arguments.attendees:
        made.add("organizer", person(agenda.own), encode=False)
    agenda.mark(made, action)
    return cast("Event", made)


def _times(start: str, end: str | None, zone: ZoneInfo, length: timedelta | None) -> tuple[When, When]:
    """Read beginning and end; without an end, `length` later, else an hour or a day.

    Raises:
        Refused: BAD_TIME.
    """
    begins = said(start, zone, "start")
    timed = isinstance(begins, datetime)
    if end is None:
        return begins, later(begins, length or (HOUR if timed else DAY))
    ends = said(end, zone, "end")
    if isinstance(ends, datetime) != timed:
        raise Refused(
            Reason.BAD_TIME, "end", found="a day with a time, or a time with a day", expected="two of a kind"
        )
    if span(begins, ends) <= timedelta():
        raise Refused(Reason.BAD_TIME, "end", found="no time after start", expected="a later one")
    return begins, ends


def _rule(repeat: Repeat, start: When) -> vRecur:
    """Write how an event repeats.

    Raises:
        Refused: ARGUMENT_NOT_VALID or BAD_TIME.
    """
    if repeat.times is not None and repeat.until is not None:
        raise _unclear("repeat.until", "times as well", "one of the two")
    if repeat.weekdays and repeat.every not in ("week", "month"):
        raise _unclear("repeat.weekdays", "them with another unit", "week or month")
    if repeat.week_of_month is not None and not (repeat.every == "month" and repeat.weekdays):
        raise _unclear("repeat.week_of_month", "it without month and weekdays", "both")
    if repeat.weekdays and WEEKDAYS[start.weekday()] not in repeat.weekdays:
        raise Refused(
            Reason.BAD_TIME, "start", found="none of the weekdays", expected="a start on one of them"
        )
    frequency = {"day": "DAILY", "week": "WEEKLY", "month": "MONTHLY", "year": "YEARLY"}[repeat.every]
    rule: dict[str, Any] = {"FREQ": frequency, "INTERVAL": repeat.interval}
    if repeat.times is not None:
        rule["COUNT"] = repeat.times
    if repeat.until is not None:
        rule["UNTIL"] = _until(repeat.until, start)
    if repeat.weekdays:
        nth = "" if repeat.week_of_month is None else str(repeat.week_of_month)
        rule["BYDAY"] = [nth + weekday for weekday in repeat.weekdays]
    return vRecur(rule)


def _until(day: str, start: When) -> When:
    """RFC 5545 3.3.10: UNTIL is a day for days, and in UTC for times in a zone."""
    last = said(day, ZoneInfo("UTC"), "repeat.until")
    if not isinstance(start, datetime):
        return last
    zone = start.tzinfo
    assert isinstance(zone, ZoneInfo)
    assert isinstance(last, date)
    return at_clock(datetime.combine(last, time(23, 59, 59)), zone).astimezone(UTC)


def _aim(agenda: Agenda, series: Series, occurrence: str | None) -> Event:
    """Give the event that is meant, and make an exception of one occurrence.

    Raises:
        Refused: NO_SUCH_EVENT, BAD_TIME or REJECTED.
    """
    if occurrence is None:
        if series.main is None:
            raise no_such_event()
        event = series.main
    else:
        event = _exception(agenda, series, occurrence)
    if not agenda.is_own(event):
        raise Refused(
            Reason.REJECTED,
            "id",
            found="an event to which somebody else invited",
            expected="calendar_respond, or a mail to the organizer",
        )
    return event


def _exception(agenda: Agenda, series: Series, occurrence: str) -> Event:
    zone = agenda.zone
    if series.main is not None:
        began = bounds_of(series.main, zone)[0]
        zone = ZoneInfo(zone_of(began) or zone.key)
    original = said(occurrence, zone, "occurrence")
    found = occurs(series, original, agenda.zone, Budget(SEARCHED_DAYS)) if repeats(series) else None
    if found is None:
        raise Refused(
            Reason.NO_SUCH_EVENT,
            "occurrence",
            found="no such time of it",
            expected="one from calendar_search",
        )
    if "RECURRENCE-ID" in found.event:
        return found.event
    exception: Any = deepcopy(found.event)
    for name in ("RRULE", "RDATE", "EXDATE", "DURATION"):
        exception.pop(name, None)
    for name, when in (("RECURRENCE-ID", found.start), ("DTSTART", found.start), ("DTEND", found.end)):
        put(exception, name, when)
    calendar: Any = series.calendar
    calendar.add_component(exception)
    return cast("Event", exception)


def _move(agenda: Agenda, series: Series, event: Event, arguments: Move) -> None:
    began, ended = bounds_of(event, agenda.zone)
    zone = agenda.zone_of(arguments.zone or zone_of(began))
    start, end = _times(arguments.start, arguments.end, zone, None)
    if arguments.end is None and isinstance(start, datetime) == isinstance(began, datetime):
        end = later(start, span(began, ended))
    if event is series.main and repeats(series):
        shift(series, began, start, agenda.zone)
    for name, when in (("DTSTART", start), ("DTEND", end)):
        put(event, name, when)
    changed: Any = event
    changed.pop("DURATION", None)
    for one in parts(event, "ATTENDEE"):
        one.params["PARTSTAT"] = "NEEDS-ACTION"  # RFC 5546 3.2.2.1: another time asks everybody again


def _settle(agenda: Agenda, event: Event, status: str, action: str, before: list[str]) -> None:
    put(event, "STATUS", status)
    agenda.touch(event, action, *before)


def _occurrence(agenda: Agenda, event: Event) -> str | None:
    series = parse(rendered(envelope(event)), agenda.zone)
    return shown(series.exceptions[0][0]) if series is not None and series.exceptions else None


def _status(text: str) -> Status:
    return "cancelled" if text == "cancelled" else "tentative" if text == "tentative" else "confirmed"


def _unclear(where: str, found: str, expected: str) -> Refused:
    return Refused(Reason.ARGUMENT_NOT_VALID, where, found=found, expected=expected)
