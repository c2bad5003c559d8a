"""Moving a whole series: the rule stays, and everything that names single times moves along."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from icalendar import Event

from toolgate_servers.actions.calendar.ics import Series, put, time_of, times_of, value
from toolgate_servers.actions.calendar.rules import naive_until, parse
from toolgate_servers.actions.calendar.when import When, at_clock
from toolgate_servers.errors import Reason, Refused


def shift(series: Series, before: When, after: When, zone: ZoneInfo) -> None:
    """Move excluded, extra and excepted times of a series by what clocks show as the difference.

    Raises:
        Refused: TOO_COMPLEX, when the rule names days and the day changes.
    """
    main = series.main
    assert main is not None
    if isinstance(before, datetime) != isinstance(after, datetime):
        raise _too_complex("a series of days moved to times, or the other way round")
    moved = _days(before) != _days(after)
    if moved and any(part.startswith("BY") for part in value(main, "RRULE").upper().split(";")):
        raise _too_complex("another day for a series whose rule names days")
    delta = _naive(after) - _naive(before)
    if not delta and _zone(before) == _zone(after):
        return
    for name in ("EXDATE", "RDATE"):
        times = [_moved(one, delta, after) for one in times_of(main, name, zone)]
        if times:
            put(main, name, times)
    for original, exception in series.exceptions:
        put(exception, "RECURRENCE-ID", _moved(original, delta, after))
        _shift_one(exception, delta, after, zone)
    _shift_until(main, delta)


def _shift_one(exception: Event, delta: timedelta, after: When, zone: ZoneInfo) -> None:
    for name in ("DTSTART", "DTEND"):
        when = time_of(exception, name, zone)
        if when is not None:
            put(exception, name, _moved(when, delta, after))


def _shift_until(main: Event, delta: timedelta) -> None:
    """Move the end of a rule by whole days, so that as many times take place."""
    rule: Any = main.get("RRULE")
    if rule is None or "UNTIL" not in rule or not delta.days:
        return
    known = parse(value(main, "RRULE"))
    text = (known and known.until) or ""
    until = naive_until(text)
    if until is None:
        return
    moved = until + timedelta(days=delta.days)
    rule["UNTIL"] = [moved.date() if len(text) == 8 else moved.replace(tzinfo=ZoneInfo("UTC"))]


def _moved(when: When, delta: timedelta, like: When) -> When:
    if not isinstance(when, datetime) or not isinstance(like, datetime):
        return when + delta
    zone = like.tzinfo
    assert isinstance(zone, ZoneInfo)
    here = when.astimezone(zone) if when.tzinfo == ZoneInfo("UTC") else when
    return at_clock(here.replace(tzinfo=None) + delta, zone)


def _naive(when: When) -> datetime:
    return (
        when.replace(tzinfo=None)
        if isinstance(when, datetime)
        else datetime.combine(when, datetime.min.time())
    )


def _days(when: When) -> int:
    return when.toordinal()


def _zone(when: When) -> object:
    return when.tzinfo if isinstance(when, datetime) else None


def _too_complex(found: str) -> Refused:
    return Refused(
        Reason.TOO_COMPLEX,
        "start",
        found=found,
        expected="another time of the same day, one occurrence, or a new series",
    )
