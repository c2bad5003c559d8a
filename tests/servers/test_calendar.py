"""Events: made, moved, cancelled, answered; over time zones, repetitions and the change of clocks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from diaries import BERLIN, Diary
from tool_calls import refused
from toolgate_servers.actions.calendar.local import SqliteEvents
from toolgate_servers.errors import CannotStart, Reason

OWN = "me@example.org"


@pytest.fixture
def diary() -> Iterator[Diary]:
    events = SqliteEvents(None, BERLIN)
    yield Diary(events, OWN)
    events.close()


def test_an_event_is_found_in_its_time_and_nowhere_else(diary: Diary) -> None:
    made = diary.create("Planning", "2026-11-24T09:00", end="2026-11-24T09:45", location="Room 2")
    (found,) = diary.found("2026-11-24", "2026-11-25")
    assert (found.id, found.title, found.location) == (made.id, "Planning", "Room 2")
    assert (found.start, found.end, found.zone) == (
        "2026-11-24T09:00+01:00",
        "2026-11-24T09:45+01:00",
        "Europe/Berlin",
    )
    assert (found.all_day, found.status, found.busy, found.occurrence) == (False, "confirmed", True, None)
    assert diary.found("2026-11-24T09:45", "2026-11-25") == []
    assert diary.found("2026-11-23", "2026-11-24T09:00") == []
    assert diary.found("2026-11-24", "2026-11-25", query="room PLAN")
    assert diary.found("2026-11-24", "2026-11-25", query="lunch") == []


def test_an_event_in_another_zone_is_at_the_same_moment(diary: Diary) -> None:
    diary.create("Call", "2026-11-24T09:00", zone="America/New_York")
    assert diary.starts("2026-11-24", "2026-11-25") == ["2026-11-24T15:00+01:00"]
    assert diary.starts("2026-11-24", "2026-11-25", zone="Asia/Kolkata") == ["2026-11-24T19:30+05:30"]


def test_a_weekly_event_stays_at_its_hour_when_the_clocks_change(diary: Diary) -> None:
    diary.create("Planning", "2026-03-22T09:00", repeat={"every": "week", "times": 3})
    assert diary.starts("2026-03-01", "2026-05-01") == [
        "2026-03-22T09:00+01:00",
        "2026-03-29T09:00+02:00",
        "2026-04-05T09:00+02:00",
    ]


def test_an_event_across_the_change_of_the_clocks_takes_its_real_time(diary: Diary) -> None:
    diary.create(
        "Night shift", "2026-10-24T22:00", end="2026-10-25T06:00", repeat={"every": "day", "times": 2}
    )
    assert [(event.start, event.end) for event in diary.found("2026-10-24", "2026-10-28")] == [
        ("2026-10-24T22:00+02:00", "2026-10-25T06:00+01:00"),  # nine hours
        ("2026-10-25T22:00+01:00", "2026-10-26T07:00+01:00"),  # RFC 5545 3.8.5.3: the same exact duration
    ]


def test_a_time_that_the_clocks_skip_or_show_twice_is_refused_or_asks_for_its_offset(diary: Diary) -> None:
    assert refused(lambda: diary.create("Skipped", "2026-03-29T02:30")) is Reason.BAD_TIME
    assert refused(lambda: diary.create("Twice", "2026-10-25T02:30")) is Reason.BAD_TIME
    assert diary.create("First", "2026-10-25T02:30+02:00").start == "2026-10-25T02:30+02:00"
    assert diary.create("Second", "2026-10-25T02:30+01:00").start == "2026-10-25T01:30+00:00"
    assert diary.starts("2026-10-25", "2026-10-26") == ["2026-10-25T02:30+02:00", "2026-10-25T02:30+01:00"]


def test_an_end_at_the_second_showing_of_a_time_is_kept_exactly(diary: Diary) -> None:
    made = diary.create("Watch", "2026-10-25T01:30", end="2026-10-25T01:45")
    diary.move(made.id, "2026-10-25T00:30", end="2026-10-25T02:30+01:00")
    (found,) = diary.found("2026-10-25", "2026-10-26")
    assert (found.start, found.end) == ("2026-10-25T00:30+02:00", "2026-10-25T02:30+01:00")


def test_a_daily_event_at_a_skipped_time_takes_place_an_hour_later_that_day(diary: Diary) -> None:
    diary.create("Backup", "2026-03-28T02:30", repeat={"every": "day", "times": 3})
    assert diary.starts("2026-03-28", "2026-03-31") == [
        "2026-03-28T02:30+01:00",
        "2026-03-29T03:30+02:00",
        "2026-03-30T02:30+02:00",
    ]


def test_whole_days_have_no_zone(diary: Diary) -> None:
    diary.create("Holiday", "2026-12-24", end="2026-12-27", busy=False)
    (found,) = diary.found("2026-12-26", "2026-12-27")
    assert (found.start, found.end, found.all_day, found.busy) == ("2026-12-24", "2026-12-27", True, False)
    assert diary.found("2026-12-27", "2026-12-28") == []


@pytest.mark.parametrize(
    ("repeat", "expected"),
    [
        ({"every": "day", "interval": 2, "times": 3}, ["2026-11-02", "2026-11-04", "2026-11-06"]),
        (
            {"every": "week", "weekdays": ["MO", "TH"], "until": "2026-11-09"},
            ["2026-11-02", "2026-11-05", "2026-11-09"],
        ),
        ({"every": "month", "times": 3}, ["2026-11-02", "2026-12-02", "2027-01-02"]),
        (
            {"every": "month", "weekdays": ["MO"], "week_of_month": 1, "times": 3},
            ["2026-11-02", "2026-12-07", "2027-01-04"],
        ),
        ({"every": "year", "times": 2}, ["2026-11-02", "2027-11-02"]),
    ],
)
def test_an_event_repeats_as_asked(diary: Diary, repeat: dict[str, Any], expected: list[str]) -> None:
    diary.create("Again", "2026-11-02T09:00", repeat=repeat)
    assert [start[:10] for start in diary.starts("2026-11-01", "2027-11-30")] == expected


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"start": "2026-02-30T09:00"}, Reason.BAD_TIME),
        ({"start": "2026-11-24T25:00"}, Reason.BAD_TIME),
        ({"start": "0001-01-01T00:00"}, Reason.BAD_TIME),
        ({"end": "2026-11-24T08:00"}, Reason.BAD_TIME),
        ({"end": "2026-11-24"}, Reason.BAD_TIME),
        ({"zone": "Mars/Olympus"}, Reason.BAD_TIME),
        ({"zone": "../../etc/passwd"}, Reason.BAD_TIME),
        ({"title": "a\nb"}, Reason.CONTROL_CHARACTER),
        ({"location": "a\r\nATTENDEE:x"}, Reason.CONTROL_CHARACTER),
        ({"description": "a\x00b"}, Reason.CONTROL_CHARACTER),
        ({"attendees": ["Ann <ann@example.com>"]}, Reason.BAD_ADDRESS),
        ({"repeat": {"every": "week", "weekdays": ["SU"]}}, Reason.BAD_TIME),
        ({"repeat": {"every": "day", "weekdays": ["TU"]}}, Reason.ARGUMENT_NOT_VALID),
        ({"repeat": {"every": "week", "times": 2, "until": "2026-12-01"}}, Reason.ARGUMENT_NOT_VALID),
        ({"repeat": {"every": "month", "week_of_month": 1}}, Reason.ARGUMENT_NOT_VALID),
    ],
)
def test_an_event_that_makes_no_sense_is_refused(diary: Diary, more: dict[str, Any], reason: Reason) -> None:
    asked = {"title": "Planning", "start": "2026-11-24T09:00"} | more
    assert refused(lambda: diary.create(asked.pop("title"), asked.pop("start"), **asked)) is reason


def test_free_and_busy_times_are_merged_and_cut_to_the_window(diary: Diary) -> None:
    diary.create("Early", "2026-11-24T07:00", end="2026-11-24T09:00")
    diary.create("Overlaps", "2026-11-24T08:30", end="2026-11-24T10:00")
    diary.create("Touches", "2026-11-24T10:00", end="2026-11-24T10:30")
    diary.create("Free", "2026-11-24T12:00", busy=False)
    off = diary.create("Off", "2026-11-24T14:00")
    diary.cancel(off.id)
    diary.create("Late", "2026-11-24T17:40")
    found = diary.free_busy("2026-11-24T08:00", "2026-11-24T18:00", minutes=60)
    assert [(one.start[11:16], one.end[11:16]) for one in found.busy] == [
        ("08:00", "10:30"),
        ("17:40", "18:00"),
    ]
    assert [(one.start[11:16], one.end[11:16]) for one in found.free] == [("10:30", "17:40")]


def test_a_moved_event_can_be_moved_back(diary: Diary) -> None:
    made = diary.create("Planning", "2026-11-24T09:00", end="2026-11-24T09:45")
    moved = diary.move(made.id, "2026-11-25T10:00")
    assert (moved.start, moved.end) == ("2026-11-25T10:00+01:00", "2026-11-25T10:45+01:00")
    assert moved.etag != made.etag
    back = diary.move(made.id, moved.former_start, end=moved.former_end)
    assert (back.start, back.end) == (made.start, made.end)


def test_a_cancelled_event_stays_visible_and_is_put_back_by_moving_it(diary: Diary) -> None:
    made = diary.create("Planning", "2026-11-24T09:00")
    gone = diary.cancel(made.id)
    assert diary.found("2026-11-24", "2026-11-25") == []
    assert [one.status for one in diary.found("2026-11-24", "2026-11-25", cancelled=True)] == ["cancelled"]
    back = diary.move(made.id, gone.start, end=gone.end)
    assert back.former_status == "cancelled"
    assert diary.starts("2026-11-24", "2026-11-25") == [made.start]


def test_one_occurrence_is_moved_and_another_cancelled(diary: Diary) -> None:
    made = diary.create("Planning", "2026-11-02T09:00", repeat={"every": "week", "times": 4})
    second, third = (event.occurrence for event in diary.found("2026-11-08", "2026-11-20"))
    diary.move(made.id, "2026-11-10T15:00", occurrence=second)
    diary.cancel(made.id, occurrence=third)
    assert [start[:16] for start in diary.starts("2026-11-01", "2026-12-01")] == [
        "2026-11-02T09:00",
        "2026-11-10T15:00",
        "2026-11-23T09:00",
    ]
    assert refused(lambda: diary.cancel(made.id, occurrence="2026-11-17T09:00")) is Reason.NO_SUCH_EVENT
    diary.move(made.id, "2026-11-11T15:00", occurrence=second)
    assert "2026-11-11T15:00+01:00" in diary.starts("2026-11-01", "2026-12-01")


def test_a_series_takes_its_exceptions_along_when_its_hour_changes(diary: Diary) -> None:
    made = diary.create(
        "Planning", "2026-03-23T09:00", repeat={"every": "week", "weekdays": ["MO"], "until": "2026-04-13"}
    )
    second = diary.found("2026-03-30", "2026-03-31")[0].occurrence
    diary.cancel(made.id, occurrence=second)
    diary.move(made.id, "2026-03-23T11:30")
    assert diary.starts("2026-03-01", "2026-05-01") == [
        "2026-03-23T11:30+01:00",
        "2026-04-06T11:30+02:00",
        "2026-04-13T11:30+02:00",
    ]
    assert refused(lambda: diary.move(made.id, "2026-03-24T11:30")) is Reason.TOO_COMPLEX


def test_a_series_without_named_days_moves_to_another_day_as_often(diary: Diary) -> None:
    made = diary.create("Run", "2026-11-02T09:00", repeat={"every": "week", "until": "2026-11-16"})
    diary.move(made.id, "2026-11-03T09:00")
    assert [start[:10] for start in diary.starts("2026-11-01", "2026-12-01")] == [
        "2026-11-03",
        "2026-11-10",
        "2026-11-17",
    ]


def test_an_event_that_was_changed_since_it_was_seen_is_not_changed(diary: Diary) -> None:
    made = diary.create("Planning", "2026-11-24T09:00")
    diary.move(made.id, "2026-11-25T09:00")
    assert (
        refused(lambda: diary.move(made.id, "2026-11-26T09:00", etag=made.etag)) is Reason.CHANGED_MEANWHILE
    )
    assert refused(lambda: diary.cancel(made.id, etag=made.etag)) is Reason.CHANGED_MEANWHILE


def test_every_change_with_one_key_happens_once_and_is_told_the_same(diary: Diary) -> None:
    made = diary.create("Planning", "2026-11-24T09:00", key="a")
    assert diary.create("Planning", "2026-11-24T09:00", key="a") == made
    moved = diary.move(made.id, "2026-11-25T09:00", key="b", etag=made.etag)
    assert diary.move(made.id, "2026-11-25T09:00", key="b", etag=made.etag) == moved
    gone = diary.cancel(made.id, key="c", etag=moved.etag)
    assert diary.cancel(made.id, key="c", etag=moved.etag) == gone
    assert len(diary.found("2026-11-01", "2026-12-01", cancelled=True)) == 1


def test_what_does_not_exist_is_refused(diary: Diary) -> None:
    assert refused(lambda: diary.move("f" * 16, "2026-11-25T09:00")) is Reason.NO_SUCH_EVENT
    assert refused(lambda: diary.cancel("f" * 16)) is Reason.NO_SUCH_EVENT
    assert refused(lambda: diary.respond("accepted", id="f" * 16)) is Reason.NO_SUCH_EVENT
    assert refused(lambda: diary.found("2026-11-25", "2026-11-24")) is Reason.BAD_TIME
    assert refused(lambda: diary.found("2026-11-25", "2028-11-24")) is Reason.BAD_TIME


def test_the_calendar_is_private_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "calendar.db"
    first = SqliteEvents(file, BERLIN)
    made = Diary(first, OWN).create("Planning", "2026-11-24T09:00")
    first.close()
    again = SqliteEvents(file, BERLIN)
    assert [event.id for event in Diary(again, OWN).found("2026-11-24", "2026-11-25")] == [made.id]
    assert file.stat().st_mode & 0o077 == 0
    again.close()


def test_a_file_that_is_no_calendar_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("not a database" * 100)
    with pytest.raises(CannotStart):
        SqliteEvents(file, BERLIN)
