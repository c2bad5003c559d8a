"""A stand-in for the issues of GitHub's REST API, version 2022-11-28, that refuses what is not documented.

https://docs.github.com/en/rest/issues/issues, .../comments, .../search, and using-the-rest-api for headers,
pagination and limits.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from wire_service import Asked, Said, WireService

TOKEN = "github_pat_1"
REPOSITORY = "acme/desk"
MEMBERS = ("ann", "bob")
AT = "2026-01-01T12:00:00Z"

QUERIES = {
    "issues": {"state", "assignee", "labels", "sort", "direction", "per_page", "page"},
    "comments": {"per_page", "page", "since"},
    "search": {"q", "sort", "order", "per_page", "page"},
}
BODIES: dict[str, dict[str, type]] = {
    "create": {"title": str, "body": str, "labels": list, "assignees": list},
    "update": {
        "title": str,
        "body": str,
        "labels": list,
        "assignees": list,
        "state": str,
        "state_reason": str,
    },
    "comment": {"body": str},
}
TERM = re.compile(r'"[^"\\]*"|(?:repo|is|state|assignee):[^ "]+|label:"[^"]*"')


class Github(WireService):
    """One repository; `says` overrides every answer."""

    def __init__(self) -> None:
        super().__init__()
        self.issues: list[dict[str, Any]] = []
        self.said: dict[int, list[dict[str, Any]]] = {}
        self.says: Said | None = None

    def answer(self, asked: Asked) -> Said:
        assert asked.headers["accept"] == "application/vnd.github+json"
        assert asked.headers["x-github-api-version"] == "2022-11-28"
        assert asked.headers["user-agent"], "requests without a User-Agent are rejected"
        if self.says is not None:
            return self.says
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return _error(401, "Bad credentials")
        base = f"/repos/{REPOSITORY}/issues"
        routes: tuple[tuple[str, str, Callable[..., Said]], ...] = (
            ("GET", "/search/issues", self._search),
            ("GET", base, self._list),
            ("POST", base, self._create),
            ("GET", f"{base}/([0-9]+)", self._get),
            ("PATCH", f"{base}/([0-9]+)", self._update),
            ("GET", f"{base}/([0-9]+)/comments", self._comments),
            ("POST", f"{base}/([0-9]+)/comments", self._comment),
        )
        for method, path, route in routes:
            found = re.fullmatch(path, asked.path)
            if method == asked.method and found is not None:
                return route(asked, *(int(number) for number in found.groups()))
        return _error(404, "Not Found")

    def _search(self, asked: Asked) -> Said:
        _check_query(asked, "search")
        terms = TERM.findall(asked.query["q"])
        assert " ".join(terms) == asked.query["q"], "words are quoted, qualifiers are known"
        assert "is:issue" in terms
        assert f"repo:{REPOSITORY}" in terms
        words = [term.strip('"').lower() for term in terms if term.startswith('"')]
        states = {term[6:] for term in terms if term.startswith("state:")}
        found = [
            issue
            for issue in self._newest_first()
            if all(word in f"{issue['title']}\n{issue['body']}".lower() for word in words)
            and (not states or issue["state"] in states)
            and "pull_request" not in issue
        ]
        page, link = _paged(asked, found)
        return Said(
            200, {"total_count": len(found), "incomplete_results": False, "items": page}, headers=link
        )

    def _list(self, asked: Asked) -> Said:
        _check_query(asked, "issues")
        state = asked.query.get("state", "open")
        assert state in ("open", "closed", "all")
        assert asked.query.get("direction", "desc") == "desc"
        wanted_label, wanted_user = asked.query.get("labels"), asked.query.get("assignee")
        found = [
            issue
            for issue in self._newest_first()
            if state in ("all", issue["state"])
            and (wanted_label is None or wanted_label in {label["name"] for label in issue["labels"]})
            and (wanted_user is None or wanted_user in {user["login"] for user in issue["assignees"]})
        ]
        page, link = _paged(asked, found)
        return Said(200, page, headers=link)

    def _create(self, asked: Asked) -> Said:
        body = _checked_body(asked, "create")
        if not body.get("title"):
            return _error(
                422, "Validation Failed", [{"resource": "Issue", "field": "title", "code": "missing"}]
            )
        number = len(self.issues) + 1
        issue: dict[str, Any] = {
            "number": number,
            "title": "",
            "body": None,
            "state": "open",
            "state_reason": None,
            "user": {"login": "tool"},
            "created_at": AT,
            "updated_at": AT,
            "html_url": f"https://github.com/{REPOSITORY}/issues/{number}",
            "comments": 0,
            "labels": [],
            "assignees": [],
        }
        self.issues.append(issue)
        _write(issue, body)
        return Said(201, issue)

    def _get(self, asked: Asked, number: int) -> Said:
        return Said(200, self.issues[number - 1]) if self._has(number) else _error(404, "Not Found")

    def _update(self, asked: Asked, number: int) -> Said:
        body = _checked_body(asked, "update")
        if not self._has(number):
            return _error(404, "Not Found")
        assert body.get("state", "open") in ("open", "closed")
        assert body.get("state_reason") in (None, "completed", "not_planned", "duplicate", "reopened")
        _write(self.issues[number - 1], body)
        return Said(200, self.issues[number - 1])

    def _comments(self, asked: Asked, number: int) -> Said:
        _check_query(asked, "comments")
        page, link = _paged(asked, self.said.get(number, []))
        return Said(200, page, headers=link) if self._has(number) else _error(404, "Not Found")

    def _comment(self, asked: Asked, number: int) -> Said:
        body = _checked_body(asked, "comment")
        if not self._has(number):
            return _error(404, "Not Found")
        said = self.said.setdefault(number, [])
        said.append(
            {"id": 1000 + len(said), "user": {"login": "tool"}, "created_at": AT, "body": body["body"]}
        )
        return Said(201, said[-1])

    def _has(self, number: int) -> bool:
        return 0 < number <= len(self.issues)

    def _newest_first(self) -> list[dict[str, Any]]:
        return list(reversed(self.issues))


def _write(issue: dict[str, Any], body: dict[str, Any]) -> None:
    """Assignees who may not be assigned are silently left out, as the API does."""
    for name in ("title", "body", "state", "state_reason"):
        if name in body:
            issue[name] = body[name]
    if body.get("state") == "open":
        issue["state_reason"] = "reopened"
    if "labels" in body:
        issue["labels"] = [{"id": 1, "name": name} for name in body["labels"]]
    if "assignees" in body:
        issue["assignees"] = [{"login": name} for name in body["assignees"] if name in MEMBERS]


def _checked_body(asked: Asked, kind: str) -> dict[str, Any]:
    assert asked.headers["content-type"] == "application/json"
    body: dict[str, Any] = asked.json()
    assert body.keys() <= BODIES[kind].keys(), "only documented fields"
    assert all(isinstance(value, BODIES[kind][name]) for name, value in body.items())
    return body


def _check_query(asked: Asked, kind: str) -> None:
    assert asked.query.keys() <= QUERIES[kind], "only documented parameters"
    assert 1 <= int(asked.query.get("per_page", 30)) <= 100


def _paged(asked: Asked, found: list[Any]) -> tuple[list[Any], dict[str, str]]:
    size, page = int(asked.query.get("per_page", 30)), int(asked.query.get("page", 1))
    more = len(found) > page * size
    here = f"https://api.github.com{asked.path}?page={page + 1}&per_page={size}"
    first = f"https://api.github.com{asked.path}?page=1"
    link = {"link": f'<{first}>; rel="first", <{here}>; rel="next"'} if more else {}
    return found[(page - 1) * size : page * size], link


def _error(status: int, message: str, errors: list[dict[str, str]] | None = None) -> Said:
    more = {} if errors is None else {"errors": errors}
    return Said(status, {"message": message, "documentation_url": "https://docs.github.com/rest", **more})
