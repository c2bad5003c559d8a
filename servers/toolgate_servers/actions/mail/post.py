"""Drafting, sending and answering: over the local store, and through the servers that are configured."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from toolgate_servers.actions.mail.message import Mail, Message
from toolgate_servers.actions.mail.outbox import SqliteMail
from toolgate_servers.actions.mail.search import Found, Inbox, Wanted
from toolgate_servers.actions.mail.wire import encoded, message_id_of
from toolgate_servers.errors import Refused

Status: TypeAlias = Literal[
    "delivered to the local outbox",
    "accepted by the mail server",
    "accepted by the mail server, but not kept in the outbox",
]


class Courier(Protocol):
    """Takes mails to a server."""

    def deliver(self, recipients: Sequence[str], content: bytes) -> None:
        """Hand a mail over, to all recipients or to none."""
        ...


@dataclass(frozen=True, slots=True)
class Post:
    """Everything that mail tools do; an action is the stable id of one send."""

    store: SqliteMail
    smtp: Courier | None = None
    imap: Inbox | None = None
    _drafts: threading.Lock = field(default_factory=threading.Lock)

    def send(self, action: str, message: Message) -> tuple[Mail, Status]:
        """Send a new mail.

        Raises:
            Refused: What the store or the mail server refuses.
        """
        if self.smtp is None:
            return self.store.send(
                action, message, received=self.imap is None
            ), "delivered to the local outbox"
        mail = self._handed_over(self.smtp, action, action, message)
        return self._kept(mail, lambda: self.store.send(action, message))

    def send_draft(self, action: str, draft_id: str, check: Callable[[Message], None]) -> tuple[Mail, Status]:
        """Send a draft if the check accepts it; unless it was sent, it stays a draft.

        Raises:
            Refused: NO_SUCH_MAIL, what the check raises, and what the store or the mail server refuses.
        """
        if self.smtp is None:
            received = self.imap is None
            sent = self.store.send_draft(action, draft_id, check, received=received)
            return sent, "delivered to the local outbox"
        with self._drafts:  # two calls with keys of their own must not send one draft twice
            message = self.store.draft_of(draft_id).message
            check(message)
            mail = self._handed_over(self.smtp, action, draft_id, message)
            return self._kept(mail, lambda: self.store.send_draft(action, draft_id, check))

    def search(self, wanted: Wanted) -> Found:
        """List a folder.

        Raises:
            Refused: What the store or the mail server refuses.
        """
        inbox = self.imap if wanted.folder == "inbox" and self.imap is not None else self.store
        return inbox.search(wanted)

    def read(self, mail_id: str) -> Mail:
        """Give one mail.

        Raises:
            Refused: NO_SUCH_MAIL, and what the store or the mail server refuses.
        """
        inbox = self.imap if mail_id.startswith("i") and self.imap is not None else self.store
        return inbox.read(mail_id)

    def _handed_over(self, smtp: Courier, action: str, mail_id: str, message: Message) -> Mail:
        sender, at = self.store.address, self.store.clock()
        message_id = message_id_of(action, sender)
        content = encoded(message, sender=sender, message_id=message_id, at=at)
        smtp.deliver([*message.to, *message.cc], content)
        return Mail(mail_id, "outbox", at.isoformat(timespec="seconds"), sender, message_id, message)

    def _kept(self, mail: Mail, keep: Callable[[], Mail]) -> tuple[Mail, Status]:
        """Keep a copy of what was sent; that it was sent stays true when this fails."""
        try:
            return keep(), "accepted by the mail server"
        except Refused:
            return mail, "accepted by the mail server, but not kept in the outbox"
