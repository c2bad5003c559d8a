"""Mail through real servers: sent by SMTP to aiosmtpd, read by IMAP from dovecot."""

from __future__ import annotations

import base64
import email
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from certificates import self_signed
from mailservers import PASSWORD, Dovecot, dovecot, smtpd
from programs import free_port
from tool_calls import reason, value
from toolgate_servers.actions.mail.imap import ImapInbox
from toolgate_servers.actions.mail.message import Message
from toolgate_servers.actions.mail.outbox import SqliteMail
from toolgate_servers.actions.mail.post import Post
from toolgate_servers.actions.mail.search import Wanted
from toolgate_servers.actions.mail.settings import Imap, MailSettings, Smtp
from toolgate_servers.actions.mail.smtp import SmtpSender
from toolgate_servers.actions.server import build
from toolgate_servers.actions.settings import ActionsSettings
from toolgate_servers.errors import Reason, Refused

pytestmark = pytest.mark.servers

OWN = "me@example.org"
HELLO = Message(("ann@example.com", "bob@example.com"), ("cy@example.com",), "Grüße", "Zeile 1\n.\nZeile 3")
LUNCH = (
    b"From: Ann <ann@example.com>\r\nTo: me@example.org, bob@example.com\r\nSubject: Lunch on Tuesday\r\n"
    b"Message-ID: <lunch@example.com>\r\n\r\nShall we have pizza?\r\n"
)


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", PASSWORD)
    monkeypatch.setenv("WRONG_PASSWORD", "battery staple")


def to(port: int, folder: Path, security: Any = "starttls", **changed: Any) -> Smtp:
    given: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": port,
        "security": security,
        "user": "me",
        "password": "env:MAIL_PASSWORD",
        "ca": folder / "cert.pem",
        "seconds": 5.0,
    }
    return Smtp(**given | changed)


def post(settings: Smtp) -> Post:
    return Post(SqliteMail(None, OWN), SmtpSender(settings, OWN))


def refused(call: Callable[[], object]) -> Refused:
    with pytest.raises(Refused) as caught:
        call()
    return caught.value


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_mail_arrives_as_it_was_written_for_everyone_it_names(tmp_path: Path, security: str) -> None:
    with smtpd(tmp_path, security) as server:
        account = {} if security == "starttls" else {"user": None, "password": None}
        mail, status = post(to(server.port, tmp_path, security, **account)).send("a" * 16, HELLO)
    (got,) = server.got
    assert status == "accepted by the mail server"
    assert (got.mail_from, got.rcpt_tos) == (OWN, ["ann@example.com", "bob@example.com", "cy@example.com"])
    read = email.message_from_bytes(got.content, policy=default)
    assert isinstance(read, EmailMessage)
    assert (read["From"], read["To"], read["Cc"]) == (
        OWN,
        "ann@example.com, bob@example.com",
        "cy@example.com",
    )
    assert (read["Subject"], read["Message-ID"]) == ("Grüße", f"<{'a' * 16}@example.org>")
    assert read.get_content().splitlines() == ["Zeile 1", ".", "Zeile 3"]
    assert mail.message_id == read["Message-ID"]


def test_a_server_whose_certificate_is_not_trusted_gets_nothing(tmp_path: Path) -> None:
    self_signed(tmp_path / "other")
    with smtpd(tmp_path, "starttls") as server:
        for settings in (to(server.port, tmp_path / "other"), to(server.port, tmp_path, ca=None)):
            assert refused(lambda: post(settings).send("a" * 16, HELLO)).reason is Reason.UNREACHABLE  # noqa: B023  # called at once
    assert server.got == []


def test_a_server_without_encryption_gets_neither_password_nor_mail(tmp_path: Path) -> None:
    with smtpd(tmp_path, "none") as server:
        why = refused(lambda: post(to(server.port, tmp_path)).send("a" * 16, HELLO))
    assert why.reason in (Reason.REJECTED, Reason.UNREACHABLE)
    assert server.got == []


def test_a_wrong_password_is_for_the_operator(tmp_path: Path) -> None:
    with smtpd(tmp_path, "starttls") as server:
        settings = to(server.port, tmp_path, password="env:WRONG_PASSWORD")
        why = refused(lambda: post(settings).send("a" * 16, HELLO))
    assert why.reason is Reason.ACCESS_DENIED
    assert "battery" not in str(why)


def test_one_unknown_recipient_keeps_the_mail_from_all_and_the_draft_stays(tmp_path: Path) -> None:
    with smtpd(tmp_path, "starttls") as server:
        server.unknown = ("bob@example.com",)
        box = post(to(server.port, tmp_path))
        box.store.draft("d" * 16, HELLO)
        why = refused(lambda: box.send_draft("a" * 16, "d" * 16, lambda _: None))
        assert (why.reason, why.where) == (Reason.REJECTED, "recipient 2")
        assert server.got == []
        assert box.read("d" * 16).folder == "drafts"
        server.unknown = ()
        assert box.send_draft("b" * 16, "d" * 16, lambda _: None)[0].folder == "outbox"
    assert len(server.got) == 1
    assert box.search(Wanted("drafts")).total == 0


def test_a_mail_whose_content_is_refused_was_not_sent(tmp_path: Path) -> None:
    with smtpd(tmp_path, "starttls") as server:
        server.answer = "552 too much"
        box = post(to(server.port, tmp_path))
        assert refused(lambda: box.send("a" * 16, HELLO)).reason is Reason.REJECTED
    assert box.search(Wanted("outbox")).total == 0


def test_nobody_who_listens_is_unreachable(tmp_path: Path) -> None:
    self_signed(tmp_path)
    assert refused(lambda: post(to(free_port(), tmp_path)).send("a" * 16, HELLO)).reason is Reason.UNREACHABLE


def test_a_mail_that_was_sent_counts_as_sent_when_it_cannot_be_kept(tmp_path: Path) -> None:
    with smtpd(tmp_path, "starttls") as server:
        box = post(to(server.port, tmp_path))
        box.store.close()
        status = box.send("a" * 16, HELLO)[1]
    assert status == "accepted by the mail server, but not kept in the outbox"
    assert len(server.got) == 1


def settings(folder: Path, **mail: Any) -> ActionsSettings:
    return ActionsSettings(stores=folder / "stores", mail=MailSettings(address=OWN, **mail))


async def test_a_mail_is_sent_once_for_each_key(tmp_path: Path) -> None:
    mail = {"to": ["ann@example.com"], "subject": "Hi", "body": "Hello", "idempotency_key": "k"}
    with smtpd(tmp_path, "starttls") as server:
        for _ in range(2):
            async with Client(build(settings(tmp_path, smtp=to(server.port, tmp_path)))) as client:
                assert (
                    value(await client.call_tool("email_send", mail))["status"]
                    == "accepted by the mail server"
                )
    assert len(server.got) == 1


async def test_a_connection_lost_after_the_content_is_never_repeated(tmp_path: Path) -> None:
    mail = {"to": ["ann@example.com"], "subject": "Hi", "body": "Hello", "idempotency_key": "k"}
    with smtpd(tmp_path, "starttls") as server:
        server.hangs_up = True
        async with Client(build(settings(tmp_path, smtp=to(server.port, tmp_path)))) as client:
            first = await client.call_tool("email_send", mail)
        server.hangs_up = False
        async with Client(build(settings(tmp_path, smtp=to(server.port, tmp_path)))) as client:
            again = await client.call_tool("email_send", mail)
    assert reason(first) is reason(again) is Reason.OUTCOME_UNKNOWN
    assert len(server.got) == 1


async def test_a_family_that_reaches_the_world_says_so(tmp_path: Path) -> None:
    self_signed(tmp_path)
    server = build(settings(tmp_path, smtp=to(2525, tmp_path)))
    world = {
        tool.name
        for tool in await server.list_tools()
        if tool.annotations is not None and tool.annotations.open_world_hint
    }
    assert world == {"email_send", "email_reply"}


@pytest.fixture(scope="module")
def running() -> Iterator[Dovecot]:
    with dovecot() as found:
        found.deliver(LUNCH, name="1")
        attached = EmailMessage()
        attached["From"] = "bob@example.com"
        attached["To"] = OWN
        attached["Subject"] = "Rechnung für Köln"
        attached.set_content("Anbei die Rechnung.")
        attached.add_attachment("a;b\n1;2\n", subtype="csv", filename="rechnung.csv")
        attached.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="rechnung.pdf")
        found.deliver(attached.as_bytes(), name="2")
        found.deliver(
            b"From: eve@evil.example\nSubject: " + b"x" * 500_000 + b"\n\n" + b"y" * 6_000_000, name="3"
        )
        yield found


def inbox(server: Dovecot, security: Any = "tls", **changed: Any) -> ImapInbox:
    port = server.tls if security == "tls" else server.starttls
    given: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": port,
        "security": security,
        "user": "me",
        "password": "env:MAIL_PASSWORD",
        "ca": server.authorities,
        "seconds": 10.0,
    }
    return ImapInbox(Imap(**given | changed))


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_the_inbox_is_listed_newest_first_in_pages(running: Dovecot, security: str) -> None:
    box = inbox(running, security)
    first = box.search(Wanted("inbox", limit=2))
    assert [mail.sender for mail in first.mails] == ["eve@evil.example", "bob@example.com"]
    assert first.total == 3
    rest = box.search(Wanted("inbox", limit=2, cursor=first.next_cursor))
    assert ([mail.subject for mail in rest.mails], rest.next_cursor) == (["Lunch on Tuesday"], None)
    assert rest.mails[0].at == "2026-01-01T12:00:00+00:00"


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"words": ("pizza", "LUNCH")}, ["Lunch on Tuesday"]),
        ({"words": ("Köln",)}, ["Rechnung für Köln"]),
        ({"words": ("pizza", "Rechnung")}, []),
        ({"words": ('pizza" OR ALL "',)}, []),
        ({"words": ("\\",)}, []),
        ({"sender": "bob@"}, ["Rechnung für Köln"]),
        ({"since": "2026-01-01", "before": "2026-01-02"}, ["Lunch on Tuesday"]),
    ],
)
def test_the_server_searches_for_words_senders_and_days(
    running: Dovecot, wanted: dict[str, Any], found: list[str]
) -> None:
    assert [mail.subject for mail in inbox(running).search(Wanted("inbox", **wanted)).mails] == found


def test_a_mail_is_read_with_its_attachments_and_stays_unread(running: Dovecot) -> None:
    box = inbox(running)
    (found,) = box.search(Wanted("inbox", words=("Anbei",))).mails
    mail = box.read(found.id)
    assert mail.message.body.strip() == "Anbei die Rechnung."
    assert [
        (one.name, one.content_type, one.content.replace(b"\r\n", b"\n")) for one in mail.message.attachments
    ] == [
        ("rechnung.csv", "text/csv", b"a;b\n1;2\n"),
        ("rechnung.pdf", "application/pdf", b"%PDF"),
    ]
    assert box.search(Wanted("inbox")).total == 3
    assert [path.name for path in (running.mail / "me" / "cur").iterdir() if path.name.endswith("S")] == []


def test_of_a_huge_mail_only_the_beginning_is_read(running: Dovecot) -> None:
    box = inbox(running)
    found = box.search(Wanted("inbox", sender="eve@")).mails[0]
    assert len(found.subject) == 500
    mail = box.read(found.id)
    assert mail.is_cut
    assert len(mail.message.body) == 100_000


def test_an_id_of_another_time_of_the_folder_is_no_mail(running: Dovecot) -> None:
    box = inbox(running)
    named = box.search(Wanted("inbox")).mails[0].id
    validity, uid = named[1:].split("-")
    for other in (f"i{int(validity) + 1}-{uid}", f"i{validity}-999999", f"i{validity}-0", "a" * 16):
        assert refused(lambda: box.read(other)).reason is Reason.NO_SUCH_MAIL  # noqa: B023  # called at once


def test_a_server_that_is_not_what_the_settings_say_gives_nothing(running: Dovecot, tmp_path: Path) -> None:
    self_signed(tmp_path)
    for box, why in (
        (inbox(running, password="env:WRONG_PASSWORD"), Reason.ACCESS_DENIED),
        (inbox(running, ca=tmp_path / "cert.pem"), Reason.UNREACHABLE),
        (inbox(running, folder="Nowhere"), Reason.BAD_ANSWER),
        (inbox(running, port=free_port()), Reason.UNREACHABLE),
    ):
        assert refused(lambda: box.search(Wanted("inbox"))).reason is why  # noqa: B023  # called at once


async def test_a_received_mail_is_answered_in_its_conversation(running: Dovecot, tmp_path: Path) -> None:
    imap = Imap(
        host="127.0.0.1", port=running.tls, user="me", password="env:MAIL_PASSWORD", ca=running.authorities
    )
    with smtpd(tmp_path, "starttls") as server:
        both = settings(tmp_path, smtp=to(server.port, tmp_path), imap=imap)
        async with Client(build(both)) as client:
            (found,) = value(await client.call_tool("email_search", {"query": "pizza"}))["mails"]
            await client.call_tool("email_reply", {"id": found["id"], "body": "Yes!", "everyone": True})
            csv = value(await client.call_tool("email_search", {"sender": "bob@"}))["mails"][0]["id"]
            read = value(await client.call_tool("email_read", {"id": csv, "attachment": 2}))
    answer = email.message_from_bytes(server.got[0].content, policy=default)
    assert (answer["To"], answer["Cc"]) == ("ann@example.com", "bob@example.com")
    assert (answer["Subject"], answer["In-Reply-To"]) == ("Re: Lunch on Tuesday", "<lunch@example.com>")
    assert base64.b64decode(read["attachment"]["base64"]) == b"%PDF"
