"""The mail tools."""

from mcp.server.mcpserver.tools import Tool
from mcp_types import ToolAnnotations

from toolgate_servers.actions.mail.message import Mail, check_repeats, compose
from toolgate_servers.actions.mail.outbox import SqliteMail
from toolgate_servers.actions.mail.shapes import (
    Deleted,
    DeleteDraft,
    Draft,
    Drafted,
    ListMail,
    MailItem,
    MailList,
    MailText,
    ReadMail,
    Send,
    Sent,
)
from toolgate_servers.errors import Reason, Refused
from toolgate_servers.strict import described, strict_tool

READ_ONLY = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)
ADDS = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False
)
# Sending cannot be taken back, and it uses up the draft; today it reaches no further than the local file.
SENDS = ToolAnnotations(
    read_only_hint=False, destructive_hint=True, idempotent_hint=False, open_world_hint=False
)
DELETES = ToolAnnotations(
    read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False
)


def tools(mail: SqliteMail) -> list[Tool]:
    """Make the five tools over a store of mail."""
    return [_draft(mail), _send(mail), _list(mail), _read(mail), _delete_draft(mail)]


def _draft(mail: SqliteMail) -> Tool:
    def email_draft(arguments: Draft) -> Drafted:
        message = compose(tuple(arguments.to), tuple(arguments.cc), arguments.subject, arguments.body)
        kept = mail.draft(message)
        return Drafted(draft_id=kept.id, drafted_at=kept.at)

    return strict_tool(
        email_draft,
        name="email_draft",
        takes=Draft,
        gives=Drafted,
        title="Draft a mail",
        description=described(
            "Keep a mail as a draft and give its id; drafts never change.",
            use="a person should see the text before it is sent",
            not_for="editing a draft: delete it and draft again",
            example={
                "to": ["ann@example.com"],
                "subject": "Minutes",
                "body": "They are attached to the wiki page.",
            },
        ),
        annotations=ADDS,
    )


def _send(mail: SqliteMail) -> Tool:
    def email_send(arguments: Send) -> Sent:
        sent = send(mail, arguments)
        return Sent(
            id=sent.id,
            status="delivered to the local outbox",
            to=list(sent.message.to),
            cc=list(sent.message.cc),
            sent_at=sent.at,
        )

    return strict_tool(
        email_send,
        name="email_send",
        takes=Send,
        gives=Sent,
        title="Send a mail",
        description=described(
            "Send a draft by draft_id, or a new mail by to, subject and body; this cannot be undone.",
            use="the text is final",
            not_for="texts that somebody still has to see: email_draft keeps those",
            example={
                "to": ["ann@example.com"],
                "subject": "Minutes",
                "body": "They are attached to the wiki page.",
            },
        ),
        annotations=SENDS,
    )


def send(mail: SqliteMail, arguments: Send) -> Mail:
    """Send a draft or a new mail.

    Raises:
        Refused: Neither or an incomplete mail was given, the draft differs, or the mail is not acceptable.
    """
    to = None if arguments.to is None else tuple(arguments.to)
    cc = None if arguments.cc is None else tuple(arguments.cc)
    subject, body = arguments.subject, arguments.body
    if arguments.draft_id is not None:
        return mail.send_draft(arguments.draft_id, lambda draft: check_repeats(draft, to, cc, subject, body))
    if to is None or subject is None or body is None:
        missing = next(name for name in ("to", "subject", "body") if getattr(arguments, name) is None)
        raise Refused(
            Reason.ARGUMENT_NOT_VALID, missing, found="nothing", expected="draft_id, or to, subject and body"
        )
    return mail.send(compose(to, cc or (), subject, body))


def _list(mail: SqliteMail) -> Tool:
    def email_list(arguments: ListMail) -> MailList:
        page = mail.page(arguments.folder, arguments.cursor, arguments.limit)
        items = [
            MailItem(
                id=kept.id,
                to=list(kept.message.to),
                cc=list(kept.message.cc),
                subject=kept.message.subject,
                at=kept.at,
            )
            for kept in page.mails
        ]
        return MailList(mails=items, next_cursor=page.next_cursor, total=page.total)

    return strict_tool(
        email_list,
        name="email_list",
        takes=ListMail,
        gives=MailList,
        title="List mail",
        description=described(
            "List the drafts or the outbox, newest first, a page at a time, without bodies.",
            use="you look for a draft or want to see what was sent",
            not_for="the text of a mail: email_read gives that",
            example={"folder": "drafts"},
        ),
        annotations=READ_ONLY,
    )


def _read(mail: SqliteMail) -> Tool:
    def email_read(arguments: ReadMail) -> MailText:
        kept = mail.read(arguments.id)
        return MailText(
            id=kept.id,
            folder=kept.folder,
            to=list(kept.message.to),
            cc=list(kept.message.cc),
            subject=kept.message.subject,
            body=kept.message.body,
            at=kept.at,
        )

    return strict_tool(
        email_read,
        name="email_read",
        takes=ReadMail,
        gives=MailText,
        title="Read a mail",
        description=described(
            "Give one draft or sent mail with its body.",
            use="you have its id from email_list or email_draft",
            not_for="finding mails: email_list does that",
            example={"id": "00000000000000a1"},
        ),
        annotations=READ_ONLY,
    )


def _delete_draft(mail: SqliteMail) -> Tool:
    def email_delete_draft(arguments: DeleteDraft) -> Deleted:
        mail.delete_draft(arguments.draft_id)
        return Deleted(draft_id=arguments.draft_id, status="deleted")

    return strict_tool(
        email_delete_draft,
        name="email_delete_draft",
        takes=DeleteDraft,
        gives=Deleted,
        title="Delete a draft",
        description=described(
            "Delete one draft for good.",
            use="a draft is wrong or no longer wanted",
            not_for="sent mail, which cannot be deleted",
            example={"draft_id": "00000000000000a1"},
        ),
        annotations=DELETES,
    )
