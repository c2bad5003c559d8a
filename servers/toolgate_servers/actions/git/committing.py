"""Commits, made without the programs that a repository may want to run for them."""

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from toolgate_servers.actions.git.command import Setting, isolated
from toolgate_servers.actions.git.naming import check_path
from toolgate_servers.actions.git.repository import NOTHING, Repository, succeeded
from toolgate_servers.errors import Reason, Refused
from toolgate_servers.running import Run

MAX_FILE = 5_000_000
PLAIN, EXECUTABLE, FOLDER = "100644", "100755", "040000"


@dataclass(frozen=True, slots=True)
class Author:
    """Who commits, and when."""

    name: str
    email: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """What a path becomes: a file with this content, or nothing."""

    path: str
    content: bytes | None
    executable: bool | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """A commit that was made, and the one that the branch had before."""

    id: str
    tree: str
    former: str | None


def commit(
    repository: Repository,
    branch: str,
    parent: str | None,
    entries: Sequence[Entry],
    message: str,
    author: Author,
    run: Run,
) -> Made:
    """Put a commit on a branch; the working tree is not touched.

    Raises:
        Refused: NOT_FOUND, CHANGED_MEANWHILE, REJECTED or OUTSIDE_FOLDER; nothing was changed then.
    """
    former = _former(repository, branch, parent, run)
    with isolated(repository.place) as inside:
        if former is not None:
            succeeded(inside, ["read-tree", former], run)
        listed = _stored(inside, former, entries, run)
        tree = succeeded(inside, ["write-tree"], run)
        if former is not None and tree == succeeded(inside, ["rev-parse", f"{former}^{{tree}}"], run):
            raise Refused(
                Reason.REJECTED,
                "files",
                found="what the branch already has",
                expected="a change; git_diff shows what there is",
            )
        made = _committed(inside, tree, former, message, author, run)
    if _checked_out(repository, branch, run):
        _stage(repository, listed, run)
    if not repository.point(branch, made, former or NOTHING, run):
        raise changed_meanwhile()
    return Made(made, tree, former)


def from_tree(repository: Repository, paths: Sequence[str], run: Run) -> list[Entry]:
    """Read files of the working tree; one that is not there is to be removed.

    Raises:
        Refused: OUTSIDE_FOLDER for links, REJECTED for what a filter would change, TOO_LARGE.
    """
    if repository.place.bare:
        raise Refused(
            Reason.REJECTED,
            "paths",
            found="a repository without a working tree",
            expected="files, with their contents",
        )
    for number, path in enumerate(paths):
        check_path(f"paths.{number}", path)
    _check_filters(repository, paths, run)
    return [_read(repository, f"paths.{number}", path) for number, path in enumerate(paths)]


def changed_meanwhile() -> Refused:
    """Make the refusal for a branch that is no longer what the caller has seen."""
    return Refused(
        Reason.CHANGED_MEANWHILE,
        "parent",
        found="a branch that has another commit now",
        expected="you to look with git_log, and to repeat with the new parent and a new idempotency_key",
    )


def _former(repository: Repository, branch: str, parent: str | None, run: Run) -> str | None:
    former = repository.tip(branch, run)
    if former is None and repository.branches(run):
        raise Refused(
            Reason.NOT_FOUND, "branch", found="no such branch", expected="one that git_branch has made"
        )
    if parent is not None and parent != former:
        raise changed_meanwhile()
    return former


def _checked_out(repository: Repository, branch: str, run: Run) -> bool:
    return not repository.place.bare and repository.head(run)[0] == branch


def _stored(inside: Setting, former: str | None, entries: Sequence[Entry], run: Run) -> bytes:
    """Store contents and list them in the index; gives the list, as update-index reads it."""
    modes = _modes(inside, former, [entry.path for entry in entries], run)
    lines: list[str] = []
    for entry in entries:
        mode = modes.get(entry.path)
        if mode not in (None, PLAIN, EXECUTABLE):
            raise Refused(
                Reason.OUTSIDE_FOLDER,
                "files",
                found="a path where the repository has a link or another repository",
                expected="the path of a plain file",
            )
        if entry.content is None:
            if mode is None:
                raise Refused(
                    Reason.NOT_FOUND, "files", found="nothing to remove at a path", expected="a file"
                )
            lines.append(f"0 {NOTHING}\t{entry.path}\0")
            continue
        blob = succeeded(inside, ["hash-object", "-w", "--stdin", "--no-filters"], run, entry.content)
        if entry.executable is not None:
            mode = EXECUTABLE if entry.executable else PLAIN
        lines.append(f"{mode or PLAIN} {blob}\t{entry.path}\0")
    listed = "".join(lines).encode()
    succeeded(inside, ["update-index", "-z", "--index-info"], run, listed)
    _check_listed(inside, [entry.path for entry in entries if entry.content is not None], run)
    return listed


def _check_listed(inside: Setting, paths: Sequence[str], run: Run) -> None:
    """Refuse what git itself takes for no path of a repository: update-index passes over it in silence."""
    listed = succeeded(inside, ["ls-files", "-z", "--", *paths], run).split("\0") if paths else []
    if not set(paths) <= set(listed):
        raise Refused(
            Reason.OUTSIDE_FOLDER,
            "files",
            found="a path that git does not take",
            expected="the path of a plain file, outside .git",
        )


def _modes(inside: Setting, former: str | None, paths: Sequence[str], run: Run) -> Mapping[str, str]:
    """Give the modes of files in a commit; what stands in the way of a path counts as that path."""
    if former is None:
        return {}
    above = {path: _above(path) for path in paths}
    wanted = sorted({*paths, *(folder for folders in above.values() for folder in folders)})
    said = succeeded(inside, ["ls-tree", "-t", "-z", former, "--", *wanted], run)
    there = {
        path: head.split(" ")[0] for head, _, path in (line.partition("\t") for line in said.split("\0"))
    }
    blocked = {path for path in paths if any(there.get(one, FOLDER) != FOLDER for one in above[path])}
    return there | dict.fromkeys(blocked, FOLDER)


def _above(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]


def _committed(inside: Setting, tree: str, former: str | None, message: str, author: Author, run: Run) -> str:
    when = f"{int(author.at.timestamp())} +0000"
    identity = {
        f"GIT_{role}_{part}": value
        for role in ("AUTHOR", "COMMITTER")
        for part, value in (("NAME", author.name), ("EMAIL", author.email), ("DATE", when))
    }
    named = Setting(inside.folder, {**inside.environment, **identity}, inside.overrides)
    parents = [] if former is None else ["-p", former]
    return succeeded(named, ["commit-tree", "--no-gpg-sign", tree, *parents], run, message.encode())


def _stage(repository: Repository, listed: bytes, run: Run) -> None:
    """Let the index know of what was committed, so that it does not show as undone."""
    with isolated(repository.place, tree=True) as inside:
        succeeded(inside, ["update-index", "-z", "--index-info"], run, listed)


def _check_filters(repository: Repository, paths: Sequence[str], run: Run) -> None:
    """Refuse what a filter of gitattributes(5) would change: it is a program, and it is not run here."""
    with isolated(repository.place, tree=True) as inside:
        sent = "".join(f"{path}\0" for path in paths).encode()
        said = succeeded(inside, ["check-attr", "-z", "--stdin", "filter"], run, sent).split("\0")
    if any(value not in ("unspecified", "unset") for value in said[2::3]):
        raise Refused(
            Reason.REJECTED,
            "paths",
            found="a file that a filter changes, as Git LFS does",
            expected="other files; a person can commit this one",
        )


def _read(repository: Repository, where: str, path: str) -> Entry:
    """Read a file without following a link on the way."""
    *folders, name = path.split("/")
    follow = getattr(os, "O_NOFOLLOW", 0)
    at = os.open(repository.place.folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    try:
        for folder in folders:
            inner = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | follow, dir_fd=at)
            os.close(at)
            at = inner
        file = os.open(name, os.O_RDONLY | follow | getattr(os, "O_NONBLOCK", 0), dir_fd=at)
    except FileNotFoundError:
        return Entry(path, None)
    except OSError:
        raise _not_plain(where) from None
    finally:
        os.close(at)
    found = os.fstat(file)
    if not stat.S_ISREG(found.st_mode):
        os.close(file)
        raise _not_plain(where)
    with os.fdopen(file, "rb") as opened:
        content = opened.read(MAX_FILE + 1)
    if len(content) > MAX_FILE:
        raise Refused(Reason.TOO_LARGE, where, found="a larger file", expected=f"at most {MAX_FILE} bytes")
    return Entry(path, content, bool(found.st_mode & stat.S_IXUSR))


def _not_plain(where: str) -> Refused:
    return Refused(
        Reason.OUTSIDE_FOLDER,
        where,
        found="a link, or something that is not a plain file",
        expected="the path of a plain file in plain folders",
    )
