"""Two processes with one record of actions: a thing is done once, also when one of them is killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ACT = """
import sys, pathlib
from toolgate_servers.errors import Refused
from toolgate_servers.idempotency import Once
from toolgate_servers.strict import Outcome

file, done, mode = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]

def act():
    with done.open("a") as log:
        log.write("x")
    if mode == "hang":
        print("begun", flush=True)
        sys.stdin.read()
    return Outcome()

once = Once(file)
for number in range(50 if mode == "race" else 1):
    try:
        print(once.run("send", f"key {number}", "d", act, gives=Outcome)[1])
    except Refused as refused:
        print(refused.reason)
"""


def start(tmp_path: Path, mode: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", ACT, str(tmp_path / "once.db"), str(tmp_path / "done"), mode]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_of_two_processes_with_the_same_keys_one_does_each(tmp_path: Path) -> None:
    racing = [start(tmp_path, "race") for _ in range(2)]
    said = [process.communicate(timeout=50)[0].split() for process in racing]
    assert (tmp_path / "done").read_text() == "x" * 50
    assert sorted(pair for pair in map(sorted, zip(*said, strict=True))) == [["False", "True"]] * 50


def test_an_action_of_a_killed_process_is_unknown_to_the_next(tmp_path: Path) -> None:
    with start(tmp_path, "hang") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.kill()
    said, _ = start(tmp_path, "once").communicate(timeout=50)
    assert said == "outcome-unknown\n"
    assert (tmp_path / "done").read_text() == "x"
