"""Tickets, in a file and as the issues of GitHub: both do the same for a model."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from github_standin import REPOSITORY, TOKEN, Github
from tool_calls import refused, run
from toolgate_servers.actions.github import GithubApi, GithubSettings
from toolgate_servers.actions.tickets import tools
from toolgate_servers.actions.tickets.local import SqliteTickets
from toolgate_servers.actions.tickets.remote import GithubTickets
from toolgate_servers.actions.tickets.shapes import (
    Assign,
    Assigned,
    Close,
    Closed,
    Create,
    Created,
    Get,
    Said,
    Say,
    Search,
    TicketList,
    TicketText,
    Update,
    Updated,
)
from toolgate_servers.actions.tickets.ticket import Tickets
from toolgate_servers.errors import CannotStart, Reason, Refused
from toolgate_servers.running import Run
from wire_service import Said as Answer

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Desk:
    """Tickets, and the tools on them; every call has a key of its own unless it is given one."""

    def __init__(self, tickets: Tickets) -> None:
        self.tickets = tickets
        self._keys = iter(f"key-{number}" for number in range(10_000))

    def run(self, key: str | None = None) -> Run:
        return run(key or next(self._keys))

    def create(self, title: str, key: str | None = None, **more: Any) -> Created:
        return tools.create(self.tickets, Create(title=title, body="It smokes.", **more), self.run(key))

    def search(self, **wanted: Any) -> TicketList:
        return tools.search(self.tickets, Search(**wanted), self.run())

    def titles(self, **wanted: Any) -> list[str]:
        return [ticket.title for ticket in self.search(**wanted).tickets]

    def get(self, number: int, **more: Any) -> TicketText:
        return tools.get(self.tickets, Get(number=number, **more), self.run())

    def update(self, number: int, key: str | None = None, **more: Any) -> Updated:
        return tools.update(self.tickets, Update(number=number, **more), self.run(key))

    def assign(self, number: int, *names: str, key: str | None = None) -> Assigned:
        return tools.assign(self.tickets, Assign(number=number, assignees=list(names)), self.run(key))

    def comment(self, number: int, body: str, key: str | None = None) -> Said:
        return tools.comment(self.tickets, Say(number=number, body=body), self.run(key))

    def close(self, number: int, key: str | None = None, **more: Any) -> Closed:
        return tools.close(self.tickets, Close(number=number, **more), self.run(key))


def on_github(github: Github) -> Desk:
    settings = GithubSettings(repository=REPOSITORY, token="env:TOKEN")
    api = GithubApi(settings, TOKEN, github.net(settings.url), clock=lambda: 1_000_000.0)
    return Desk(GithubTickets(api))


def local(file: Path | None = None) -> Desk:
    return Desk(SqliteTickets(file, lambda: NOON))


@pytest.fixture(params=["local", "github"])
def desk(request: pytest.FixtureRequest) -> Desk:
    return local() if request.param == "local" else on_github(Github())


@pytest.fixture
def github() -> Github:
    return Github()


def test_a_ticket_is_found_and_read(desk: Desk) -> None:
    made = desk.create("Printer on fire", labels=["hardware"], assignees=["ann"])
    desk.create("Mouse lost")
    assert desk.titles() == ["Mouse lost", "Printer on fire"]
    assert desk.titles(query="FIRE smokes") == ["Printer on fire"]
    assert desk.titles(label="hardware") == ["Printer on fire"]
    assert desk.titles(assignee="ann") == ["Printer on fire"]
    found = desk.get(made.number)
    assert (found.title, found.body, found.state) == ("Printer on fire", "It smokes.", "open")
    assert (found.labels, found.assignees, found.comments) == (["hardware"], ["ann"], [])


def test_a_list_is_given_in_pages(desk: Desk) -> None:
    for title in ("one", "two", "three"):
        desk.create(title)
    first = desk.search(limit=2)
    assert ([one.title for one in first.tickets], first.next_cursor) == (["three", "two"], 2)
    last = desk.search(limit=2, cursor=2)
    assert ([one.title for one in last.tickets], last.next_cursor) == (["one"], None)
    assert desk.search(query="smokes", limit=2).next_cursor == 2


def test_what_was_said_is_given_in_pages_oldest_first(desk: Desk) -> None:
    number = desk.create("Printer").number
    for text in ("first", "second", "third"):
        desk.comment(number, text)
    page = desk.get(number, limit=2)
    assert ([one.body for one in page.comments], page.next_cursor) == (["first", "second"], 2)
    assert [one.body for one in desk.get(number, limit=2, cursor=2).comments] == ["third"]


def test_an_update_gives_what_was_and_leaves_the_rest(desk: Desk) -> None:
    number = desk.create("Printer", labels=["hardware"]).number
    updated = desk.update(number, title="Printer on fire")
    assert (updated.former_title, updated.former_body, updated.former_labels) == ("Printer", None, None)
    found = desk.get(number)
    assert (found.title, found.body, found.labels) == ("Printer on fire", "It smokes.", ["hardware"])


def test_a_closed_ticket_is_opened_again(desk: Desk) -> None:
    number = desk.create("Printer").number
    closed = desk.close(number, why="not_planned")
    assert (closed.state, closed.former_state) == ("closed", "open")
    assert desk.titles() == []
    assert desk.titles(state="closed") == ["Printer"]
    assert desk.get(number).why == "not_planned"
    assert desk.update(number, labels=["x"]).former_state is None
    assert desk.get(number).why == "not_planned"
    assert desk.update(number, state="open").former_state == "closed"
    assert desk.titles(query="printer") == ["Printer"]


def test_an_assignment_can_be_taken_back(desk: Desk) -> None:
    number = desk.create("Printer", assignees=["ann"]).number
    assigned = desk.assign(number, "bob")
    assert (assigned.assignees, assigned.former_assignees, assigned.ignored) == (["bob"], ["ann"], [])
    assert desk.assign(number, *assigned.former_assignees).assignees == ["ann"]
    assert desk.assign(number).assignees == []


def test_what_does_not_exist_is_refused(desk: Desk) -> None:
    for call in (
        lambda: desk.get(7),
        lambda: desk.update(7, title="x"),
        lambda: desk.assign(7, "ann"),
        lambda: desk.comment(7, "x"),
        lambda: desk.close(7),
    ):
        assert refused(call) is Reason.NO_SUCH_TICKET


SENSELESS: list[tuple[Callable[[Desk], object], Reason]] = [
    (lambda desk: desk.create("a\nb"), Reason.CONTROL_CHARACTER),
    (lambda desk: desk.create("   "), Reason.ARGUMENT_NOT_VALID),
    (lambda desk: desk.comment(1, "a\x00b"), Reason.CONTROL_CHARACTER),
    (lambda desk: desk.update(1), Reason.ARGUMENT_NOT_VALID),
    (lambda desk: desk.search(query="a\x1bb"), Reason.CONTROL_CHARACTER),
]


@pytest.mark.parametrize(("call", "reason"), SENSELESS)
def test_what_makes_no_sense_is_refused(desk: Desk, call: Callable[[Desk], object], reason: Reason) -> None:
    assert refused(lambda: call(desk)) is reason


def test_a_local_change_with_one_key_happens_once_and_is_told_the_same(tmp_path: Path) -> None:
    desk = local(tmp_path / "tickets.db")
    made = desk.create("Printer", key="a", assignees=["ann"])
    assert desk.create("Printer", key="a", assignees=["ann"]) == made
    assigned = desk.assign(made.number, "bob", key="b")
    desk.assign(made.number, "cy", key="c")
    assert desk.assign(made.number, "bob", key="b") == assigned
    assert desk.get(made.number).assignees == ["cy"]
    assert desk.comment(made.number, "x", key="d") == desk.comment(made.number, "x", key="d")
    assert len(desk.get(made.number).comments) == 1
    assert desk.close(made.number, key="e") == desk.close(made.number, key="e")


def test_the_tickets_are_private_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "tickets.db"
    local(file).create("Printer")
    assert local(file).titles() == ["Printer"]
    assert file.stat().st_mode & 0o077 == 0
    other = tmp_path / "notes.txt"
    other.write_text("not a database" * 100)
    with pytest.raises(CannotStart):
        SqliteTickets(other)


def test_words_are_never_qualifiers_of_githubs_search(github: Github) -> None:
    desk = on_github(github)
    desk.search(query='repo:evil/private is:pr "state:closed \\ author:x')
    assert github.asked[-1].query["q"] == (
        '"repo:evil/private" "is:pr" "state:closed" "author:x" repo:acme/desk is:issue state:open'
    )


def test_a_pull_request_is_no_ticket(github: Github) -> None:
    desk = on_github(github)
    desk.create("Printer")
    github.issues[0]["pull_request"] = {"url": "https://api.github.com/repos/acme/desk/pulls/1"}
    assert desk.titles() == []
    assert refused(lambda: desk.get(1)) is Reason.NO_SUCH_TICKET


def test_who_cannot_be_assigned_on_github_is_named(github: Github) -> None:
    desk = on_github(github)
    number = desk.create("Printer").number
    assert desk.assign(number, "ann", "stranger").ignored == ["stranger"]


@pytest.mark.parametrize(
    ("answer", "reason", "says"),
    [
        (Answer(401, {"message": "Bad credentials"}), Reason.ACCESS_DENIED, "operator"),
        (Answer(403, {"message": "Resource not accessible"}), Reason.ACCESS_DENIED, "operator"),
        (
            Answer(403, {}, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1000030"}),
            Reason.RATE_LIMITED,
            "31",
        ),
        (Answer(403, {}, {"retry-after": "7"}), Reason.RATE_LIMITED, "wait 7 seconds"),
        (Answer(429, {}), Reason.RATE_LIMITED, "wait 60 seconds"),
        (Answer(410, {"message": "Issues are disabled"}), Reason.NO_SUCH_TICKET, "number"),
        (
            Answer(
                422, {"message": "Validation Failed", "errors": [{"field": "labels", "value": "hunter2"}, 5]}
            ),
            Reason.REJECTED,
            "labels",
        ),
        (Answer(422, {"message": "x", "errors": [{"field": "hunter2 INJECTED"}]}), Reason.REJECTED, "422"),
        (Answer(301, b"", {"location": "https://evil.example/"}), Reason.BAD_ANSWER, "301"),
        (Answer(500, {}), Reason.BAD_ANSWER, "500"),
        (Answer(200, b"<html>"), Reason.BAD_ANSWER, "JSON"),
        (Answer(200, {"title": "no number"}), Reason.BAD_ANSWER, "issue"),
    ],
)
def test_every_error_of_github_says_what_to_do(
    github: Github, answer: Answer, reason: Reason, says: str
) -> None:
    github.says = answer
    with pytest.raises(Refused) as caught:
        on_github(github).get(1)
    assert caught.value.reason is reason
    assert says in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_change_without_an_answer_is_of_unknown_outcome(github: Github) -> None:
    desk = on_github(github)
    github.hangs_up = True
    assert refused(lambda: desk.create("Printer")) is Reason.OUTCOME_UNKNOWN
    assert len(github.issues) == 1
    github.hangs_up, github.says = False, Answer(502, b"")
    assert refused(lambda: desk.create("Printer")) is Reason.OUTCOME_UNKNOWN
    assert refused(lambda: desk.get(1)) is Reason.BAD_ANSWER


def test_hostile_issues_come_as_plain_text_of_limited_size(github: Github) -> None:
    desk = on_github(github)
    desk.create("Printer")
    github.issues[0] |= {
        "title": "a\r\nb\x1b[2J" + "x" * 9999,
        "body": "\x00" + "y" * 999_999,
        "labels": [5, None, {"name": ["x"]}, "plain"],
        "user": "nobody",
        "assignees": {"login": "x"},
        "comments": "many",
    }
    found = desk.get(1)
    assert found.title.startswith("a b [2J")
    assert (len(found.title), len(found.body)) == (256, 60_000)
    assert (found.labels[-1], found.author, found.assignees) == ("plain", "", [])
