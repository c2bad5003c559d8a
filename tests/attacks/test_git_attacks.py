"""What a model or a repository may try through the git tools, case by case."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from action_families import only
from git_setups import ENVIRONMENT, make_repository, run_git
from tool_calls import reason
from toolgate_servers.actions.git.settings import GitSettings, RemoteSettings, RepositorySettings
from toolgate_servers.actions.server import build
from toolgate_servers.actions.settings import ActionsSettings
from toolgate_servers.errors import Reason

SITE = {"repository": "site"}
REFUSALS = {Reason.ARGUMENT_NOT_VALID, Reason.OUTSIDE_FOLDER, Reason.NOT_FOUND, Reason.REJECTED}


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """A file that is there when something ran that should not have."""
    return tmp_path / "ran"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "site")


def ran(marker: Path) -> str:
    """What ran that should not have."""
    return marker.read_text() if marker.exists() else ""


def serving(site: Path) -> Client:
    remote = RemoteSettings(url="http://127.0.0.1:1/x.git")
    named = {"site": RepositorySettings(path=site, remote=remote)}
    return Client(build(ActionsSettings(families=only("git"), git=GitSettings(repositories=named))))


# git: words that could be options, commands or other places

REFS = {
    "option": "-x",
    "upload-pack": "--upload-pack=touch {marker}",
    "output": "--output={marker}",
    "exec": "--exec=touch {marker}",
    "ext transport": "ext::sh -c touch% {marker}",
    "path of a commit": "HEAD:../secret",
    "range": "main..HEAD",
    "reflog": "@{-1}",
    "search": ":/Begin",
    "search of a commit": "main^{/Begin}",
    "line end": "main\n--output={marker}",
    "blank": "main --all",
    "NUL": "main\x00x",
    "command": "$(touch {marker})",
    "semicolon": "main;touch {marker}",
    "dots": "../../x",
    "lock": "x.lock",
    "hidden": ".x/y",
    "empty part": "a//b",
    "full name": "refs/heads/../../config",
}


@pytest.mark.parametrize("ref", REFS.values(), ids=list(REFS))
async def test_a_ref_is_a_name_and_nothing_else(site: Path, marker: Path, ref: str) -> None:
    ref = ref.replace("{marker}", str(marker))
    before = run_git(site, "for-each-ref")
    content = [{"path": "a", "content": "b"}]
    async with serving(site) as client:
        for tool, arguments in (
            ("git_log", {"revision": ref}),
            ("git_diff", {"old": ref}),
            ("git_diff", {"new": ref}),
            ("git_branch", {"branch": ref}),
            ("git_branch", {"branch": "b", "start": ref}),
            ("git_commit", {"branch": ref, "message": "m", "files": content}),
            ("git_push", {"branch": ref}),
            ("git_open_pull_request", {"head": ref, "title": "t"}),
            ("git_open_pull_request", {"head": "main", "base": ref, "title": "t"}),
        ):
            assert reason(await client.call_tool(tool, SITE | arguments)) in REFUSALS, tool
    assert run_git(site, "for-each-ref") == before
    assert not ran(marker)


PATHS = {
    "parent": "../secret",
    "inner parent": "docs/../../secret",
    "absolute": "/etc/passwd",
    "git folder": ".git/config",
    "git folder in other letters": ".GIT/hooks/post-commit",
    "git folder below": "docs/.git/config",
    "git folder of NTFS": "GIT~1/config",
    "git folder with a blank": ".git /config",
    "git folder as a stream": ".git::$INDEX_ALLOCATION/config",
    "git folder of HFS+": ".g\u200cit/config",
    "drive": "C:/x",
    "backslash": "docs\\..\\..\\x",
    "control": "docs/\x1b[2J",
    "dot": "./docs/index.md",
    "empty part": "docs//index.md",
    "folder": "docs/",
}


@pytest.mark.parametrize("path", PATHS.values(), ids=list(PATHS))
async def test_a_path_stays_in_the_repository(site: Path, path: str) -> None:
    (site.parent / "secret").write_text("hunter2")
    run_git(site, "branch", "b")
    before = run_git(site, "for-each-ref")
    async with serving(site) as client:
        for tool, arguments in (
            ("git_diff", {"path": path}),
            ("git_log", {"path": path}),
            ("git_commit", {"branch": "main", "message": "m", "paths": [path]}),
            ("git_commit", {"branch": "b", "message": "m", "files": [{"path": path, "content": "x"}]}),
        ):
            assert reason(await client.call_tool(tool, SITE | arguments)) is Reason.OUTSIDE_FOLDER, tool
    assert run_git(site, "for-each-ref") == before


@pytest.mark.parametrize("path", ["--output={marker}", ":(exclude)docs", ":!docs", "*"])
async def test_a_path_is_no_option_and_no_pattern(site: Path, marker: Path, path: str) -> None:
    (site / "docs" / "index.md").write_text("changed")
    async with serving(site) as client:
        found = await client.call_tool("git_diff", SITE | {"path": path.replace("{marker}", str(marker))})
        if not found.is_error:  # an absolute path after `=` is one that check_path takes for folders
            assert found.structured_content is not None
            assert found.structured_content["files"] == []
    assert not ran(marker)


# git: what a repository may bring along

HOOKS = (
    *("pre-commit", "commit-msg", "prepare-commit-msg", "post-commit", "post-checkout", "pre-push"),
    *("reference-transaction", "post-index-change", "fsmonitor-watchman", "post-rewrite", "update"),
)


def booby_trap(site: Path, marker: Path) -> None:
    """Let every setting, attribute and hook that can start a program start one."""
    script = marker.with_name("trap.sh")
    script.write_text(f'#!/bin/sh\necho "$0 $*" >> {marker}\ncat\n')
    script.chmod(0o755)
    for name in HOOKS:
        hook = site / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(script.read_text())
        hook.chmod(0o755)
    included = marker.with_name("included")
    included.write_text(f'[diff "evil"]\n\ttextconv = {script}\n\tcommand = {script}\n')
    (site / ".gitattributes").write_text("*.md filter=evil diff=evil merge=evil\n")
    for key in (
        *("filter.evil.clean", "filter.evil.smudge", "filter.evil.process", "diff.evil.textconv"),
        *("diff.evil.command", "diff.external", "core.fsmonitor", "core.pager", "pager.log", "pager.diff"),
        *("gpg.program", "core.editor", "core.sshCommand", "core.askPass", "core.gitProxy"),
        *("core.alternateRefsCommand", "remote.origin.uploadpack", "merge.evil.driver"),
    ):
        run_git(site, "config", key, str(script))
    for key, setting in {
        "filter.evil.required": "true",
        "log.showSignature": "true",
        "commit.gpgSign": "true",
        "include.path": str(included),
        "core.hooksPath": str(site / ".git" / "hooks"),
        "alias.status": f"!{script}",
        "alias.log": f"!{script}",
        "credential.helper": f"!{script}",
        "remote.origin.url": f"ext::{script}",
        "remote.origin.promisor": "true",
        "extensions.partialClone": "origin",
        "core.repositoryFormatVersion": "1",
        "protocol.ext.allow": "always",
        "diff.ignoreSubmodules": "none",
        "core.worktree": str(site.parent),
    }.items():
        run_git(site, "config", key, setting)


@pytest.mark.parametrize("command", ["status", "diff", "commit"])
def test_the_trap_would_spring(site: Path, marker: Path, command: str) -> None:
    booby_trap(site, marker)
    (site / "docs" / "index.md").write_text("# Bye\n")
    arguments = ["git", f"--work-tree={site}", command, *(["-a", "-m", "m"] if command == "commit" else [])]
    subprocess.run(arguments, cwd=site, env=ENVIRONMENT, capture_output=True, check=False, timeout=30)
    assert ran(marker)


async def test_nothing_that_a_repository_brings_along_is_run(
    site: Path, marker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    booby_trap(site, marker)
    for name in ("GIT_EXTERNAL_DIFF", "GIT_SSH_COMMAND", "GIT_PAGER", "GIT_EDITOR", "GIT_ASKPASS"):
        monkeypatch.setenv(name, str(marker.with_name("trap.sh")))
    monkeypatch.setenv("GIT_DIR", str(site.parent))
    (site / "docs" / "index.md").write_text("# Bye\n")
    (site / "run.sh").write_text("echo\n")
    async with serving(site) as client:
        calls: tuple[tuple[str, dict[str, Any]], ...] = (
            ("git_status", {}),
            ("git_diff", {}),
            ("git_diff", {"old": "main~1", "new": "main"}),
            ("git_log", {"path": "docs/index.md"}),
            ("git_branch", {"branch": "b", "switch": True}),
            ("git_commit", {"branch": "b", "message": "m", "paths": ["run.sh"]}),
            ("git_commit", {"branch": "main", "message": "m", "files": [{"path": "x.md", "content": "y"}]}),
            ("git_open_pull_request", {"head": "b", "title": "t"}),
            ("git_read_pull_request", {"number": 1}),
        )
        for tool, arguments in calls:
            result = await client.call_tool(tool, SITE | arguments)
            assert not result.is_error, (tool, result.content)
        filtered = {"branch": "b", "message": "m", "paths": ["docs/index.md"]}
        assert reason(await client.call_tool("git_commit", SITE | filtered)) is Reason.REJECTED
        absent = {"revision": "0123456789012345678901234567890123456789"}
        assert reason(await client.call_tool("git_log", SITE | absent)) is Reason.NOT_FOUND
        assert reason(await client.call_tool("git_push", SITE | {"branch": "b"})) is Reason.UNREACHABLE
    assert not ran(marker)


async def test_another_repository_inside_is_not_entered(site: Path, marker: Path) -> None:
    inner = make_repository(site / "inner")
    run_git(site, "add", "inner", "--ignore-errors")
    (site / ".gitmodules").write_text(f'[submodule "inner"]\n\tpath = inner\n\turl = ext::touch {marker}\n')
    run_git(site, "add", ".gitmodules")
    run_git(site, "commit", "-q", "-m", "Take in another")
    booby_trap(inner, marker)
    (inner / "run.sh").write_text("changed\n")
    async with serving(site) as client:
        for tool in ("git_status", "git_diff", "git_log"):
            assert not (await client.call_tool(tool, SITE)).is_error
        inside = SITE | {"branch": "main", "message": "m", "paths": ["inner/run.sh"]}
        assert reason(await client.call_tool("git_commit", inside)) in REFUSALS
    assert not ran(marker)


async def test_links_are_not_followed(site: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("hunter2")
    (site / "link").symlink_to(tmp_path / "outside" / "secret")
    (site / "out").symlink_to(tmp_path / "outside")
    run_git(site, "add", ".")
    run_git(site, "commit", "-q", "-m", "Links")
    run_git(site, "branch", "b")
    os.mkfifo(site / "pipe")
    before = run_git(site, "for-each-ref")
    async with serving(site) as client:
        for path in ("link", "out/secret", "pipe"):
            work = SITE | {"branch": "main", "message": "m", "paths": [path]}
            assert reason(await client.call_tool("git_commit", work)) is Reason.OUTSIDE_FOLDER, path
        for path in ("link", "out/secret", "out", "docs"):
            files = [{"path": path, "content": "x"}]
            written: dict[str, Any] = {**SITE, "branch": "b", "message": "m", "files": files}
            assert reason(await client.call_tool("git_commit", written)) is Reason.OUTSIDE_FOLDER, path
    assert run_git(site, "for-each-ref") == before
    assert (tmp_path / "outside" / "secret").read_text() == "hunter2"


async def test_what_a_commit_says_cannot_move_the_cursor_or_flood(site: Path) -> None:
    (site / "docs" / "index.md").write_text("x\n" * 500_000)
    run_git(site, "commit", "-q", "-a", "-m", "a\x1b[2Jb\x07" + "x" * 50_000)
    async with serving(site) as client:
        log = await client.call_tool("git_log", SITE)
        assert log.structured_content is not None
        message = log.structured_content["commits"][0]["message"]
        assert "\x1b" not in message
        assert len(message) <= 5000
        diff = await client.call_tool("git_diff", SITE | {"old": "main~1", "new": "main", "max_chars": 1000})
        assert diff.structured_content is not None
        assert (len(diff.structured_content["patch"]), diff.structured_content["cut"]) == (1000, True)
        wrong = {"branch": "main", "message": "a\x00b", "paths": ["run.sh"]}
        assert reason(await client.call_tool("git_commit", SITE | wrong)) is Reason.CONTROL_CHARACTER
