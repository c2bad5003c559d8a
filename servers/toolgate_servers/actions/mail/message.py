"""A mail and what makes one acceptable; no I/O."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from toolgate_servers.actions.addresses import check_address
from toolgate_servers.actions.plaintext import check_line, check_text
from toolgate_servers.errors import Reason, Refused

FolderName: TypeAlias = Literal["drafts", "outbox"]

MAX_RECIPIENTS = 50
MAX_SUBJECT = 200
MAX_BODY = 100_000


@dataclass(frozen=True, slots=True)
class Message:
    """What a mail says and to whom."""

    to: tuple[str, ...]
    cc: tuple[str, ...]
    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class Mail:
    """A message that is kept: `at` is when it was drafted, or sent, in ISO 8601 and UTC."""

    id: str
    folder: FolderName
    at: str
    message: Message


def compose(to: tuple[str, ...], cc: tuple[str, ...], subject: str, body: str) -> Message:
    """Make a message.

    Raises:
        Refused: ARGUMENT_NOT_VALID, BAD_ADDRESS, TOO_MANY_RECIPIENTS, TOO_LARGE or CONTROL_CHARACTER.
    """
    if not to:
        raise Refused(Reason.ARGUMENT_NOT_VALID, "to", found="no address", expected="at least one")
    if len(to) + len(cc) > MAX_RECIPIENTS:
        raise Refused(
            Reason.TOO_MANY_RECIPIENTS,
            "to and cc",
            found=f"{len(to) + len(cc)} addresses",
            expected=f"at most {MAX_RECIPIENTS} together",
        )
    for where, addresses in (("to", to), ("cc", cc)):
        for number, address in enumerate(addresses):
            check_address(address, f"{where}.{number}")
    check_line("subject", subject, MAX_SUBJECT)
    check_text("body", body, MAX_BODY)
    return Message(to, cc, subject, body)


def check_repeats(
    draft: Message,
    to: tuple[str, ...] | None,
    cc: tuple[str, ...] | None,
    subject: str | None,
    body: str | None,
) -> None:
    """Refuse to send a draft as something else: whatever is said along with its id must be what it holds.

    Raises:
        Refused: DRAFT_DIFFERS, naming the argument.
    """
    said = {"to": to, "cc": cc, "subject": subject, "body": body}
    held = {"to": draft.to, "cc": draft.cc, "subject": draft.subject, "body": draft.body}
    for name, value in said.items():
        if value is not None and value != held[name]:
            raise Refused(
                Reason.DRAFT_DIFFERS,
                name,
                found="something else than the draft holds",
                expected="the same, or nothing",
            )
