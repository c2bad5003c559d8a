"""Answering invitations: those of the calendar, and those that came by mail."""

import hashlib
from typing import Any, cast

from icalendar import Event

from toolgate_servers.actions.addresses import address_problem
from toolgate_servers.actions.calendar.agenda import Agenda, marked, shown_times
from toolgate_servers.actions.calendar.events import uid_taken
from toolgate_servers.actions.calendar.ics import (
    Series,
    address_of,
    envelope,
    organizer,
    parse,
    parts,
    person,
    put,
    rendered,
    text_of,
    value,
)
from toolgate_servers.actions.calendar.shapes import MAX_TITLE, Answer, Respond, Responded
from toolgate_servers.errors import Reason, Refused
from toolgate_servers.idempotency import stable_id
from toolgate_servers.running import Run

# What of an invitation comes into the calendar: no alarms, attachments or extensions of a stranger.
TAKEN = (
    *(
        "UID",
        "SUMMARY",
        "DESCRIPTION",
        "LOCATION",
        "DTSTART",
        "DTEND",
        "DURATION",
        "RRULE",
        "RDATE",
        "EXDATE",
    ),
    *("RECURRENCE-ID", "SEQUENCE", "ORGANIZER", "ATTENDEE", "STATUS", "TRANSP"),
)
ANSWERS: dict[str, Answer] = {"accepted": "accepted", "declined": "declined", "tentative": "tentative"}


def respond(agenda: Agenda, arguments: Respond, run: Run) -> Responded:
    """Answer an invitation, in the calendar; the reply is for the caller to mail.

    Raises:
        Refused: ARGUMENT_NOT_VALID, NO_SUCH_EVENT, NOT_INVITED, REJECTED, or what the store refuses.
    """
    action = stable_id("calendar_respond", run.idempotency_key)
    if (arguments.id is None) == (arguments.invitation is None):
        raise Refused(
            Reason.ARGUMENT_NOT_VALID, "id", found="neither or both of id and invitation", expected="one"
        )
    event_id = arguments.id or _taken_in(agenda, arguments.invitation or "", run)
    kept, series = agenda.series(event_id, run)
    event = next(series.events())
    own = _own(agenda, event)
    if own is None:
        raise Refused(
            Reason.NOT_INVITED,
            "id",
            found="an event to which the address of this calendar is not invited",
            expected="one to which it is",
        )
    before = marked(event, action, 1) or [_answer(own)]
    if marked(event, action, 1) is None:
        _write(agenda, series, arguments.answer)
        agenda.mark(event, action, *before)
        kept = agenda.events.change(kept, rendered(series.calendar, series.zones), run)
    began, ended = shown_times(event, agenda.zone)
    return Responded(
        id=kept.id,
        etag=kept.etag,
        title=text_of(event, "SUMMARY", MAX_TITLE),
        start=began,
        end=ended,
        answer=arguments.answer,
        former_answer=_known(before[0]),
        organizer=organizer(event),
        reply=_reply(agenda, event, arguments.answer),
    )


def _taken_in(agenda: Agenda, text: str, run: Run) -> str:
    """Put an invitation into the calendar, in place of an earlier version of it from the same organizer.

    Raises:
        Refused: REJECTED or CHANGED_MEANWHILE.
    """
    invited = parse(text, agenda.zone)
    if invited is None or value(invited.calendar, "METHOD").upper() != "REQUEST":
        raise _rejected("text that is no invitation to one event", "a text/calendar part with METHOD:REQUEST")
    first = next(invited.events())
    if address_problem(organizer(first)) is not None or agenda.is_own(first):
        raise _rejected("an invitation of nobody, or of oneself", "one from somebody else")
    event_id = hashlib.sha256(invited.uid.encode()).hexdigest()[:16]
    clean = rendered(envelope(*(_cleaned(event) for event in invited.events())), invited.zones)
    kept = agenda.events.add(event_id, invited.uid, clean, run)
    held = parse(kept.text, agenda.zone)
    if held is None or held.uid != invited.uid:
        raise uid_taken()
    mine = next(held.events())
    if organizer(mine) != organizer(first):
        raise _rejected("an event of somebody else under the same UID", "an invitation of its organizer")
    if _sequence(first) > _sequence(mine):
        agenda.events.change(kept, clean, run)
    return event_id


def _cleaned(event: Event) -> Event:
    clean: Any = Event()
    for name in TAKEN:
        for one in parts(event, name):
            clean.add(name, one, encode=False)
    for one in parts(clean, "ORGANIZER"):
        one.params.clear()
        one.params["SCHEDULE-AGENT"] = "CLIENT"  # RFC 6638 7.1: the server of the calendar sends no reply
    return cast("Event", clean)


def _write(agenda: Agenda, series: Series, answer: Answer) -> None:
    for event in series.events():
        own = _own(agenda, event)
        if own is not None:
            own.params["PARTSTAT"] = answer.upper()
            own.params.pop("RSVP", None)


def _own(agenda: Agenda, event: Event) -> Any:
    own = agenda.own.lower()
    return next((one for one in parts(event, "ATTENDEE") if address_of(one) == own), None)


def _answer(own: Any) -> str:
    return str(own.params.get("PARTSTAT", "NEEDS-ACTION")).lower()


def _known(answer: str) -> Answer:
    return ANSWERS.get(answer, "needs-action")


def _reply(agenda: Agenda, event: Event, answer: Answer) -> str:
    """RFC 5546 3.2.3: UID, SEQUENCE, ORGANIZER, and of the attendees only who answers."""
    reply: Any = Event()
    for name in ("UID", "SEQUENCE", "RECURRENCE-ID", "DTSTART", "DTEND", "DURATION", "SUMMARY"):
        for one in parts(event, name):
            reply.add(name, one, encode=False)
    put(reply, "DTSTAMP", agenda.clock().replace(microsecond=0))
    reply.add("organizer", person(organizer(event)), encode=False)
    reply.add("attendee", person(agenda.own, PARTSTAT=answer.upper()), encode=False)
    return rendered(envelope(reply, method="REPLY"))


def _sequence(event: Event) -> int:
    text = value(event, "SEQUENCE")
    return int(text) if text.isdecimal() and len(text) < 9 else 0


def _rejected(found: str, expected: str) -> Refused:
    return Refused(Reason.REJECTED, "invitation", found=found, expected=expected)
