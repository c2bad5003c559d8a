"""The git tools for one's own repositories."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from mcp.server.mcpserver.tools import Tool

from toolgate_servers.actions.git.committing import Author, Entry, commit, from_tree
from toolgate_servers.actions.git.naming import check_branch, check_path
from toolgate_servers.actions.git.pushing import Remote
from toolgate_servers.actions.git.repository import NOTHING, Repository
from toolgate_servers.actions.git.shapes import (
    BranchItem,
    BranchMade,
    CommitItem,
    CommitMade,
    Diff,
    DiffFound,
    FileItem,
    Log,
    LogFound,
    MakeBranch,
    MakeCommit,
    Push,
    PushDone,
    Status,
    StatusFound,
    TreeItem,
)
from toolgate_servers.actions.kinds import Kinds
from toolgate_servers.actions.plaintext import check_text
from toolgate_servers.errors import Reason, Refused
from toolgate_servers.idempotency import Once
from toolgate_servers.running import Run
from toolgate_servers.strict import described, strict_tool

HERE, AFAR = Kinds(remote=False), Kinds(remote=True)
WORKSPACE = "workspace"
SECONDS = 60


class Repositories:
    """The repositories of the settings, and where each is pushed to."""

    def __init__(
        self,
        repositories: Mapping[str, Repository],
        remotes: Mapping[str, Remote],
        author: tuple[str, str],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._repositories = repositories
        self._remotes = remotes
        self._author = author
        self._clock = clock

    def named(self, name: str) -> Repository:
        """Give a repository.

        Raises:
            Refused: NOT_FOUND, naming those that there are.
        """
        if name not in self._repositories:
            raise Refused(
                Reason.NOT_FOUND,
                "repository",
                found="no such repository",
                expected=f"one of {', '.join(sorted(self._repositories))}",
            )
        return self._repositories[name]

    def remote(self, name: str) -> Remote:
        """Give where a repository is pushed to.

        Raises:
            Refused: NOT_FOUND or REJECTED.
        """
        self.named(name)
        if name not in self._remotes:
            raise Refused(
                Reason.REJECTED,
                "repository",
                found="a repository without a remote",
                expected="one whose settings name a remote",
            )
        return self._remotes[name]

    def author(self) -> Author:
        """Say who commits, and when."""
        return Author(*self._author, self._clock())


def repository_tools(repositories: Repositories, once: Once) -> list[Tool]:
    """Make the tools over repositories."""
    return [
        _status(repositories),
        _diff(repositories),
        _log(repositories),
        _branch(repositories, once),
        _commit(repositories, once),
        _push(repositories, once),
    ]


def _status(repositories: Repositories) -> Tool:
    def git_status(arguments: Status, run: Run) -> StatusFound:
        repository = repositories.named(arguments.repository)
        branch, head = repository.head(run)
        files, more = repository.files(run)
        return StatusFound(
            branch=branch,
            commit=head,
            branches=[BranchItem(name=name, commit=tip) for name, tip in repository.branches(run)],
            files=[TreeItem.model_validate(_plain(one)) for one in files],
            more_files=more,
        )

    return strict_tool(
        git_status,
        name="git_status",
        takes=Status,
        gives=StatusFound,
        title="Look at a repository",
        description=described(
            "Give the branch that is checked out, all branches, and the files that are not committed.",
            use="you begin to work in a repository, or need the name of a branch",
            not_for="what changed in a file: git_diff gives that",
            example={"repository": WORKSPACE},
        ),
        annotations=HERE.reads,
        timeout=SECONDS,
    )


def _diff(repositories: Repositories) -> Tool:
    def git_diff(arguments: Diff, run: Run) -> DiffFound:
        repository = repositories.named(arguments.repository)
        old = repository.resolve("old", arguments.old, run)
        new = None if arguments.new is None else repository.resolve("new", arguments.new, run)
        files, patch, cut = repository.diff(old, new, arguments.path, arguments.max_chars, run)
        return DiffFound(files=[FileItem.model_validate(_plain(one)) for one in files], patch=patch, cut=cut)

    return strict_tool(
        git_diff,
        name="git_diff",
        takes=Diff,
        gives=DiffFound,
        title="Compare versions",
        description=described(
            "Give what differs between two commits, or between a commit and the working tree.",
            use="you review work, or check your own before a commit",
            not_for="a pull request on GitHub: git_read_pull_request gives its files",
            example={"repository": WORKSPACE, "old": "main~1", "new": "main"},
        ),
        annotations=HERE.reads,
        timeout=SECONDS,
    )


def _log(repositories: Repositories) -> Tool:
    def git_log(arguments: Log, run: Run) -> LogFound:
        repository = repositories.named(arguments.repository)
        newest = repository.resolve("revision", arguments.revision, run)
        commits = repository.log(newest, arguments.path, arguments.skip, arguments.limit, run)
        items = [CommitItem.model_validate(_plain(one) | {"parents": list(one.parents)}) for one in commits]
        return LogFound(commits=items)

    return strict_tool(
        git_log,
        name="git_log",
        takes=Log,
        gives=LogFound,
        title="Read the history",
        description=described(
            "Give commits, newest first, with author, time and message.",
            use="you want to know what was done, by whom and why",
            not_for="the changes themselves: git_diff gives those",
            example={"repository": WORKSPACE, "revision": "main", "limit": 5},
        ),
        annotations=HERE.reads,
        timeout=SECONDS,
    )


def _branch(repositories: Repositories, once: Once) -> Tool:
    def git_branch(arguments: MakeBranch, run: Run) -> BranchMade:
        return make_branch(repositories.named(arguments.repository), arguments, run)

    return strict_tool(
        git_branch,
        name="git_branch",
        takes=MakeBranch,
        gives=BranchMade,
        title="Make a branch",
        description=described(
            "Make a branch, and check it out if no file changes by that.",
            use="you are about to change something and should not do so on main",
            not_for="moving or removing a branch, which a person does",
            example={"repository": WORKSPACE, "branch": "fix/typo", "start": "main"},
        ),
        annotations=HERE.adds,
        once=once,
        repeatable=True,
    )


def make_branch(repository: Repository, arguments: MakeBranch, run: Run) -> BranchMade:
    """Make a branch, or find it as it was to be made, and check it out if no file changes by that.

    Raises:
        Refused: ARGUMENT_NOT_VALID, NOT_FOUND or REJECTED.
    """
    check_branch("branch", arguments.branch)
    start = repository.resolve("start", arguments.start, run)
    former, head = repository.head(run)
    if arguments.switch and (head != start or repository.place.bare):
        raise Refused(
            Reason.REJECTED,
            "switch",
            found="a start that is not what is checked out",
            expected="the start HEAD, or switch false",
        )
    there = repository.tip(arguments.branch, run) == start
    if not there and not repository.point(arguments.branch, start, NOTHING, run):
        raise Refused(
            Reason.REJECTED,
            "branch",
            found="a branch with this name, or one that stands in its way",
            expected="another name",
        )
    if arguments.switch and former != arguments.branch:
        repository.switch(arguments.branch, run)
    return BranchMade(branch=arguments.branch, commit=start, former_branch=former, switched=arguments.switch)


def _commit(repositories: Repositories, once: Once) -> Tool:
    def git_commit(arguments: MakeCommit, run: Run) -> CommitMade:
        repository = repositories.named(arguments.repository)
        check_text("message", arguments.message, 5000)
        entries = _entries(repository, arguments, run)
        made = commit(
            repository,
            arguments.branch,
            arguments.parent,
            entries,
            arguments.message,
            repositories.author(),
            run,
        )
        return CommitMade(branch=arguments.branch, commit=made.id, former=made.former)

    return strict_tool(
        git_commit,
        name="git_commit",
        takes=MakeCommit,
        gives=CommitMade,
        title="Commit",
        description=described(
            "Put a commit on a branch: files of the working tree, or files with the contents that you give.",
            use="a step of your work is done",
            not_for="publishing it: git_push does that",
            example={
                "repository": WORKSPACE,
                "branch": "fix/typo",
                "message": "Spell the name as its bearer does",
                "files": [{"path": "docs/index.md", "content": "# Welcome\n"}],
            },
        ),
        annotations=HERE.adds,
        timeout=SECONDS,
        once=once,
    )


def _push(repositories: Repositories, once: Once) -> Tool:
    def git_push(arguments: Push, run: Run) -> PushDone:
        check_branch("branch", arguments.branch)
        repository, remote = (
            repositories.named(arguments.repository),
            repositories.remote(arguments.repository),
        )
        pushed = remote.push(repository, arguments.branch, run)
        return PushDone(branch=arguments.branch, commit=pushed.commit, former=pushed.former)

    return strict_tool(
        git_push,
        name="git_push",
        takes=Push,
        gives=PushDone,
        title="Push a branch",
        description=described(
            "Push a branch to the remote of the settings, never over what others have pushed.",
            use="others should see the commits, or a pull request needs them",
            not_for="protected branches such as main: git_open_pull_request proposes changes to those",
            example={"repository": WORKSPACE, "branch": "fix/typo"},
        ),
        annotations=AFAR.sends,
        timeout=120,
        once=once,
        repeatable=True,
    )


def _entries(repository: Repository, arguments: MakeCommit, run: Run) -> list[Entry]:
    """See where the files come from: from the call, or from the working tree of what is checked out."""
    checked_out = not repository.place.bare and repository.head(run)[0] == arguments.branch
    if bool(arguments.files) == bool(arguments.paths):
        raise Refused(
            Reason.ARGUMENT_NOT_VALID,
            "files",
            found="files and paths, or neither",
            expected="files with their contents, or paths of the working tree",
        )
    if checked_out != bool(arguments.paths):
        raise Refused(
            Reason.REJECTED,
            "branch",
            found="the branch that is checked out" if checked_out else "a branch that is not checked out",
            expected="paths of its working tree" if checked_out else "files, with their contents",
        )
    if arguments.paths:
        return from_tree(repository, arguments.paths, run)
    for number, file in enumerate(arguments.files):
        check_path(f"files.{number}.path", file.path)
    return [
        Entry(file.path, None if file.content is None else file.content.encode()) for file in arguments.files
    ]


def _plain(found: object) -> dict[str, Any]:
    return {name: getattr(found, name) for name in getattr(found, "__slots__", ())}
