"""Eight processes on one file: exact limits, one approval, sound chains, and a kill in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from toolgate.journal.verify import verify_file
from toolgate.secrets.keyring import open_keyring

PROCESSES = 8
WORK = """
import asyncio, sys
from pathlib import Path
from toolgate.core.model import Approval, ApprovalState, Burn, Limit, Open, Rate, Tier
from toolgate.ports import Entry
from toolgate.secrets.keyring import open_keyring
from toolgate.stores.sqlite import SqliteStore

home, role, name = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
keyring = open_keyring(home / "master.key")
store = SqliteStore(home / "toolgate.db", keyring.journal_keys())
approval = Approval(name, "ann", "u", "t", "digest", "p", Tier.READ, ApprovalState.PENDING, 1.0, 9e9)

async def work():
    got = 0
    if role == "limit":
        for turn in range(40):
            short = await store.commit(Entry({"v": 1, "turn": turn}), [Rate("shared", Limit(100, 86400.0))])
            store.note(Entry({"v": 1, "noted": turn}, result=b"result"))
            got += short is None
    elif role == "open":
        got = int(await store.commit(Entry({"v": 1}), [Open(approval, b"sealed")]) is None)
    elif role == "burn":
        found = await store.by_digest("ann", "digest")
        got = int(await store.commit(Entry({"v": 1}), [Burn(found.id)], durable=True) is None)
    elif role == "endless":
        print("started", flush=True)
        while True:
            await asyncio.gather(*(store.commit(Entry({"v": 1, "n": n})) for n in range(4)))
    elif role == "approve":
        found = await store.by_digest("ann", "digest")
        got = int(await store.decide(Entry({"v": 1}), found.id, ApprovalState.APPROVED, "boss"))
    await store.aclose()
    print(got)

asyncio.run(work())
"""


def started(home: Path, role: str, name: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WORK, str(home), role, name]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def outcome(home: Path, role: str, count: int = PROCESSES) -> list[int]:
    """What so many processes, started at once, each got."""
    running = [started(home, role, f"a{number}") for number in range(count)]
    answers: list[int] = []
    for process in running:
        out, err = process.communicate(timeout=50)
        assert process.returncode == 0, err
        answers.append(int(out))
    return answers


def assert_sound(home: Path, records: int, writers: int) -> None:
    report = verify_file(home / "toolgate.db", [open_keyring(home / "master.key").journal_keys()])
    assert [*report.problems] == []
    assert (report.records, report.writers) == (records, writers)


def test_a_limit_is_exact_over_all_processes(tmp_path: Path) -> None:
    home = tmp_path / "home"
    answers = outcome(home, "limit")
    assert sum(answers) == 100
    assert_sound(home, 100 + PROCESSES * 40, PROCESSES)


def test_one_approval_however_many_hold_the_call_and_one_use_of_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert sorted(outcome(home, "open")) == [0] * (PROCESSES - 1) + [1]
    assert outcome(home, "approve", 1) == [1]
    assert sorted(outcome(home, "burn")) == [0] * (PROCESSES - 1) + [1]
    assert_sound(home, 3, 3)


def test_processes_that_all_start_on_a_new_file_all_start(tmp_path: Path) -> None:
    for round_ in range(3):
        assert sorted(outcome(tmp_path / f"home{round_}", "open")) == [0] * (PROCESSES - 1) + [1]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_process_killed_in_the_middle_leaves_a_sound_journal(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for round_ in range(4):
        victim = started(home, "endless", f"a{round_}")
        assert victim.stdout is not None
        assert victim.stdout.readline() == "started\n"
        other = started(home, "open", f"b{round_}")
        other.communicate(timeout=50)
        victim.send_signal(signal.SIGKILL)
        victim.communicate(timeout=50)
        report = verify_file(home / "toolgate.db", [open_keyring(home / "master.key").journal_keys()])
        assert [*report.problems] == []
        assert report.records > round_
    assert outcome(home, "approve", 1) == [1]
