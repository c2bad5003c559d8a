"""A calendar and the tools on it, wherever its events are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from tool_calls import run
from toolgate_servers.actions.calendar import answering, looking, planning
from toolgate_servers.actions.calendar.agenda import Agenda
from toolgate_servers.actions.calendar.events import Events
from toolgate_servers.actions.calendar.shapes import (
    Cancel,
    Cancelled,
    Create,
    Created,
    EventItem,
    FreeBusy,
    FreeBusyTimes,
    Move,
    Moved,
    Respond,
    Responded,
    Search,
)
from toolgate_servers.running import Run

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Diary:
    """The tools on a calendar; every call has a key of its own unless it is given one."""

    keys = iter(f"key-{number}" for number in range(10_000))

    def __init__(self, events: Events, own: str) -> None:
        self.events = events
        self.agenda = Agenda(events, BERLIN, own, lambda: NOON)

    def run(self, key: str | None = None) -> Run:
        return run(key or next(self.keys))

    def create(self, title: str, start: str, key: str | None = None, **more: Any) -> Created:
        return planning.create(self.agenda, Create(title=title, start=start, **more), self.run(key))

    def move(self, event_id: str, start: str, key: str | None = None, **more: Any) -> Moved:
        return planning.move(self.agenda, Move(id=event_id, start=start, **more), self.run(key))

    def cancel(self, event_id: str, key: str | None = None, **more: Any) -> Cancelled:
        return planning.cancel(self.agenda, Cancel(id=event_id, **more), self.run(key))

    def respond(self, answer: Any, key: str | None = None, **more: Any) -> Responded:
        return answering.respond(self.agenda, Respond(answer=answer, **more), self.run(key))

    def found(self, start: str, end: str, **more: Any) -> list[EventItem]:
        return looking.search(self.agenda, Search(start=start, end=end, **more), self.run()).events

    def starts(self, start: str, end: str, **more: Any) -> list[str]:
        return [event.start for event in self.found(start, end, **more)]

    def free_busy(self, start: str, end: str, **more: Any) -> FreeBusyTimes:
        return looking.free_busy(self.agenda, FreeBusy(start=start, end=end, **more), self.run())
