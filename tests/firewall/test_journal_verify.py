"""The journal in its file: changed in every way, shown, verified, and both from the command line."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from toolgate.cli.approvals import app as approvals_app
from toolgate.cli.journal import app as journal_app
from toolgate.core.chain import commitment
from toolgate.core.model import Approval, ApprovalState, Open, Tier
from toolgate.core.verification import Flaw
from toolgate.errors import JournalDown, Misuse
from toolgate.journal.reading import open_journal
from toolgate.journal.show import Filter, one_line, select
from toolgate.journal.verify import sentence, verify_file
from toolgate.ports import HELD_ARGUMENTS, Entry
from toolgate.secrets.keyring import Keyring, open_keyring
from toolgate.stores.sqlite import SqliteStore

ARGUMENTS = b'{"to":"bob@example.com"}'
PASSPHRASE = "correct horse battery"
POLICY = """
version: 1
tiers: {irreversible: [actions/email_send]}
roles: {admin: {tools: ["*/*"], may_approve: [irreversible]}}
approval: {irreversible: {channels: [cli], expires: 15m}}
"""


async def write(home: Path, caller: str, calls: int) -> None:
    """One process that makes so many calls, each with its outcome."""
    store = SqliteStore(home / "toolgate.db", open_keyring(home / "master.key").journal_keys())
    for number in range(calls):
        call = f"{caller}-{number}"
        about = {"caller": caller, "upstream": "actions", "target": "email_send", "verdict": "allow"}
        intent = {"v": 1, "kind": "intent", "at": 1000.0 + number, "call": call, **about}
        await store.commit(Entry(intent, ARGUMENTS))
        store.note(
            Entry({"v": 1, "kind": "outcome", "at": 1000.5 + number, "call": call, "status": "delivered"})
        )
    await store.aclose()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Three writers: ann with 8 records, bob with 6, cy with 2."""
    home = tmp_path / "home"
    for caller, calls in (("ann", 4), ("bob", 3), ("cy", 1)):
        asyncio.run(write(home, caller, calls))
    (home / "policy.yaml").write_text(POLICY)
    return home


def flaws(home: Path, anchor: str = "") -> set[Flaw]:
    keys = open_keyring(home / "master.key").all_journal_keys()
    return {problem.flaw for problem in verify_file(home / "toolgate.db", keys, anchor).problems}


def change(home: Path, *statements: str) -> None:
    db = sqlite3.connect(home / "toolgate.db")
    for statement in statements:
        db.execute(statement)
    db.commit()
    db.close()


def test_an_untouched_journal_verifies(home: Path) -> None:
    report = verify_file(home / "toolgate.db", open_keyring(home / "master.key").all_journal_keys())
    assert (report.records, report.writers, [*report.problems]) == (16, 3, [])


HEAD_OF_12 = (
    "update heads set seq = 4, mac = (select mac from records where id = 12)"
    " where writer = (select writer from records where id = 12)"
)
LAST = "(select writer from records order by id desc limit 1)"


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        (["update records set body = replace(body, 'ann', 'eve') where id = 3"], Flaw.EDITED),
        (["delete from records where id = 4"], Flaw.DELETED),
        (["delete from records where id between 9 and 11"], Flaw.DELETED),
        (["delete from records where id = 16"], Flaw.TRUNCATED),
        (["delete from records where id >= 13", HEAD_OF_12], Flaw.HEAD_FORGED),
        (["update records set body = 7, seq = 'x', turn = -5, mac = 1.5 where id = 7"], Flaw.MOVED),
        (["update records set body = cast(x'ff' as text), writer = x'ff' where id = 7"], Flaw.HEAD_FORGED),
        ([f"delete from records where writer = {LAST}"], Flaw.MISSING_WRITER),
        (
            [
                f"delete from heads where writer = {LAST}",
                f"delete from records where writer = {LAST}",
            ],
            Flaw.MISSING_WRITER,
        ),
        (
            [
                f"delete from heads where writer = {LAST}",
                f"delete from records where writer = {LAST}",
                "update roster set writers = 2, turn = (select max(turn) from records)",
            ],
            Flaw.ROSTER_FORGED,
        ),
        (["update records set id = 100 where id = 2", "update records set id = 2 where id = 3"], Flaw.MOVED),
        (["delete from roster"], Flaw.ROSTER_FORGED),
        (["update heads set seal = zeroblob(32)"], Flaw.HEAD_FORGED),
        (["update records set mac = zeroblob(32) where id >= 9"], Flaw.RECHAINED),
    ],
)
def test_every_change_is_found(home: Path, statements: list[str], expected: Flaw) -> None:
    change(home, *statements)
    assert expected in flaws(home)


def test_a_journal_chained_anew_with_another_key_is_found(home: Path, tmp_path: Path) -> None:
    forged = tmp_path / "forged"
    asyncio.run(write(forged, "ann", 4))
    (forged / "master.key").write_bytes((home / "master.key").read_bytes())
    assert {Flaw.RECHAINED, Flaw.HEAD_FORGED} <= flaws(forged)


def test_erasing_a_salt_leaves_the_chain_whole_and_the_commitment_mute(home: Path) -> None:
    db = sqlite3.connect(home / "toolgate.db")
    salt, body = db.execute("select salt, body from records where id = 1").fetchone()
    db.close()
    key = open_keyring(home / "master.key").journal_keys().commitments
    assert json.loads(body)["arguments"] == commitment(key, salt, b"arguments", ARGUMENTS)
    change(home, "update records set salt = null")
    assert flaws(home) == set()
    with open_journal(home / "toolgate.db") as journal:
        assert not any(line.salted for line in journal.lines())


def test_a_file_put_back_shows_by_the_anchor_only(home: Path) -> None:
    keys = open_keyring(home / "master.key").all_journal_keys()
    before = (home / "toolgate.db").read_bytes()
    asyncio.run(write(home, "dee", 1))
    anchor = verify_file(home / "toolgate.db", keys).anchor
    assert flaws(home, anchor) == set()
    for path in home.glob("toolgate.db*"):
        path.unlink()
    (home / "toolgate.db").write_bytes(before)
    assert flaws(home) == set()
    assert flaws(home, anchor) == {Flaw.ROLLED_BACK}


def test_progress_is_told_and_problems_are_sentences(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolgate.journal.verify.STEP", 4)
    told: list[tuple[int, int]] = []

    def tell(done: int, total: int) -> None:
        told.append((done, total))

    change(home, "delete from records where id = 16")
    report = verify_file(home / "toolgate.db", open_keyring(home / "master.key").all_journal_keys(), "", tell)
    assert told == [(4, 15), (8, 15), (12, 15)]
    assert "truncated" in sentence(report.problems[0])


def test_no_journal_is_a_journal_that_is_down(tmp_path: Path) -> None:
    with pytest.raises(JournalDown):
        open_journal(tmp_path / "nothing.db")


def shown(home: Path, wanted: Filter) -> list[str]:
    with open_journal(home / "toolgate.db") as journal:
        return [f"{line.body['kind']} {line.body['call']}" for line in select(journal.lines(), wanted)]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Filter(caller="cy"), ["intent cy-0", "outcome cy-0"]),
        (Filter(call="bob-1"), ["intent bob-1", "outcome bob-1"]),
        (Filter(kind="outcome", caller="cy"), []),
        (Filter(kind="intent", caller="ann", since=1002.0), ["intent ann-2", "intent ann-3"]),
        (
            Filter(tool="email_send", upstream="actions", verdict="allow", limit=2),
            ["intent cy-0", "outcome cy-0"],
        ),
        (Filter(tool="other"), []),
        (Filter(limit=1), ["outcome cy-0"]),
    ],
)
def test_records_are_picked_with_the_call_they_belong_to(
    home: Path, wanted: Filter, expected: list[str]
) -> None:
    assert shown(home, wanted) == expected


def test_a_record_is_one_line_whatever_is_in_it(home: Path) -> None:
    change(home, 'update records set body = \'{"kind":"x\\n\\u001b[2J","call":"c"}\' where id = 1')
    change(
        home,
        "update records set body = 'no json' where id = 2",
        "update records set body = '[]' where id = 3",
    )
    with open_journal(home / "toolgate.db") as journal:
        lines = [one_line(line) for line in journal.lines()]
    assert all(line.isprintable() for line in lines)
    assert lines[1].endswith("unreadable")
    assert lines[2].endswith("unreadable")


def run(app: Callable[..., object], home: Path, *words: str, stdin: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(app, [*words, "--home", str(home)], input=stdin)  # type: ignore[arg-type] # a Typer
    if isinstance(result.exception, Misuse):
        raise result.exception
    return result.exit_code, result.output


def test_verify_says_by_its_exit_code_what_it_found(home: Path) -> None:
    code, out = run(journal_app, home, "verify")
    assert code == 0
    assert "16 records of 3 writers, 0 problems" in out
    assert "put back to an earlier state" in out
    change(home, "delete from records where id = 16")
    code, out = run(journal_app, home, "verify", "--json")
    assert code == 1
    assert {problem["flaw"] for problem in json.loads(out)["problems"]} == {"truncated"}


@pytest.mark.parametrize("words", [("verify", "--anchor", "x"), ("show", "--since", "yesterday")])
def test_words_the_command_does_not_know_are_misuse(home: Path, words: tuple[str, ...]) -> None:
    with pytest.raises(Misuse):
        run(journal_app, home, *words)


def test_verify_without_the_key_is_misuse_and_makes_none(home: Path) -> None:
    (home / "master.key").unlink()
    with pytest.raises(Misuse):
        run(journal_app, home, "verify")
    assert not (home / "master.key").exists()


def test_show_gives_text_or_json(home: Path) -> None:
    assert run(journal_app, home, "show", "--caller", "cy")[1].count("cy-0") == 2
    code, out = run(journal_app, home, "show", "--json", "--limit", "1")
    assert code == 0
    assert json.loads(out)["status"] == "delivered"
    assert run(journal_app, home, "show", "--since", "1h")[1] == ""


async def hold(home: Path, keyring: Keyring) -> None:
    store = SqliteStore(home / "toolgate.db", keyring.journal_keys())
    held = Approval(
        "ap-1", "ann", "actions", "email_send", "d", "p", Tier.IRREVERSIBLE, ApprovalState.PENDING, 1.0, 9e9
    )
    await store.commit(Entry({"v": 1}), [Open(held, keyring.seal(HELD_ARGUMENTS, ARGUMENTS))])
    await store.aclose()


@pytest.fixture
def held(home: Path) -> Path:
    """A home with one held call and one approver."""
    asyncio.run(hold(home, open_keyring(home / "master.key")))
    words = ("enrol", "boss", "--role", "admin", "--passphrase-stdin")
    assert run(approvals_app, home, *words, stdin=f"{PASSPHRASE}\n")[0] == 0
    return home


def test_a_held_call_is_listed_shown_and_approved(held: Path) -> None:
    assert "ap-1" in run(approvals_app, held, "list")[1]
    assert "bob@example.com" in run(approvals_app, held, "show", "ap-1")[1]
    assert json.loads(run(approvals_app, held, "show", "ap-1", "--json")[1])["arguments"] == json.loads(
        ARGUMENTS
    )
    assert run(approvals_app, held, "approve", "ap-1", "--passphrase-stdin", stdin="wrong\n")[0] == 1
    assert run(approvals_app, held, "approve", "ap-1", "--passphrase-stdin", stdin=f"{PASSPHRASE}\n")[0] == 0
    assert json.loads(run(approvals_app, held, "list", "--state", "approved", "--json")[1])["id"] == "ap-1"
    assert run(approvals_app, held, "deny", "ap-1", "--passphrase-stdin", stdin=f"{PASSPHRASE}\n")[0] == 1
    assert run(approvals_app, held, "clear", "ap-1", "--passphrase-stdin", stdin=f"{PASSPHRASE}\n")[0] == 1
    assert flaws(held) == set()


def test_a_held_call_is_denied(held: Path) -> None:
    words = ("deny", "ap-1", "--as", "boss", "--passphrase-stdin")
    assert run(approvals_app, held, *words, stdin=f"{PASSPHRASE}\n")[0] == 0
    assert "nothing waits" in run(approvals_app, held, "list")[1]
    assert run(approvals_app, held, "show", "ap-2")[0] == 1


def test_a_second_approver_needs_the_word_of_the_first(held: Path) -> None:
    words = ("enrol", "lee", "--role", "admin", "--passphrase-stdin")
    with pytest.raises(Misuse):
        run(approvals_app, held, *words, stdin=f"{PASSPHRASE}\n")
    assert run(approvals_app, held, *words, "--by", "boss", stdin=f"{PASSPHRASE}\nwrong\n")[0] == 1
    assert run(approvals_app, held, *words, "--by", "boss", stdin=f"{PASSPHRASE}\n{PASSPHRASE}\n")[0] == 0


@pytest.mark.parametrize("words", [("list", "--state", "odd"), ("approve", "ap-1", "--tier", "odd")])
def test_unknown_states_and_tiers_are_misuse(held: Path, words: tuple[str, ...]) -> None:
    with pytest.raises(Misuse):
        run(approvals_app, held, *words)
