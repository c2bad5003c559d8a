"""Where events are kept: what every store of them can do."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from toolgate_servers.errors import Reason, Refused
from toolgate_servers.running import Run


@dataclass(frozen=True, slots=True)
class Kept:
    """One iCalendar object, and the tag of this version of it."""

    id: str
    text: str
    etag: str


class Events(Protocol):
    """A calendar."""

    def between(self, start: datetime, end: datetime, run: Run) -> list[Kept]:
        """Give what may take place from one moment until another."""
        ...

    def get(self, event_id: str, run: Run) -> Kept:
        """Give one object. Raises Refused NO_SUCH_EVENT."""
        ...

    def add(self, event_id: str, uid: str, text: str, run: Run) -> Kept:
        """Keep a new object; what is there under the id stays, and is given back.

        Raises:
            Refused: REJECTED, when another object has the uid.
        """
        ...

    def change(self, kept: Kept, text: str, run: Run) -> Kept:
        """Replace an object, unless it was changed meanwhile. Raises Refused CHANGED_MEANWHILE."""
        ...


def no_such_event() -> Refused:
    """Make the refusal for an id of nothing."""
    return Refused(
        Reason.NO_SUCH_EVENT,
        "id",
        found="no such event",
        expected="an id from calendar_search or calendar_create",
    )


def changed_meanwhile() -> Refused:
    """Make the refusal of a change to what is not as it was seen."""
    return Refused(
        Reason.CHANGED_MEANWHILE,
        "etag",
        found="another version of the event",
        expected="a look at it with calendar_search, and the change again if it is still right",
    )


def uid_taken() -> Refused:
    """Make the refusal of an object whose UID another one has."""
    return Refused(
        Reason.REJECTED,
        "invitation",
        found="an event of the same UID that is in the calendar already",
        expected="another event, or the id of that one",
    )
