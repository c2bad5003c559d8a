"""The inbox on an IMAP server, which is only read: folders are examined, mails are peeked at."""

import imaplib
import re
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, cast

from imap_tools import AND, BaseMailBox, MailBox, MailBoxStartTls, MailBoxUnencrypted
from imap_tools.errors import ImapToolsError, MailboxLoginError

from toolgate_servers.actions.mail.message import Mail
from toolgate_servers.actions.mail.reading import read
from toolgate_servers.actions.mail.search import Found, Wanted, no_such_mail
from toolgate_servers.actions.mail.settings import Imap
from toolgate_servers.actions.mail.smtp import verified_tls
from toolgate_servers.config import resolve_secret
from toolgate_servers.errors import Reason, Refused

MAX_READ = 5_000_000
MAX_HEADERS = 65_536
ID = re.compile(r"i([0-9]{1,10})-([0-9]{1,10})")
UID = re.compile(rb"\bUID ([0-9]{1,10})\b")
SIZE = re.compile(rb"\bRFC822\.SIZE ([0-9]{1,12})\b")


@dataclass(frozen=True, slots=True)
class Fetched:
    """What the server sent of one mail."""

    uid: int
    size: int
    at: datetime
    raw: bytes


class ImapInbox:
    """Searches and reads one folder; each call over a connection of its own."""

    def __init__(self, settings: Imap) -> None:
        self._settings = settings
        self._password = resolve_secret(settings.password) if settings.password else ""
        self._tls = None if settings.security == "none" else verified_tls(settings)

    @property
    def about(self) -> str:
        """Say where the inbox is."""
        return f"IMAP {self._settings.host}:{self._settings.port}"

    def search(self, wanted: Wanted) -> Found:
        """List mails, newest first, from below the cursor.

        Raises:
            Refused: UNREACHABLE, TIMED_OUT, ACCESS_DENIED or BAD_ANSWER.
        """
        criteria = _criteria(wanted)
        with self._opened() as (box, validity):
            charset = "US-ASCII" if criteria.isascii() else "UTF-8"
            uids = sorted((int(uid) for uid in box.uids(criteria, charset=charset)), reverse=True)
            below = [uid for uid in uids if wanted.cursor is None or uid < wanted.cursor]
            page = below[: wanted.limit]
            parts = f"(UID RFC822.SIZE INTERNALDATE BODY.PEEK[HEADER]<0.{MAX_HEADERS}>)"
            fetched = _fetched(box, ",".join(map(str, page)), parts) if page else []
        fetched.sort(key=lambda one: one.uid, reverse=True)
        mails = [_mail(one, validity, is_cut=False).summary() for one in fetched]
        return Found(mails, page[-1] if len(below) > len(page) else None, len(uids))

    def read(self, mail_id: str) -> Mail:
        """Read one mail; of one that is too large, the beginning.

        Raises:
            Refused: NO_SUCH_MAIL, UNREACHABLE, TIMED_OUT, ACCESS_DENIED or BAD_ANSWER.
        """
        named = ID.fullmatch(mail_id)
        with self._opened() as (box, validity):
            if named is None or int(named[1]) != validity or int(named[2]) == 0:
                raise no_such_mail("id")
            parts = f"(UID RFC822.SIZE INTERNALDATE BODY.PEEK[]<0.{MAX_READ}>)"
            fetched = [one for one in _fetched(box, named[2], parts) if one.uid == int(named[2])]
        if not fetched:
            raise no_such_mail("id")
        return _mail(fetched[0], validity, is_cut=fetched[0].size > MAX_READ)

    @contextmanager
    def _opened(self) -> Generator[tuple[BaseMailBox, int]]:
        try:
            box = self._connected()
            try:
                self._log_in(box)
                folders: Any = box.folder
                folders.set(self._settings.folder, readonly=True)
                said: Any = box.client.untagged_responses.get("UIDVALIDITY", [b""])  # RFC 3501 6.3.2
                yield box, int(said[-1])
            finally:
                _leave(box)
        except TimeoutError:
            raise Refused(
                Reason.TIMED_OUT,
                "the mail server",
                found="no answer in time",
                expected="a faster one; try later",
            ) from None
        except OSError:  # before ValueError, which a certificate that cannot be trusted also is
            raise Refused(
                Reason.UNREACHABLE,
                "the mail server",
                found="none that answers over a trusted connection",
                expected="one that does; try again later, or tell the operator",
            ) from None
        except (ImapToolsError, imaplib.IMAP4.error, ValueError):
            raise Refused(
                Reason.BAD_ANSWER,
                "the mail server",
                found="an answer that is not as IMAP says, or a folder that is not there",
                expected="one that is; tell the operator",
            ) from None

    def _connected(self) -> BaseMailBox:
        settings = self._settings
        host, port, seconds = settings.host, settings.port, settings.seconds
        if settings.security == "none":
            return MailBoxUnencrypted(host, port, timeout=seconds)
        made: Callable[..., BaseMailBox] = MailBox if settings.security == "tls" else MailBoxStartTls
        return made(host, port, timeout=seconds, ssl_context=self._tls)

    def _log_in(self, box: BaseMailBox) -> None:
        try:
            box.login(self._settings.user or "", self._password, initial_folder=None)
        except (MailboxLoginError, imaplib.IMAP4.error):
            raise Refused(
                Reason.ACCESS_DENIED,
                "the mail server",
                found="an account that it does not accept",
                expected="one that it does; the operator can change it",
            ) from None


def _leave(box: BaseMailBox) -> None:
    try:
        box.client.logout()
    except (imaplib.IMAP4.error, OSError):
        pass  # it was only read


def _criteria(wanted: Wanted) -> str:
    """Write the conditions; imap_tools quotes the words, and control characters were refused before."""
    asked: dict[str, Any] = {"all": True}
    if wanted.words:
        asked["text"] = list(wanted.words)
    if wanted.sender:
        asked["from_"] = wanted.sender
    if wanted.since:
        asked["date_gte"] = date.fromisoformat(wanted.since)
    if wanted.before:
        asked["date_lt"] = date.fromisoformat(wanted.before)
    return str(AND(**asked))


def _fetched(box: BaseMailBox, uids: str, parts: str) -> list[Fetched]:
    _, answer = box.client.uid("FETCH", uids, parts)
    lines: list[Any] = list(answer or [])
    found: list[Fetched] = []
    for number, line in enumerate(lines):
        if not isinstance(line, tuple):
            continue
        before, raw = cast("tuple[bytes, bytes]", line)
        after = lines[number + 1] if number + 1 < len(lines) else b""
        said = before + b" " + (after if isinstance(after, bytes) else b"")
        uid, size = UID.search(said), SIZE.search(said)
        if uid is not None:
            length = int(size[1]) if size else len(raw)
            found.append(Fetched(int(uid[1]), length, _received(said), raw))
    return found


def _received(said: bytes) -> datetime:
    local = imaplib.Internaldate2tuple(said)
    return datetime.fromtimestamp(time.mktime(local), UTC) if local else datetime.fromtimestamp(0, UTC)


def _mail(fetched: Fetched, validity: int, *, is_cut: bool) -> Mail:
    return read(fetched.raw, mail_id=f"i{validity}-{fetched.uid}", at=fetched.at, is_cut=is_cut)
