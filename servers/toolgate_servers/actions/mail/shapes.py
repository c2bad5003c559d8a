"""What the mail tools take and give, as their schemas."""

from typing import Annotated, Literal

from pydantic import Field

from toolgate_servers.actions.addresses import MAX_ADDRESS
from toolgate_servers.actions.mail.message import (
    MAX_ATTACHMENTS,
    MAX_BODY,
    MAX_RECIPIENTS,
    MAX_SUBJECT,
    FolderName,
)
from toolgate_servers.actions.mail.post import Status
from toolgate_servers.strict import Arguments, Outcome, Write, Written

MAX_PACKED = 1_400_000  # base64 of one million bytes

Address = Annotated[str, Field(min_length=3, max_length=MAX_ADDRESS, json_schema_extra={"format": "email"})]
Recipients = Annotated[
    list[Address],
    Field(min_length=1, max_length=MAX_RECIPIENTS, description="Plain addresses, without display names."),
]
Copies = Annotated[
    list[Address], Field(max_length=MAX_RECIPIENTS, description="Who gets a copy; plain addresses.")
]
Subject = Annotated[str, Field(min_length=1, max_length=MAX_SUBJECT, description="One line of text.")]
Body = Annotated[str, Field(min_length=1, max_length=MAX_BODY, description="Plain text.")]
DraftId = Annotated[
    str, Field(min_length=16, max_length=16, pattern="^[0-9a-f]+$", description="The id of a draft.")
]
MailId = Annotated[
    str,
    Field(
        min_length=5,
        max_length=22,
        pattern="^([0-9a-f]{16}|i[0-9]{1,10}-[0-9]{1,10})$",
        description="The id of a mail, from email_search.",
    ),
]
Time = Annotated[str, Field(description="ISO 8601, UTC.", json_schema_extra={"format": "date-time"})]
Day = Annotated[
    str,
    Field(min_length=10, max_length=10, pattern=r"^\d{4}-\d\d-\d\d$", json_schema_extra={"format": "date"}),
]


class File(Arguments):
    """A file to attach."""

    name: Annotated[str, Field(min_length=1, max_length=100, description="A plain file name.")]
    content_type: Annotated[
        str, Field(min_length=3, max_length=120, description="Such as application/pdf; no parameters.")
    ]
    base64: Annotated[
        str,
        Field(
            max_length=MAX_PACKED, description="The content in base64.", json_schema_extra={"format": "byte"}
        ),
    ]


Files = Annotated[
    list[File], Field(max_length=MAX_ATTACHMENTS, description="Files to attach, 1 MB together.")
]


class Draft(Write):
    """What `email_draft` takes."""

    to: Recipients
    cc: Annotated[Copies, Field(default_factory=list)]
    subject: Subject
    body: Body
    attachments: Annotated[Files, Field(default_factory=list)]


class Drafted(Written):
    """What `email_draft` gives."""

    draft_id: DraftId
    drafted_at: Time


class Send(Write):
    """What `email_send` takes: a draft, or a whole mail."""

    draft_id: Annotated[
        DraftId | None,
        Field(description="The draft to send. to, cc, subject and body, if given too, must be the draft's."),
    ] = None
    to: Annotated[Recipients | None, Field(description="Plain addresses; needed without draft_id.")] = None
    cc: Annotated[Copies | None, Field(description="Who gets a copy; plain addresses.")] = None
    subject: Annotated[Subject | None, Field(description="One line; needed without draft_id.")] = None
    body: Annotated[Body | None, Field(description="Plain text; needed without draft_id.")] = None
    attachments: Annotated[
        Files | None, Field(description="Files to attach, 1 MB together; not with draft_id.")
    ] = None


class Reply(Write):
    """What `email_reply` takes."""

    id: MailId
    body: Body
    everyone: Annotated[bool, Field(description="true: also to everyone else who got the mail.")] = False
    to: Annotated[
        Recipients | None,
        Field(description="Who the answer goes to, to be sure: anything but what it will be is refused."),
    ] = None
    cc: Annotated[
        Copies | None, Field(description="Who gets a copy, to be sure: anything else is refused.")
    ] = None
    attachments: Annotated[Files, Field(default_factory=list)]


class Sent(Written):
    """What `email_send` and `email_reply` give."""

    id: Annotated[str, Field(description="The id of the sent mail.")]
    status: Annotated[Status, Field(description="How far the mail got.")]
    to: list[str]
    cc: list[str]
    subject: str
    sent_at: Time
    message_id: Annotated[str, Field(description="The Message-ID header.")]


class Search(Arguments):
    """What `email_search` takes."""

    folder: Annotated[FolderName, Field(description="inbox: received; outbox: sent; drafts.")] = "inbox"
    query: Annotated[
        str, Field(max_length=200, description="Words that all occur in the mail; empty for every mail.")
    ] = ""
    sender: Annotated[
        str | None, Field(min_length=1, max_length=MAX_ADDRESS, description="Part of the sender's address.")
    ] = None
    since: Annotated[Day | None, Field(description="Not before this day.")] = None
    before: Annotated[Day | None, Field(description="Before this day.")] = None
    cursor: Annotated[
        int | None, Field(ge=1, le=2**53, description="next_cursor of the page before; null for the first.")
    ] = None
    limit: Annotated[int, Field(ge=1, le=100, description="How many mails to give at most.")] = 20


class MailItem(Outcome):
    """One mail of a list."""

    id: str
    sender: str
    to: list[str]
    cc: list[str]
    subject: str
    at: Time


class MailList(Outcome):
    """What `email_search` gives."""

    mails: Annotated[list[MailItem], Field(description="Newest first.")]
    next_cursor: Annotated[int | None, Field(description="The cursor of the next page; null at the end.")]
    total: Annotated[int, Field(description="How many mails there are on all pages.")]


class ReadMail(Arguments):
    """What `email_read` takes."""

    id: MailId
    attachment: Annotated[
        int | None,
        Field(ge=1, le=100, description="Give the content of this attachment too, by its number."),
    ] = None


class FileInfo(Outcome):
    """One attachment of a mail."""

    number: int
    name: str
    content_type: str
    size: Annotated[int, Field(description="Bytes, of what was read.")]


class FileContent(Outcome):
    """The content of one attachment; text when it is text, else base64."""

    name: str
    text: str | None
    base64: str | None


class MailText(Outcome):
    """What `email_read` gives."""

    id: str
    folder: FolderName
    sender: str
    to: list[str]
    cc: list[str]
    subject: str
    body: Annotated[str, Field(description="Plain text, of HTML what a reader would see.")]
    at: Time
    message_id: str
    attachments: list[FileInfo]
    attachment: FileContent | None
    is_cut: Annotated[bool, Field(description="True when the mail was too large to be read whole.")]


class DeleteDraft(Write):
    """What `email_delete_draft` takes."""

    draft_id: DraftId


class Deleted(Written):
    """What `email_delete_draft` gives: the draft as it was, to draft it again."""

    draft_id: DraftId
    status: Literal["deleted"]
    to: list[str]
    cc: list[str]
    subject: str
    body: str
    attachments: list[File]
