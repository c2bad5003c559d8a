"""A stand-in for GitHub's pull requests that refuses what the documentation does not describe.

https://docs.github.com/en/rest/pulls/pulls and .../pulls/reviews, version 2022-11-28.
"""

from __future__ import annotations

import re
from typing import Any

from wire_service import Asked, Said, WireService

TOKEN = "github_pat_x"
HEAD = "a" * 40

CREATE = {"title": str, "head": str, "head_repo": str, "base": str, "body": str, "draft": bool, "issue": int}
REVIEW: dict[str, type] = {"commit_id": str, "body": str, "event": str, "comments": list}
COMMENT = {"path": str, "position": int, "body": str, "line": int, "side": str, "start_line": int}
EVENTS = ("APPROVE", "REQUEST_CHANGES", "COMMENT")


class GithubPulls(WireService):
    """One repository, ann/site; `says` overrides every answer to a change."""

    def __init__(self) -> None:
        super().__init__()
        self.pulls: list[dict[str, Any]] = []
        self.reviews: list[dict[str, Any]] = []
        self.says: Said | None = None

    def answer(self, asked: Asked) -> Said:
        assert asked.headers["accept"] == "application/vnd.github+json"
        assert asked.headers["x-github-api-version"] == "2022-11-28"
        assert asked.headers["user-agent"], "GitHub refuses requests without one"
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return Said(401, {"message": "Bad credentials"})
        route = re.fullmatch(r"/repos/ann/site/pulls(?:/([0-9]+)(/files|/reviews)?)?", asked.path)
        if route is None:
            return Said(404, {"message": "Not Found"})
        number, part = int(route[1] or 0), route[2]
        if asked.method == "POST":
            return self.says or (self._review(asked, number) if part else self._create(asked))
        if not 1 <= number <= len(self.pulls):
            return Said(404, {"message": "Not Found"})
        if part is None:
            return Said(body=self.pulls[number - 1])
        assert int(asked.query["per_page"]) <= 100
        if part == "/reviews":
            return Said(body=self.reviews)
        file = {
            "filename": "docs/index.md",
            "status": "modified",
            "additions": 1,
            "deletions": 0,
            "patch": "+x",
        }
        return Said(body=[file])

    def _create(self, asked: Asked) -> Said:
        body = _checked(asked.json(), CREATE, ("head", "base"))
        number = len(self.pulls) + 1
        if any(one["head"]["ref"] == body["head"] for one in self.pulls):
            error = {"resource": "PullRequest", "field": "head", "code": "custom"}
            return Said(422, {"message": "Validation Failed", "errors": [error]})
        pull = {
            "number": number,
            "state": "open",
            "title": body["title"],
            "body": body.get("body"),
            "draft": body.get("draft", False),
            "merged": False,
            "html_url": f"https://github.example/ann/site/pull/{number}",
            "head": {"ref": body["head"], "sha": HEAD},
            "base": {"ref": body["base"], "sha": "b" * 40},
        }
        self.pulls.append(pull)
        return Said(201, pull)

    def _review(self, asked: Asked, number: int) -> Said:
        body = _checked(asked.json(), REVIEW, ())
        assert body["event"] in EVENTS
        for comment in body.get("comments", []):
            assert _checked(comment, COMMENT, ("path", "body"))["side"] in ("LEFT", "RIGHT")
        states = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}
        made = {
            "id": 80 + len(self.reviews),
            "user": {"login": "bot"},
            "body": body["body"],
            "state": states[body["event"]],
            "submitted_at": "2026-01-01T12:00:00Z",
        }
        self.reviews.append(made)
        return Said(200, made)


def _checked(body: dict[str, Any], known: dict[str, type], needed: tuple[str, ...]) -> dict[str, Any]:
    for name, value in body.items():
        assert isinstance(value, known[name]), f"{name} is not documented, or not as this type"
    assert all(name in body for name in needed)
    return body
