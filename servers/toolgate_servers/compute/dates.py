"""Reckoning with dates and times: steps of a calendar, differences, working days and time zones."""

from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dateutil.relativedelta import relativedelta

from toolgate_servers.errors import Reason, Refused

SATURDAY: Final = 5


def moment(text: str, where: str) -> date | datetime:
    """Read an ISO 8601 date, or date and time.

    Raises:
        Refused: BAD_TIME.
    """
    try:
        return date.fromisoformat(text) if len(text) <= 10 else datetime.fromisoformat(text)
    except ValueError:
        raise Refused(
            Reason.BAD_TIME,
            where,
            found="no date",
            expected="one such as 2026-03-31, 2026-03-31T09:00 or 2026-03-31T09:00:00+02:00",
        ) from None


def zone(name: str, where: str) -> ZoneInfo:
    """Give a time zone of the IANA database.

    Raises:
        Refused: BAD_TIME.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Refused(
            Reason.BAD_TIME, where, found="no time zone", expected="a name such as Europe/Berlin or UTC"
        ) from None


def added(start: date | datetime, step: relativedelta) -> date | datetime:
    """Go a step of the calendar; the 31st of a shorter month is its last day.

    Raises:
        Refused: BAD_TIME outside the years 1 to 9999.
    """
    if not isinstance(start, datetime) and (step.hours or step.minutes):
        raise Refused(
            Reason.BAD_TIME, "start", found="a date without time", expected="a time such as 2026-03-31T09:00"
        )
    try:
        return start + step
    except (OverflowError, ValueError):
        raise _outside_calendar() from None


def added_on_clock(start: datetime, days: relativedelta, hours: timedelta, clock: ZoneInfo) -> datetime:
    """Go a step on the clock of a zone: days keep the hour when it changes, hours are as long as they are.

    Raises:
        Refused: BAD_TIME outside the years 1 to 9999.
    """
    try:
        local = start.astimezone(clock) if start.tzinfo is not None else start.replace(tzinfo=clock)
        return ((local + days).astimezone(UTC) + hours).astimezone(clock)
    except (OverflowError, ValueError):
        raise _outside_calendar() from None


def between(start: date | datetime, end: date | datetime) -> timedelta:
    """Take the difference of two moments of one kind.

    Raises:
        Refused: BAD_TIME.
    """
    if isinstance(start, datetime):
        if isinstance(end, datetime) and (start.tzinfo is None) == (end.tzinfo is None):
            return end - start
    elif not isinstance(end, datetime):
        return end - start
    raise Refused(
        Reason.BAD_TIME,
        "end",
        found="another kind of time than start",
        expected="both dates, both times, or both times with an offset",
    )


def workdays(start: date, end: date, holidays: frozenset[date]) -> int:
    """Count Mondays to Fridays from start up to, not including, end, without the holidays."""
    first, last = (start, end) if start <= end else (end, start)
    weeks, rest = divmod((last - first).days, 7)
    days = weeks * 5 + sum((first.weekday() + day) % 7 < SATURDAY for day in range(rest))
    days -= sum(first <= day < last and day.weekday() < SATURDAY for day in holidays)
    return days if start <= end else -days


def on_workday(start: date, count: int, holidays: frozenset[date]) -> date:
    """Go so many working days on, or back.

    Raises:
        Refused: BAD_TIME outside the years 1 to 9999.
    """
    day, left, way = start, abs(count), timedelta(days=1 if count > 0 else -1)
    try:
        while left:
            day += way
            left -= day.weekday() < SATURDAY and day not in holidays
    except OverflowError:
        raise _outside_calendar() from None
    return day


def _outside_calendar() -> Refused:
    return Refused(
        Reason.BAD_TIME, "start", found="a result outside the calendar", expected="years 1 to 9999"
    )
