"""What `toolgate check` warns of, and that what we ship gives it nothing to warn of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from toolgate.policy import document
from toolgate.policy.cases import load_tests, policy_of, run
from toolgate.policy.compile import compiled, open_policy
from toolgate.policy.lint import Known, warnings
from toolgate.policy.load import is_test, load

ROOT = Path(__file__).parents[2]
SHIPPED = [path for path in sorted((ROOT / "policies").glob("*.yaml")) if not is_test(path)]
TESTS = sorted([*(ROOT / "policies").glob("*_test.yaml"), *(ROOT / "tests" / "verdicts").glob("*_test.yaml")])
TOOLS = {
    "retrieval": frozenset(
        {
            "search_knowledge",
            "read_document",
            "list_documents",
            "web_search",
            "query_sql",
            "list_tables",
            "fetch_api",
        }
    ),
    "compute": frozenset(
        {
            *(
                "calculate",
                "convert_units",
                "calculate_dates",
                "calculate_finance",
                "run_python",
                "run_shell",
            ),
            *("transform_data", "notebook_open", "notebook_run", "notebook_read", "notebook_restart"),
            *("notebook_export", "notebook_close"),
        }
    ),
    "actions": frozenset(
        {
            *("email_search", "email_read", "email_draft", "email_delete_draft", "email_send", "email_reply"),
            *("calendar_search", "calendar_free_busy", "calendar_create", "calendar_move"),
            *("calendar_cancel", "calendar_respond"),
            *("ticket_search", "ticket_get", "ticket_create", "ticket_update", "ticket_assign"),
            *("ticket_comment", "ticket_close"),
        }
    ),
}
# The families that are off until they are switched on.
OFF = {
    "actions": frozenset(
        {
            *("message_list_channels", "message_search", "message_post", "message_reply", "message_delete"),
            *("crm_search_contacts", "crm_read_contact", "crm_create_contact", "crm_update_contact"),
            *("crm_delete_contact", "crm_log_activity", "crm_list_activities"),
            *("git_status", "git_diff", "git_log", "git_branch", "git_commit", "git_push"),
            *("git_open_pull_request", "git_read_pull_request", "git_review_pull_request"),
        }
    )
}
# These speak of servers that toolgate does not ship.
ELSEWHERE = {"allow-all", "wrapped", "example-developer"}

ONE_TOOL = "tiers: {read: [a/b]}\nroles: {r: {tools: [a/b]}}"


def warned(folder: Path, text: str, known: Known | None = None) -> list[str]:
    path = folder / "team.yaml"
    path.write_text("version: 1\n" + text, encoding="utf-8")
    source = load(path)
    lines = warnings(source, compiled(source), known or Known())
    return [line.removeprefix(f"{path}:").partition(": ")[0] for line in lines]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_policy_has_no_warning_and_a_test(path: Path) -> None:
    source = load(path)
    known = Known() if path.stem in ELSEWHERE else Known(OFF if path.stem == "office" else TOOLS)
    assert warnings(source, compiled(source), known) == []
    assert path.with_name(f"{path.stem}_test.yaml") in TESTS


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_a_policy_decides_as_its_tests_expect(path: Path) -> None:
    tests = load_tests(path)
    assert run(tests, open_policy(policy_of(tests))).failures == ()


def test_the_default_policy_gives_every_shipped_tool_a_tier() -> None:
    policy = open_policy(ROOT / "policies" / "default.yaml")
    views = [policy.view(("admin",), upstream, tool) for upstream in TOOLS for tool in TOOLS[upstream]]
    assert all(view.allowed and view.tier for view in views)


def test_the_schema_for_editors_is_that_of_the_code() -> None:
    shipped = (ROOT / "policies" / "policy.schema.json").read_text(encoding="utf-8")
    assert json.loads(shipped) == document.schema()


@pytest.mark.parametrize(
    "condition",
    [
        "{equals: abc, prefix: x}",
        "{in: [1, 2], range: {min: 3}}",
        "{prefix: x, range: {min: 3}}",
        "{range: {min: 3, max: 2}}",
        "{each: {prefix: x}, regex: x}",
        "{any: {range: {min: 3, max: 2}}}",
    ],
)
def test_a_condition_nothing_meets_is_warned_of(tmp_path: Path, condition: str) -> None:
    text = f"{ONE_TOOL}\ntools: {{a/b: {{when: {{x: {condition}}}}}}}"
    assert warned(tmp_path, text) == ["4 tools.a/b.when.x"]
    text = f"tiers: {{read: [a/b]}}\nroles: {{r: {{tools: [{{tool: a/b, when: {{x: {condition}}}}}]}}}}"
    assert warned(tmp_path, text) == ["3 roles.r.tools[0].when.x"]


@pytest.mark.parametrize("condition", ["{equals: abc, prefix: a}", "{range: {min: 2}}", "{any: {prefix: x}}"])
def test_a_condition_that_can_be_met_is_not(tmp_path: Path, condition: str) -> None:
    text = f"{ONE_TOOL}\ntools: {{a/b: {{when: {{x: {condition}}}}}}}"
    assert warned(tmp_path, text) == []


def test_a_role_that_reaches_nothing_or_that_nobody_holds(tmp_path: Path) -> None:
    text = "roles:\n  idle: {}\n  base: {prompts: [a/b]}\n  used: {extends: [base]}\n  lost: {prompts: [a/b]}"
    assert warned(tmp_path, text) == ["3 roles.idle"]
    known = Known(roles=frozenset({"used", "idle"}))
    assert warned(tmp_path, text, known) == ["3 roles.idle", "6 roles.lost"]


def test_a_tier_no_role_reaches_and_a_tier_nobody_may_approve(tmp_path: Path) -> None:
    text = "tiers:\n  read: [a/b, c/d]\n  privileged: [a/c]\nroles: {r: {tools: ['a/*']}}"
    assert warned(tmp_path, text) == ["3 tiers.read[1]", "4 tiers.privileged"]


def test_a_call_that_costs_more_than_its_limit(tmp_path: Path) -> None:
    text = (
        "tiers: {read: [a/b]}\nroles: {r: {tools: [a/b], limits: {cost: 1 USD/day}}}\n"
        "tools: {a/b: {cost: 2 USD, limits: {cost: 3 USD/day}}}"
    )
    assert warned(tmp_path, text) == ["4 tools.a/b.cost"]


def test_a_tool_without_a_tier_is_warned_of_where_that_refuses_it(tmp_path: Path) -> None:
    text = "tiers: {read: [a/b]}\nroles: {r: {tools: [a/b, {tool: a/c}]}}"
    assert warned(tmp_path, text) == ["3 roles.r.tools[1]"]
    assert warned(tmp_path, "unlisted: hold\n" + text) == []
    known = Known({"a": frozenset({"b", "c", "d"})})
    assert warned(tmp_path, "tiers: {read: [a/b]}\nroles: {r: {tools: ['a/*']}}", known) == [
        "3 roles.r.tools[0]"
    ]


def test_a_pattern_that_names_no_known_tool(tmp_path: Path) -> None:
    text = "tiers: {read: ['a/{b,x}']}\nroles: {r: {tools: ['a/*']}}\nredaction: {tools: {b/c: {}}}"
    known = Known({"a": frozenset({"b"})})
    assert warned(tmp_path, text, known) == ["2 tiers.read[0]", "4 redaction.tools.b/c"]


def test_redaction_of_an_upstream_that_is_not_there_is_told(tmp_path: Path) -> None:
    text = """tiers: {read: ["crm/*"]}
roles: {r: {tools: ["crm/*"]}}
redaction:
  upstreams:
    crn: {results: {other: mask}}
  roles:
    r: {upstreams: {crm: {results: {other: mask}}}}"""
    known = Known(upstreams=frozenset({"crm"}))
    assert warned(tmp_path, text, known) == ["6 redaction.upstreams.crn"]
    assert warned(tmp_path, text) == []


def test_values_to_restore_where_nothing_becomes_a_pseudonym_are_told(tmp_path: Path) -> None:
    text = """tiers: {read: ["crm/*"]}
roles: {r: {tools: ["crm/*"]}}
redaction:
  restore: {crm/note: {to: [EMAIL_ADDRESS]}}
  upstreams: {crm: {results: {EMAIL_ADDRESS: %s}}}"""
    assert warned(tmp_path, text % "mask") == ["5 redaction.restore"]
    assert warned(tmp_path, text % "pseudonym") == []
