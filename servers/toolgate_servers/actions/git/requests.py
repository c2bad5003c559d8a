"""Pull requests: asked for, looked at and reviewed; here, or wherever a repository has them."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from toolgate_servers.actions.git.repository import Repository
from toolgate_servers.database import Database
from toolgate_servers.errors import Reason, Refused
from toolgate_servers.idempotency import stable_id
from toolgate_servers.running import Run

APPLICATION_ID = 0x7467_6F72
MAX_PULLS = 100_000
Verdict: TypeAlias = Literal["approve", "request_changes", "comment"]

SCHEMA = """
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS pulls (
  id TEXT PRIMARY KEY,
  repository TEXT NOT NULL,
  number INTEGER NOT NULL,
  head TEXT NOT NULL,
  base TEXT NOT NULL,
  title TEXT NOT NULL,
  body TEXT NOT NULL,
  draft INTEGER NOT NULL,
  UNIQUE (repository, number)
);
CREATE TABLE IF NOT EXISTS reviews (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  pull TEXT NOT NULL,
  verdict TEXT NOT NULL,
  text TEXT NOT NULL,
  head TEXT NOT NULL,
  at TEXT NOT NULL
);
"""


@dataclass(frozen=True, slots=True)
class Proposed:
    """What somebody wants to have merged."""

    head: str
    base: str
    title: str
    body: str
    draft: bool


@dataclass(frozen=True, slots=True)
class Remark:
    """A remark on one line of a file as it is in the head of a pull request."""

    path: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A review: of a version, with a verdict and remarks."""

    verdict: Verdict
    text: str
    commit: str
    remarks: tuple[Remark, ...]


@dataclass(frozen=True, slots=True)
class PullFile:
    """A file of a pull request; the patch is empty where it is not known or not text."""

    path: str
    added: int
    removed: int
    patch: str


@dataclass(frozen=True, slots=True)
class PullReview:
    """A review that was given."""

    id: str
    author: str
    verdict: str
    text: str
    at: str


@dataclass(frozen=True, slots=True)
class Pull:
    """A pull request as it is now."""

    number: int
    proposed: Proposed
    state: str
    commit: str
    url: str | None
    files: tuple[PullFile, ...] = ()
    reviews: tuple[PullReview, ...] = ()


class PullRequests(Protocol):
    """What keeps the pull requests of one repository. All of it may raise Refused."""

    remote: bool

    def open(self, proposed: Proposed, run: Run) -> Pull:
        """Ask for a branch to be merged."""
        ...

    def read(self, number: int, run: Run) -> Pull:
        """Give a pull request with its files and reviews."""
        ...

    def review(self, number: int, reviewed: Reviewed, run: Run) -> str:
        """Give a verdict, and its id."""
        ...


def open_requests(file: Path | None) -> Database:
    """Open the file of the pull requests that are kept here, or memory.

    Raises:
        CannotStart: It cannot be written, or is something else.
    """
    return Database("the pull requests", file, application_id=APPLICATION_ID, schema=SCHEMA)


class LocalRequests:
    """Pull requests of a repository that no service has."""

    def __init__(
        self,
        database: Database,
        name: str,
        repository: Repository,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._name = name
        self._repository = repository
        self._clock = clock
        self.remote = False

    def open(self, proposed: Proposed, run: Run) -> Pull:
        """Keep a pull request, once for each idempotency key."""
        head = self._commit("head", proposed.head, run)
        if head == self._commit("base", proposed.base, run):
            raise Refused(
                Reason.REJECTED, "head", found="the same commit as in base", expected="a branch with commits"
            )
        identity = stable_id("pull", run.idempotency_key)
        with self._database.writing() as connection:
            (last,) = connection.execute(
                "SELECT coalesce(max(number), 0) FROM pulls WHERE repository = ?", (self._name,)
            ).fetchone()
            if last >= MAX_PULLS:
                raise Refused(
                    Reason.STORE_FULL,
                    "the pull requests",
                    found=f"{MAX_PULLS} of them",
                    expected="fewer; the operator can use another file",
                )
            values = (proposed.head, proposed.base, proposed.title, proposed.body, proposed.draft)
            connection.execute(
                "INSERT OR IGNORE INTO pulls VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (identity, self._name, last + 1, *values),
            )
            (number,) = connection.execute("SELECT number FROM pulls WHERE id = ?", (identity,)).fetchone()
        return Pull(number, proposed, "open", head, None)

    def read(self, number: int, run: Run) -> Pull:
        """Give a pull request; its files are what the head has changed since it left the base."""
        with self._database.reading() as connection:
            _, proposed = self._one(connection, number)
            rows = connection.execute(
                "SELECT reviews.id, verdict, text, at FROM reviews JOIN pulls ON pulls.id = pull "
                "WHERE repository = ? AND number = ? ORDER BY position LIMIT 100",
                (self._name, number),
            ).fetchall()
        head, base = self._commit("head", proposed.head, run), self._commit("base", proposed.base, run)
        since = self._repository.merge_base(base, head, run)
        files, _, _ = self._repository.diff(since, head, None, 1, run)
        changed = tuple(PullFile(one.path, one.added or 0, one.removed or 0, "") for one in files)
        reviews = tuple(PullReview(row[0], "toolgate", *row[1:]) for row in rows)
        return Pull(number, proposed, "merged" if since == head else "open", head, None, changed, reviews)

    def review(self, number: int, reviewed: Reviewed, run: Run) -> str:
        """Keep a review of the head as it is, once for each idempotency key; remarks become lines of it."""
        remarks = "".join(f"\n\n{one.path}:{one.line}: {one.text}" for one in reviewed.remarks)
        identity = stable_id("review", run.idempotency_key)
        with self._database.writing() as connection:
            pull, proposed = self._one(connection, number)
            if self._repository.tip(proposed.head, run) != reviewed.commit:
                raise other_version()
            at = self._clock().isoformat(timespec="seconds")
            connection.execute(
                "INSERT OR IGNORE INTO reviews (id, pull, verdict, text, head, at) VALUES (?, ?, ?, ?, ?, ?)",
                (identity, pull, reviewed.verdict, f"{reviewed.text}{remarks}", reviewed.commit, at),
            )
        return identity

    def _commit(self, where: str, branch: str, run: Run) -> str:
        commit = self._repository.tip(branch, run)
        if commit is None:
            raise Refused(
                Reason.NOT_FOUND, where, found="no such branch", expected="one that git_status gives"
            )
        return commit

    def _one(self, connection: sqlite3.Connection, number: int) -> tuple[str, Proposed]:
        row = connection.execute(
            "SELECT id, head, base, title, body, draft FROM pulls WHERE repository = ? AND number = ?",
            (self._name, number),
        ).fetchone()
        if row is None:
            raise Refused(
                Reason.NOT_FOUND, "number", found="no such pull request", expected="an existing number"
            )
        identity, head, base, title, body, draft = row
        return identity, Proposed(head, base, title, body, bool(draft))


def other_version() -> Refused:
    """Make the refusal of a review of a version that is no longer the newest."""
    return Refused(
        Reason.CHANGED_MEANWHILE,
        "commit",
        found="that of another version of the pull request",
        expected="you to read it again with git_read_pull_request and to review what is there now",
    )
