"""What makes a mail acceptable, and what becomes of drafts."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

from toolgate_servers.actions.addresses import address_problem
from toolgate_servers.actions.mail.outbox import LIMITS, SqliteMail
from toolgate_servers.actions.mail.message import MAX_BODY, MAX_SUBJECT, Message, check_repeats, compose
from toolgate_servers.errors import CannotStart, Reason, Refused

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HELLO = Message(("ann@example.com",), (), "Hi", "Hello")


@pytest.fixture
def mail() -> Iterator[SqliteMail]:
    numbers = count()
    store = SqliteMail(None, lambda: NOON, lambda: f"{next(numbers):016x}")
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


def test_a_sent_mail_is_in_the_outbox_with_its_time(mail: SqliteMail) -> None:
    sent = mail.send(HELLO)
    assert (sent.folder, sent.at) == ("outbox", "2026-01-01T12:00:00+00:00")
    assert mail.read(sent.id) == sent


def test_a_sent_draft_keeps_its_id_and_leaves_the_drafts(mail: SqliteMail) -> None:
    draft = mail.draft(HELLO)
    sent = mail.send_draft(draft.id, accept)
    assert (sent.id, sent.message) == (draft.id, HELLO)
    assert mail.page("drafts", None, 10).total == 0
    assert mail.page("outbox", None, 10).mails == [sent]


def test_a_draft_is_sent_once(mail: SqliteMail) -> None:
    draft = mail.draft(HELLO)
    mail.send_draft(draft.id, accept)
    with pytest.raises(Refused) as caught:
        mail.send_draft(draft.id, accept)
    assert caught.value.reason is Reason.NO_SUCH_MAIL
    assert mail.page("outbox", None, 10).total == 1


def test_a_draft_that_the_check_refuses_stays_a_draft(mail: SqliteMail) -> None:
    draft = mail.draft(HELLO)
    with pytest.raises(Refused) as caught:
        mail.send_draft(draft.id, lambda held: check_repeats(held, ("eve@evil.example",), None, None, None))
    assert caught.value.reason is Reason.DRAFT_DIFFERS
    assert mail.read(draft.id).folder == "drafts"


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
    draft, sent = mail.draft(HELLO), mail.send(HELLO)
    mail.delete_draft(draft.id)
    for gone in (draft.id, sent.id, "f" * 16):
        with pytest.raises(Refused) as caught:
            mail.delete_draft(gone)
        assert caught.value.reason is Reason.NO_SUCH_MAIL
    assert mail.read(sent.id) == sent


def test_a_mail_that_does_not_exist_cannot_be_read(mail: SqliteMail) -> None:
    with pytest.raises(Refused) as caught:
        mail.read("f" * 16)
    assert caught.value.reason is Reason.NO_SUCH_MAIL


def test_pages_show_the_newest_first_and_miss_nothing_when_a_mail_goes(mail: SqliteMail) -> None:
    first, second, third = (mail.draft(HELLO) for _ in range(3))
    page = mail.page("drafts", None, 2)
    assert page.mails == [third, second]
    mail.delete_draft(second.id)
    rest = mail.page("drafts", page.next_cursor, 2)
    assert (rest.mails, rest.next_cursor, rest.total) == ([first], None, 2)


def test_a_full_folder_refuses_more(mail: SqliteMail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIMITS, "drafts", 1)
    mail.draft(HELLO)
    with pytest.raises(Refused) as caught:
        mail.draft(HELLO)
    assert caught.value.reason is Reason.STORE_FULL


def test_a_locked_outbox_refuses_and_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolgate_servers.database.BUSY_SECONDS", 0.0)
    store = SqliteMail(tmp_path / "outbox.db", lambda: NOON)
    other = sqlite3.connect(tmp_path / "outbox.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Refused) as caught:
        store.send(HELLO)
    assert caught.value.reason is Reason.STORE_FAILED
    other.execute("ROLLBACK")
    other.close()
    assert store.page("outbox", None, 10).total == 0
    store.close()


def test_the_outbox_is_private_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "outbox.db"
    store = SqliteMail(file, lambda: NOON)
    sent = store.send(HELLO)
    store.close()
    again = SqliteMail(file, lambda: NOON)
    assert again.read(sent.id) == sent
    assert file.stat().st_mode & 0o077 == 0
    again.close()


def test_a_file_that_is_no_outbox_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("not a database" * 100)
    with pytest.raises(CannotStart):
        SqliteMail(file)
