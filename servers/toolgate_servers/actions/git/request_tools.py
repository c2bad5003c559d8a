"""The git tools for pull requests."""

from collections.abc import Mapping

from mcp.server.mcpserver.tools import Tool

from toolgate_servers.actions.git.naming import check_branch, check_path
from toolgate_servers.actions.git.requests import Proposed, PullRequests, Remark, Reviewed
from toolgate_servers.actions.git.shapes import (
    OpenPull,
    PullFileItem,
    PullFound,
    PullOpened,
    PullReviewed,
    ReadPull,
    ReviewItem,
    ReviewPull,
)
from toolgate_servers.actions.git.tools import WORKSPACE, Repositories
from toolgate_servers.actions.kinds import Kinds
from toolgate_servers.actions.plaintext import check_line, check_text
from toolgate_servers.idempotency import Once
from toolgate_servers.running import Run
from toolgate_servers.strict import described, strict_tool

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def request_tools(repositories: Repositories, pulls: Mapping[str, PullRequests], once: Once) -> list[Tool]:
    """Make the tools over the pull requests of repositories."""
    kinds = Kinds(remote=any(one.remote for one in pulls.values()))
    return [
        _open(repositories, pulls, once, kinds),
        _read(repositories, pulls, kinds),
        _review(repositories, pulls, once, kinds),
    ]


def _open(repositories: Repositories, pulls: Mapping[str, PullRequests], once: Once, kinds: Kinds) -> Tool:
    def git_open_pull_request(arguments: OpenPull, run: Run) -> PullOpened:
        repositories.named(arguments.repository)
        check_branch("head", arguments.head)
        check_branch("base", arguments.base)
        check_line("title", arguments.title, 200)
        if arguments.body:
            check_text("body", arguments.body, 20_000)
        proposed = Proposed(arguments.head, arguments.base, arguments.title, arguments.body, arguments.draft)
        pull = pulls[arguments.repository].open(proposed, run)
        return PullOpened(number=pull.number, head_commit=pull.commit, url=pull.url)

    return strict_tool(
        git_open_pull_request,
        name="git_open_pull_request",
        takes=OpenPull,
        gives=PullOpened,
        title="Open a pull request",
        description=described(
            "Ask for a branch to be merged into another one.",
            use="your branch is ready to be looked at; with a remote, push it first",
            not_for="merging, which a person does",
            example={
                "repository": WORKSPACE,
                "head": "fix/typo",
                "title": "Spell the name as its bearer does",
            },
        ),
        annotations=kinds.sends,
        once=once,
        repeatable=not kinds.remote,
    )


def _read(repositories: Repositories, pulls: Mapping[str, PullRequests], kinds: Kinds) -> Tool:
    def git_read_pull_request(arguments: ReadPull, run: Run) -> PullFound:
        repositories.named(arguments.repository)
        pull = pulls[arguments.repository].read(arguments.number, run)
        return PullFound(
            number=pull.number,
            title=pull.proposed.title,
            body=pull.proposed.body,
            head=pull.proposed.head,
            base=pull.proposed.base,
            draft=pull.proposed.draft,
            state=pull.state,
            head_commit=pull.commit,
            url=pull.url,
            files=[
                PullFileItem(path=one.path, added=one.added, removed=one.removed, patch=one.patch)
                for one in pull.files
            ],
            reviews=[
                ReviewItem(id=one.id, author=one.author, verdict=one.verdict, text=one.text, at=one.at)
                for one in pull.reviews
            ],
        )

    return strict_tool(
        git_read_pull_request,
        name="git_read_pull_request",
        takes=ReadPull,
        gives=PullFound,
        title="Read a pull request",
        description=described(
            "Give a pull request with its changed files and reviews.",
            use="you are about to review it, or want to know how it stands",
            not_for="branches without a pull request: git_diff compares those",
            example={"repository": WORKSPACE, "number": 1},
        ),
        annotations=kinds.reads,
        timeout=60,
    )


def _review(repositories: Repositories, pulls: Mapping[str, PullRequests], once: Once, kinds: Kinds) -> Tool:
    def git_review_pull_request(arguments: ReviewPull, run: Run) -> PullReviewed:
        repositories.named(arguments.repository)
        check_text("text", arguments.text, 20_000)
        for number, remark in enumerate(arguments.remarks):
            check_path(f"remarks.{number}.path", remark.path)
            check_text(f"remarks.{number}.text", remark.text, 5000)
        remarks = tuple(Remark(one.path, one.line, one.text) for one in arguments.remarks)
        reviewed = Reviewed(arguments.verdict, arguments.text, arguments.commit, remarks)
        review_id = pulls[arguments.repository].review(arguments.number, reviewed, run)
        return PullReviewed(number=arguments.number, review_id=review_id, verdict=arguments.verdict)

    return strict_tool(
        git_review_pull_request,
        name="git_review_pull_request",
        takes=ReviewPull,
        gives=PullReviewed,
        title="Review a pull request",
        description=described(
            "Approve a pull request, ask for changes or comment, on the very version that you have read.",
            use="you have read all of it with git_read_pull_request",
            not_for="merging, which a person does",
            example={
                "repository": WORKSPACE,
                "number": 1,
                "commit": COMMIT,
                "verdict": "comment",
                "text": "Reads well; one question.",
                "remarks": [{"path": "docs/index.md", "line": 1, "text": "Why this title?"}],
            },
        ),
        annotations=kinds.sends,
        once=once,
        repeatable=not kinds.remote,
    )
