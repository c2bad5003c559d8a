"""Repositories: looked at, branched, committed to and proposed, without moving what others have."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from mcp import Client

from action_families import only
from git_setups import make_repository, run_git
from tool_calls import reason, value
from tool_examples import run_examples
from toolgate_servers.actions.git import request_tools
from toolgate_servers.actions.git.command import place_of
from toolgate_servers.actions.git.committing import Author, Entry, commit
from toolgate_servers.actions.git.repository import Repository
from toolgate_servers.actions.git.settings import GitSettings, RepositorySettings
from toolgate_servers.actions.server import build
from toolgate_servers.actions.settings import ActionsSettings
from toolgate_servers.errors import CannotStart, Reason, Refused
from toolgate_servers.running import Run
from toolgate_servers.server import ToolServer

SITE = {"repository": "site"}
WORK = {"repository": "workspace"}
WELCOME = {"path": "docs/index.md", "content": "# Welcome\n"}
FAMILIES = only("git")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "site")


def serving(site: Path | None = None, stores: Path | None = None) -> ToolServer:
    named = {} if site is None else {"site": RepositorySettings(path=site)}
    return build(ActionsSettings(families=FAMILIES, stores=stores, git=GitSettings(repositories=named)))


async def test_the_state_of_a_working_tree_is_told(site: Path) -> None:
    (site / "docs" / "index.md").write_text("# Bye\n")
    (site / "new file.txt").write_text("x")
    (site / "run.sh").unlink()
    run_git(site, "rm", "-q", "--cached", "run.sh")
    async with Client(serving(site)) as client:
        told = value(await client.call_tool("git_status", SITE))
    assert (told["branch"], told["commit"]) == ("main", run_git(site, "rev-parse", "HEAD"))
    assert [one["name"] for one in told["branches"]] == ["main"]
    assert {(one["path"], one["state"], one["staged"]) for one in told["files"]} == {
        ("docs/index.md", "changed", False),
        ("run.sh", "changed", True),
        ("new file.txt", "untracked", False),
    }


async def test_differences_and_history_are_told(site: Path) -> None:
    (site / "docs" / "index.md").write_text("# Bye\n")
    async with Client(serving(site)) as client:
        now = value(await client.call_tool("git_diff", SITE))
        assert now["files"] == [{"path": "docs/index.md", "added": 1, "removed": 2}]
        assert "+# Bye" in now["patch"]
        then = value(
            await client.call_tool("git_diff", SITE | {"old": "main~1", "new": "main", "path": "docs"})
        )
        assert "+World" in then["patch"]
        short = value(await client.call_tool("git_diff", SITE | {"max_chars": 10}))
        assert (len(short["patch"]), short["cut"]) == (10, True)
        commits = value(await client.call_tool("git_log", SITE | {"path": "docs/index.md"}))["commits"]
        assert [one["message"] for one in commits] == ["Greet the world\n\nIt was time.", "Begin"]
        assert (commits[0]["author"], commits[0]["email"]) == ("Ann Example", "ann@example.com")
        assert commits[0]["parents"] == [commits[1]["id"]]
        older = value(await client.call_tool("git_log", SITE | {"skip": 1, "limit": 1}))["commits"]
        assert [one["id"] for one in older] == [commits[1]["id"]]


async def test_work_in_the_tree_is_committed_on_a_branch_of_its_own(site: Path) -> None:
    main = run_git(site, "rev-parse", "main")
    (site / "docs" / "index.md").write_text("# Bye\n")
    (site / "bin").mkdir()
    (site / "bin" / "go").write_text("go")
    (site / "bin" / "go").chmod(0o755)
    (site / "run.sh").unlink()
    (site / "left.txt").write_text("not committed")
    async with Client(serving(site)) as client:
        made = value(await client.call_tool("git_branch", SITE | {"branch": "fix/x", "switch": True}))
        assert (made["former_branch"], made["commit"], made["switched"]) == ("main", main, True)
        paths = ["docs/index.md", "bin/go", "run.sh"]
        work = SITE | {"branch": "fix/x", "message": "Say bye", "paths": paths}
        done = value(await client.call_tool("git_commit", work))
        assert done["former"] == main
    assert run_git(site, "show", "--format=%an", "--name-status", "--no-renames", "HEAD").split() == [
        *("toolgate", "A", "bin/go", "M", "docs/index.md", "D", "run.sh")
    ]
    assert run_git(site, "ls-tree", "HEAD", "bin/go").startswith("100755 blob")
    assert run_git(site, "status", "--porcelain") == "?? left.txt"
    assert run_git(site, "rev-parse", "main") == main
    assert run_git(site, "fsck", "--strict") == ""


async def test_contents_are_committed_to_a_branch_that_is_not_checked_out(site: Path) -> None:
    async with Client(serving(site)) as client:
        value(await client.call_tool("git_branch", SITE | {"branch": "fix/y"}))
        files = [WELCOME, {"path": "run.sh", "content": None}, {"path": "new/a.txt", "content": "a"}]
        work = SITE | {"branch": "fix/y", "message": "Welcome", "files": files}
        value(await client.call_tool("git_commit", work))
        again = await client.call_tool("git_commit", work | {"files": [WELCOME]})
        assert reason(again) is Reason.REJECTED
    assert run_git(site, "show", "fix/y:docs/index.md") == "# Welcome"
    assert run_git(site, "ls-tree", "-r", "--name-only", "fix/y").split() == ["docs/index.md", "new/a.txt"]
    assert run_git(site, "status", "--porcelain") == ""


@pytest.mark.parametrize(
    ("tool", "arguments", "expected"),
    [
        ("git_status", {"repository": "other"}, Reason.NOT_FOUND),
        ("git_log", {"revision": "nothing"}, Reason.NOT_FOUND),
        ("git_branch", {"branch": "x", "start": "main~1", "switch": True}, Reason.REJECTED),
        ("git_branch", {"branch": "main", "start": "main~1"}, Reason.REJECTED),
        ("git_branch", {"branch": "main/x"}, Reason.REJECTED),
        ("git_commit", {"branch": "main", "message": "m", "files": [WELCOME]}, Reason.REJECTED),
        ("git_commit", {"branch": "other", "message": "m", "files": [WELCOME]}, Reason.NOT_FOUND),
        ("git_commit", {"branch": "main", "message": "m"}, Reason.ARGUMENT_NOT_VALID),
        ("git_commit", {"branch": "main", "message": "m", "paths": ["nothing"]}, Reason.NOT_FOUND),
        ("git_commit", {"branch": "main", "message": "m", "paths": ["docs"]}, Reason.OUTSIDE_FOLDER),
        ("git_commit", {"branch": "main", "message": "m", "paths": ["run.sh"]}, Reason.REJECTED),
        ("git_push", {"branch": "main"}, Reason.REJECTED),
        ("git_open_pull_request", {"head": "main", "title": "t"}, Reason.REJECTED),
        ("git_open_pull_request", {"head": "none", "title": "t"}, Reason.NOT_FOUND),
        ("git_read_pull_request", {"number": 1}, Reason.NOT_FOUND),
    ],
)
async def test_what_does_not_fit_is_refused(
    site: Path, tool: str, arguments: dict[str, Any], expected: Reason
) -> None:
    before = run_git(site, "for-each-ref")
    async with Client(serving(site)) as client:
        assert reason(await client.call_tool(tool, SITE | arguments)) is expected
    assert run_git(site, "for-each-ref") == before
    assert run_git(site, "status", "--porcelain") == ""


async def test_a_path_that_git_would_pass_over_is_refused_and_nothing_beside_it_is_committed(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toolgate_servers.actions.git.naming.GIT_FOLDER", re.compile("nothing"))
    async with Client(serving(site)) as client:
        value(await client.call_tool("git_branch", SITE | {"branch": "x"}))
        before = run_git(site, "for-each-ref")
        files = [WELCOME, {"path": ".git::$INDEX_ALLOCATION/config", "content": "x"}]
        work = SITE | {"branch": "x", "message": "m", "files": files}
        assert reason(await client.call_tool("git_commit", work)) is Reason.OUTSIDE_FOLDER
    assert run_git(site, "for-each-ref") == before


async def test_names_beyond_ascii_are_shown_as_they_are(site: Path) -> None:
    async with Client(serving(site)) as client:
        value(await client.call_tool("git_branch", SITE | {"branch": "x"}))
        work = SITE | {"branch": "x", "message": "m", "files": [{"path": "größe.txt", "content": "ä"}]}
        value(await client.call_tool("git_commit", work))
        shown = value(await client.call_tool("git_diff", SITE | {"old": "main", "new": "x"}))
    assert "+++ b/größe.txt" in shown["patch"]


async def test_a_commit_on_a_branch_that_has_moved_is_refused(site: Path) -> None:
    async with Client(serving(site)) as client:
        parent = run_git(site, "rev-parse", "main~1")
        value(await client.call_tool("git_branch", SITE | {"branch": "x"}))
        work = SITE | {"branch": "x", "message": "m", "files": [WELCOME], "parent": parent}
        assert reason(await client.call_tool("git_commit", work)) is Reason.CHANGED_MEANWHILE


async def test_of_commits_at_once_none_is_lost(tmp_path: Path) -> None:
    server = serving(stores=tmp_path)
    async with Client(server) as client:
        first = WORK | {"branch": "main", "message": "m", "files": [WELCOME]}
        value(await client.call_tool("git_commit", first))
    repository = Repository(place_of("workspace", tmp_path / "workspace.git"))
    author = Author("a", "a@b.example", datetime(2026, 1, 1, tzinfo=UTC))

    def add(number: int) -> Reason | None:
        try:
            commit(repository, "main", None, [Entry(f"{number}", b"x")], "m", author, Run(30))
        except Refused as refused:
            return refused.reason
        return None

    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(add, range(8)))
    names = run_git(tmp_path / "workspace.git", "ls-tree", "--name-only", "main").split()
    assert set(said) <= {None, Reason.CHANGED_MEANWHILE}
    assert len(names) == said.count(None) + 1


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("git_branch", {"branch": "b"}),
        ("git_commit", {"branch": "main", "message": "m", "files": [{"path": "a", "content": "b"}]}),
        ("git_open_pull_request", {"head": "topic", "title": "t"}),
        ("git_review_pull_request", {"number": 1, "verdict": "approve", "text": "Good"}),
    ],
)
async def test_every_write_happens_once_for_each_key_also_after_a_restart(
    tmp_path: Path, tool: str, arguments: dict[str, Any]
) -> None:
    async with Client(serving(stores=tmp_path)) as client:
        head = await seed(client)
    more = {"commit": head} if "number" in arguments else {}
    once = WORK | arguments | more | {"idempotency_key": "k"}
    async with Client(serving(stores=tmp_path)) as client:
        first = value(await client.call_tool(tool, once))
        assert value(await client.call_tool(tool, once)) == first | {"repeated": True}
    refs = run_git(tmp_path / "workspace.git", "for-each-ref")
    async with Client(serving(stores=tmp_path)) as client:
        assert value(await client.call_tool(tool, once)) == first | {"repeated": True}
        pull = value(await client.call_tool("git_read_pull_request", WORK | {"number": 1}))
        assert len(pull["reviews"]) == (1 if tool == "git_review_pull_request" else 0)
        none = await client.call_tool("git_read_pull_request", WORK | {"number": 3})
        assert reason(none) is Reason.NOT_FOUND
    assert run_git(tmp_path / "workspace.git", "for-each-ref") == refs


async def seed(client: Client) -> str:
    """Two commits on main, one on topic, and a pull request; gives the head of it."""
    for content in ("# One\n", "# Two\n"):
        files = [{"path": "docs/index.md", "content": content}]
        value(await client.call_tool("git_commit", WORK | {"branch": "main", "message": "m", "files": files}))
    value(await client.call_tool("git_branch", WORK | {"branch": "topic", "start": "main"}))
    work = WORK | {"branch": "topic", "message": "Fix", "files": [WELCOME]}
    head = value(await client.call_tool("git_commit", work))["commit"]
    opened = {"head": "topic", "title": "Welcome", "body": "Because"}
    pull = value(await client.call_tool("git_open_pull_request", WORK | opened))
    assert (pull["number"], pull["head_commit"], pull["url"]) == (1, head, None)
    return cast("str", head)


async def test_a_pull_request_is_opened_read_and_reviewed() -> None:
    async with Client(serving()) as client:
        head = await seed(client)
        at = WORK | {"number": 1}
        pull = value(await client.call_tool("git_read_pull_request", at))
        assert (pull["title"], pull["state"], pull["head_commit"]) == ("Welcome", "open", head)
        assert [(one["path"], one["added"], one["removed"]) for one in pull["files"]] == [
            ("docs/index.md", 1, 1)
        ]
        verdict = at | {"commit": head, "verdict": "request_changes", "text": "Almost"}
        remarks = [{"path": "docs/index.md", "line": 1, "text": "Why?"}]
        value(await client.call_tool("git_review_pull_request", verdict | {"remarks": remarks}))
        (review,) = value(await client.call_tool("git_read_pull_request", at))["reviews"]
        assert (review["verdict"], review["text"]) == ("request_changes", "Almost\n\ndocs/index.md:1: Why?")
        late = at | {"commit": "0" * 40, "verdict": "approve", "text": "Good"}
        assert reason(await client.call_tool("git_review_pull_request", late)) is Reason.CHANGED_MEANWHILE


async def test_the_examples_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Client(serving(stores=tmp_path)) as client:
        monkeypatch.setattr(request_tools, "COMMIT", await seed(client))
    server = serving(stores=tmp_path)
    names = [tool.name for family in server.families for tool in family.tools]
    kept = [name for name in names if name != "git_push"]  # which needs a remote over HTTP
    assert await run_examples(server, kept) == kept


@pytest.mark.parametrize("broken", ["missing", "linked", "file", "sha256"])
def test_a_folder_that_is_no_repository_of_its_own_does_not_start(
    tmp_path: Path, site: Path, broken: str
) -> None:
    folder = tmp_path / "broken"
    if broken == "linked":
        folder.mkdir()
        (folder / ".git").symlink_to(site / ".git")
    elif broken == "file":
        folder.mkdir()
        (folder / ".git").write_text(f"gitdir: {site / '.git'}\n")
    elif broken == "sha256":
        folder.mkdir()
        run_git(folder, "init", "-q", "--object-format=sha256")
    with pytest.raises(CannotStart):
        serving(folder)
