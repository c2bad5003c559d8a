"""What the mail tools take and give, as their schemas."""

from typing import Annotated, Literal

from pydantic import Field

from toolgate_servers.actions.addresses import MAX_ADDRESS
from toolgate_servers.actions.mail.message import MAX_BODY, MAX_RECIPIENTS, MAX_SUBJECT, FolderName
from toolgate_servers.strict import Arguments, Outcome

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
MailId = Annotated[
    str, Field(min_length=16, max_length=16, pattern="^[0-9a-f]+$", description="The id of a mail.")
]
Time = Annotated[str, Field(description="ISO 8601, UTC.", json_schema_extra={"format": "date-time"})]


class Draft(Arguments):
    """What `email_draft` takes."""

    to: Recipients
    cc: Annotated[Copies, Field(default_factory=list)]
    subject: Subject
    body: Body


class Drafted(Outcome):
    """What `email_draft` gives."""

    draft_id: MailId
    drafted_at: Time


class Send(Arguments):
    """What `email_send` takes: a draft, or a whole mail."""

    draft_id: Annotated[
        MailId | None,
        Field(description="The draft to send. to, cc, subject and body, if given too, must be the draft's."),
    ] = None
    to: Annotated[Recipients | None, Field(description="Plain addresses; needed without draft_id.")] = None
    cc: Annotated[Copies | None, Field(description="Who gets a copy; plain addresses.")] = None
    subject: Annotated[Subject | None, Field(description="One line; needed without draft_id.")] = None
    body: Annotated[Body | None, Field(description="Plain text; needed without draft_id.")] = None


class Sent(Outcome):
    """What `email_send` gives."""

    id: MailId
    status: Annotated[Literal["delivered to the local outbox"], Field(description="How far the mail got.")]
    to: list[str]
    cc: list[str]
    sent_at: Time


class ListMail(Arguments):
    """What `email_list` takes."""

    folder: Annotated[FolderName, Field(description="drafts or outbox.")]
    cursor: Annotated[
        int | None, Field(ge=1, le=2**53, description="next_cursor of the page before; null for the first.")
    ] = None
    limit: Annotated[int, Field(ge=1, le=100, description="How many mails to give at most.")] = 20


class MailItem(Outcome):
    """One mail of a list."""

    id: MailId
    to: list[str]
    cc: list[str]
    subject: str
    at: Time


class MailList(Outcome):
    """What `email_list` gives."""

    mails: Annotated[list[MailItem], Field(description="Newest first.")]
    next_cursor: Annotated[int | None, Field(description="The cursor of the next page; null at the end.")]
    total: Annotated[int, Field(description="How many mails the folder holds.")]


class ReadMail(Arguments):
    """What `email_read` takes."""

    id: MailId


class MailText(Outcome):
    """What `email_read` gives."""

    id: MailId
    folder: FolderName
    to: list[str]
    cc: list[str]
    subject: str
    body: str
    at: Time


class DeleteDraft(Arguments):
    """What `email_delete_draft` takes."""

    draft_id: MailId


class Deleted(Outcome):
    """What `email_delete_draft` gives."""

    draft_id: MailId
    status: Literal["deleted"]
