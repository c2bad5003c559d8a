"""What `run_shell` runs, what it refuses, and what it needs before it starts."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import toolgate_servers.compute.sandboxes as sandboxes_module
from sandboxed import children, need_jail
from tool_examples import run_examples
from toolgate_servers.compute.server import build
from toolgate_servers.compute.settings import ComputeSettings, Families, ShellSettings
from toolgate_servers.compute.shell import RunShell, ShellRan, family
from toolgate_servers.errors import CannotStart, Reason, Refused
from toolgate_servers.running import Run

COMMANDS = ("ls", "cat", "grep", "touch", "sort", "sleep", "sh", "seq", "env", "head", "id", "ln", "true")
SOMEBODY = 1234


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    need_jail()
    work = tmp_path / "work"
    (work / "sub").mkdir(parents=True)
    (work / "a.txt").write_text("one\ntwo\n")
    (work / "sub" / "b.txt").write_text("three\n")
    if os.geteuid() == 0:
        for path in (work, work / "sub"):
            os.chown(path, SOMEBODY, SOMEBODY)
    return work


def shell(argv: list[str], work: Path | None = None, writable: bool = False, **given: Any) -> ShellRan:
    settings = ShellSettings(commands=COMMANDS, folder=work, writable=writable)
    (tool,) = family(settings).tools
    run: Callable[..., ShellRan] = tool.fn
    return run(RunShell.model_validate({"argv": argv, **given}), Run(30))


def refused(argv: list[str], work: Path | None = None, **given: Any) -> Reason:
    with pytest.raises(Refused) as caught:
        shell(argv, work, **given)
    return caught.value.reason


def test_a_program_sees_the_folder_and_its_input_and_tells_how_it_ended(folder: Path) -> None:
    assert shell(["cat", "a.txt"], folder).stdout == "one\ntwo\n"
    assert shell(["ls"], folder, folder="sub").stdout == "b.txt\n"
    assert shell(["sort", "-r"], stdin="a\nb\n").stdout == "b\na\n"
    found = shell(["grep", "three", "a.txt"], folder)
    assert (found.exit_code, found.stdout, found.stderr, found.truncated) == (1, "", "", False)
    assert "No such file" in shell(["cat", "missing"], folder).stderr
    assert shell(["sh", "-c", "sh -c 'kill -9 $$'; exit $?"]).exit_code == 137


def test_no_shell_reads_the_arguments(folder: Path) -> None:
    assert "No such file" in shell(["cat", "*"], folder).stderr
    assert "No such file" in shell(["cat", "a.txt; id"], folder).stderr
    assert "No such file" in shell(["cat", "$(id)"], folder).stderr
    assert shell(["cat", "--", "a.txt"], folder).exit_code == 0


def test_the_folder_can_be_changed_only_if_the_settings_say_so(folder: Path) -> None:
    assert shell(["touch", "new"], folder).exit_code != 0
    assert not (folder / "new").exists()
    assert shell(["touch", "new"], folder, writable=True).exit_code == 0
    assert (folder / "new").exists()
    if os.geteuid() == 0:
        assert (folder / "new").stat().st_uid == SOMEBODY


def test_a_program_runs_once_for_each_key(folder: Path) -> None:
    settings = ShellSettings(commands=COMMANDS, folder=folder, writable=True)
    (tool,) = family(settings).tools
    run: Callable[..., ShellRan] = tool.fn
    work = {"argv": ["sh", "-c", "echo more >> new.txt"], "idempotency_key": "k"}
    first, again = (run(RunShell.model_validate(work), Run(30)) for _ in range(2))
    assert (first.repeated, again.repeated, again.exit_code) == (False, True, 0)
    assert (folder / "new.txt").read_text() == "more\n"
    with pytest.raises(Refused) as caught:
        run(RunShell.model_validate(work | {"argv": ["ls"]}), Run(30))
    assert caught.value.reason is Reason.KEY_REUSED


@pytest.mark.parametrize("argv", [["bash"], ["/bin/ls"], ["../bin/ls"], ["LS"], ["ls "], [""], ["l\u200bs"]])
def test_a_program_that_is_not_allowed_is_refused(folder: Path, argv: list[str]) -> None:
    assert refused(argv, folder) is Reason.COMMAND_NOT_ALLOWED


@pytest.mark.parametrize("where", ["..", "sub/..", "sub/../..", "./../x"])
def test_a_way_out_of_the_folder_is_refused(folder: Path, where: str) -> None:
    assert refused(["ls"], folder, folder=where) is Reason.OUTSIDE_FOLDER
    assert refused(["ls"], folder, folder="missing") is Reason.NOT_FOUND
    assert refused(["ls"], None, folder="sub") is Reason.OUTSIDE_FOLDER


def test_a_link_that_leads_out_of_the_folder_leads_nowhere(folder: Path) -> None:
    (folder / "passwd").symlink_to("/etc/passwd")
    (folder / "outside").symlink_to(folder.parent)
    assert "No such file" in shell(["cat", "passwd"], folder).stderr
    assert shell(["ls", "outside/"], folder).exit_code != 0
    assert shell(["ls"], folder, folder="outside").stdout == ""


def test_a_flood_of_output_is_cut_and_said() -> None:
    need_jail()
    found = shell(["seq", "1000000"])
    assert (len(found.stdout), found.truncated, found.exit_code) == (50_000, True, 0)


def test_a_program_that_does_not_read_its_input_still_ends() -> None:
    need_jail()
    assert shell(["head", "-c", "1"], stdin="x" * 200_000).stdout == "x"
    assert shell(["id", "-u"], stdin="x" * 200_000).stdout == "1000\n"


def test_a_program_that_takes_too_long_is_refused() -> None:
    need_jail()
    assert refused(["sleep", "60"], seconds=1) is Reason.LIMIT_REACHED


def test_a_program_in_the_background_does_not_outlive_the_call() -> None:
    need_jail()
    shell(["true"])  # so that what watches over programs is there already
    before = children(os.getpid())
    assert shell(["sh", "-c", "sleep 60 & exit 3"], seconds=20).exit_code == 3
    assert children(os.getpid()) <= before


def test_a_program_sees_nothing_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    need_jail()
    monkeypatch.setenv("TOKEN_OF_THE_TEST", "hunter2")
    names = {line.partition("=")[0] for line in shell(["env"]).stdout.splitlines()}
    assert names <= {"PATH", "HOME", "LANG", "PAGER", "GIT_PAGER", "PWD"}


async def test_the_example_works_and_the_description_names_the_programs(folder: Path) -> None:
    made = build(
        ComputeSettings(
            families=Families(arithmetic=False, python=False, notebook=False, transform=False, shell=True),
            shell=ShellSettings(commands=COMMANDS, folder=folder),
        )
    )
    (listed,) = await made.list_tools()
    assert "grep" in (listed.description or "")
    assert await run_examples(made) == ["run_shell"]


@pytest.mark.parametrize(
    "settings",
    [
        {"commands": []},
        {"commands": ["no-such-program-here"]},
        {"commands": ["ls"], "folder": "/no/such/folder"},
    ],
)
def test_a_shell_that_cannot_work_does_not_start(settings: dict[str, Any]) -> None:
    need_jail()
    made = ShellSettings.model_validate_json(json.dumps(settings))
    with pytest.raises(CannotStart):
        family(made)


def test_root_does_not_write_into_a_folder_of_root(tmp_path: Path) -> None:
    need_jail()
    if os.geteuid() != 0:
        pytest.skip("only root has folders of root")
    with pytest.raises(CannotStart, match="owned by root"):
        family(ShellSettings(commands=("ls",), folder=tmp_path, writable=True))


def test_without_bubblewrap_the_shell_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandboxes_module, "jail_problem", lambda: "bubblewrap: found no program bwrap")
    with pytest.raises(CannotStart, match="apt-get install bubblewrap"):
        family(ShellSettings(commands=("ls",)))
