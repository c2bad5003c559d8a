"""A new policy comes into force as a whole, or not at all; tests beside it have the last word."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from toolgate.errors import PolicyError
from toolgate.policy.compare import loosened
from toolgate.policy.compile import open_policy
from toolgate.policy.reload import LivePolicy, Outcome, Reloaded, ReloadFailed

OPEN = "version: 1\ntiers: {read: [a/*]}\nroles: {r: {tools: ['a/*']}}\n"
CLOSED = "version: 1\ntiers: {read: [a/*]}\nroles: {r: {tools: [a/b]}}\n"
TEST = "policy: team.yaml\ncallers: {ann: {roles: [r]}}\ncalls: {c: {tool: a/c}}\nexpect: {ann: {c: allow}}\n"


class Files:
    """A folder with one policy, and what its reloads reported."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "team.yaml"
        self.reports: list[Outcome] = []

    def write(self, text: str, name: str = "team.yaml") -> None:
        (self.folder / name).write_text(text, encoding="utf-8")

    def open(self) -> LivePolicy:
        return LivePolicy.open(self.path, self.reports.append)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    made = Files(tmp_path)
    made.write(CLOSED)
    return made


def test_a_changed_policy_replaces_the_old_one_and_says_what_it_loosens(files: Files) -> None:
    live = files.open()
    before = live.current
    files.write(OPEN)
    outcome = live.reload()
    assert isinstance(outcome, Reloaded)
    assert (outcome.previous, outcome.policy) == (before, live.current)
    assert outcome.loosened == ("role r, a/*: reached",)
    assert files.reports == [outcome]


def test_a_policy_that_says_the_same_is_not_reported(files: Files) -> None:
    live = files.open()
    before = live.current
    files.write(CLOSED + "# a comment\n")
    assert live.reload() is None
    assert live.current is before
    assert files.reports == []


@pytest.mark.parametrize("broken", ["version: 1\nmod: x\n", "version: [", ""])
def test_a_broken_policy_leaves_the_last_good_one_in_force(files: Files, broken: str) -> None:
    live = files.open()
    before = live.current
    files.write(broken)
    assert isinstance(live.reload(), ReloadFailed)
    assert live.current is before
    files.path.unlink()
    assert isinstance(live.reload(), ReloadFailed)
    files.write(OPEN)
    assert isinstance(live.reload(), Reloaded)


def test_a_policy_that_fails_its_own_tests_stays_out(files: Files) -> None:
    files.write(OPEN)
    files.write(TEST, "team_test.yaml")
    live = files.open()
    files.write(CLOSED)
    outcome = live.reload()
    assert isinstance(outcome, ReloadFailed)
    assert outcome.message.startswith(f"{files.folder / 'team_test.yaml'}:4 expect.ann.c")
    assert live.current.view(("r",), "a", "c").allowed


def test_a_policy_that_fails_its_own_tests_is_not_started_with(files: Files) -> None:
    files.write(TEST, "team_test.yaml")
    with pytest.raises(PolicyError):
        files.open()


def test_tests_of_another_policy_beside_it_are_a_mistake(files: Files) -> None:
    files.write(TEST.replace("team.yaml", "other.yaml"), "team_test.yaml")
    with pytest.raises(PolicyError, match="found another policy"):
        files.open()


async def test_a_written_file_is_taken_over(files: Files) -> None:
    arrived = anyio.Event()
    live = LivePolicy(files.path, open_policy(files.path), lambda _: arrived.set())

    async def write_until_seen() -> None:
        number = 0
        while not arrived.is_set():
            number += 1
            files.write("no policy", "journal.db")
            files.write(OPEN + f"# {number}\n")
            with anyio.move_on_after(0.5):
                await arrived.wait()

    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            group.start_soon(live.watch)
            await write_until_seen()
            group.cancel_scope.cancel()
    assert live.current.view(("r",), "a", "c").allowed


BASE = """version: 1
tiers: {irreversible: [a/send], read: [a/b]}
roles: {r: {tools: [{tool: a/*, when: {x: {prefix: p}}}], limits: {calls: 5/minute}}}
tools: {a/b: {cost: 0.01 USD, limits: {calls: 2/minute, cost: 1 USD/day}}}
redaction: {results: {US_SSN: mask}}
approval: {irreversible: {expires: 10m}, prompts: 5/hour}
"""


@pytest.mark.parametrize(
    ("old", "new", "count"),
    [
        ("version: 1", "version: 1\nmode: shadow", 1),
        ("version: 1", "version: 1\nunlisted: hold", 1),
        ("irreversible: [a/send], ", "reversible: [a/send], ", 1),
        ("irreversible: [a/send], ", "", 0),
        ("irreversible: [a/send], ", "privileged: [a/send], ", 0),
        ("{prefix: p}", "{prefix: q}", 3),
        (", when: {x: {prefix: p}}", "", 3),
        ("5/minute", "6/minute", 3),
        ("5/minute", "4/minute", 0),
        (", limits: {calls: 5/minute}", "", 3),
        ("0.01 USD", "0.001 USD", 1),
        ("2/minute", "120/hour", 1),
        ("{US_SSN: mask}", "{US_SSN: allow}", 3),
        ("{US_SSN: mask}", "{US_SSN: refuse}", 0),
        ("{US_SSN: mask}", "{US_SSN: mask}, upstreams: {a: {arguments: {secrets: mask}}}", 3),
        ("10m", "11m", 1),
        ("10m", "9m", 0),
        (", prompts: 5/hour", "", 1),
        ("{r: {tools", "{s: {prompts: ['a/*'], resources: ['a/**'], methods: ['*']}, r: {tools", 3),
        ("{r: {tools", "{r: {servers_may: [elicit], may_approve: [privileged], tools", 2),
        ("a/*", "a/b", 0),
    ],
)
def test_what_a_new_policy_permits_more_is_named(tmp_path: Path, old: str, new: str, count: int) -> None:
    assert old in BASE
    paths = tmp_path / "old.yaml", tmp_path / "new.yaml"
    for path, text in zip(paths, (BASE, BASE.replace(old, new, 1)), strict=True):
        path.write_text(text, encoding="utf-8")
    before, after = (open_policy(path) for path in paths)
    assert len(loosened(before, after)) == count
    assert loosened(after, after) == ()
