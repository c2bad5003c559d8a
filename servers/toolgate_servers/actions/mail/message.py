"""A mail and what makes one acceptable; no I/O."""

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from toolgate_servers.actions.addresses import check_address
from toolgate_servers.errors import Reason, Refused

FolderName: TypeAlias = Literal["drafts", "outbox"]

MAX_RECIPIENTS = 50
MAX_SUBJECT = 200
MAX_BODY = 100_000

# Line ends in a header start another header; NUL and the other controls have no business in either.
HEADER_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
BODY_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


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
    _check_text("subject", subject, MAX_SUBJECT, HEADER_CONTROL, "one line of text")
    _check_text("body", body, MAX_BODY, BODY_CONTROL, "text, where the only controls are tabs and line ends")
    return Message(to, cc, subject, body)


def _check_text(where: str, text: str, longest: int, control: re.Pattern[str], expected: str) -> None:
    if not text.strip():
        raise Refused(Reason.ARGUMENT_NOT_VALID, where, found="no text", expected=expected)
    if len(text) > longest:
        raise Refused(Reason.TOO_LARGE, where, found=f"{len(text)} characters", expected=f"at most {longest}")
    if (found := control.search(text)) is not None:
        raise Refused(
            Reason.CONTROL_CHARACTER,
            f"{where}, position {found.start() + 1}",
            found="a line end or another control character",
            expected=expected,
        )


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
