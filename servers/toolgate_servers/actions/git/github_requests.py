"""Pull requests on GitHub: https://docs.github.com/en/rest/pulls."""

from typing import Any

from toolgate_servers.actions.git.naming import COMMIT
from toolgate_servers.actions.git.requests import (
    Proposed,
    Pull,
    PullFile,
    PullReview,
    Reviewed,
    other_version,
)
from toolgate_servers.actions.github import GithubApi
from toolgate_servers.actions.jsonparts import items, mapping, text
from toolgate_servers.actions.jsonparts import number as whole
from toolgate_servers.actions.plaintext import one_line, plain
from toolgate_servers.actions.sending import unknown
from toolgate_servers.net import bad_answer
from toolgate_servers.running import Run

MAX_FILES = 100
MAX_PATCH = 4000
MAX_TEXT = 20_000
EVENTS = {"approve": "APPROVE", "request_changes": "REQUEST_CHANGES", "comment": "COMMENT"}
VERDICTS = {"APPROVED": "approve", "CHANGES_REQUESTED": "request_changes", "COMMENTED": "comment"}


class GithubRequests:
    """The pull requests of one repository on GitHub."""

    def __init__(self, api: GithubApi) -> None:
        self._api = api
        self.remote = True

    def open(self, proposed: Proposed, run: Run) -> Pull:
        """Ask for a branch to be merged, which must have been pushed."""
        body = {
            "title": proposed.title,
            "head": proposed.head,
            "base": proposed.base,
            "body": proposed.body,
            "draft": proposed.draft,
        }
        pull = _pull(mapping(self._api.write("POST", "/{repo}/pulls", body, run)))
        if pull is None:
            raise unknown("an answer without the pull request")
        return pull

    def read(self, number: int, run: Run) -> Pull:
        """Give a pull request with its first hundred files and reviews."""
        at, hundred = f"/{{repo}}/pulls/{number}", {"per_page": MAX_FILES}
        pull = _pull(mapping(self._api.get(at, run=run).content))
        if pull is None:
            raise bad_answer("something that is not a pull request", "a pull request")
        files = items(self._api.get(f"{at}/files", hundred, run).content)
        reviews = items(self._api.get(f"{at}/reviews", hundred, run).content)
        return Pull(
            pull.number,
            pull.proposed,
            pull.state,
            pull.commit,
            pull.url,
            tuple(_file(mapping(one)) for one in files[:MAX_FILES]),
            tuple(_review(mapping(one)) for one in reviews[:MAX_FILES]),
        )

    def review(self, number: int, reviewed: Reviewed, run: Run) -> str:
        """Give a verdict on the newest version, which must be the one that was read."""
        at = f"/{{repo}}/pulls/{number}"
        pull = _pull(mapping(self._api.get(at, run=run).content))
        if pull is None or pull.commit != reviewed.commit:
            raise other_version()
        body: dict[str, Any] = {
            "commit_id": reviewed.commit,
            "event": EVENTS[reviewed.verdict],
            "body": reviewed.text,
            "comments": [
                {"path": one.path, "line": one.line, "side": "RIGHT", "body": one.text}
                for one in reviewed.remarks
            ],
        }
        made = mapping(self._api.write("POST", f"{at}/reviews", body, run))
        return str(whole(made.get("id")))


def _pull(found: dict[str, Any]) -> Pull | None:
    head, base = mapping(found.get("head")), mapping(found.get("base"))
    commit, identity = text(head.get("sha")), whole(found.get("number"))
    if COMMIT.fullmatch(commit) is None or not identity:
        return None
    state = "merged" if found.get("merged") is True else one_line(text(found.get("state")), 20)
    url = text(found.get("html_url"))
    proposed = Proposed(
        one_line(text(head.get("ref")), 200),
        one_line(text(base.get("ref")), 200),
        one_line(text(found.get("title")), 300),
        plain(text(found.get("body")), MAX_TEXT),
        found.get("draft") is True,
    )
    return Pull(identity, proposed, state, commit, one_line(url, 500) if url.startswith("https://") else None)


def _file(found: dict[str, Any]) -> PullFile:
    return PullFile(
        one_line(text(found.get("filename")), 500),
        whole(found.get("additions")),
        whole(found.get("deletions")),
        plain(text(found.get("patch")), MAX_PATCH),
    )


def _review(found: dict[str, Any]) -> PullReview:
    return PullReview(
        str(whole(found.get("id"))),
        one_line(text(mapping(found.get("user")).get("login")), 100),
        VERDICTS.get(text(found.get("state")), "other"),
        plain(text(found.get("body")), MAX_TEXT),
        one_line(text(found.get("submitted_at")), 40),
    )
