"""What a repository holds: its branches, commits and differences."""

import re
from dataclasses import dataclass

from toolgate_servers.actions.git.command import Place, Setting, git, in_repository, isolated
from toolgate_servers.actions.git.naming import COMMIT, check_branch, check_path, check_revision
from toolgate_servers.actions.plaintext import one_line, plain
from toolgate_servers.errors import Reason, Refused
from toolgate_servers.running import Run

MAX_BRANCHES = 100
MAX_FILES = 500
NOTHING = "0" * 40
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
QUIET = ("--no-ext-diff", "--no-textconv", "--no-color", "--no-renames", "--ignore-submodules=all")
KINDS = {"1": "changed", "2": "changed", "u": "in conflict", "?": "untracked"}


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """A file of a difference; lines are None where it is not text."""

    path: str
    added: int | None
    removed: int | None


@dataclass(frozen=True, slots=True)
class TreeFile:
    """A file of the working tree that is not as HEAD has it."""

    path: str
    state: str
    staged: bool


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit."""

    id: str
    parents: tuple[str, ...]
    author: str
    email: str
    at: str
    message: str


class Repository:
    """One repository."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def resolve(self, where: str, revision: str, run: Run) -> str:
        """Give the commit that a revision names.

        Raises:
            Refused: ARGUMENT_NOT_VALID or NOT_FOUND.
        """
        check_revision(where, revision)
        wanted = f"{revision}^{{commit}}"
        said = git(
            in_repository(self.place), ["rev-parse", "--verify", "-q", "--end-of-options", wanted], run
        )
        found = said.text.rpartition("\n")[2]
        if said.status or COMMIT.fullmatch(found) is None:
            raise Refused(
                Reason.NOT_FOUND, where, found="no such commit", expected="a branch that git_status gives"
            )
        return found

    def tip(self, branch: str, run: Run) -> str | None:
        """Give the commit of a branch, or None if there is no such branch."""
        check_branch("branch", branch)
        said = git(
            in_repository(self.place), ["rev-parse", "--verify", "-q", f"refs/heads/{branch}^{{commit}}"], run
        )
        return said.text if said.status == 0 and COMMIT.fullmatch(said.text) else None

    def head(self, run: Run) -> tuple[str | None, str | None]:
        """Give the branch that is checked out and its commit, each None where there is none."""
        inside = in_repository(self.place)
        branch = git(inside, ["symbolic-ref", "-q", "--short", "HEAD"], run).text or None
        said = git(inside, ["rev-parse", "--verify", "-q", "HEAD^{commit}"], run)
        return branch, said.text if COMMIT.fullmatch(said.text) else None

    def branches(self, run: Run) -> list[tuple[str, str]]:
        """Give the branches and their commits, those with the newest commits first."""
        said = git(
            in_repository(self.place),
            [
                "for-each-ref",
                f"--count={MAX_BRANCHES}",
                "--sort=-committerdate",
                "--format=%(refname:lstrip=2) %(objectname)",
                "refs/heads/",
            ],
            run,
        )
        pairs = [line.rpartition(" ")[::2] for line in said.text.splitlines()]
        return [(name, commit) for name, commit in pairs if COMMIT.fullmatch(commit)]

    def files(self, run: Run) -> tuple[list[TreeFile], bool]:
        """Give the files of the working tree that are not as HEAD has them, and whether there are more."""
        if self.place.bare:
            return [], False
        _, head = self.head(run)
        arguments = ["status", "--porcelain=v2", "-z", "--untracked-files=normal", "--no-renames"]
        with isolated(self.place, head, tree=True) as inside:
            said = succeeded(inside, [*arguments, "--ignore-submodules=all"], run)
        found = [one for entry in said.split("\0") if (one := _tree_file(entry)) is not None]
        return found[:MAX_FILES], len(found) > MAX_FILES

    def diff(
        self, old: str | None, new: str | None, path: str | None, at_most: int, run: Run
    ) -> tuple[list[ChangedFile], str, bool]:
        """Give what differs between two commits, or a commit and the working tree: files, patch, cut or not.

        Raises:
            Refused: As resolve; OUTSIDE_FOLDER for a path, REJECTED for a working tree that is not there.
        """
        if path is not None:
            check_path("path", path)
        if new is None and self.place.bare:
            raise Refused(
                Reason.REJECTED,
                "new",
                found="nothing, in a repository without a working tree",
                expected="a revision",
            )
        limits = [] if path is None else [path]
        revisions = [old or EMPTY_TREE] if new is None else [old or EMPTY_TREE, new]
        with isolated(self.place, old, tree=new is None) as inside:
            command = ["diff", *QUIET]
            counted = succeeded(inside, [*command, "--numstat", "-z", *revisions, "--", *limits], run)
            patch = git(inside, [*command, *revisions, "--", *limits], run, at_most=at_most, cut=True)
        files = [one for entry in counted.split("\0") if (one := _changed_file(entry)) is not None]
        text = plain(patch.output.decode("utf-8", errors="replace"), at_most)
        return files[:MAX_FILES], text, len(patch.output) >= at_most

    def merge_base(self, one: str, other: str, run: Run) -> str | None:
        """Give the last commit that two have in common."""
        with isolated(self.place) as inside:
            said = git(inside, ["merge-base", one, other], run)
        return said.text if COMMIT.fullmatch(said.text) else None

    def log(self, commit: str, path: str | None, skip: int, limit: int, run: Run) -> list[Commit]:
        """Give commits, newest first."""
        if path is not None:
            check_path("path", path)
        fields = "%H%x00%P%x00%an%x00%ae%x00%aI%x00%B%x00"
        arguments = ["log", "--no-color", "--no-show-signature", "--no-mailmap", f"--format=tformat:{fields}"]
        arguments += [f"--skip={skip}", f"--max-count={limit}", commit, "--"]
        with isolated(self.place) as inside:
            said = succeeded(inside, [*arguments, *([] if path is None else [path])], run)
        parts = said.split("\0")
        return [_commit(parts[start : start + 6]) for start in range(0, len(parts) - 6, 6)]

    def point(self, branch: str, new: str, old: str, run: Run) -> bool:
        """Let a branch be another commit, if it still is the old one; `NOTHING` for one that is not there."""
        arguments = ["update-ref", "--no-deref", "-m", "toolgate", f"refs/heads/{branch}", new, old]
        return git(in_repository(self.place), arguments, run).status == 0

    def switch(self, branch: str, run: Run) -> None:
        """Check out a branch that has the very commit that is checked out: no file changes."""
        arguments = ["symbolic-ref", "-m", "toolgate", "HEAD", f"refs/heads/{branch}"]
        if git(in_repository(self.place), arguments, run).status:
            raise failed()


def succeeded(setting: Setting, arguments: list[str], run: Run, sent: bytes = b"") -> str:
    """Run git and give what it said.

    Raises:
        Refused: REJECTED, when it says no.
    """
    said = git(setting, arguments, run, sent=sent)
    if said.status:
        raise failed()
    return said.text


def failed() -> Refused:
    """Make the refusal for a command that git would not do."""
    return Refused(
        Reason.REJECTED,
        "git",
        found="something that it does not do in this repository",
        expected="arguments that fit it: look with git_status and git_log",
    )


def _tree_file(entry: str) -> TreeFile | None:
    """git-status(1), porcelain format version 2."""
    kind = entry[:1]
    if kind not in KINDS:
        return None
    if kind == "?":
        return TreeFile(one_line(entry[2:], 500), KINDS[kind], staged=False)
    states, path = entry[2:4], entry.split(" ", 10 if kind == "u" else 8)[-1]
    return TreeFile(one_line(path, 500), KINDS[kind], staged=states[0] != ".")


def _changed_file(entry: str) -> ChangedFile | None:
    match = re.fullmatch(r"([0-9]+|-)\t([0-9]+|-)\t(.+)", entry, re.DOTALL)
    if match is None:
        return None
    added, removed = (None if part == "-" else int(part) for part in match.group(1, 2))
    return ChangedFile(one_line(match[3], 500), added, removed)


def _commit(parts: list[str]) -> Commit:
    identity, parents, author, email, at, message = parts
    return Commit(
        identity.strip("\n"),
        tuple(parents.split()),
        one_line(author, 200),
        one_line(email, 254),
        at,
        plain(message, 5000).strip(),
    )
