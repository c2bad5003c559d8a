"""Pull requests on GitHub: asked for once, read without trusting a word, reviewed as they were read."""

from __future__ import annotations

import pytest

from github_pulls import HEAD, TOKEN, GithubPulls
from tool_calls import refused
from toolgate_servers.actions.git.github_requests import GithubRequests
from toolgate_servers.actions.git.requests import Proposed, Remark, Reviewed
from toolgate_servers.actions.github import GithubApi, GithubSettings
from toolgate_servers.errors import Reason
from toolgate_servers.running import Run
from wire_service import Said

URL = "https://api.github.example"
TYPO = Proposed("fix/typo", "main", "Fix a typo", "It was wrong.", draft=False)


def requests(github: GithubPulls, token: str = TOKEN) -> GithubRequests:
    settings = GithubSettings(repository="ann/site", token="env:T", url=URL)
    return GithubRequests(GithubApi(settings, token, github.net(URL)))


def test_a_pull_request_is_opened_read_and_reviewed() -> None:
    there = requests(GithubPulls())
    opened = there.open(TYPO, Run(30))
    assert (opened.number, opened.commit) == (1, HEAD)
    assert opened.url == "https://github.example/ann/site/pull/1"
    remarks = (Remark("docs/index.md", 1, "Why?"),)
    assert there.review(1, Reviewed("request_changes", "Almost", HEAD, remarks), Run(30)) == "80"
    pull = there.read(1, Run(30))
    assert (pull.proposed, pull.state) == (TYPO, "open")
    assert [(one.path, one.added, one.patch) for one in pull.files] == [("docs/index.md", 1, "+x")]
    assert [(one.author, one.verdict) for one in pull.reviews] == [("bot", "request_changes")]


def test_a_review_of_another_version_is_refused() -> None:
    github = GithubPulls()
    there = requests(github)
    there.open(TYPO, Run(30))
    late = Reviewed("approve", "Good", "c" * 40, ())
    assert refused(lambda: there.review(1, late, Run(30))) is Reason.CHANGED_MEANWHILE
    assert github.reviews == []


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (Said(422, {"errors": [{"field": "head"}]}), Reason.REJECTED),
        (Said(403, {"message": "no"}), Reason.ACCESS_DENIED),
        (Said(403, {"message": "slow"}, {"x-ratelimit-remaining": "0"}), Reason.RATE_LIMITED),
        (Said(404, {}), Reason.NOT_FOUND),
        (Said(502, b"oops"), Reason.OUTCOME_UNKNOWN),
        (Said(201, {"number": "1"}), Reason.OUTCOME_UNKNOWN),
        (Said(201, b"not json"), Reason.OUTCOME_UNKNOWN),
    ],
)
def test_what_github_answers_to_a_change_is_told_apart(said: Said, expected: Reason) -> None:
    github = GithubPulls()
    github.says = said
    assert refused(lambda: requests(github).open(TYPO, Run(30))) is expected


def test_a_connection_lost_after_the_request_leaves_the_outcome_unknown() -> None:
    github = GithubPulls()
    github.hangs_up = True
    assert refused(lambda: requests(github).open(TYPO, Run(30))) is Reason.OUTCOME_UNKNOWN
    assert len(github.pulls) == 1


def test_a_wrong_token_and_a_missing_number_are_told() -> None:
    assert refused(lambda: requests(GithubPulls(), "x").read(1, Run(30))) is Reason.ACCESS_DENIED
    assert refused(lambda: requests(GithubPulls()).read(1, Run(30))) is Reason.NOT_FOUND
