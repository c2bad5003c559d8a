"""Every single time that events take place within a window."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from icalendar import Event

from toolgate_servers.actions.calendar.ics import Series, bounds_of, times_of, value
from toolgate_servers.actions.calendar.rules import Budget, Rule, days, naive_until, parse
from toolgate_servers.actions.calendar.when import When, at_clock, later, moment, span

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Window:
    """From one moment until another, in UTC; `zone` is where days without a zone are lived."""

    start: datetime
    end: datetime
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time that an event takes place; `original` is its start in the rule, None if it does not repeat."""

    event: Event
    start: When
    end: When
    original: When | None


def unreadable(series: Series) -> bool:
    """Whether the event repeats in a way that is not known here, so that only its first time is."""
    main = series.main
    return main is not None and "RRULE" in main and _rule(main) is None


def repeats(series: Series) -> bool:
    """Whether an event takes place more than once, or is an exception of one that does."""
    main = series.main
    return main is None or "RRULE" in main or "RDATE" in main or bool(series.exceptions)


def occurrences(series: Series, window: Window, budget: Budget) -> Iterator[Occurrence]:
    """Give the times that overlap the window, in no order; ends early when the budget is spent."""
    replaced = {_key(original) for original, _ in series.exceptions}
    again = repeats(series)
    if series.main is not None:
        start, end = bounds_of(series.main, window.zone)
        length = span(start, end)
        for one in _starts(series.main, start, length, window, budget):
            if _key(one) not in replaced and _overlaps(one, length, window):
                yield Occurrence(series.main, one, later(one, length), one if again else None)
    for original, event in series.exceptions:
        start, end = bounds_of(event, window.zone)
        if _overlaps(start, span(start, end), window):
            yield Occurrence(event, start, end, original)


def occurs(series: Series, original: When, zone: ZoneInfo, budget: Budget) -> Occurrence | None:
    """Find the one time that began, before exceptions, at a moment."""
    begins = moment(original, zone)
    for known, event in series.exceptions:
        if _key(known) == _key(original):
            start, end = bounds_of(event, zone)
            return Occurrence(event, start, end, known)
    if series.main is None:
        return None
    start, end = bounds_of(series.main, zone)
    length = span(start, end)
    around = Window(begins - 2 * DAY, begins + 2 * DAY, zone)
    for one in _starts(series.main, start, length, around, budget):
        if _key(one) == _key(original):
            return Occurrence(series.main, one, later(one, length), one)
    return None


def _starts(main: Event, start: When, length: timedelta, window: Window, budget: Budget) -> Iterable[When]:
    """Give when an event begins around the window: by its rule and its extra times, less the excluded."""
    without = {_key(one) for one in times_of(main, "EXDATE", window.zone)}
    extra = [one for one in times_of(main, "RDATE", window.zone) if _same_kind(one, start)]
    found: dict[object, When] = {_key(one): one for one in extra}
    rule = _rule(main)
    ruled = [start] if rule is None else _ruled(rule, start, length, window, budget)
    found |= {_key(one): one for one in ruled}
    return [one for key, one in found.items() if key not in without]


def _ruled(rule: Rule, start: When, length: timedelta, window: Window, budget: Budget) -> Iterator[When]:
    first = start.date() if isinstance(start, datetime) else start
    since = _day(window.start, -2 * DAY - length)
    last = _day(window.end, 2 * DAY)
    for day in days(rule, first, since, last, budget):
        if not isinstance(start, datetime):
            one: When = day
        else:
            zone = start.tzinfo
            assert isinstance(zone, ZoneInfo)
            one = start if day == first else at_clock(datetime.combine(day, start.time()), zone)
        if _is_past(rule, one):
            return
        yield one


def _is_past(rule: Rule, one: When) -> bool:
    """Whether a time is after UNTIL: which is in UTC, or a day, or local (RFC 5545 3.3.10)."""
    if rule.until is None:
        return False
    until = naive_until(rule.until)
    if until is None:
        return True
    if not isinstance(one, datetime):
        return one > until.date()
    if rule.until.endswith("Z"):
        return one.astimezone(UTC).replace(tzinfo=None) > until
    return one.replace(tzinfo=None) > until


def _rule(main: Event) -> Rule | None:
    text = value(main, "RRULE")
    return parse(text) if text else None


def _overlaps(start: When, length: timedelta, window: Window) -> bool:
    """Whether a time is in the window; what takes no time is where it begins (RFC 4791 9.9)."""
    begins = moment(start, window.zone)
    ends = moment(later(start, length), window.zone)
    return begins < window.end and (ends > window.start or begins >= window.start)


def _same_kind(one: When, other: When) -> bool:
    return isinstance(one, datetime) == isinstance(other, datetime)


def _key(when: When) -> object:
    return when.astimezone(UTC) if isinstance(when, datetime) else when


def _day(when: datetime, shift: timedelta) -> date:
    try:
        return (when + shift).date()
    except OverflowError:
        return date.min if shift < timedelta() else date.max
