"""The calendar on a real CalDAV server, radicale: the same tools, with ETag and If-Match on every change."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest

from radicales import PASSWORD, ask, calendar
from tool_calls import refused
from toolgate_servers.actions.calendar import answering, looking, planning
from toolgate_servers.actions.calendar.agenda import Agenda
from toolgate_servers.actions.calendar.dav import DavEvents
from toolgate_servers.actions.calendar.settings import CalDav
from toolgate_servers.actions.calendar.shapes import (
    Cancel,
    Cancelled,
    Create,
    Created,
    EventItem,
    FreeBusy,
    Move,
    Moved,
    Respond,
    Search,
)
from toolgate_servers.errors import Reason
from toolgate_servers.running import Run

pytestmark = pytest.mark.servers

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
FOREIGN = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//elsewhere//EN
BEGIN:VTIMEZONE
TZID:W. Europe Standard Time
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE
BEGIN:VEVENT
UID:foreign-1
DTSTAMP:20260101T000000Z
DTSTART;TZID=W. Europe Standard Time:20270324T090000
DTEND;TZID=W. Europe Standard Time:20270324T100000
RRULE:FREQ=WEEKLY;COUNT=3
SUMMARY:Weekly
X-KEPT;X="a;b":as it is
BEGIN:VALARM
ACTION:DISPLAY
DESCRIPTION:Soon
TRIGGER:-PT15M
END:VALARM
END:VEVENT
END:VCALENDAR
""".replace("\n", "\r\n")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with calendar(tmp_path_factory.mktemp("radicale")) as url:
        yield url


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALENDAR_PASSWORD", PASSWORD)


class Diary:
    """The tools on the calendar of one account; every call has a key of its own unless it is given one."""

    keys = iter(f"key-{number}" for number in range(10_000))

    def __init__(self, url: str, **changed: Any) -> None:
        given: dict[str, Any] = {"url": url, "user": "ann", "password": "env:CALENDAR_PASSWORD"}
        self.events = DavEvents(CalDav(**given | changed))
        self.agenda = Agenda(self.events, BERLIN, "ann@example.com", lambda: NOON)

    def run(self, key: str | None = None) -> Run:
        run = Run(60.0)
        run.idempotency_key = key or next(self.keys)
        return run

    def create(self, title: str, start: str, key: str | None = None, **more: Any) -> Created:
        return planning.create(self.agenda, Create(title=title, start=start, **more), self.run(key))

    def move(self, event_id: str, start: str, key: str | None = None, **more: Any) -> Moved:
        return planning.move(self.agenda, Move(id=event_id, start=start, **more), self.run(key))

    def cancel(self, event_id: str, key: str | None = None, **more: Any) -> Cancelled:
        return planning.cancel(self.agenda, Cancel(id=event_id, **more), self.run(key))

    def found(self, start: str, end: str, **more: Any) -> list[EventItem]:
        return looking.search(self.agenda, Search(start=start, end=end, **more), self.run()).events


@pytest.fixture
def diary(url: str) -> Diary:
    return Diary(url)


def test_an_event_is_made_found_moved_and_cancelled(diary: Diary) -> None:
    made = diary.create("Planning, with; odd \\ text", "2026-11-24T09:00", description="Line 1\nLine 2")
    (found,) = diary.found("2026-11-24", "2026-11-25")
    assert (found.id, found.title, found.description) == (
        made.id,
        "Planning, with; odd \\ text",
        "Line 1\nLine 2",
    )
    assert found.etag == made.etag
    moved = diary.move(made.id, "2026-11-25T10:00", etag=made.etag)
    assert moved.former_start == "2026-11-24T09:00+01:00"
    assert diary.found("2026-11-24", "2026-11-25") == []
    gone = diary.cancel(made.id, etag=moved.etag)
    assert diary.found("2026-11-25", "2026-11-26") == []
    assert diary.move(made.id, gone.start).former_status == "cancelled"


def test_a_series_across_the_change_of_the_clocks_keeps_its_hour(diary: Diary) -> None:
    made = diary.create("Weekly", "2026-03-22T09:00", repeat={"every": "week", "times": 3})
    found = diary.found("2026-03-20", "2026-04-10")
    assert [event.start for event in found] == [
        "2026-03-22T09:00+01:00",
        "2026-03-29T09:00+02:00",
        "2026-04-05T09:00+02:00",
    ]
    diary.cancel(made.id, occurrence=found[1].occurrence)
    diary.move(made.id, "2026-04-06T15:00", occurrence=found[2].occurrence)
    assert [event.start for event in diary.found("2026-03-20", "2026-04-10")] == [
        "2026-03-22T09:00+01:00",
        "2026-04-06T15:00+02:00",
    ]


def test_a_change_of_what_somebody_else_changed_is_refused(url: str, diary: Diary) -> None:
    made = diary.create("Mine", "2026-06-01T09:00")
    Diary(url).move(made.id, "2026-06-02T09:00")
    assert (
        refused(lambda: diary.move(made.id, "2026-06-03T09:00", etag=made.etag)) is Reason.CHANGED_MEANWHILE
    )
    kept = diary.events.get(made.id, diary.run())
    Diary(url).move(made.id, "2026-06-04T09:00")
    assert refused(lambda: diary.events.change(kept, kept.text, diary.run())) is Reason.CHANGED_MEANWHILE


def test_every_change_with_one_key_happens_once(url: str) -> None:
    made = Diary(url).create("Once", "2026-07-01T09:00", key="once")
    assert Diary(url).create("Once", "2026-07-01T09:00", key="once") == made
    moved = Diary(url).move(made.id, "2026-07-02T09:00", key="move", etag=made.etag)
    assert Diary(url).move(made.id, "2026-07-02T09:00", key="move", etag=made.etag) == moved
    gone = Diary(url).cancel(made.id, key="cancel")
    assert Diary(url).cancel(made.id, key="cancel") == gone
    assert len(Diary(url).found("2026-07-01", "2026-07-05", cancelled=True)) == 1


def test_one_event_comes_of_many_attempts_at_once(url: str) -> None:
    def make(_number: int) -> Created:
        return Diary(url).create("At once", "2026-08-01T09:00", key="at once")

    with ThreadPoolExecutor(6) as threads:
        made = list(threads.map(make, range(6)))
    assert len({one.id for one in made}) == 1
    assert len(Diary(url).found("2026-08-01", "2026-08-02")) == 1


def test_what_others_wrote_is_read_and_kept_when_it_is_moved(url: str, diary: Diary) -> None:
    port = urlsplit(url).port or 0
    assert ask(port, "PUT", "/ann/cal/foreign@elsewhere.ics", FOREIGN) == 201
    found = diary.found("2027-03-20", "2027-04-10")
    assert [event.start for event in found] == [
        "2027-03-24T09:00+01:00",
        "2027-03-31T09:00+02:00",
        "2027-04-07T09:00+02:00",
    ]
    diary.move("foreign@elsewhere", "2027-03-24T11:00", zone="Europe/Berlin")
    text = diary.events.get("foreign@elsewhere", diary.run()).text
    assert 'X-KEPT;X="a;b":as it is' in text
    assert "BEGIN:VALARM" in text
    assert [event.start[11:16] for event in diary.found("2027-03-20", "2027-04-10")] == ["11:00"] * 3


def test_free_time_is_found_between_the_events_of_the_server(diary: Diary) -> None:
    diary.create("Busy", "2026-09-01T10:00", end="2026-09-01T12:00")
    asked = FreeBusy(start="2026-09-01T08:00", end="2026-09-01T18:00")
    found = looking.free_busy(diary.agenda, asked, diary.run())
    assert [(one.start[11:16], one.end[11:16]) for one in found.free] == [
        ("08:00", "10:00"),
        ("12:00", "18:00"),
    ]


def test_an_invitation_is_taken_in_and_answered_again(diary: Diary) -> None:
    text = (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:invite-1\r\n"
        "DTSTAMP:20260101T000000Z\r\nDTSTART:20261001T090000Z\r\nDTEND:20261001T100000Z\r\nSUMMARY:Review\r\n"
        "ORGANIZER:mailto:bob@example.com\r\nATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:ann@example.com\r\n"
        "END:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    first = answering.respond(diary.agenda, Respond(answer="accepted", invitation=text), diary.run())
    again = answering.respond(diary.agenda, Respond(answer="declined", invitation=text), diary.run())
    assert (first.id, first.former_answer, again.former_answer) == (again.id, "needs-action", "accepted")
    assert [event.my_answer for event in diary.found("2026-10-01", "2026-10-02")] == ["declined"]


def test_the_calendar_is_found_by_its_name(url: str) -> None:
    account = url.removesuffix("ann/cal/")
    named = Diary(account, calendar="Work")
    assert named.create("Named", "2026-12-01T09:00").id
    assert len(Diary(url).found("2026-12-01", "2026-12-02")) == 1
    assert (
        refused(lambda: Diary(account, calendar="Nothing").found("2026-12-01", "2026-12-02"))
        is Reason.NOT_FOUND
    )


def test_a_wrong_account_or_calendar_is_for_the_operator(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WRONG", "battery staple")
    for diary, reason in (
        (Diary(url, password="env:WRONG"), Reason.ACCESS_DENIED),
        (Diary(url.replace("/cal/", "/nowhere/")), Reason.NOT_FOUND),
        (Diary("http://127.0.0.1:1/cal/"), Reason.UNREACHABLE),
    ):
        assert refused(lambda: diary.found("2026-12-01", "2026-12-02")) is reason  # noqa: B023  # called at once


def test_what_does_not_exist_is_refused(diary: Diary) -> None:
    assert refused(lambda: diary.cancel("f" * 16)) is Reason.NO_SUCH_EVENT
    assert refused(lambda: diary.events.get("../book/x", diary.run())) is Reason.NO_SUCH_EVENT
