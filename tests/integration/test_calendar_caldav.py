"""The calendar on a real CalDAV server, radicale: the same tools, with ETag and If-Match on every change."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest

from diaries import Diary
from radicales import PASSWORD, ask, calendar
from tool_calls import refused
from toolgate_servers.actions.calendar.dav import DavEvents
from toolgate_servers.actions.calendar.settings import CalDav
from toolgate_servers.actions.calendar.shapes import Created
from toolgate_servers.errors import Reason

pytestmark = pytest.mark.servers

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


def diary_at(url: str, **changed: Any) -> Diary:
    """The calendar of one account."""
    given: dict[str, Any] = {"url": url, "user": "ann", "password": "env:CALENDAR_PASSWORD"}
    return Diary(DavEvents(CalDav(**given | changed)), "ann@example.com")


@pytest.fixture
def diary(url: str) -> Diary:
    return diary_at(url)


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
    diary_at(url).move(made.id, "2026-06-02T09:00")
    assert (
        refused(lambda: diary.move(made.id, "2026-06-03T09:00", etag=made.etag)) is Reason.CHANGED_MEANWHILE
    )
    kept = diary.events.get(made.id, diary.run())
    diary_at(url).move(made.id, "2026-06-04T09:00")
    assert refused(lambda: diary.events.change(kept, kept.text, diary.run())) is Reason.CHANGED_MEANWHILE


def test_every_change_with_one_key_happens_once(url: str) -> None:
    made = diary_at(url).create("Once", "2026-07-01T09:00", key="once")
    assert diary_at(url).create("Once", "2026-07-01T09:00", key="once") == made
    moved = diary_at(url).move(made.id, "2026-07-02T09:00", key="move", etag=made.etag)
    assert diary_at(url).move(made.id, "2026-07-02T09:00", key="move", etag=made.etag) == moved
    gone = diary_at(url).cancel(made.id, key="cancel")
    assert diary_at(url).cancel(made.id, key="cancel") == gone
    assert len(diary_at(url).found("2026-07-01", "2026-07-05", cancelled=True)) == 1


def test_one_event_comes_of_many_attempts_at_once(url: str) -> None:
    def make(_number: int) -> Created:
        return diary_at(url).create("At once", "2026-08-01T09:00", key="at once")

    with ThreadPoolExecutor(6) as threads:
        made = list(threads.map(make, range(6)))
    assert len({one.id for one in made}) == 1
    assert len(diary_at(url).found("2026-08-01", "2026-08-02")) == 1


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
    found = diary.free_busy("2026-09-01T08:00", "2026-09-01T18:00")
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
    first = diary.respond("accepted", invitation=text)
    again = diary.respond("declined", invitation=text)
    assert (first.id, first.former_answer, again.former_answer) == (again.id, "needs-action", "accepted")
    assert [event.my_answer for event in diary.found("2026-10-01", "2026-10-02")] == ["declined"]


def test_the_calendar_is_found_by_its_name(url: str) -> None:
    account = url.removesuffix("ann/cal/")
    named = diary_at(account, calendar="Work")
    assert named.create("Named", "2026-12-01T09:00").id
    assert len(diary_at(url).found("2026-12-01", "2026-12-02")) == 1
    assert (
        refused(lambda: diary_at(account, calendar="Nothing").found("2026-12-01", "2026-12-02"))
        is Reason.NOT_FOUND
    )


def test_a_wrong_account_or_calendar_is_for_the_operator(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WRONG", "battery staple")
    for diary, reason in (
        (diary_at(url, password="env:WRONG"), Reason.ACCESS_DENIED),
        (diary_at(url.replace("/cal/", "/nowhere/")), Reason.NOT_FOUND),
        (diary_at("http://127.0.0.1:1/cal/"), Reason.UNREACHABLE),
    ):
        assert refused(lambda: diary.found("2026-12-01", "2026-12-02")) is reason  # noqa: B023  # called at once


def test_what_does_not_exist_is_refused(diary: Diary) -> None:
    assert refused(lambda: diary.cancel("f" * 16)) is Reason.NO_SUCH_EVENT
    assert refused(lambda: diary.events.get("../book/x", diary.run())) is Reason.NO_SUCH_EVENT
