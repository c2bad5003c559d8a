"""What a search for mail asks for, and what it finds."""

from dataclasses import dataclass
from typing import Protocol

from toolgate_servers.actions.mail.message import FolderName, Mail, Summary
from toolgate_servers.errors import Reason, Refused


@dataclass(frozen=True, slots=True)
class Wanted:
    """Every word occurs; the sender contains a text; received since a day, before another (ISO 8601, UTC)."""

    folder: FolderName
    words: tuple[str, ...] = ()
    sender: str | None = None
    since: str | None = None
    before: str | None = None
    cursor: int | None = None
    limit: int = 20


@dataclass(frozen=True, slots=True)
class Found:
    """One page, newest first, and how many there are in all."""

    mails: list[Summary]
    next_cursor: int | None
    total: int


class Inbox(Protocol):
    """Where received mail is."""

    def search(self, wanted: Wanted) -> Found:
        """List mails."""
        ...

    def read(self, mail_id: str) -> Mail:
        """Give one mail."""
        ...


def no_such_mail(where: str) -> Refused:
    """Make the refusal for an id of nothing."""
    return Refused(
        Reason.NO_SUCH_MAIL,
        where,
        found="no such mail" if where == "id" else "no such draft (it may have been sent or deleted)",
        expected="an id from email_search, email_draft or email_send",
    )
