"""The record format by example, and every way to change a journal."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field, replace

import pytest

from toolgate.core import chain
from toolgate.core.chain import Head, Keys, Record, Roster
from toolgate.core.verification import MOST, Flaw, Problem, Verification, anchor_of, verify

KEYS = Keys(b"r" * 32, b"c" * 32, b"h" * 32)
OTHER = Keys(b"R" * 32, b"C" * 32, b"H" * 32)


@dataclass
class Book:
    """A journal in lists, written as a store writes it and changed as an attacker would."""

    keys: Keys = KEYS
    records: list[Record] = field(default_factory=list[Record])
    heads: dict[str, Head] = field(default_factory=dict[str, Head])
    roster: Roster = chain.EMPTY

    def turn(self, writer: str, *bodies: str, keys: Keys | None = None) -> None:
        keys = keys or self.keys
        head = self.heads.get(writer)
        seq, mac = (head.seq, head.mac) if head else (0, chain.genesis(writer))
        for body in bodies:
            seq, mac = seq + 1, chain.next_mac(keys.records, mac, body.encode())
            self.records.append(Record(writer, seq, self.roster.turn + 1, body.encode(), mac))
        self.roster = chain.next_roster(keys.heads, self.roster, writer, seq, mac, new=head is None)
        self.heads[writer] = Head(writer, seq, mac, chain.head_seal(keys.heads, writer, seq, mac))

    def problems(self, *keys: Keys, anchor: str = "") -> list[Problem]:
        return verify(self.records, self.heads.values(), self.roster, keys or (KEYS,), anchor)

    def flaws(self, *keys: Keys, anchor: str = "") -> set[Flaw]:
        return {problem.flaw for problem in self.problems(*keys, anchor=anchor)}


@pytest.fixture
def book() -> Book:
    """Two writers, five turns, seven records."""
    book = Book()
    book.turn("ann", "a1", "a2")
    book.turn("bob", "b1")
    book.turn("ann", "a3")
    book.turn("bob", "b2", "b3")
    book.turn("ann", "a4")
    return book


def test_the_format_is_final() -> None:
    start = hashlib.sha256(b"toolgate journal 1\nann").digest()
    assert chain.genesis("ann") == start
    assert chain.next_mac(b"k", start, b"{}") == hmac.digest(b"k", start + b"{}", "sha256")
    for key in (b"k", b"k" * 32, b"k" * 64):
        assert chain.macs(key)(start, b"{}") == chain.next_mac(key, start, b"{}")
    salted = hashlib.blake2b(b"value", digest_size=32, key=b"k", salt=b"s" * 16, person=b"arguments")
    assert chain.commitment(b"k", b"s" * 16, b"arguments", b"value") == salted.hexdigest()
    mark = b"m" * 32 + (7).to_bytes(8, "big") + b"ann"
    seal = hashlib.blake2b(mark, digest_size=32, key=b"k", person=b"head").digest()
    assert chain.head_seal(b"k", "ann", 7, b"m" * 32) == seal
    turn = b"l" * 32 + (3).to_bytes(8, "big") + (2).to_bytes(8, "big") + mark
    link = hashlib.blake2b(turn, digest_size=32, key=b"k", person=b"turn").digest()
    assert chain.next_roster(b"k", Roster(2, 1, b"l" * 32), "ann", 7, b"m" * 32, new=True) == Roster(
        3, 2, link
    )


def test_an_untouched_journal_verifies(book: Book) -> None:
    assert book.problems() == []


def test_an_empty_journal_verifies() -> None:
    assert Book().problems() == []


def test_an_edited_record_is_found_where_it_is(book: Book) -> None:
    book.records[1] = replace(book.records[1], body=b"A2")
    assert book.problems() == [Problem(Flaw.EDITED, "ann", 2, "1 in a row do not fit their mac")]


def test_an_edited_last_record_is_found(book: Book) -> None:
    book.records[-1] = replace(book.records[-1], body=b"A4")
    assert book.problems() == [Problem(Flaw.EDITED, "ann", 4, "1 in a row do not fit their mac")]


def test_a_record_edited_with_its_mac_is_found(book: Book) -> None:
    mac = chain.next_mac(OTHER.records, book.records[0].mac, b"A2")
    book.records[1] = replace(book.records[1], body=b"A2", mac=mac)
    assert book.flaws() == {Flaw.EDITED}


def test_records_deleted_in_the_middle_are_found(book: Book) -> None:
    del book.records[3]
    assert Problem(Flaw.DELETED, "ann", 3, "the next one there is record 4") in book.problems()


def test_a_deleted_record_in_front_is_found(book: Book) -> None:
    del book.records[0]
    assert Flaw.DELETED in book.flaws()


def test_a_deletion_hidden_by_new_numbers_is_found(book: Book) -> None:
    del book.records[1]
    book.records[2] = replace(book.records[2], seq=2)
    assert Flaw.EDITED in book.flaws()


def test_a_deletion_right_after_an_edit_is_found_with_it(book: Book) -> None:
    book.records[0] = replace(book.records[0], body=b"A1")
    del book.records[1]
    assert {Flaw.EDITED, Flaw.DELETED} <= book.flaws()


def test_a_cut_tail_is_found(book: Book) -> None:
    del book.records[-1]
    assert book.flaws() == {Flaw.TRUNCATED}


def test_a_tail_cut_inside_a_turn_is_found(book: Book) -> None:
    del book.records[5]
    assert Flaw.TRUNCATED in book.flaws()


def test_a_cut_tail_with_a_forged_head_is_found(book: Book) -> None:
    del book.records[-1]
    last = book.records[3]
    seal = chain.head_seal(OTHER.heads, "ann", last.seq, last.mac)
    book.heads["ann"] = Head("ann", last.seq, last.mac, seal)
    assert book.flaws() == {Flaw.HEAD_FORGED, Flaw.TRUNCATED}


def test_a_tail_cut_with_a_head_that_was_once_true_is_found(book: Book) -> None:
    shorter = Book()
    shorter.turn("ann", "a1", "a2")
    shorter.turn("bob", "b1")
    shorter.turn("ann", "a3")
    book.heads["ann"] = shorter.heads["ann"]
    del book.records[-1]
    assert book.flaws() == {Flaw.TRUNCATED}


def test_one_writer_put_back_between_others_is_found() -> None:
    book = Book()
    book.turn("ann", "a1")
    once = book.heads["ann"]
    book.turn("ann", "a2")
    book.turn("bob", "b1")
    del book.records[1]
    book.heads["ann"] = once
    assert book.problems() == [
        Problem(Flaw.DELETED, "bob", 1, "just before this record turns 2 to 2 are gone")
    ]


def test_one_writer_put_back_with_turns_renumbered_is_found() -> None:
    book = Book()
    book.turn("ann", "a1")
    once = book.heads["ann"]
    book.turn("ann", "a2")
    book.turn("bob", "b1")
    book.records = [book.records[0], replace(book.records[2], turn=2)]
    book.heads["ann"] = once
    book.roster = replace(book.roster, turn=2)
    assert book.flaws() == {Flaw.ROSTER_FORGED}


def test_a_writer_without_records_is_missing(book: Book) -> None:
    book.records = [record for record in book.records if record.writer != "bob"]
    assert Flaw.MISSING_WRITER in book.flaws()


def test_a_writer_gone_with_its_head_is_missing(book: Book) -> None:
    book.records = [record for record in book.records if record.writer != "bob"]
    del book.heads["bob"]
    assert Flaw.MISSING_WRITER in book.flaws()


def test_a_chain_made_anew_without_the_key_is_found(book: Book) -> None:
    forged = Book(OTHER)
    for writer, *bodies in (
        ("ann", "x1", "a2"),
        ("bob", "b1"),
        ("ann", "a3"),
        ("bob", "b2", "b3"),
        ("ann", "a4"),
    ):
        forged.turn(writer, *bodies)
    assert {Flaw.RECHAINED, Flaw.HEAD_FORGED} <= forged.flaws()


def test_a_chain_made_anew_from_its_middle_is_found(book: Book) -> None:
    mac = book.records[0].mac
    for at in (1, 3, 6):
        mac = chain.next_mac(OTHER.records, mac, b"new")
        book.records[at] = replace(book.records[at], body=b"new", mac=mac)
    assert Problem(Flaw.RECHAINED, "ann", 2, "3 records to the end fit no key") in book.problems()


def test_swapped_records_are_found(book: Book) -> None:
    book.records[0], book.records[1] = book.records[1], book.records[0]
    assert Flaw.MOVED in book.flaws()


def test_swapped_bodies_are_found(book: Book) -> None:
    first, second = book.records[0], book.records[1]
    book.records[0] = replace(first, body=second.body, mac=second.mac)
    book.records[1] = replace(second, body=first.body, mac=first.mac)
    assert Flaw.EDITED in book.flaws()


def test_a_record_repeated_is_found(book: Book) -> None:
    book.records.insert(1, book.records[0])
    assert book.flaws() == {Flaw.MOVED}


def test_turns_in_another_order_are_found(book: Book) -> None:
    book.records[2], book.records[3] = book.records[3], book.records[2]
    assert Flaw.MOVED in book.flaws()


def test_a_record_moved_into_the_turn_of_another_writer_is_found(book: Book) -> None:
    book.records[2] = replace(book.records[2], turn=1)
    assert Flaw.MOVED in book.flaws()


def test_a_head_taken_away_is_found(book: Book) -> None:
    del book.heads["bob"]
    assert book.flaws() == {Flaw.HEAD_FORGED}


def test_a_head_that_names_another_mac_is_found(book: Book) -> None:
    mac = b"x" * 32
    book.heads["ann"] = Head("ann", 4, mac, chain.head_seal(KEYS.heads, "ann", 4, mac))
    assert book.flaws() == {Flaw.HEAD_FORGED}


def test_a_head_behind_its_records_is_found(book: Book) -> None:
    mac = book.records[3].mac
    book.heads["ann"] = Head("ann", 3, mac, chain.head_seal(KEYS.heads, "ann", 3, mac))
    assert book.flaws() == {Flaw.HEAD_FORGED}


@pytest.mark.parametrize("change", [{"link": b"x" * 32}, {"writers": 1}, {"turn": 4}])
def test_a_forged_roster_is_found(book: Book, change: dict[str, object]) -> None:
    book.roster = Roster(
        **{"turn": book.roster.turn, "writers": book.roster.writers, "link": book.roster.link, **change}  # type: ignore[arg-type] # one field of several types
    )
    assert book.flaws() == {Flaw.ROSTER_FORGED}


def test_a_roster_taken_away_is_found(book: Book) -> None:
    problems = verify(book.records, book.heads.values(), None, (KEYS,))
    assert [problem.flaw for problem in problems] == [Flaw.ROSTER_FORGED]
    assert verify([], [], None, (KEYS,)) == []


def test_everything_taken_away_but_the_roster_is_found(book: Book) -> None:
    assert {Flaw.TRUNCATED, Flaw.MISSING_WRITER} == {p.flaw for p in verify([], [], book.roster, (KEYS,))}


def test_writers_from_before_the_key_changed_still_verify(book: Book) -> None:
    book.turn("new", "n1", "n2", keys=OTHER)
    book.turn("ann", "a5", keys=KEYS)
    assert book.problems(OTHER, KEYS) == []
    assert Flaw.RECHAINED in book.flaws(KEYS)


def test_a_whole_file_put_back_shows_only_by_an_anchor(book: Book) -> None:
    earlier = Book(KEYS, list(book.records), dict(book.heads), book.roster)
    book.turn("bob", "b4")
    anchor = anchor_of(book.roster)
    assert book.problems(anchor=anchor) == []
    book.turn("ann", "a5")
    assert book.problems(anchor=anchor) == []
    assert earlier.problems() == []
    assert [problem.flaw for problem in earlier.problems(anchor=anchor)] == [Flaw.ROLLED_BACK]


def test_an_anchor_does_not_give_away_the_link(book: Book) -> None:
    assert book.roster.link.hex() not in anchor_of(book.roster)


def test_problems_are_counted_only_so_far() -> None:
    verification = Verification((KEYS,))
    record = Record("ann", 1, 1, b"", chain.next_mac(KEYS.records, chain.genesis("ann"), b""))
    for _ in range(MOST + 5):
        verification.feed(record)
    assert len(verification.finish([], None)) == MOST
