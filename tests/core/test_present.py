"""A list shows what its caller can reach, unchanged, and nothing of what is hidden."""

from __future__ import annotations

from typing import Any

import pytest

from toolgate.core.model import JsonObject
from toolgate.core.present import CONTINUE, CONTINUE_TOOL, EXPLAIN, LISTS, own_tools, present
from toolgate.testing import caller, policy_of

POLICY = """
version: 1
tiers: {read: [docs/search, docs/secret], irreversible: [docs/delete]}
roles:
  reader:
    tools: [docs/search, docs/delete, docs/new]
    prompts: [docs/greet]
    resources: ["docs/file:///public/**"]
"""
READER = caller("ann", "reader")


def shown(method: str, items: list[Any], policy: str = POLICY) -> list[Any]:
    return present(method, items, "docs", READER, policy_of(policy))


@pytest.mark.parametrize(
    ("method", "names", "reached"),
    [
        ("tools/list", ["search", "secret", "delete", "unheard"], ["search", "delete"]),
        ("prompts/list", ["greet", "other"], ["greet"]),
        ("resources/list", ["file:///public/a", "file:///private/a"], ["file:///public/a"]),
        ("resources/templates/list", ["file:///public/{name}", "db:///{x}"], ["file:///public/{name}"]),
    ],
)
def test_only_what_a_role_reaches_is_shown(method: str, names: list[str], reached: list[str]) -> None:
    key = LISTS[method][1]
    found = shown(method, [{key: name} for name in names])
    assert [item[key] for item in found] == reached


def test_an_item_is_shown_as_it_came_and_in_its_order() -> None:
    items = [{"name": "delete", "x": {"y": 1}}, {"name": "search", "inputSchema": True}]
    assert [a is b for a, b in zip(shown("tools/list", items), items, strict=True)] == [True, True]


@pytest.mark.parametrize(
    "item", [None, "search", 7, ["search"], {}, {"name": None}, {"name": 7}, {"uri": "x"}]
)
def test_an_item_without_a_name_is_not_shown(item: object) -> None:
    assert shown("tools/list", [item]) == []


def test_a_tool_without_a_tier_is_shown_only_where_a_person_can_be_asked() -> None:
    assert shown("tools/list", [{"name": "new"}]) == []
    assert shown("tools/list", [{"name": "new"}], POLICY + "unlisted: hold\n") == [{"name": "new"}]


def test_a_server_cannot_pass_a_tool_of_its_own_off_as_toolgates() -> None:
    everything = "version: 1\ntiers: {read: ['*/*']}\nroles: {reader: {tools: ['*/*'], prompts: ['*/*']}}"
    assert shown("tools/list", [{"name": CONTINUE}], everything) == []
    assert shown("prompts/list", [{"name": CONTINUE}], everything) == [{"name": CONTINUE}]


def test_the_tool_that_goes_on_with_a_held_call_takes_one_approval_and_nothing_else() -> None:
    schema = CONTINUE_TOOL["inputSchema"]
    assert (schema["required"], schema["additionalProperties"]) == (["approval"], False)


@pytest.mark.parametrize(
    ("listed", "shown", "unlisted", "names"),
    [
        (True, [], "refuse", [EXPLAIN]),
        (False, [], "refuse", []),
        (True, [{"name": "find"}], "refuse", []),
        (True, [{"name": "find"}], "hold", [CONTINUE]),
        (False, [], "hold", [CONTINUE]),
    ],
)
def test_nobody_meets_an_empty_list_without_being_told_why(
    listed: bool, shown: list[JsonObject], unlisted: str, names: list[str]
) -> None:
    policy = policy_of(f"""
        version: 1
        unlisted: {unlisted}
        tiers: {{read: [crm/find]}}
        roles: {{agent: {{tools: ["crm/*"]}}}}
    """)
    added = own_tools(listed=listed, shown=shown, caller=caller("ann", "agent"), policy=policy)
    assert [tool["name"] for tool in added] == names
