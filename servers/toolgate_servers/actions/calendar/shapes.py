"""What the calendar tools take and give, as their schemas."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from toolgate_servers.actions.addresses import MAX_ADDRESS
from toolgate_servers.strict import Arguments, Outcome, Write, Written

Answer: TypeAlias = Literal["accepted", "declined", "tentative", "needs-action"]
Status: TypeAlias = Literal["confirmed", "tentative", "cancelled"]

MAX_TITLE = 200
MAX_DESCRIPTION = 10_000
MAX_ICS = 100_000
TIME = r"^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?)?$"

Time = Annotated[
    str,
    Field(
        min_length=10,
        max_length=25,
        pattern=TIME,
        description="A time such as 2026-11-24T09:00 in the zone, or with an offset; or a day, 2026-11-24.",
    ),
]
Zone = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        description="An IANA name such as Europe/Berlin; null for the zone of the event or of the settings.",
    ),
]
Day = Annotated[
    str,
    Field(min_length=10, max_length=10, pattern=r"^\d{4}-\d\d-\d\d$", json_schema_extra={"format": "date"}),
]
EventId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        pattern=r"^[A-Za-z0-9@_+=][A-Za-z0-9@._+=-]*$",
        description="The id of an event, from calendar_search.",
    ),
]
Original = Annotated[
    Time | None,
    Field(
        description="Only this one of a repeating event: its occurrence, from calendar_search; null for all."
    ),
]
Etag = Annotated[
    str | None,
    Field(
        max_length=200,
        description="The etag that was seen: refuse if the event was changed since. null: do not look.",
    ),
]
Address = Annotated[str, Field(min_length=3, max_length=MAX_ADDRESS, json_schema_extra={"format": "email"})]
Ics = Annotated[
    str | None, Field(description="iCalendar text to mail to the others; null when there is nobody.")
]
Weekday: TypeAlias = Literal["MO", "TU", "WE", "TH", "FR", "SA", "SU"]


class Search(Arguments):
    """What `calendar_search` takes."""

    start: Time
    end: Annotated[Time, Field(description="Until before this time or day; at most 400 days after start.")]
    zone: Annotated[Zone | None, Field(description="In which zone to read and show times.")] = None
    query: Annotated[
        str, Field(max_length=200, description="Words that all occur in title, place or description.")
    ] = ""
    cancelled: Annotated[bool, Field(description="true: also what was cancelled.")] = False
    limit: Annotated[int, Field(ge=1, le=200, description="How many to give at most.")] = 50


class Person(Outcome):
    """Somebody who is invited."""

    address: str
    answer: str


class EventItem(Outcome):
    """One time that an event takes place."""

    id: str
    occurrence: Annotated[str | None, Field(description="Names this one of a repeating event.")]
    title: str
    start: str
    end: str
    zone: str | None
    all_day: bool
    location: str
    description: str
    status: Status
    busy: bool
    organizer: Annotated[str | None, Field(description="Who invited; null for one's own event.")]
    attendees: list[Person]
    my_answer: Annotated[str | None, Field(description="What was answered to the invitation.")]
    etag: str


class EventList(Outcome):
    """What `calendar_search` gives."""

    events: Annotated[list[EventItem], Field(description="In order of their start.")]
    more: Annotated[bool, Field(description="True when there are more: ask for a shorter time.")]
    unreadable: Annotated[
        int,
        Field(description="Events that are damaged, or repeat in an unknown way and are shown only once."),
    ]


class FreeBusy(Arguments):
    """What `calendar_free_busy` takes."""

    start: Time
    end: Annotated[Time, Field(description="Until before this time or day; at most 400 days after start.")]
    zone: Annotated[Zone | None, Field(description="In which zone to read and show times.")] = None
    minutes: Annotated[int, Field(ge=1, le=1440, description="How long a free time must be.")] = 30


class Interval(Outcome):
    """From one time until another."""

    start: str
    end: str


class FreeBusyTimes(Outcome):
    """What `calendar_free_busy` gives."""

    busy: list[Interval]
    free: list[Interval]
    unreadable: Annotated[int, Field(description="Events that could not be taken into account in full.")]


class Repeat(Arguments):
    """How an event repeats."""

    every: Annotated[Literal["day", "week", "month", "year"], Field(description="The unit.")]
    interval: Annotated[int, Field(ge=1, le=100, description="2: every second one.")] = 1
    times: Annotated[int | None, Field(ge=1, le=1000, description="How often in all.")] = None
    until: Annotated[Day | None, Field(description="The last day on which it may take place.")] = None
    weekdays: Annotated[
        list[Weekday], Field(max_length=7, description="On these; for week and month; start is on one.")
    ] = Field(default_factory=list[Weekday])
    week_of_month: Annotated[
        Literal[1, 2, 3, 4, -1] | None,
        Field(description="With every month: the first to fourth, or the last (-1), of each weekday."),
    ] = None


class Create(Write):
    """What `calendar_create` takes."""

    title: Annotated[str, Field(min_length=1, max_length=MAX_TITLE, description="One line.")]
    start: Time
    end: Annotated[
        Time | None, Field(description="When it ends; null for one hour. Of days: the day after the last.")
    ] = None
    zone: Annotated[Zone | None, Field(description="An IANA name; null for the zone of the settings.")] = None
    location: Annotated[str, Field(max_length=MAX_TITLE, description="One line.")] = ""
    description: Annotated[str, Field(max_length=MAX_DESCRIPTION, description="Plain text.")] = ""
    attendees: Annotated[
        list[Address],
        Field(max_length=50, description="Who is invited; nobody is told before the invitation is mailed."),
    ] = Field(default_factory=list)
    repeat: Annotated[Repeat | None, Field(description="How it repeats; null for once.")] = None
    busy: Annotated[bool, Field(description="false: the time stays free.")] = True


class Created(Written):
    """What `calendar_create` gives."""

    id: str
    etag: str
    start: str
    end: str
    zone: str | None
    invitation: Ics


class Move(Write):
    """What `calendar_move` takes."""

    id: EventId
    start: Time
    end: Annotated[Time | None, Field(description="When it ends; null to keep how long it takes.")] = None
    zone: Annotated[Zone | None, Field(description="An IANA name; null for the zone it is in.")] = None
    occurrence: Original = None
    etag: Etag = None


class Moved(Written):
    """What `calendar_move` gives; the former times move it back."""

    id: str
    occurrence: str | None
    etag: str
    start: str
    end: str
    former_start: str
    former_end: str
    former_status: Status
    invitation: Ics


class Cancel(Write):
    """What `calendar_cancel` takes."""

    id: EventId
    occurrence: Original = None
    etag: Etag = None


class Cancelled(Written):
    """What `calendar_cancel` gives; calendar_move to the same start puts it back."""

    id: str
    occurrence: str | None
    etag: str
    start: str
    end: str
    former_status: Status
    cancellation: Ics


class Respond(Write):
    """What `calendar_respond` takes: an event of the calendar, or an invitation that came by mail."""

    answer: Annotated[Answer, Field(description="needs-action takes an answer back.")]
    id: Annotated[EventId | None, Field(description="The event; null when invitation is given.")] = None
    invitation: Annotated[
        str | None, Field(min_length=1, max_length=MAX_ICS, description="The text/calendar part of the mail.")
    ] = None


class Responded(Written):
    """What `calendar_respond` gives."""

    id: str
    etag: str
    title: str
    start: str
    end: str
    answer: Answer
    former_answer: Answer
    organizer: Annotated[str, Field(description="To whom to mail the reply.")]
    reply: Annotated[str, Field(description="iCalendar text to mail to the organizer, as text/calendar.")]
