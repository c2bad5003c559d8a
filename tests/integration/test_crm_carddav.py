"""Contacts on a real CardDAV server, radicale: made once, changed only as they were read, and given back."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from radicales import PASSWORD, address_book, ask
from tool_calls import refused, run
from toolgate_servers.actions.crm.carddav import CarddavBook
from toolgate_servers.actions.crm.contact import Fields
from toolgate_servers.actions.crm.settings import CarddavSettings
from toolgate_servers.errors import Reason, Refused

pytestmark = pytest.mark.servers

ANN = Fields("Ann Example", ("ann@example.com",), ("+49 30 1",), "Example, Inc; Sales", "Head", "a\nb\\n,;")
FOREIGN = (
    "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:foreign\r\nFN:Bob\r\nN:Bob;;;;\r\nitem1.EMAIL;TYPE=WORK:bob@example.com\r\n"
    'X-KEPT;X="a;b:c":as it is\r\nBDAY:2000-01-01\r\nEND:VCARD\r\n'
)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with address_book(tmp_path_factory.mktemp("radicale")) as url:
        yield url


@pytest.fixture
def book(url: str) -> CarddavBook:
    return opened(url)


def opened(url: str, password: str = PASSWORD) -> CarddavBook:
    return CarddavBook(CarddavSettings(url=url, username="ann", password="env:X"), password)


def test_a_contact_comes_back_as_it_was_made_and_is_found(book: CarddavBook) -> None:
    made = book.create(ANN, run("whole"))
    assert made.fields == ANN
    assert book.read(made.id, run()) == made
    for query in ("ann exam", "ANN@EXAMPLE", "inc; sales", "+49 30"):
        assert made in book.search(query, 10, run()), query
    assert book.search("nobody <&\"'>", 10, run()) == []
    assert made in book.search(None, 10, run())


def test_repeats_at_once_and_later_make_one_contact(book: CarddavBook, url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(book.create, [ANN] * 6, [run("once") for _ in range(6)]))
    assert len({contact.id for contact in made}) == 1
    assert opened(url).create(ANN, run("once")) == made[0]


def test_a_change_keeps_what_is_not_ours_and_conflicts_are_refused(book: CarddavBook, url: str) -> None:
    parts = urlsplit(url)
    assert ask(parts.port or 0, "PUT", f"{parts.path}foreign.vcf", FOREIGN) == 201
    there = book.read("foreign", run())
    before, after = book.update("foreign", there.etag, {"name": "Bob B", "note": "x"}, run())
    assert before == there
    assert (after.fields.name, after.fields.note, after.fields.emails) == ("Bob B", "x", ("bob@example.com",))
    card = book._read("foreign", run())[1]  # pyright: ignore[reportPrivateUsage]  # the card itself
    for line in ('X-KEPT;X="a;b:c":as it is', "BDAY:2000-01-01", "N:B;Bob;;;"):
        assert line in card.replace("\r\n ", "").splitlines()
    stale = {"title": "Boss"}
    assert refused(lambda: book.update("foreign", there.etag, stale, run())) is Reason.CHANGED_MEANWHILE
    assert refused(lambda: book.delete("foreign", there.etag, run())) is Reason.CHANGED_MEANWHILE
    undone, _ = after, book.update("foreign", after.etag, {"name": before.fields.name, "note": ""}, run())
    assert book.read("foreign", run()).fields == before.fields
    assert refused(lambda: book.delete("foreign", undone.etag, run())) is Reason.CHANGED_MEANWHILE
    gone = book.delete("foreign", book.read("foreign", run()).etag, run())
    assert gone.fields == before.fields
    assert refused(lambda: book.read("foreign", run())) is Reason.NOT_FOUND


def test_a_wrong_password_is_denied(url: str) -> None:
    assert refused(lambda: opened(url, "wrong").search("x", 5, run())) is Reason.ACCESS_DENIED


def test_one_of_two_changes_at_once_is_told_that_it_lost(book: CarddavBook) -> None:
    there = book.create(ANN, run("race"))

    def change(title: str) -> object:
        try:
            return book.update(there.id, there.etag, {"title": title}, run())[1].fields.title
        except Refused as refusal:
            return refusal.reason

    with ThreadPoolExecutor(2) as pool:
        said = set(pool.map(change, ("one", "two")))
    assert Reason.CHANGED_MEANWHILE in said
    assert book.read(there.id, run()).fields.title in said
