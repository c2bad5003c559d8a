"""On which days an event repeats: RFC 5545 3.3.10, by looking at each day, so no rule can run away.

Frequencies below a day, and times of the day in a rule, are not read: such an event is said to be unreadable.
"""

import re
from calendar import isleap, monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Literal, TypeAlias

Frequency: TypeAlias = Literal["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]

FREQUENCIES: Final[dict[str, Frequency]] = {
    "DAILY": "DAILY",
    "WEEKLY": "WEEKLY",
    "MONTHLY": "MONTHLY",
    "YEARLY": "YEARLY",
}
WEEKDAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
WEEKDAY = re.compile(r"([+-]?[0-9]{1,2})?(MO|TU|WE|TH|FR|SA|SU)")
NUMBERS = {
    "BYMONTHDAY": (-31, 31),
    "BYMONTH": (1, 12),
    "BYYEARDAY": (-366, 366),
    "BYWEEKNO": (-53, 53),
    "BYSETPOS": (-366, 366),
}
KNOWN = frozenset({"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "WKST", *NUMBERS})
DAY: Final = timedelta(days=1)
MAX_TEXT = 1000


@dataclass(frozen=True, slots=True)
class Rule:
    """When an event repeats; `until` is as it is written, a day or a time."""

    frequency: Frequency
    interval: int = 1
    count: int | None = None
    until: str | None = None
    by_day: tuple[tuple[int, int], ...] = ()
    by_month_day: tuple[int, ...] = ()
    by_month: tuple[int, ...] = ()
    by_year_day: tuple[int, ...] = ()
    by_week: tuple[int, ...] = ()
    by_position: tuple[int, ...] = ()
    week_start: int = 0


class Budget:
    """How many days may still be looked at, for everything that one call reads."""

    def __init__(self, days: int) -> None:
        self.days = days

    def spend(self) -> bool:
        """Take one day; whether there was one left."""
        self.days -= 1
        return self.days >= 0


def parse(text: str) -> Rule | None:
    """Read a rule; None when it says something that is not known here."""
    split = (part.partition("=") for part in text.upper().split(";") if part)
    parts: dict[str, str] = {name: content for name, _, content in split}
    if len(text) > MAX_TEXT or not parts.keys() <= KNOWN:
        return None
    frequency = FREQUENCIES.get(parts.get("FREQ", ""))
    interval, count = parts.get("INTERVAL", "1"), parts.get("COUNT")
    start = parts.get("WKST", "MO")
    if frequency is None or start not in WEEKDAYS:
        return None
    if not _whole(interval) or (count is not None and not _whole(count)):
        return None
    by_day = _weekdays(parts.get("BYDAY", ""))
    numbers = {name: _numbers(parts.get(name, ""), *limits) for name, limits in NUMBERS.items()}
    if by_day is None or None in numbers.values():
        return None
    if any(nth for nth, _ in by_day) and frequency in ("DAILY", "WEEKLY"):
        return None
    return Rule(
        frequency=frequency,
        interval=int(interval),
        count=None if count is None else int(count),
        until=parts.get("UNTIL"),
        by_day=by_day,
        by_month_day=numbers["BYMONTHDAY"] or (),
        by_month=numbers["BYMONTH"] or (),
        by_year_day=numbers["BYYEARDAY"] or (),
        by_week=numbers["BYWEEKNO"] or (),
        by_position=numbers["BYSETPOS"] or (),
        week_start=WEEKDAYS.index(start),
    )


def days(rule: Rule, first: date, since: date, last: date, budget: Budget) -> Iterator[date]:
    """Give the days from `since` to `last` on which the event that begins on `first` takes place.

    The first day always counts, whatever the rule says. Ends early when the budget is spent.
    """
    counted = 1
    if since <= first <= last:
        yield first
    index = 0 if rule.count is not None else max(0, _index(rule, first, since) - 1)
    index -= index % rule.interval
    while (period := _period(rule, first, index)) is not None and period[0] <= last:
        for day in _of_period(rule, first, period, budget):
            if day <= first:
                continue
            counted += 1
            if rule.count is not None and counted > rule.count:
                return
            if day > last:
                return
            if day >= since:
                yield day
        if not budget.spend():
            return
        index += rule.interval


def _of_period(rule: Rule, first: date, period: tuple[date, date], budget: Budget) -> list[date]:
    found: list[date] = []
    day, end = period
    while day < end and budget.spend():
        if _matches(rule, first, day):
            found.append(day)
        if day == date.max:
            break
        day += DAY
    if not rule.by_position:
        return found
    picked = {place - 1 if place > 0 else len(found) + place for place in rule.by_position}
    return [day for number, day in enumerate(found) if number in picked]


def _index(rule: Rule, first: date, day: date) -> int:
    """Give the number of the period that a day is in, counted from that of the first day."""
    if rule.frequency == "DAILY":
        return (day - first).days
    if rule.frequency == "WEEKLY":
        return (_week(rule, day) - _week(rule, first)).days // 7
    if rule.frequency == "MONTHLY":
        return (day.year - first.year) * 12 + day.month - first.month
    return day.year - first.year


def _period(rule: Rule, first: date, index: int) -> tuple[date, date] | None:
    """Give the first day of a period and of the next; None beyond the calendar."""
    try:
        if rule.frequency == "DAILY":
            day = first + index * DAY
            return day, day + DAY
        if rule.frequency == "WEEKLY":
            day = _week(rule, first) + 7 * index * DAY
            return day, day + 7 * DAY
        if rule.frequency == "MONTHLY":
            months = first.year * 12 + first.month - 1 + index
            return _month(months), _month(months + 1)
        return date(first.year + index, 1, 1), date(first.year + index + 1, 1, 1)
    except (OverflowError, ValueError):
        return None


def _month(months: int) -> date:
    return date(months // 12, months % 12 + 1, 1)


def _week(rule: Rule, day: date) -> date:
    return day - ((day.weekday() - rule.week_start) % 7) * DAY


def _matches(rule: Rule, first: date, day: date) -> bool:
    """Whether a day of the right period takes part, as the table of RFC 5545 3.3.10 says."""
    if rule.by_month and day.month not in rule.by_month:
        return False
    if rule.by_week and not _in_week(rule, day):
        return False
    if rule.by_year_day and not _counted(day.timetuple().tm_yday, 365 + isleap(day.year), rule.by_year_day):
        return False
    if rule.by_month_day and not _counted(day.day, monthrange(day.year, day.month)[1], rule.by_month_day):
        return False
    if rule.by_day:
        return _on_weekday(rule, day)
    return bool(rule.by_year_day or rule.by_month_day) or _like_first(rule, first, day)


def _like_first(rule: Rule, first: date, day: date) -> bool:
    """What a rule leaves open is as on the first day."""
    if rule.frequency == "DAILY":
        return True
    if rule.frequency == "WEEKLY" or rule.by_week:
        return day.weekday() == first.weekday()
    if rule.frequency == "MONTHLY" or rule.by_month:
        return day.day == first.day
    return (day.month, day.day) == (first.month, first.day)


def _on_weekday(rule: Rule, day: date) -> bool:
    for nth, weekday in rule.by_day:
        if weekday != day.weekday():
            continue
        if nth == 0:
            return True
        in_month = rule.frequency == "MONTHLY" or bool(rule.by_month)
        place = day.day if in_month else day.timetuple().tm_yday
        length = monthrange(day.year, day.month)[1] if in_month else 365 + isleap(day.year)
        if (place - 1) // 7 + 1 == nth or -((length - place) // 7) - 1 == nth:
            return True
    return False


def _in_week(rule: Rule, day: date) -> bool:
    """Weeks of the year, of which the first has at least four days in it (3.3.10, BYWEEKNO)."""
    year = day.year
    starts = [_first_week(rule, one) for one in (year - 1, year, year + 1, year + 2)]
    here = next(number for number in (2, 1, 0) if starts[number] <= day)
    week = (day - starts[here]).days // 7 + 1
    weeks = (starts[here + 1] - starts[here]).days // 7
    return _counted(week, weeks, rule.by_week) and here == 1


def _first_week(rule: Rule, year: int) -> date:
    return _week(rule, date(min(max(year, 2), 9998), 1, 4))


def _counted(place: int, length: int, wanted: tuple[int, ...]) -> bool:
    return place in wanted or place - length - 1 in wanted


def _whole(text: str) -> bool:
    return re.fullmatch(r"[1-9][0-9]{0,5}", text) is not None


def _weekdays(text: str) -> tuple[tuple[int, int], ...] | None:
    found = [WEEKDAY.fullmatch(part) for part in text.split(",") if part]
    if None in found:
        return None
    return tuple((int(one[1] or 0), WEEKDAYS.index(one[2])) for one in found if one is not None)


def _numbers(text: str, least: int, most: int) -> tuple[int, ...] | None:
    parts = [part for part in text.split(",") if part]
    if not all(re.fullmatch(r"[+-]?[0-9]{1,3}", part) for part in parts):
        return None
    numbers = tuple(int(part) for part in parts)
    return numbers if all(least <= number <= most and number for number in numbers) else None


def naive_until(text: str) -> datetime | None:
    """Read the last time of a rule as it is written, without zone; a day means its end."""
    found = re.fullmatch(r"([0-9]{8})(?:T([0-9]{6})Z?)?", text)
    if found is None:
        return None
    try:
        return datetime.strptime(found[1] + (found[2] or "235959"), "%Y%m%d%H%M%S")  # noqa: DTZ007  # its zone is the reader's
    except ValueError:
        return None
