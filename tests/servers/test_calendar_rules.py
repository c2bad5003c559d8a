"""On which days an event repeats: the examples of RFC 5545 3.8.5.3, as dateutil reads them too."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from dateutil.rrule import rrulestr

from toolgate_servers.actions.calendar.rules import Budget, days, parse

# Each rule of RFC 5545 3.8.5.3 that is about days, with its first day.
EXAMPLES = [
    ("FREQ=DAILY;COUNT=10", date(1997, 9, 2)),
    ("FREQ=DAILY;INTERVAL=2", date(1997, 9, 2)),
    ("FREQ=DAILY;INTERVAL=10;COUNT=5", date(1997, 9, 2)),
    ("FREQ=YEARLY;BYMONTH=1;BYDAY=SU,MO,TU,WE,TH,FR,SA", date(1998, 1, 1)),
    ("FREQ=DAILY;BYMONTH=1", date(1998, 1, 1)),
    ("FREQ=WEEKLY;COUNT=10", date(1997, 9, 2)),
    ("FREQ=WEEKLY;INTERVAL=2;WKST=SU", date(1997, 9, 2)),
    ("FREQ=WEEKLY;COUNT=10;WKST=SU;BYDAY=TU,TH", date(1997, 9, 2)),
    ("FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=MO,WE,FR", date(1997, 9, 1)),
    ("FREQ=WEEKLY;INTERVAL=2;COUNT=8;WKST=SU;BYDAY=TU,TH", date(1997, 9, 2)),
    ("FREQ=MONTHLY;COUNT=10;BYDAY=1FR", date(1997, 9, 5)),
    ("FREQ=MONTHLY;INTERVAL=2;COUNT=10;BYDAY=1SU,-1SU", date(1997, 9, 7)),
    ("FREQ=MONTHLY;COUNT=6;BYDAY=-2MO", date(1997, 9, 22)),
    ("FREQ=MONTHLY;BYMONTHDAY=-3", date(1997, 9, 28)),
    ("FREQ=MONTHLY;COUNT=10;BYMONTHDAY=2,15", date(1997, 9, 2)),
    ("FREQ=MONTHLY;COUNT=10;BYMONTHDAY=1,-1", date(1997, 9, 30)),
    ("FREQ=MONTHLY;INTERVAL=18;COUNT=10;BYMONTHDAY=10,11,12,13,14,15", date(1997, 9, 10)),
    ("FREQ=MONTHLY;INTERVAL=2;BYDAY=TU", date(1997, 9, 2)),
    ("FREQ=YEARLY;COUNT=10;BYMONTH=6,7", date(1997, 6, 10)),
    ("FREQ=YEARLY;INTERVAL=2;COUNT=10;BYMONTH=1,2,3", date(1997, 3, 10)),
    ("FREQ=YEARLY;INTERVAL=3;COUNT=10;BYYEARDAY=1,100,200", date(1997, 1, 1)),
    ("FREQ=YEARLY;BYDAY=20MO", date(1997, 5, 19)),
    ("FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO", date(1997, 5, 12)),
    ("FREQ=YEARLY;BYMONTH=3;BYDAY=TH", date(1997, 3, 13)),
    ("FREQ=YEARLY;BYDAY=TH;BYMONTH=6,7,8", date(1997, 6, 5)),
    ("FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", date(1998, 2, 13)),
    ("FREQ=MONTHLY;BYDAY=SA;BYMONTHDAY=7,8,9,10,11,12,13", date(1997, 9, 13)),
    ("FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8", date(1996, 11, 5)),
    ("FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3", date(1997, 9, 4)),
    ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2", date(1997, 9, 29)),
    ("FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO", date(1997, 8, 5)),
    ("FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU", date(1997, 8, 5)),
    ("FREQ=MONTHLY;BYMONTHDAY=15,30;COUNT=5", date(2007, 1, 15)),
    ("FREQ=MONTHLY", date(2024, 1, 31)),
    ("FREQ=YEARLY", date(2024, 2, 29)),
]


@pytest.mark.parametrize(("text", "first"), EXAMPLES, ids=[text for text, _ in EXAMPLES])
def test_the_examples_of_the_standard_fall_on_the_same_days_as_everywhere(text: str, first: date) -> None:
    rule = parse(text)
    assert rule is not None
    begins = datetime(first.year, first.month, first.day)  # noqa: DTZ001  # days have no zone
    for since, last in (
        (first, date(first.year + 3, 12, 31)),
        (date(first.year + 2, 2, 28), date(first.year + 9, 6, 30)),
    ):
        expected = [
            one.date()
            for one in rrulestr(text, dtstart=begins).between(
                datetime(since.year, since.month, since.day),  # noqa: DTZ001  # days have no zone
                datetime(last.year, last.month, last.day),  # noqa: DTZ001  # days have no zone
                inc=True,
            )
        ]
        assert list(days(rule, first, since, last, Budget(100_000))) == expected


def test_the_first_day_counts_whatever_the_rule_says() -> None:
    rule = parse("FREQ=WEEKLY;BYDAY=MO;COUNT=2")
    assert rule is not None
    found = days(rule, date(2026, 11, 24), date(2026, 1, 1), date(2027, 1, 1), Budget(1000))
    assert list(found) == [date(2026, 11, 24), date(2026, 11, 30)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "FREQ=HOURLY",
        "FREQ=DAILY;BYHOUR=9",
        "FREQ=WEEKLY;BYDAY=1MO",
        "FREQ=DAILY;COUNT=0",
        "FREQ=DAILY;X=1",
    ],
)
def test_a_rule_that_is_not_known_is_said_to_be_unreadable(text: str) -> None:
    assert parse(text) is None
