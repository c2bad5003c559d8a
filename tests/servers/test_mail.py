"""What makes a mail acceptable, and what becomes of drafts."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from toolgate_servers.actions.addresses import address_problem
from toolgate_servers.actions.mail.message import (
    MAX_BODY,
    MAX_SUBJECT,
    Attachment,
    Mail,
    Message,
    answer,
    check_repeats,
    compose,
)
from toolgate_servers.actions.mail.outbox import LIMITS, SqliteMail
from toolgate_servers.actions.mail.search import Wanted
from toolgate_servers.errors import CannotStart, Reason, Refused

OWN = "me@example.org"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
A, B, C = "a" * 16, "b" * 16, "c" * 16
HELLO = Message(("ann@example.com",), (), "Hi", "Hello")


@pytest.fixture
def mail() -> Iterator[SqliteMail]:
    store = SqliteMail(None, OWN, lambda: NOON)
    yield store
    store.close()


def accept(_message: Message) -> None:
    """A check that accepts."""


@pytest.mark.parametrize(
    "address",
    [
        "ann@example.com",
        "a.b+tag@sub.example.co",
        "o'neil@example.org",
        "x@xn--bcher-kva.example",
        f"{'a' * 64}@b.co",
    ],
)
def test_a_plain_address_is_accepted(address: str) -> None:
    assert address_problem(address) is None


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ann",
        "@example.com",
        "ann@",
        "ann@localhost",
        "ann@example..com",
        "ann@.example.com",
        "ann@example.com.",
        "ann@-example.com",
        "ann@example-.com",
        "ann@exam_ple.com",
        "ann@10.0.0.1",
        "ann@[10.0.0.1]",
        ".ann@example.com",
        "ann.@example.com",
        "a..n@example.com",
        "ann@bob@example.com",
        '"ann smith"@example.com',
        "Ann <ann@example.com>",
        "ann@example.com, eve@evil.example",
        "ann@example.com;eve@evil.example",
        "ann(comment)@example.com",
        "<@evil.example:ann@example.com>",
        "ann @example.com",
        " ann@example.com",
        "ann@example.com\n",
        "ann@example.com\r\nBcc: eve@evil.example",
        "ann\x00@example.com",
        "änn@example.com",
        "ann@exаmple.com",
        f"{'a' * 65}@example.com",
        f"ann@{'a' * 64}.com",
        f"ann@{'a.' * 125}com",
    ],
)
def test_anything_but_one_plain_address_is_refused(address: str) -> None:
    for where in ("to", "cc"):
        to, cc = ((address,), ()) if where == "to" else (("ann@example.com",), (address,))
        with pytest.raises(Refused) as caught:
            compose(to, cc, "Hi", "Hello")
        assert caught.value.reason is Reason.BAD_ADDRESS
        assert caught.value.where == f"{where}.0"


@pytest.mark.parametrize(
    "subject",
    ["Hi\r\nBcc: eve@evil.example", "Hi\nthere", "Hi\rthere", "a\x00b", "a\x0bb", "a\u2028b", "a\x85b"],
)
def test_a_subject_cannot_start_another_header(subject: str) -> None:
    with pytest.raises(Refused) as caught:
        compose(("ann@example.com",), (), subject, "Hello")
    assert caught.value.reason is Reason.CONTROL_CHARACTER


def test_a_body_may_have_lines_and_tabs_but_no_other_controls() -> None:
    assert compose(("ann@example.com",), (), "Hi", "one\r\ntwo\n\tthree").body == "one\r\ntwo\n\tthree"
    with pytest.raises(Refused) as caught:
        compose(("ann@example.com",), (), "Hi", "one\x00two")
    assert caught.value.reason is Reason.CONTROL_CHARACTER
    assert caught.value.where == "body, position 4"


@pytest.mark.parametrize(
    ("to", "subject", "body", "reason"),
    [
        ((), "Hi", "Hello", Reason.ARGUMENT_NOT_VALID),
        (("ann@example.com",), "", "Hello", Reason.ARGUMENT_NOT_VALID),
        (("ann@example.com",), "  ", "Hello", Reason.ARGUMENT_NOT_VALID),
        (("ann@example.com",), "Hi", "\n", Reason.ARGUMENT_NOT_VALID),
        (("ann@example.com",), "x" * (MAX_SUBJECT + 1), "Hello", Reason.TOO_LARGE),
        (("ann@example.com",), "Hi", "x" * (MAX_BODY + 1), Reason.TOO_LARGE),
        (("ann@example.com",) * 51, "Hi", "Hello", Reason.TOO_MANY_RECIPIENTS),
    ],
)
def test_an_incomplete_or_oversized_mail_is_refused(
    to: tuple[str, ...], subject: str, body: str, reason: Reason
) -> None:
    with pytest.raises(Refused) as caught:
        compose(to, (), subject, body)
    assert caught.value.reason is reason


def test_a_refusal_never_repeats_an_address_or_a_text() -> None:
    for to, subject in ((("hunter2",), "Hi"), (("ann@example.com",), "hunter2\n")):
        with pytest.raises(Refused) as caught:
            compose(to, (), subject, "Hello")
        assert "hunter2" not in str(caught.value)


def outbox(store: SqliteMail) -> list[str]:
    return [found.id for found in store.search(Wanted("outbox")).mails]


def test_a_sent_mail_is_in_the_outbox_with_its_time(mail: SqliteMail) -> None:
    sent = mail.send(A, HELLO)
    assert (sent.folder, sent.at, sent.message_id) == (
        "outbox",
        "2026-01-01T12:00:00+00:00",
        f"<{A}@example.org>",
    )
    assert mail.read(sent.id) == sent


def test_a_sent_draft_keeps_its_id_and_leaves_the_drafts(mail: SqliteMail) -> None:
    draft = mail.draft(A, HELLO)
    sent = mail.send_draft(B, draft.id, accept)
    assert (sent.id, sent.message) == (draft.id, HELLO)
    assert mail.search(Wanted("drafts")).total == 0
    assert outbox(mail) == [sent.id]


def test_a_draft_is_sent_once(mail: SqliteMail) -> None:
    draft = mail.draft(A, HELLO)
    sent = mail.send_draft(B, draft.id, accept)
    assert mail.send_draft(B, draft.id, accept) == sent
    with pytest.raises(Refused) as caught:
        mail.send_draft(C, draft.id, accept)
    assert caught.value.reason is Reason.NO_SUCH_MAIL
    assert outbox(mail) == [sent.id]


def test_an_action_that_is_repeated_finds_what_it_made(mail: SqliteMail) -> None:
    draft = mail.draft(A, HELLO)
    assert mail.draft(A, HELLO) == draft
    deleted = mail.delete_draft(B, draft.id)
    assert mail.delete_draft(B, draft.id).message == deleted.message == HELLO
    sent = mail.send(C, HELLO)
    assert mail.send(C, HELLO) == sent
    assert outbox(mail) == [sent.id]


def test_a_draft_that_the_check_refuses_stays_a_draft(mail: SqliteMail) -> None:
    draft = mail.draft(A, HELLO)
    with pytest.raises(Refused) as caught:
        mail.send_draft(B, draft.id, lambda held: check_repeats(held, ("eve@evil.example",), None))
    assert caught.value.reason is Reason.DRAFT_DIFFERS
    assert mail.read(draft.id).folder == "drafts"


def test_a_mail_to_oneself_comes_into_the_inbox(mail: SqliteMail) -> None:
    to_me = Message((OWN,), (), "Note", "Buy milk")
    mail.send(A, to_me, received=True)
    mail.send(B, HELLO, received=True)
    (received,) = mail.search(Wanted("inbox")).mails
    assert (received.sender, received.subject) == (OWN, "Note")
    assert mail.read(received.id).message == to_me


@pytest.mark.parametrize(
    "said",
    [
        (("eve@evil.example",), None, None, None),
        (None, ("eve@evil.example",), None, None),
        (None, None, "Other", None),
        (None, None, None, "Other"),
    ],
)
def test_whatever_is_said_with_a_draft_must_be_what_it_holds(
    said: tuple[tuple[str, ...] | None, tuple[str, ...] | None, str | None, str | None],
) -> None:
    with pytest.raises(Refused) as caught:
        check_repeats(HELLO, *said)
    assert caught.value.reason is Reason.DRAFT_DIFFERS
    check_repeats(HELLO, HELLO.to, HELLO.cc, HELLO.subject, HELLO.body)


def test_only_drafts_can_be_deleted(mail: SqliteMail) -> None:
    draft, sent = mail.draft(A, HELLO), mail.send(B, HELLO)
    assert mail.delete_draft(C, draft.id).message == HELLO
    for gone in (draft.id, sent.id, "f" * 16):
        with pytest.raises(Refused) as caught:
            mail.delete_draft("d" * 16, gone)
        assert caught.value.reason is Reason.NO_SUCH_MAIL
    assert mail.read(sent.id) == sent


def test_a_mail_that_does_not_exist_cannot_be_read(mail: SqliteMail) -> None:
    with pytest.raises(Refused) as caught:
        mail.read("f" * 16)
    assert caught.value.reason is Reason.NO_SUCH_MAIL


def test_pages_show_the_newest_first_and_miss_nothing_when_a_mail_goes(mail: SqliteMail) -> None:
    first, second, third = (mail.draft(action, HELLO) for action in (A, B, C))
    page = mail.search(Wanted("drafts", limit=2))
    assert page.mails == [third.summary(), second.summary()]
    mail.delete_draft("d" * 16, second.id)
    rest = mail.search(Wanted("drafts", cursor=page.next_cursor, limit=2))
    assert (rest.mails, rest.next_cursor, rest.total) == ([first.summary()], None, 2)


def test_a_search_finds_mails_with_every_word_by_sender_and_by_day(mail: SqliteMail) -> None:
    sent = mail.send(
        A, Message(("ann@example.com",), (), "Grüße aus Köln", "Die RECHNUNG liegt bei. 100%_\\")
    )
    mail.send(B, HELLO)

    def found(**wanted: Any) -> list[str]:
        return [one.id for one in mail.search(Wanted("outbox", **wanted)).mails]

    assert found(words=("köln", "rechnung")) == [sent.id]
    assert found(words=("100%_\\",)) == [sent.id]
    assert found(words=("%",)) == [sent.id]
    assert found(words=("köln", "hello")) == []
    assert found(sender="nobody") == []
    assert len(found(sender="ME@example")) == 2
    assert len(found(since="2026-01-01", before="2026-01-02")) == 2
    assert found(before="2026-01-01") == []


def test_a_full_folder_refuses_more(mail: SqliteMail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIMITS, "drafts", 1)
    mail.draft(A, HELLO)
    with pytest.raises(Refused) as caught:
        mail.draft(B, HELLO)
    assert caught.value.reason is Reason.STORE_FULL


def test_a_locked_outbox_refuses_and_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolgate_servers.database.BUSY_SECONDS", 0.0)
    store = SqliteMail(tmp_path / "outbox.db", OWN, lambda: NOON)
    other = sqlite3.connect(tmp_path / "outbox.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Refused) as caught:
        store.send(A, HELLO)
    assert caught.value.reason is Reason.STORE_FAILED
    other.execute("ROLLBACK")
    other.close()
    assert outbox(store) == []
    store.close()


def test_the_outbox_is_private_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "outbox.db"
    store = SqliteMail(file, OWN, lambda: NOON)
    attached = replace(
        HELLO, attachments=(Attachment("a.bin", "application/octet-stream", bytes(range(256))),)
    )
    sent = store.send(A, attached)
    store.close()
    again = SqliteMail(file, OWN, lambda: NOON)
    assert again.read(sent.id) == sent
    assert file.stat().st_mode & 0o077 == 0
    again.close()


RECEIVED = Mail(
    "00000000000000b2",
    "inbox",
    "2026-01-01T12:00:00+00:00",
    "ann@example.com",
    "<1@example.com>",
    Message((OWN, "bob@example.com"), ("cy@example.com", "ANN@example.com"), "Lunch", "Tuesday?"),
)


def test_an_answer_goes_to_the_sender_and_names_the_conversation() -> None:
    message = answer(RECEIVED, OWN, "Yes.", (), everyone=False)
    assert (message.to, message.cc, message.subject) == (("ann@example.com",), (), "Re: Lunch")
    assert message.references == ("<1@example.com>",)
    to_all = answer(RECEIVED, OWN, "Yes.", (), everyone=True)
    assert (to_all.to, to_all.cc) == (("ann@example.com",), ("bob@example.com", "cy@example.com"))


def test_an_answer_to_what_was_sent_goes_to_its_recipients() -> None:
    sent = replace(RECEIVED, folder="outbox", sender=OWN)
    assert answer(sent, OWN, "One more thing.", (), everyone=False).to == (OWN, "bob@example.com")


def test_an_answer_uses_the_reply_to_and_keeps_one_re() -> None:
    again = replace(
        RECEIVED, reply_to=("list@example.com",), message=replace(RECEIVED.message, subject="RE: Lunch")
    )
    message = answer(again, OWN, "Yes.", (), everyone=False)
    assert (message.to, message.subject) == (("list@example.com",), "RE: Lunch")


@pytest.mark.parametrize("sender", ["", "not an address", "ann@example.com\r\nBcc: eve@evil.example"])
def test_a_mail_without_a_plain_sender_cannot_be_answered(sender: str) -> None:
    with pytest.raises(Refused) as caught:
        answer(replace(RECEIVED, sender=sender), OWN, "Yes.", (), everyone=False)
    assert caught.value.reason is Reason.BAD_ADDRESS


@pytest.mark.parametrize(
    ("attachment", "reason"),
    [
        (Attachment("../a.txt", "text/plain", b""), Reason.CONTROL_CHARACTER),
        (Attachment("a\\b.txt", "text/plain", b""), Reason.CONTROL_CHARACTER),
        (Attachment('a".txt', "text/plain", b""), Reason.CONTROL_CHARACTER),
        (Attachment("a\r\nBcc: x", "text/plain", b""), Reason.CONTROL_CHARACTER),
        (Attachment(".bashrc", "text/plain", b""), Reason.CONTROL_CHARACTER),
        (Attachment("a.eml", "message/rfc822", b""), Reason.ARGUMENT_NOT_VALID),
        (Attachment("a", "multipart/mixed", b""), Reason.ARGUMENT_NOT_VALID),
        (Attachment("a.txt", "text/plain; charset=x", b""), Reason.ARGUMENT_NOT_VALID),
        (Attachment("a.txt", "text/plain\r\nX: y", b""), Reason.ARGUMENT_NOT_VALID),
        (Attachment("a.bin", "application/zip", b"x" * 1_000_001), Reason.TOO_LARGE),
    ],
)
def test_an_attachment_is_a_plain_file_of_limited_size(attachment: Attachment, reason: Reason) -> None:
    with pytest.raises(Refused) as caught:
        compose(("ann@example.com",), (), "Hi", "Hello", (attachment,))
    assert caught.value.reason is reason


def test_a_file_that_is_no_outbox_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("not a database" * 100)
    with pytest.raises(CannotStart):
        SqliteMail(file)
