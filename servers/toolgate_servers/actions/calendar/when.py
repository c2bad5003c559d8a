"""Times as a model says them, as iCalendar writes them, and between: a moment in a zone, or a whole day.

A local time that the clocks skip is refused, one that they show twice needs its offset. In calendars of
others both are read as RFC 5545 3.3.5 says: the offset before the gap, and the first of the two.
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from toolgate_servers.errors import Reason, Refused

When: TypeAlias = datetime | date

SAID = re.compile(r"(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d(?::\d\d)?)(Z|[+-]\d\d:\d\d)?)?")
WRITTEN = re.compile(r"([0-9]{8})(?:T([0-9]{6})(Z?))?")
ZONE = re.compile(r"[A-Za-z0-9_+-]{1,32}(?:/[A-Za-z0-9_+-]{1,32}){0,2}")
EXPECTED = "a time such as 2026-03-30T09:00 or 2026-03-30T09:00+02:00, or a day such as 2026-03-30"


def zone_named(name: str, where: str) -> ZoneInfo:
    """Give a zone of the IANA database.

    Raises:
        Refused: BAD_TIME.
    """
    zone = known_zone(name)
    if zone is None:
        raise Refused(
            Reason.BAD_TIME, where, found="no time zone", expected="an IANA name such as Europe/Berlin"
        )
    return zone


@cache
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def known_zone(name: str) -> ZoneInfo | None:
    """Give a zone by its IANA name, one with a prefix, or a name of Windows; None when it is unknown."""
    for start in (0, name.find("/", 1) + 1):
        if ZONE.fullmatch(name[start:]) and (zone := _zone(name[start:])) is not None:
            return zone
    from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON  # late: most of icalendar comes along

    if name in WINDOWS_TO_OLSON:
        return _zone(WINDOWS_TO_OLSON[name])
    parts = name.rsplit("/", 2)
    return _zone("/".join(parts[-2:])) if len(parts) == 3 and ZONE.fullmatch("/".join(parts[-2:])) else None


def said(text: str, zone: ZoneInfo, where: str) -> When:
    """Read what a model gave: a day, or a moment in the zone.

    Raises:
        Refused: BAD_TIME.
    """
    found = SAID.fullmatch(text)
    try:
        if found is not None and found[2] is None:
            return date.fromisoformat(found[1])
        moment = datetime.fromisoformat(text) if found is not None else None
        if moment is not None and moment.tzinfo is not None:
            return _writable(moment.astimezone(zone))
    except (ValueError, OverflowError):
        moment = None
    if moment is None or not 2 <= moment.year <= 9998:
        raise Refused(Reason.BAD_TIME, where, found="no time of the calendar", expected=EXPECTED)
    first, second = (moment.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return first
    if at_clock(moment, zone).replace(tzinfo=None) != moment:
        raise Refused(
            Reason.BAD_TIME,
            where,
            found="a local time that the clocks skip on that day",
            expected="a later or earlier one",
        )
    raise Refused(
        Reason.BAD_TIME,
        where,
        found="a local time that the clocks show twice on that day",
        expected="the same with its offset, such as +02:00 for the first",
    )


def _writable(moment: datetime) -> datetime:
    """Put the second of a time that clocks show twice into UTC: in its zone only the first can be said."""
    return moment.astimezone(ZoneInfo("UTC")) if moment.fold else moment


def at_clock(local: datetime, zone: ZoneInfo) -> datetime:
    """Give the moment at which clocks show a time, as RFC 5545 3.3.5 reads those that they skip or repeat."""
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC).astimezone(zone)


def written(text: str, zone_name: str, default: ZoneInfo) -> When | None:
    """Read what stands in a calendar; None when it is no time, or in an unknown zone."""
    found = WRITTEN.fullmatch(text)
    if found is None:
        return None
    try:
        if found[2] is None:
            return datetime.strptime(found[1], "%Y%m%d").date()  # noqa: DTZ007  # a day has no zone
        local = datetime.strptime(found[1] + found[2], "%Y%m%d%H%M%S")  # noqa: DTZ007  # gets its zone below
        if not 2 <= local.year <= 9998:
            return None
        if found[3]:
            return local.replace(tzinfo=ZoneInfo("UTC"))
        zone = known_zone(zone_name) if zone_name else default
        return None if zone is None else at_clock(local, zone)
    except (ValueError, OverflowError):
        return None


def moment(when: When, zone: ZoneInfo) -> datetime:
    """Give the moment at which something begins, in UTC; a day begins at its midnight in the zone."""
    if isinstance(when, datetime):
        return when.astimezone(UTC)
    return at_clock(datetime.combine(when, time()), zone).astimezone(UTC)


def shown(when: When) -> str:
    """Write a day, or a moment with its offset."""
    return when.isoformat(timespec="minutes") if isinstance(when, datetime) else when.isoformat()


def zone_of(when: When) -> str | None:
    """Give the name of the zone of a moment."""
    return getattr(when.tzinfo, "key", None) if isinstance(when, datetime) else None


def later(when: When, span: timedelta) -> When:
    """Give what comes an exact span later; of days, whole ones."""
    if isinstance(when, datetime):
        return _writable((when.astimezone(UTC) + span).astimezone(when.tzinfo))
    return when + span


def span(start: When, end: When) -> timedelta:
    """Give the exact time between two of one kind."""
    if isinstance(start, datetime) and isinstance(end, datetime):
        return end.astimezone(UTC) - start.astimezone(UTC)
    assert not isinstance(start, datetime)
    assert not isinstance(end, datetime)
    return end - start
