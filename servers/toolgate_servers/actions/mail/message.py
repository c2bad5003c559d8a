"""A mail and what makes one acceptable; no I/O."""

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from toolgate_servers.actions.addresses import address_problem, check_address
from toolgate_servers.actions.plaintext import check_line, check_text, one_line
from toolgate_servers.errors import Reason, Refused

FolderName: TypeAlias = Literal["drafts", "outbox", "inbox"]

MAX_RECIPIENTS = 50
MAX_SUBJECT = 200
MAX_BODY = 100_000
MAX_ATTACHMENTS = 5
MAX_ATTACHED = 1_000_000

# What a mail reader shows as a name, and saves under: no folders, no quotation marks, no leading dot.
FILE_NAME = re.compile(r"(?!\.)[^/\\\"\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]{1,100}")
# A part that holds a message or parts of its own could bring its own headers.
CONTENT_TYPE = re.compile(r"(?!message/|multipart/)[a-z0-9][a-z0-9.+-]{0,40}/[a-z0-9][a-z0-9.+-]{0,80}")
MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,250}>")
MAX_REFERENCES = 20
ANSWER = re.compile(r"\s*re\s*:", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that comes with a mail."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """What a mail says and to whom; `references` are the Message-IDs before it, the answered one last."""

    to: tuple[str, ...]
    cc: tuple[str, ...]
    subject: str
    body: str
    attachments: tuple[Attachment, ...] = ()
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """A mail in a list; `at` is when it was drafted, sent or received, in ISO 8601 and UTC."""

    id: str
    folder: FolderName
    at: str
    sender: str
    to: tuple[str, ...]
    cc: tuple[str, ...]
    subject: str


@dataclass(frozen=True, slots=True)
class Mail:
    """A message that is kept; `is_cut` when it was too large to be read whole."""

    id: str
    folder: FolderName
    at: str
    sender: str
    message_id: str
    message: Message
    reply_to: tuple[str, ...] = ()
    is_cut: bool = False

    def summary(self) -> Summary:
        """Give what a list shows of it."""
        message = self.message
        return Summary(self.id, self.folder, self.at, self.sender, message.to, message.cc, message.subject)


def compose(
    to: tuple[str, ...],
    cc: tuple[str, ...],
    subject: str,
    body: str,
    attachments: tuple[Attachment, ...] = (),
    references: tuple[str, ...] = (),
) -> Message:
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
    _check_attachments(attachments)
    return Message(to, cc, subject, body, attachments, references)


def _check_attachments(attachments: tuple[Attachment, ...]) -> None:
    size = sum(len(attachment.content) for attachment in attachments)
    if len(attachments) > MAX_ATTACHMENTS or size > MAX_ATTACHED:
        raise Refused(
            Reason.TOO_LARGE,
            "attachments",
            found=f"{len(attachments)} with {size} bytes",
            expected=f"at most {MAX_ATTACHMENTS} with {MAX_ATTACHED} bytes together",
        )
    for number, attachment in enumerate(attachments):
        if FILE_NAME.fullmatch(attachment.name) is None:
            raise Refused(
                Reason.CONTROL_CHARACTER,
                f"attachments.{number}.name",
                found="a slash, a quotation mark, a leading dot or a control character",
                expected="a plain file name such as minutes.pdf",
            )
        if CONTENT_TYPE.fullmatch(attachment.content_type) is None:
            raise Refused(
                Reason.ARGUMENT_NOT_VALID,
                f"attachments.{number}.content_type",
                found="no type of a single file",
                expected="one such as application/pdf, without parameters",
            )


def answer(
    mail: Mail, own: str, body: str, attachments: tuple[Attachment, ...], *, everyone: bool
) -> Message:
    """Make the message that answers a mail; addresses that are not plain ones are left out.

    An answer to what was received goes to its Reply-To, else its sender; to what was sent, to its recipients.

    Raises:
        Refused: As compose does.
    """
    received = mail.folder == "inbox"
    first = (mail.reply_to or (mail.sender,)) if received else mail.message.to
    others = (*(mail.message.to if received else ()), *mail.message.cc) if everyone else ()
    to = _plain(first, ())
    cc = _plain(others, (own, *to))
    text = one_line(mail.message.subject, MAX_SUBJECT)
    subject = text if ANSWER.match(text) else f"Re: {text}"[:MAX_SUBJECT].rstrip()
    known = (*mail.message.references, mail.message_id)
    references = tuple(one for one in known if MESSAGE_ID.fullmatch(one))[-MAX_REFERENCES:]
    if not to:
        raise Refused(
            Reason.BAD_ADDRESS,
            "id",
            found="a mail whose sender has no plain address",
            expected="one that can be answered; email_send goes to any address",
        )
    return compose(to, cc, subject, body, attachments, references)


def _plain(addresses: tuple[str, ...], without: tuple[str, ...]) -> tuple[str, ...]:
    """Give the plain addresses, each once, except some; case does not make another."""
    known = {address.lower() for address in without}
    kept: list[str] = []
    for address in addresses:
        if address_problem(address) is None and address.lower() not in known:
            known.add(address.lower())
            kept.append(address)
    return tuple(kept)


def check_repeats(
    held: Message,
    to: tuple[str, ...] | None,
    cc: tuple[str, ...] | None,
    subject: str | None = None,
    body: str | None = None,
) -> None:
    """Refuse to send one mail under the name of another: what is said along with an id must be what it holds.

    Raises:
        Refused: DRAFT_DIFFERS, naming the argument.
    """
    said = {"to": to, "cc": cc, "subject": subject, "body": body}
    holds = {"to": held.to, "cc": held.cc, "subject": held.subject, "body": held.body}
    for name, value in said.items():
        if value is not None and value != holds[name]:
            raise Refused(
                Reason.DRAFT_DIFFERS,
                name,
                found="something else than the mail holds",
                expected="the same, or nothing",
            )
