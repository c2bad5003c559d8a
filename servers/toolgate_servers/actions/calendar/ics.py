"""iCalendar as it is kept: read with care, whoever wrote it, and changed without losing what is there."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import quote, unquote
from zoneinfo import ZoneInfo

from icalendar import Calendar, Component, Event, vCalAddress

from toolgate_servers.actions.calendar.when import When, later, written
from toolgate_servers.actions.plaintext import one_line, plain

PRODUCT = "-//toolgate//actions//EN"
MAX_TEXT = 300_000
MAX_COMPONENTS = 500
MAX_LISTED = 1000
MAX_ATTENDEES = 200
FOLD = re.compile(r"(?:\r\n|\n|\r)[ \t]")
LINE_END = re.compile(r"\r\n|\n|\r")
ZONE_BEGINS = re.compile(r"\s*BEGIN\s*(?:;[^:]*)?:\s*VTIMEZONE\s*$", re.IGNORECASE)
ZONE_ENDS = re.compile(r"\s*END\s*(?:;[^:]*)?:\s*VTIMEZONE\s*$", re.IGNORECASE)
DURATION = re.compile(
    r"\+?P(?:(?P<weeks>[0-9]{1,4})W)?(?:(?P<days>[0-9]{1,5})D)?"
    r"(?:T(?:(?P<hours>[0-9]{1,5})H)?(?:(?P<minutes>[0-9]{1,6})M)?(?:(?P<seconds>[0-9]{1,7})S)?)?"
)


@dataclass(frozen=True, slots=True)
class Attendee:
    """Somebody who is invited, and what they answered: in lower case, as needs-action."""

    address: str
    answer: str


@dataclass(frozen=True, slots=True)
class Series:
    """What one object says: an event and its exceptions by their original start, or only exceptions."""

    calendar: Calendar
    zones: str
    uid: str
    main: Event | None
    exceptions: tuple[tuple[When, Event], ...]

    def events(self) -> Iterator[Event]:
        """Give all of its events."""
        if self.main is not None:
            yield self.main
        yield from (event for _, event in self.exceptions)


def parse(text: str, zone: ZoneInfo) -> Series | None:
    """Read one object; None when it is not one event that can be understood."""
    calendar, zones = _read(text)
    if calendar is None:
        return None
    events = [event for event in calendar.subcomponents if isinstance(event, Event)]
    uids = {value(event, "UID") for event in events}
    if len(uids) != 1 or not (uid := uids.pop()):
        return None
    main: Event | None = None
    exceptions: list[tuple[When, Event]] = []
    for event in events:
        if start_of(event, zone) is None:
            return None
        if "RECURRENCE-ID" not in event:
            if main is not None:
                return None
            main = event
            continue
        original = time_of(event, "RECURRENCE-ID", zone)
        if original is None or _parameter(event, "RECURRENCE-ID", "RANGE"):
            return None
        exceptions.append((original, event))
    return Series(calendar, zones, uid, main, tuple(exceptions))


def _read(text: str) -> tuple[Calendar | None, str]:
    if len(text) > MAX_TEXT:
        return None, ""
    plain_text, zones = without_zones(text)
    if plain_text.upper().count("\nBEGIN") > MAX_COMPONENTS:
        return None, ""
    try:
        reader: Any = Calendar
        component: object = reader.from_ical(plain_text)
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        return None, ""
    return (component if isinstance(component, Calendar) else None), zones


def without_zones(text: str) -> tuple[str, str]:
    """Set aside the definitions of time zones: zones are known by name, and a definition can be a trap."""
    kept: list[str] = []
    zones: list[str] = []
    inside = False
    for line in LINE_END.split(FOLD.sub("", text)):
        inside = inside or ZONE_BEGINS.match(line) is not None
        (zones if inside else kept).append(line)
        inside = inside and ZONE_ENDS.match(line) is None
    return "\r\n".join((*kept, "")), "\r\n".join((*zones, "")) if zones and not inside else ""


def parts(event: Component, name: str) -> list[Any]:
    """Give every property of a name."""
    source: Any = event
    if name not in source:
        return []
    if not isinstance(source[name], list):
        return [source[name]]
    return list(source[name][:MAX_LISTED])


def value(event: Component, name: str) -> str:
    """Give the first property of a name as it is written."""
    found = parts(event, name)
    return _raw(found[0]) if found else ""


def text_of(event: Component, name: str, longest: int, *, lines: bool = False) -> str:
    """Give a text of others as plain text, in one line or several."""
    found = parts(event, name)
    text = str(found[0]) if found else ""
    return plain(text, longest) if lines else one_line(text, longest)


def time_of(event: Component, name: str, zone: ZoneInfo) -> When | None:
    """Give a time, None when it is missing or not to be understood."""
    return written(value(event, name), _parameter(event, name, "TZID"), zone)


def times_of(event: Component, name: str, zone: ZoneInfo) -> list[When]:
    """Give all times of a list such as EXDATE; of periods the beginning."""
    found: list[When] = []
    for one in parts(event, name):
        name_of_zone = str(one.params.get("TZID", ""))
        for text in _raw(one).split(",")[:MAX_LISTED]:
            time = written(text.partition("/")[0], name_of_zone, zone)
            if time is not None:
                found.append(time)
    return found


def start_of(event: Component, zone: ZoneInfo) -> When | None:
    """Give the beginning of an event."""
    return time_of(event, "DTSTART", zone)


def end_of(event: Component, zone: ZoneInfo) -> When | None:
    """Give the end of an event: DTEND, DURATION, or as RFC 5545 3.6.1 says when there is neither."""
    start = start_of(event, zone)
    if start is None:
        return None
    end = time_of(event, "DTEND", zone)
    if end is not None and isinstance(end, datetime) == isinstance(start, datetime) and end >= start:
        return end
    found = DURATION.fullmatch(value(event, "DURATION"))
    if found is not None:
        length = timedelta(**{unit: int(number or 0) for unit, number in found.groupdict().items()})
        return later(start, length)
    return start if isinstance(start, datetime) else later(start, timedelta(days=1))


def bounds_of(event: Component, zone: ZoneInfo) -> tuple[When, When]:
    """Give beginning and end of an event that was read."""
    start, end = start_of(event, zone), end_of(event, zone)
    assert start is not None  # parse refused what has no beginning
    assert end is not None
    return start, end


def attendees(event: Component) -> list[Attendee]:
    """Give who is invited."""
    return [
        Attendee(address_of(one), one_line(str(one.params.get("PARTSTAT", "NEEDS-ACTION")), 40).lower())
        for one in parts(event, "ATTENDEE")[:MAX_ATTENDEES]
    ]


def organizer(event: Component) -> str:
    """Give the address of who invites; empty when there is none."""
    found = parts(event, "ORGANIZER")
    return address_of(found[0]) if found else ""


def address_of(person: Any) -> str:
    """Give the address in a mailto URI, in lower case."""
    uri = _raw(person)
    return one_line(unquote(uri[7:]), 254).lower() if uri[:7].lower() == "mailto:" else ""


def person(address: str, **parameters: str) -> vCalAddress:
    """Make the property value that names somebody."""
    local, _, domain = address.rpartition("@")
    # RFC 6068 2: what may stand in the local part of a mailto URI as it is
    found = vCalAddress(f"mailto:{quote(local, safe=KEPT)}@{domain}")
    for name, text in parameters.items():
        found.params[name.replace("_", "-")] = text
    return found


KEPT = "!$'*+-.=^_`{|}~"


def put(event: Component, name: str, content: Any) -> None:
    """Set a property, in place of what was there."""
    changed: Any = event
    changed.pop(name, None)
    changed.add(name, content)


def envelope(*events: Event, method: str | None = None) -> Calendar:
    """Make an object of events."""
    calendar: Any = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    if method is not None:
        calendar.add("method", method)
    for event in events:
        calendar.add_component(event)
    return cast("Calendar", calendar)


def rendered(calendar: Calendar, zones: str = "") -> str:
    """Write an object with the definitions of the zones that it names; `zones` are those it came with."""
    if not zones:
        calendar.add_missing_timezones()
    written: bytes = calendar.to_ical()
    before, begin, after = written.decode("utf-8").partition("BEGIN:VEVENT")
    return f"{before}{zones}{begin}{after}"


def _raw(one: Any) -> str:
    raw: bytes = one.to_ical()
    return raw.decode("utf-8", errors="replace")


def _parameter(event: Component, name: str, parameter: str) -> str:
    found = parts(event, name)
    return str(found[0].params.get(parameter, "")) if found else ""
