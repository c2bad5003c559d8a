"""A server met for the first time: tiers proposed from evidence, and a policy that loads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from toolgate.core.model import Tier
from toolgate.documents import parse
from toolgate.errors import PolicyError
from toolgate.firstcontact import Proposal, propose, write_policy
from toolgate.policy.compile import open_policy

READ, REVERSIBLE, IRREVERSIBLE, PRIVILEGED = Tier


def tier(name: str, **tool: Any) -> Tier:
    (proposal,) = propose([{"name": name, **tool}])
    return proposal.tier


def takes(*names: str) -> dict[str, Any]:
    return {"inputSchema": {"type": "object", "properties": {name: {} for name in names}}}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("git_status", READ),
        ("git_log", READ),
        ("getUserById", READ),
        ("list-issues", READ),
        ("get_run_status", READ),
        ("search_emails", READ),
        ("convert_time", READ),
        ("HTTPGet", READ),
        ("ticket_create", REVERSIBLE),
        ("git_add", REVERSIBLE),
        ("email_draft", IRREVERSIBLE),
        ("email_send", IRREVERSIBLE),
        ("deleteFile", IRREVERSIBLE),
        ("write_file", IRREVERSIBLE),
        ("git_reset", IRREVERSIBLE),
        ("get_and_delete", IRREVERSIBLE),
        ("list_or_kill", PRIVILEGED),
        ("find_delete", IRREVERSIBLE),
        ("fetch_exec", PRIVILEGED),
        ("read_secret", PRIVILEGED),
        ("run_shell", PRIVILEGED),
        ("execute_sql", PRIVILEGED),
        ("frobnicate", IRREVERSIBLE),
        ("工具", IRREVERSIBLE),
        ("x", IRREVERSIBLE),
    ],
)
def test_the_name_decides_and_what_it_does_not_say_is_for_a_person(name: str, expected: Tier) -> None:
    assert tier(name) is expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["query"], READ),
        (["url"], READ),
        (["path"], READ),
        (["sql"], IRREVERSIBLE),
        (["Command"], PRIVILEGED),
        (["url", "method"], IRREVERSIBLE),
        (["path", "content"], IRREVERSIBLE),
        (["recipients", "code"], PRIVILEGED),
    ],
)
def test_arguments_raise_what_the_name_says(arguments: list[str], expected: Tier) -> None:
    assert tier("get_thing", **takes(*arguments)) is expected


def test_hints_of_the_server_raise_a_tier_and_never_lower_one() -> None:
    assert tier("get_thing", annotations={"destructiveHint": True}) is IRREVERSIBLE
    assert tier("get_thing", annotations={"readOnlyHint": False}) is IRREVERSIBLE
    assert tier("get_thing", annotations={"readOnlyHint": False, "destructiveHint": False}) is REVERSIBLE
    harmless = {
        "readOnlyHint": True,
        "destructiveHint": False,
        "idempotentHint": True,
        "openWorldHint": False,
    }
    assert tier("delete_thing", annotations=harmless) is IRREVERSIBLE
    assert tier("run_shell", annotations=harmless) is PRIVILEGED
    assert tier("frobnicate", annotations=harmless) is IRREVERSIBLE


@pytest.mark.parametrize(
    "tool", [{"inputSchema": 1, "annotations": []}, {"inputSchema": {"properties": [1]}}]
)
def test_a_malformed_tool_is_judged_by_its_name(tool: dict[str, Any]) -> None:
    assert tier("get_thing", **tool) is READ


def test_what_has_no_name_is_left_out_and_a_name_counts_once() -> None:
    listed: list[dict[str, Any]] = [
        {},
        {"name": ""},
        {"name": 3},
        {"name": "get_a"},
        {"name": "get_a", "title": ""},
    ]
    assert [proposal.tool for proposal in propose(listed)] == ["get_a"]


def test_reasons_name_the_evidence() -> None:
    (proposal,) = propose([{"name": "get_thing", **takes("sql")}])
    assert proposal.why == 'its name says "get", but its argument "sql" says it may change data through SQL'


def test_the_policy_written_loads_and_says_what_was_proposed(tmp_path: Path) -> None:
    names = ["git_status", "git_add", "git_reset", "run_shell"]
    path = tmp_path / "policy.yaml"
    path.write_text(write_policy(propose([{"name": name} for name in names]), "git"))
    policy = open_policy(path)
    views = {name: policy.view(("admin",), "git", name) for name in names}
    assert [view.tier for view in views.values()] == [READ, REVERSIBLE, IRREVERSIBLE, PRIVILEGED]
    assert all(view.allowed for view in views.values())
    assert policy.unlisted_hold
    assert policy.may("prompts", ("admin",), "git", "review")
    assert policy.may("resources", ("admin",), "git", "file:///a/b")
    assert not policy.may("tools", ("admin",), "other", "git_status")
    assert policy.may_approve(("admin",)) == {IRREVERSIBLE, PRIVILEGED}


def test_a_policy_without_proposals_holds_everything(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    for proposals in ([], [Proposal("*", READ, "x")]):
        path.write_text(write_policy(proposals, ""))
        view = open_policy(path).view(("admin",), "any", "tool")
        assert view.allowed
        assert view.tier is None


def test_a_server_cannot_write_into_the_policy_through_a_name(tmp_path: Path) -> None:
    evil = ["get_*", "get_{a,b}", 'get_x"\nunlisted: refuse\n#', "get_\u2028x", "get #x", "get\r- 'x/*'", "*"]
    text = write_policy(propose([{"name": name} for name in [*evil, "get_fine"]]), "up")
    content = parse(text, tmp_path, PolicyError).content
    assert content["unlisted"] == "hold"
    assert content["tiers"] == {"read": ["up/get_fine"]}
    assert "refuse\n" not in text
