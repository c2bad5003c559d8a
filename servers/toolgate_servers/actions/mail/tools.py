"""The mail tools: what each one does."""

import base64
import binascii
from collections.abc import Sequence

from toolgate_servers.actions.mail.message import (
    MAX_ATTACHED,
    Attachment,
    Mail,
    Message,
    answer,
    check_repeats,
    compose,
)
from toolgate_servers.actions.mail.post import Post, Status
from toolgate_servers.actions.mail.search import Wanted
from toolgate_servers.actions.mail.shapes import (
    Deleted,
    DeleteDraft,
    Draft,
    Drafted,
    File,
    FileContent,
    FileInfo,
    MailItem,
    MailList,
    MailText,
    ReadMail,
    Reply,
    Search,
    Send,
    Sent,
)
from toolgate_servers.actions.plaintext import check_line
from toolgate_servers.actions.times import check_day
from toolgate_servers.errors import Reason, Refused
from toolgate_servers.idempotency import stable_id
from toolgate_servers.running import Run


def search(post: Post, arguments: Search) -> MailList:
    """List the mails of a folder that match."""
    if arguments.query.strip():
        check_line("query", arguments.query, 200)
    if arguments.sender is not None:
        check_line("sender", arguments.sender, 254)
    for where, day in (("since", arguments.since), ("before", arguments.before)):
        check_day(where, day)
    found = post.search(
        Wanted(
            arguments.folder,
            tuple(arguments.query.split()),
            arguments.sender,
            arguments.since,
            arguments.before,
            arguments.cursor,
            arguments.limit,
        )
    )
    items = [
        MailItem(
            id=mail.id,
            sender=mail.sender,
            to=list(mail.to),
            cc=list(mail.cc),
            subject=mail.subject,
            at=mail.at,
        )
        for mail in found.mails
    ]
    return MailList(mails=items, next_cursor=found.next_cursor, total=found.total)


def read(post: Post, arguments: ReadMail) -> MailText:
    """Give one mail."""
    mail = post.read(arguments.id)
    message = mail.message
    return MailText(
        id=mail.id,
        folder=mail.folder,
        sender=mail.sender,
        to=list(message.to),
        cc=list(message.cc),
        subject=message.subject,
        body=message.body,
        at=mail.at,
        message_id=mail.message_id,
        attachments=[
            FileInfo(number=number, name=one.name, content_type=one.content_type, size=len(one.content))
            for number, one in enumerate(message.attachments, 1)
        ],
        attachment=_content(message.attachments, arguments.attachment),
        is_cut=mail.is_cut,
    )


def draft(post: Post, arguments: Draft, run: Run) -> Drafted:
    """Keep a draft."""
    message = compose(
        tuple(arguments.to),
        tuple(arguments.cc),
        arguments.subject,
        arguments.body,
        _unpacked(arguments.attachments),
    )
    kept = post.store.draft(stable_id("email_draft", run.idempotency_key), message)
    return Drafted(draft_id=kept.id, drafted_at=kept.at)


def delete_draft(post: Post, arguments: DeleteDraft, run: Run) -> Deleted:
    """Delete a draft."""
    action = stable_id("email_delete_draft", run.idempotency_key)
    message = post.store.delete_draft(action, arguments.draft_id).message
    return Deleted(
        draft_id=arguments.draft_id,
        status="deleted",
        to=list(message.to),
        cc=list(message.cc),
        subject=message.subject,
        body=message.body,
        attachments=[
            File(
                name=one.name,
                content_type=one.content_type,
                base64=base64.b64encode(one.content).decode(),
            )
            for one in message.attachments
        ],
    )


def send(post: Post, arguments: Send, run: Run) -> Sent:
    """Send a draft or a new mail.

    Raises:
        Refused: Neither or an incomplete mail was given, the draft differs, or the mail is not acceptable.
    """
    action = stable_id("email_send", run.idempotency_key)
    to = None if arguments.to is None else tuple(arguments.to)
    cc = None if arguments.cc is None else tuple(arguments.cc)
    subject, body = arguments.subject, arguments.body
    if arguments.draft_id is not None:
        if arguments.attachments is not None:
            raise Refused(
                Reason.DRAFT_DIFFERS,
                "attachments",
                found="files along with draft_id",
                expected="those of the draft, which go with it by themselves",
            )
        return _sent(
            *post.send_draft(
                action, arguments.draft_id, lambda held: check_repeats(held, to, cc, subject, body)
            )
        )
    if to is None or subject is None or body is None:
        missing = next(name for name in ("to", "subject", "body") if getattr(arguments, name) is None)
        raise Refused(
            Reason.ARGUMENT_NOT_VALID, missing, found="nothing", expected="draft_id, or to, subject and body"
        )
    message = compose(to, cc or (), subject, body, _unpacked(arguments.attachments or ()))
    return _sent(*post.send(action, message))


def reply(post: Post, arguments: Reply, run: Run) -> Sent:
    """Answer a mail that was received or sent.

    Raises:
        Refused: NO_SUCH_MAIL, DRAFT_DIFFERS, BAD_ADDRESS, or what sending refuses.
    """
    mail = post.read(arguments.id)
    if mail.folder == "drafts":
        raise Refused(Reason.NO_SUCH_MAIL, "id", found="a draft", expected="a mail that was received or sent")
    message = answer(
        mail,
        post.store.address,
        arguments.body,
        _unpacked(arguments.attachments),
        everyone=arguments.everyone,
    )
    check_repeats(
        message,
        None if arguments.to is None else tuple(arguments.to),
        None if arguments.cc is None else tuple(arguments.cc),
    )
    return _sent(*post.send(stable_id("email_reply", run.idempotency_key), message))


def _sent(mail: Mail, status: Status) -> Sent:
    message: Message = mail.message
    return Sent(
        id=mail.id,
        status=status,
        to=list(message.to),
        cc=list(message.cc),
        subject=message.subject,
        sent_at=mail.at,
        message_id=mail.message_id,
    )


def _unpacked(files: Sequence[File]) -> tuple[Attachment, ...]:
    unpacked: list[Attachment] = []
    for number, file in enumerate(files):
        try:
            content = base64.b64decode(file.base64, validate=True)
        except (binascii.Error, ValueError):
            raise Refused(
                Reason.ARGUMENT_NOT_VALID,
                f"attachments.{number}.base64",
                found="something that is not base64",
                expected="base64 without line ends",
            ) from None
        unpacked.append(Attachment(file.name, file.content_type, content))
    return tuple(unpacked)


def _content(attachments: tuple[Attachment, ...], number: int | None) -> FileContent | None:
    if number is None:
        return None
    if number > len(attachments):
        raise Refused(
            Reason.ARGUMENT_NOT_VALID,
            "attachment",
            found="a number beyond the last attachment",
            expected=f"at most {len(attachments)}",
        )
    one = attachments[number - 1]
    content = one.content[:MAX_ATTACHED]
    if one.content_type.startswith("text/"):
        return FileContent(name=one.name, text=content.decode("utf-8", errors="replace"), base64=None)
    return FileContent(name=one.name, text=None, base64=base64.b64encode(content).decode())
