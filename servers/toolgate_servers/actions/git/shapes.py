"""What the git tools take and give, as their schemas."""

from typing import Annotated, Literal

from pydantic import Field

from toolgate_servers.strict import Arguments, Outcome, Write, Written

Name = Annotated[
    str,
    Field(
        min_length=1,
        max_length=40,
        pattern=r"^[a-z0-9][a-z0-9_-]*$",
        description="The name of a repository, as the settings give it.",
    ),
]
Branch = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9_./+-]*$",
        description="The name of a branch, such as fix/typo.",
    ),
]
Revision = Annotated[
    str,
    Field(
        min_length=1,
        max_length=206,
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9_./+-]*(~[0-9]{1,4}|\^)?$",
        description="A branch, a tag, HEAD or a commit, such as main~2.",
    ),
]
CommitId = Annotated[
    str, Field(min_length=40, max_length=40, pattern="^[0-9a-f]+$", description="The id of a commit.")
]
Path = Annotated[
    str,
    Field(
        min_length=1, max_length=500, description="A path such as docs/index.md, relative to the repository."
    ),
]
Number = Annotated[int, Field(ge=1, le=2**31, description="The number of a pull request.")]
Time = Annotated[str, Field(description="ISO 8601.")]


class Status(Arguments):
    """What `git_status` takes."""

    repository: Name


class BranchItem(Outcome):
    """A branch."""

    name: str
    commit: str


class TreeItem(Outcome):
    """A file of the working tree that is not as HEAD has it."""

    path: str
    state: Literal["changed", "untracked", "in conflict"]
    staged: bool


class StatusFound(Outcome):
    """What `git_status` gives."""

    branch: Annotated[str | None, Field(description="The branch that is checked out.")]
    commit: Annotated[str | None, Field(description="Its commit; null before the first.")]
    branches: Annotated[list[BranchItem], Field(description="The newest hundred.")]
    files: Annotated[list[TreeItem], Field(description="What was changed and not committed.")]
    more_files: bool


class Diff(Arguments):
    """What `git_diff` takes."""

    repository: Name
    old: Annotated[Revision, Field(description="What to compare with.")] = "HEAD"
    new: Annotated[
        Revision | None, Field(description="What to compare; null for the files of the working tree.")
    ] = None
    path: Annotated[Path | None, Field(description="Only this file or folder.")] = None
    max_chars: Annotated[int, Field(ge=1, le=200_000, description="How much of the patch to give.")] = 20_000


class FileItem(Outcome):
    """A file of a difference."""

    path: str
    added: Annotated[int | None, Field(description="Lines; null for what is not text.")]
    removed: int | None


class DiffFound(Outcome):
    """What `git_diff` gives."""

    files: list[FileItem]
    patch: str
    cut: Annotated[bool, Field(description="Whether the patch is longer than what is given.")]


class Log(Arguments):
    """What `git_log` takes."""

    repository: Name
    revision: Annotated[Revision, Field(description="The newest commit to give.")] = "HEAD"
    path: Annotated[Path | None, Field(description="Only commits that changed this file or folder.")] = None
    skip: Annotated[int, Field(ge=0, le=100_000, description="How many commits to leave out first.")] = 0
    limit: Annotated[int, Field(ge=1, le=100, description="How many commits to give at most.")] = 20


class CommitItem(Outcome):
    """A commit."""

    id: str
    parents: list[str]
    author: str
    email: str
    at: Time
    message: str


class LogFound(Outcome):
    """What `git_log` gives."""

    commits: Annotated[list[CommitItem], Field(description="Newest first.")]


class MakeBranch(Write):
    """What `git_branch` takes."""

    repository: Name
    branch: Branch
    start: Annotated[Revision, Field(description="The commit that it begins with.")] = "HEAD"
    switch: Annotated[
        bool, Field(description="Also check it out; only where it begins with what is checked out.")
    ] = False


class BranchMade(Written):
    """What `git_branch` gives; former_branch is what was checked out."""

    branch: Branch
    commit: CommitId
    former_branch: str | None
    switched: bool


class FileContent(Arguments):
    """A file to write, or to remove."""

    path: Path
    content: Annotated[
        str | None, Field(max_length=500_000, description="The whole text of the file; null to remove it.")
    ]


class MakeCommit(Write):
    """What `git_commit` takes."""

    repository: Name
    branch: Branch
    message: Annotated[str, Field(min_length=1, max_length=5000, description="What was done, and why.")]
    files: Annotated[
        list[FileContent],
        Field(
            max_length=50,
            default_factory=list,
            description="Files with their contents; for a branch that is not checked out.",
        ),
    ]
    paths: Annotated[
        list[Path],
        Field(
            max_length=200,
            default_factory=list,
            description="Files of the working tree; for the branch that is checked out.",
        ),
    ]
    parent: Annotated[
        CommitId | None, Field(description="The commit that the branch must have now; null for any.")
    ] = None


class CommitMade(Written):
    """What `git_commit` gives; former is what the branch had before."""

    branch: Branch
    commit: CommitId
    former: str | None


class Push(Write):
    """What `git_push` takes."""

    repository: Name
    branch: Branch


class PushDone(Written):
    """What `git_push` gives; former is what the remote's branch had before, null for a new one."""

    branch: Branch
    commit: CommitId
    former: str | None


class OpenPull(Write):
    """What `git_open_pull_request` takes."""

    repository: Name
    head: Annotated[Branch, Field(description="The branch to be merged.")]
    base: Annotated[Branch, Field(description="The branch to merge it into.")] = "main"
    title: Annotated[str, Field(min_length=1, max_length=200, description="What it does, on one line.")]
    body: Annotated[str, Field(max_length=20_000, description="Why, and how it was tested.")] = ""
    draft: Annotated[bool, Field(description="Not ready to be merged.")] = False


class PullOpened(Written):
    """What `git_open_pull_request` gives."""

    number: Number
    head_commit: CommitId
    url: str | None


class ReadPull(Arguments):
    """What `git_read_pull_request` takes."""

    repository: Name
    number: Number


class PullFileItem(Outcome):
    """A file of a pull request."""

    path: str
    added: int
    removed: int
    patch: Annotated[str, Field(description="Empty where git_diff gives it, or it is not text.")]


class ReviewItem(Outcome):
    """A review."""

    id: str
    author: str
    verdict: str
    text: str
    at: str


class PullFound(Outcome):
    """What `git_read_pull_request` gives."""

    number: Number
    title: str
    body: str
    head: str
    base: str
    draft: bool
    state: str
    head_commit: CommitId
    url: str | None
    files: list[PullFileItem]
    reviews: list[ReviewItem]


class RemarkItem(Arguments):
    """A remark on a line."""

    path: Path
    line: Annotated[int, Field(ge=1, le=10_000_000, description="The line in the new version of the file.")]
    text: Annotated[str, Field(min_length=1, max_length=5000, description="The remark.")]


class ReviewPull(Write):
    """What `git_review_pull_request` takes."""

    repository: Name
    number: Number
    commit: Annotated[CommitId, Field(description="head_commit of what you have read.")]
    verdict: Annotated[
        Literal["approve", "request_changes", "comment"], Field(description="What you think of it.")
    ]
    text: Annotated[str, Field(min_length=1, max_length=20_000, description="Why.")]
    remarks: Annotated[
        list[RemarkItem], Field(max_length=30, default_factory=list, description="Remarks on lines.")
    ]


class PullReviewed(Written):
    """What `git_review_pull_request` gives."""

    number: Number
    review_id: str
    verdict: str
