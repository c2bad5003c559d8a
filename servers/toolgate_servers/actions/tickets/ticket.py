"""A ticket, and what every store of tickets can do."""

from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from toolgate_servers.errors import Reason, Refused
from toolgate_servers.running import Run

State: TypeAlias = Literal["open", "closed"]
Why: TypeAlias = Literal["completed", "not_planned"]

MAX_TITLE = 256  # GitHub's own limit
MAX_BODY = 60_000
MAX_LABELS = 20
MAX_LABEL = 50
MAX_ASSIGNEES = 10
MAX_NAME = 39
LABEL = r"^[^,\"\x00-\x1f\x7f]+$"
NAME = r"^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$"


@dataclass(frozen=True, slots=True)
class Comment:
    """What somebody said about a ticket."""

    id: int
    author: str
    at: str
    body: str


@dataclass(frozen=True, slots=True)
class Ticket:
    """What is to be done; times are ISO 8601 in UTC."""

    number: int
    title: str
    body: str
    state: State
    why: Why | None
    labels: tuple[str, ...]
    assignees: tuple[str, ...]
    author: str
    created_at: str
    updated_at: str
    url: str
    comments: int


@dataclass(frozen=True, slots=True)
class Change:
    """What is to become of a ticket; None leaves as it is."""

    title: str | None = None
    body: str | None = None
    labels: tuple[str, ...] | None = None
    assignees: tuple[str, ...] | None = None
    state: State | None = None
    why: Why | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Every word occurs in title or body; pages count from 1."""

    words: tuple[str, ...]
    state: Literal["open", "closed", "any"]
    assignee: str | None
    label: str | None
    page: int
    limit: int


@dataclass(frozen=True, slots=True)
class Found:
    """One page, newest first, and whether there is another."""

    tickets: list[Ticket]
    more: bool


class Tickets(Protocol):
    """Where tickets are. An action is the stable id of one call that changes something."""

    def search(self, wanted: Wanted, run: Run) -> Found:
        """List tickets."""
        ...

    def get(self, number: int, run: Run) -> Ticket:
        """Give one. Raises Refused NO_SUCH_TICKET."""
        ...

    def comments(self, number: int, page: int, limit: int, run: Run) -> tuple[list[Comment], bool]:
        """Give a page of what was said, oldest first, and whether there is another."""
        ...

    def create(
        self,
        action: str,
        title: str,
        body: str,
        labels: tuple[str, ...],
        assignees: tuple[str, ...],
        run: Run,
    ) -> Ticket:
        """Make one."""
        ...

    def change(self, action: str, number: int, change: Change, run: Run) -> tuple[Ticket, Ticket]:
        """Change one; gives it before and after."""
        ...

    def comment(self, action: str, number: int, body: str, run: Run) -> Comment:
        """Say something about one."""
        ...


def no_such_ticket() -> Refused:
    """Make the refusal for a number of nothing."""
    return Refused(
        Reason.NO_SUCH_TICKET,
        "number",
        found="no such ticket",
        expected="a number from ticket_search or ticket_create",
    )
