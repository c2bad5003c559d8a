"""Tickets as the issues of a repository on GitHub: https://docs.github.com/en/rest/issues."""

from collections.abc import Callable
from typing import Any, TypeVar

from toolgate_servers.actions.github import GithubApi
from toolgate_servers.actions.jsonparts import items, mapping, number, text
from toolgate_servers.actions.plaintext import one_line, plain
from toolgate_servers.actions.tickets.ticket import (
    MAX_BODY,
    MAX_TITLE,
    Change,
    Comment,
    Found,
    Ticket,
    Wanted,
    no_such_ticket,
)
from toolgate_servers.errors import Reason, Refused
from toolgate_servers.net import bad_answer
from toolgate_servers.running import Run

MAX_SEARCHED = 1000  # the search API gives no more

T = TypeVar("T")


class GithubTickets:
    """The issues of one repository; its pull requests are none."""

    def __init__(self, api: GithubApi) -> None:
        self._api = api

    def search(self, wanted: Wanted, run: Run) -> Found:
        """List issues: with words by the search API, without by the list, which is up to the moment."""
        params: dict[str, str | int] = {"per_page": wanted.limit, "page": wanted.page, "sort": "created"}
        if wanted.words:
            if wanted.page * wanted.limit > MAX_SEARCHED:
                raise Refused(
                    Reason.TOO_LARGE, "cursor", found="a page beyond the first 1000", expected="other words"
                )
            page = self._api.get("/search/issues", {"q": self._query(wanted), "order": "desc", **params}, run)
            found = items(mapping(page.content).get("items"))
        else:
            params["state"] = {"any": "all"}.get(wanted.state, wanted.state)
            params["direction"] = "desc"
            if wanted.label is not None:
                params["labels"] = wanted.label
            if wanted.assignee is not None:
                params["assignee"] = wanted.assignee
            page = self._api.get("/{repo}/issues", params, run)
            found = items(page.content)
        return Found([_ticket(one) for one in found if "pull_request" not in mapping(one)], page.more)

    def get(self, number: int, run: Run) -> Ticket:
        """Give one issue."""
        return _ticket(_there(lambda: self._api.get(f"/{{repo}}/issues/{number:d}", run=run).content))

    def comments(self, number: int, page: int, limit: int, run: Run) -> tuple[list[Comment], bool]:
        """Give a page of its comments, oldest first."""
        path = f"/{{repo}}/issues/{number:d}/comments"
        found = _there(lambda: self._api.get(path, {"per_page": limit, "page": page}, run))
        return [_comment(one) for one in items(found.content)], found.more

    def create(
        self,
        action: str,
        title: str,
        body: str,
        labels: tuple[str, ...],
        assignees: tuple[str, ...],
        run: Run,
    ) -> Ticket:
        """Make an issue."""
        content = {"title": title, "body": body, "labels": list(labels), "assignees": list(assignees)}
        return _ticket(self._api.write("POST", "/{repo}/issues", content, run))

    def change(self, action: str, number: int, change: Change, run: Run) -> tuple[Ticket, Ticket]:
        """Change an issue."""
        before = self.get(number, run)
        wanted = {
            "title": change.title,
            "body": change.body,
            "state": change.state,
            "labels": None if change.labels is None else list(change.labels),
            "assignees": None if change.assignees is None else list(change.assignees),
        }
        content: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
        if change.state == "closed":
            content["state_reason"] = change.why
        path = f"/{{repo}}/issues/{number:d}"
        return before, _ticket(_there(lambda: self._api.write("PATCH", path, content, run)))

    def comment(self, action: str, number: int, body: str, run: Run) -> Comment:
        """Comment on an issue."""
        path = f"/{{repo}}/issues/{number:d}/comments"
        return _comment(_there(lambda: self._api.write("POST", path, {"body": body}, run)))

    def _query(self, wanted: Wanted) -> str:
        """Write a search: every word in quotation marks, so that none of them is a qualifier."""
        said = [
            f'"{plain_word}"'
            for word in wanted.words
            if (plain_word := word.replace('"', "").replace("\\", ""))
        ]
        terms = [*said, f"repo:{self._api.repository}", "is:issue"]
        if wanted.state != "any":
            terms.append(f"state:{wanted.state}")
        if wanted.assignee is not None:
            terms.append(f"assignee:{wanted.assignee}")
        if wanted.label is not None:
            terms.append(f'label:"{wanted.label}"')
        return " ".join(terms)


def _there(ask: Callable[[], T]) -> T:
    try:
        return ask()
    except Refused as refused:
        if refused.reason is Reason.NOT_FOUND:
            raise no_such_ticket() from None
        raise


def _ticket(content: object) -> Ticket:
    """Read an issue; what strangers wrote is cut and cleaned."""
    issue = mapping(content)
    if "pull_request" in issue:
        raise no_such_ticket()
    if not number(issue.get("number")):
        raise bad_answer("something that is no issue", "one as GitHub's REST API says")
    reason = text(issue.get("state_reason"))
    return Ticket(
        number=number(issue.get("number")),
        title=one_line(text(issue.get("title")), MAX_TITLE),
        body=plain(text(issue.get("body")), MAX_BODY),
        state="closed" if issue.get("state") == "closed" else "open",
        why="completed" if reason == "completed" else "not_planned" if reason == "not_planned" else None,
        labels=tuple(
            one_line(one if isinstance(one, str) else text(mapping(one).get("name")), 100)
            for one in items(issue.get("labels"))[:100]
        ),
        assignees=tuple(
            one_line(text(mapping(one).get("login")), 100) for one in items(issue.get("assignees"))[:100]
        ),
        author=one_line(text(mapping(issue.get("user")).get("login")), 100),
        created_at=one_line(text(issue.get("created_at")), 40),
        updated_at=one_line(text(issue.get("updated_at")), 40),
        url=one_line(text(issue.get("html_url")), 500),
        comments=number(issue.get("comments")),
    )


def _comment(content: object) -> Comment:
    comment = mapping(content)
    if not number(comment.get("id")):
        raise bad_answer("something that is no comment", "one as GitHub's REST API says")
    return Comment(
        number(comment.get("id")),
        one_line(text(mapping(comment.get("user")).get("login")), 100),
        one_line(text(comment.get("created_at")), 40),
        plain(text(comment.get("body")), MAX_BODY),
    )
