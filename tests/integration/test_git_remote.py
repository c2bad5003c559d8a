"""Pushing to a real remote, a bare repository behind git http-backend."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from action_families import only
from git_http import PASSWORD, Served, served
from git_setups import make_repository, run_git
from tool_calls import refused
from tool_examples import run_examples
from toolgate_servers.actions.git.command import place_of
from toolgate_servers.actions.git.pushing import Remote
from toolgate_servers.actions.git.repository import Repository
from toolgate_servers.actions.git.settings import GitSettings, RemoteSettings, RepositorySettings
from toolgate_servers.actions.server import build
from toolgate_servers.actions.settings import ActionsSettings
from toolgate_servers.errors import Reason
from toolgate_servers.running import Run

pytestmark = pytest.mark.servers


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path) as bare:
        yield bare


@pytest.fixture
def site(tmp_path: Path) -> Path:
    site = make_repository(tmp_path / "site")
    run_git(site, "branch", "fix/typo")
    return site


def remote(there: Served, password: str = PASSWORD, **changed: Any) -> Remote:
    settings: dict[str, Any] = {"url": there.url, "username": "bot", "password": "env:X"} | changed
    return Remote(RemoteSettings(**settings), password)


def repository(site: Path) -> Repository:
    return Repository(place_of("site", site))


def test_a_branch_is_pushed_and_pushing_again_changes_nothing(there: Served, site: Path) -> None:
    first = remote(there).push(repository(site), "fix/typo", Run(30))
    tip = run_git(site, "rev-parse", "fix/typo")
    assert (first.commit, first.former) == (tip, None)
    assert run_git(there.folder, "rev-parse", "fix/typo") == tip
    assert remote(there).push(repository(site), "fix/typo", Run(30)).former == tip
    run_git(site, "commit", "-q", "--allow-empty", "-m", "More")
    run_git(site, "branch", "-f", "fix/typo")
    assert remote(there).push(repository(site), "fix/typo", Run(30)).former == tip
    assert run_git(there.folder, "rev-parse", "fix/typo") == run_git(site, "rev-parse", "main")


def test_what_others_have_pushed_is_not_written_over(there: Served, site: Path) -> None:
    remote(there).push(repository(site), "fix/typo", Run(30))
    run_git(site, "branch", "-f", "fix/typo", "main~1")
    push = refused(lambda: remote(there).push(repository(site), "fix/typo", Run(30)))
    assert push is Reason.CHANGED_MEANWHILE
    assert run_git(there.folder, "rev-parse", "fix/typo") == run_git(site, "rev-parse", "main")


def test_a_protected_branch_is_not_pushed(there: Served, site: Path) -> None:
    assert refused(lambda: remote(there).push(repository(site), "main", Run(30))) is Reason.ACCESS_DENIED
    assert there.asked == []


def test_a_wrong_password_and_a_missing_branch_are_told(there: Served, site: Path) -> None:
    push = refused(lambda: remote(there, "wrong").push(repository(site), "fix/typo", Run(30)))
    assert push is Reason.UNREACHABLE
    assert refused(lambda: remote(there).push(repository(site), "other", Run(30))) is Reason.NOT_FOUND


def test_a_remote_that_refuses_is_told(there: Served, site: Path) -> None:
    hook = there.folder / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    assert refused(lambda: remote(there).push(repository(site), "fix/typo", Run(30))) is Reason.REJECTED


def test_a_redirect_does_not_take_the_password_elsewhere(tmp_path: Path, there: Served, site: Path) -> None:
    (tmp_path / "evil").mkdir()
    with served(tmp_path / "evil") as evil:
        there.redirect = evil.url.removesuffix("/site.git")
        push = refused(lambda: remote(there).push(repository(site), "fix/typo", Run(30)))
        assert push is Reason.UNREACHABLE
        assert evil.asked == []


def test_settings_of_the_repository_do_not_move_a_push(tmp_path: Path, there: Served, site: Path) -> None:
    evil = "http://127.0.0.1:1/"
    marker = tmp_path / "ran"
    for key, setting in {
        f"url.{evil}.insteadOf": there.url,
        f"url.{evil}.pushInsteadOf": there.url,
        "http.proxy": evil,
        f"http.{there.url}.proxy": evil,
        "credential.helper": f"!touch {marker}; echo",
        "remote.origin.receivepack": f"touch {marker};",
        "core.sshCommand": f"touch {marker};",
    }.items():
        run_git(site, "config", key, setting)
    hook = site / ".git" / "hooks" / "pre-push"
    hook.write_text(f"#!/bin/sh\ntouch {marker}\n")
    hook.chmod(0o755)
    remote(there).push(repository(site), "fix/typo", Run(30))
    assert run_git(there.folder, "rev-parse", "fix/typo") == run_git(site, "rev-parse", "fix/typo")
    assert not marker.exists()


async def test_the_example_of_a_push_works_and_the_password_is_in_no_answer(
    there: Served, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_PASSWORD", PASSWORD)
    at = RemoteSettings(url=there.url, username="bot", password="env:GIT_PASSWORD")
    git = GitSettings(repositories={"workspace": RepositorySettings(path=site, remote=at)})
    server = build(ActionsSettings(families=only("git"), git=git))
    assert await run_examples(server, ["git_push"]) == ["git_push"]
    assert all(PASSWORD not in family.line() for family in server.families)
