"""A contact, what makes one acceptable, and what keeps them; no I/O."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from toolgate_servers.actions.addresses import check_address
from toolgate_servers.actions.plaintext import check_line, check_text
from toolgate_servers.errors import Reason, Refused
from toolgate_servers.running import Run

MAX_LINE = 200
MAX_NOTE = 5000
MAX_EACH = 10
PHONE = re.compile(r"\+?[0-9][0-9 ()./-]{2,39}")
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,127}")
ETAG = re.compile(r'(?:W/)?"[!#-~]{1,200}"')


@dataclass(frozen=True, slots=True)
class Fields:
    """What is known of a person or a company; empty where nothing is."""

    name: str
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    organization: str = ""
    title: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact as it is kept; `etag` changes with every change (RFC 9110 8.8.3)."""

    id: str
    etag: str
    fields: Fields


class Book(Protocol):
    """What keeps contacts; `about` says what it is. All of it may raise Refused."""

    about: str

    def search(self, query: str | None, limit: int, run: Run) -> list[Contact]:
        """Give contacts that hold the text, or any."""
        ...

    def read(self, contact_id: str, run: Run) -> Contact:
        """Give one contact."""
        ...

    def create(self, fields: Fields, run: Run) -> Contact:
        """Add a contact, once for each idempotency key."""
        ...

    def update(
        self, contact_id: str, etag: str, changes: Mapping[str, Any], run: Run
    ) -> tuple[Contact, Contact]:
        """Change fields of a contact that still has this etag; gives what it was and what it is."""
        ...

    def delete(self, contact_id: str, etag: str, run: Run) -> Contact:
        """Remove a contact that still has this etag, and give what it was."""
        ...


def check_fields(fields: Mapping[str, Any]) -> None:
    """Refuse fields that a vCard or a mail program could read as something else.

    Raises:
        Refused: ARGUMENT_NOT_VALID, TOO_LARGE, CONTROL_CHARACTER or BAD_ADDRESS.
    """
    if "name" in fields:
        check_line("name", fields["name"], MAX_LINE)
    for where in ("organization", "title"):
        if fields.get(where):
            check_line(where, fields[where], MAX_LINE)
    if fields.get("note"):
        check_text("note", fields["note"], MAX_NOTE)
    for number, address in enumerate(fields.get("emails", ())):
        check_address(address, f"emails.{number}")
    for number, phone in enumerate(fields.get("phones", ())):
        if PHONE.fullmatch(phone) is None:
            raise Refused(
                Reason.ARGUMENT_NOT_VALID,
                f"phones.{number}",
                found="something that is not a telephone number",
                expected="digits, blanks and ()./- such as +49 30 123456",
            )


def no_such_contact() -> Refused:
    """Make the refusal for a contact that is not there."""
    return Refused(
        Reason.NOT_FOUND,
        "contact_id",
        found="no such contact",
        expected="an id that crm_search_contacts gives",
    )


def changed_meanwhile() -> Refused:
    """Make the refusal for a contact that is no longer what the caller has read."""
    return Refused(
        Reason.CHANGED_MEANWHILE,
        "etag",
        found="that of an earlier version of the contact",
        expected="you to read it again with crm_read_contact, look whether the change still makes sense, "
        "and repeat it with the new etag and a new idempotency_key",
    )
