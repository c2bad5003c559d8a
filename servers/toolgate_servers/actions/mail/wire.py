"""A message as it travels: RFC 5322 headers and MIME parts, made from checked text."""

from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from toolgate_servers.actions.mail.message import Message


def encoded(message: Message, *, sender: str, message_id: str, at: datetime) -> bytes:
    """Give the bytes to hand to a mail server."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = ", ".join(message.to)
    if message.cc:
        mail["Cc"] = ", ".join(message.cc)
    mail["Subject"] = message.subject
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = message_id
    if message.references:
        mail["In-Reply-To"] = message.references[-1]
        mail["References"] = " ".join(message.references)
    mail.set_content(message.body)
    for attachment in message.attachments:
        main, _, sub = attachment.content_type.partition("/")
        mail.add_attachment(attachment.content, maintype=main, subtype=sub, filename=attachment.name)
    return mail.as_bytes()


def message_id_of(action: str, sender: str) -> str:
    """Give the Message-ID of an action, the same for each repeat of it."""
    return f"<{action}@{sender.rpartition('@')[2]}>"
