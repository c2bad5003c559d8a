"""Sending through a mail server: accepted, refused, or nobody knows."""

import asyncio
import ssl
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import aiosmtplib

from toolgate_servers.actions.mail.settings import MailServer, Smtp
from toolgate_servers.actions.sending import unknown
from toolgate_servers.config import resolve_secret
from toolgate_servers.errors import CannotStart, Reason, Refused

GOODBYE_SECONDS = 2.0


def verified_tls(server: MailServer) -> ssl.SSLContext:
    """Make a context that checks certificate and host name, against the system's authorities or one's own.

    Raises:
        CannotStart: The file of authorities cannot be read.
    """
    try:
        return ssl.create_default_context(cafile=server.ca)
    except (OSError, ssl.SSLError) as problem:
        raise CannotStart(
            f"ca {server.ca}: found {type(problem).__name__}, expected certificates in PEM form"
        ) from problem


class SmtpSender:
    """Hands mails to a server; each over a connection of its own."""

    def __init__(self, settings: Smtp, sender: str) -> None:
        self._settings = settings
        self._sender = sender
        self._password = resolve_secret(settings.password) if settings.password else None
        self._tls = None if settings.security == "none" else verified_tls(settings)

    @cached_property
    def about(self) -> str:
        """Say where mail goes."""
        return f"SMTP {self._settings.host}:{self._settings.port}"

    def deliver(self, recipients: Sequence[str], content: bytes) -> None:
        """Hand a mail over, to all recipients or to none.

        Raises:
            Refused: REJECTED, ACCESS_DENIED, UNREACHABLE or TIMED_OUT, when nothing was sent;
                OUTCOME_UNKNOWN, when the connection ended after the content had left.
        """
        asyncio.run(self._deliver(recipients, content))

    async def _deliver(self, recipients: Sequence[str], content: bytes) -> None:
        settings = self._settings
        client = aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            timeout=settings.seconds,
            use_tls=settings.security == "tls",
            start_tls=settings.security == "starttls",
            tls_context=self._tls,
            local_hostname=self._sender.rpartition("@")[2],
        )
        try:
            await self._envelope(client, recipients)
            await self._content(client, content)
        finally:
            await _hung_up(client)

    async def _envelope(self, client: aiosmtplib.SMTP, recipients: Sequence[str]) -> None:
        where = "the mail server"
        try:
            await client.connect()
            if self._settings.user is not None and self._password is not None:
                where = "the account"
                await client.login(self._settings.user, self._password)
            where = "the sender"
            await client.mail(self._sender)
            for number, recipient in enumerate(recipients):
                where = f"recipient {number + 1}"
                await client.rcpt(recipient)
        except aiosmtplib.SMTPResponseException as refused:
            raise _refused(where, refused.code) from None
        except aiosmtplib.SMTPNotSupported:
            raise _refused(where, 504) from None
        except TimeoutError:
            raise Refused(
                Reason.TIMED_OUT,
                where,
                found="no answer in time; nothing was sent",
                expected="a faster server; try again later",
            ) from None
        except (aiosmtplib.SMTPException, OSError):
            raise Refused(
                Reason.UNREACHABLE,
                where,
                found="no mail server that answers over a trusted connection; nothing was sent",
                expected="one that does; try again later, or tell the operator",
            ) from None

    async def _content(self, client: aiosmtplib.SMTP, content: bytes) -> None:
        try:
            await client.data(content)
        except aiosmtplib.SMTPResponseException as refused:
            raise _refused("the content", refused.code) from None
        except (aiosmtplib.SMTPException, OSError):
            raise unknown("no answer after the content was sent") from None


async def _hung_up(client: aiosmtplib.SMTP) -> None:
    """Say goodbye, and leave nothing of the connection behind."""
    transport: Any = client.transport
    if transport is None:
        return
    try:
        await client.quit(timeout=GOODBYE_SECONDS)
    except (aiosmtplib.SMTPException, OSError):
        pass  # what became of the mail is known; how the server says goodbye changes nothing
    client.close()
    transport.abort()
    for _ in range(3):  # the loop closes the socket in its next rounds
        await asyncio.sleep(0)


def _refused(where: str, code: int) -> Refused:
    """RFC 5321 4.2.1: 4yz may succeed later, 5yz will not; nothing was sent."""
    if where == "the account":
        return Refused(
            Reason.ACCESS_DENIED,
            where,
            found=f"status {code} of the mail server",
            expected="an account that it accepts; the operator can change it",
        )
    later = 400 <= code < 500
    return Refused(
        Reason.REJECTED,
        where,
        found=f"status {code} of the mail server; nothing was sent",
        expected="the same mail later" if later else "another recipient or content",
    )
