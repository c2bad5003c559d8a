"""What a compiled policy says of a tool for a set of roles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from toolgate.core import policy as module
from toolgate.core.model import JsonObject, Limit, Tier
from toolgate.core.patterns import Ranked, methods, names, uris
from toolgate.core.policy import (
    Action,
    Actions,
    ApprovalRule,
    Budget,
    Override,
    Policy,
    Reach,
    Redaction,
    Role,
    ToolRule,
    loosest,
)
from toolgate.testing import policy_of

MINUTE = Limit(5, 60)
HOUR = Limit(200, 3600)
NOTHING = Redaction(Actions({}, Action.ALLOW), {}, Ranked({}, ()))


def never(arguments: JsonObject) -> str | None:
    return "arguments: expected none"


def always(arguments: JsonObject) -> str | None:
    return None


def grant(text: str, *conditions: Any) -> Reach:
    return Reach(names(text)[0], conditions)


def ranked(entries: Mapping[str, Any]) -> Ranked[Any]:
    return Ranked[Any].of((names(text)[0], value) for text, value in entries.items())


def policy(**changes: Any) -> Policy:
    approval = {
        Tier.IRREVERSIBLE: ApprovalRule(("cli",), 900.0),
        Tier.PRIVILEGED: ApprovalRule(("cli",), 300.0),
    }
    stated: dict[str, Any] = {
        "digest": "d",
        "shadow": False,
        "unlisted_hold": False,
        "approval": approval,
        "prompts": None,
        "roles": {},
        "tiers": ranked({}),
        "tools": ranked({}),
        "arguments": NOTHING,
        "results": NOTHING,
        "max_chars": None,
    }
    return Policy(**(stated | changes))


def test_a_tool_no_role_names_is_not_allowed() -> None:
    judged = policy(roles={"reader": Role(tools=(grant("docs/*"),))})
    assert judged.view(("reader",), "docs", "search").allowed
    assert not judged.view(("reader",), "crm", "search").allowed
    assert not judged.view((), "docs", "search").allowed
    assert not judged.view(("unheard-of",), "docs", "search").allowed


def test_several_roles_reach_the_union_under_all_conditions() -> None:
    judged = policy(
        roles={
            "a": Role(tools=(grant("docs/search", always),)),
            "b": Role(tools=(grant("docs/*", never), grant("docs/search", always))),
        },
        tools=ranked({"docs/search": ToolRule(conditions=(never,))}),
    )
    assert judged.view(("a",), "docs", "search").conditions == (always, never)
    assert judged.view(("a", "b"), "docs", "search").conditions == (always, never)
    assert judged.view(("b",), "docs", "read").conditions == (never,)


def test_the_tier_is_that_of_the_most_specific_pattern() -> None:
    judged = policy(tiers=ranked({"*/*": Tier.PRIVILEGED, "docs/*": Tier.READ}))
    assert judged.view((), "docs", "search").tier is Tier.READ
    assert judged.view((), "crm", "search").tier is Tier.PRIVILEGED
    assert policy().view((), "docs", "search").tier is None


def test_limits_of_roles_are_per_caller_and_those_of_a_tool_per_tool() -> None:
    judged = policy(
        roles={"a": Role(calls=MINUTE, cost=Limit(1, 86400)), "b": Role(calls=HOUR)},
        tools=ranked({"docs/*": ToolRule(calls=MINUTE, cost_limit=HOUR, cost=0.5)}),
    )
    assert judged.view(("a", "b"), "docs", "search").budgets == (
        Budget("calls", MINUTE),
        Budget("cost", Limit(1, 86400), 0.5),
        Budget("docs/search calls", MINUTE),
        Budget("docs/search cost", HOUR, 0.5),
    )
    assert judged.view(("b",), "crm", "search").budgets == (Budget("calls", HOUR),)
    assert judged.view((), "docs", "read").budgets[0].name == "docs/read calls"


def test_a_cost_limit_without_a_cost_draws_on_nothing() -> None:
    rule = ToolRule(cost_limit=HOUR)
    judged = policy(roles={"a": Role(cost=HOUR)}, tools=ranked({"docs/*": rule}))
    assert judged.view(("a",), "docs", "search").budgets == ()


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ([], None),
        ([None], None),
        ([HOUR, None], HOUR),
        ([HOUR, MINUTE], MINUTE),
        ([Limit(1, 60), Limit(60, 3600)], Limit(60, 3600)),
    ],
)
def test_the_loosest_limit_counts(limits: list[Limit | None], expected: Limit | None) -> None:
    assert loosest(limits) == expected


def test_redaction_goes_from_all_to_upstream_to_tool() -> None:
    redaction = Redaction(
        Actions({"SECRET": Action.MASK}, Action.ALLOW),
        {"crm": Override({}, Action.MASK)},
        ranked({"crm/read": Override({"SECRET": Action.REFUSE})}),
    )
    judged = policy(results=redaction)
    assert judged.view((), "docs", "search").wanted_results == {"SECRET"}
    assert judged.view((), "crm", "search").wanted_results == module.ENTITIES
    view = judged.view((), "crm", "read")
    assert (view.results.of("SECRET"), view.results.of("IBAN_CODE")) == (Action.REFUSE, Action.MASK)
    assert view.wanted_arguments == frozenset()
    assert judged.surface("prompts", (), "crm", "read").results.of("SECRET") is Action.MASK


def test_entities_that_are_allowed_by_name_are_not_looked_for() -> None:
    wanted = Actions({"PHONE_NUMBER": Action.ALLOW}, Action.MASK).wanted()
    assert wanted == module.ENTITIES - {"PHONE_NUMBER"}


def test_prompts_resources_and_methods_are_reached_by_their_own_patterns() -> None:
    role = Role(
        tools=(grant("docs/search"),),
        prompts=names("docs/greet"),
        resources=uris("docs/file:///public/**"),
        methods=methods("tasks/*"),
        calls=MINUTE,
    )
    judged = policy(roles={"a": role}, max_chars=9)
    assert judged.may("prompts", ("a",), "docs", "greet")
    assert not judged.may("prompts", ("a",), "docs", "search")
    assert judged.may("resources", ("a",), "docs", "file:///public/a")
    assert not judged.may("resources", ("a",), "docs", "file:///private/a")
    assert judged.may("methods", ("a",), "docs", "tasks/get")
    assert judged.may("tools", ("a",), "docs", "search")
    view = judged.surface("prompts", ("a",), "docs", "greet")
    assert (view.tier, view.conditions, view.max_chars) == (Tier.READ, (), 9)
    assert view.budgets == (Budget("calls", MINUTE),)
    assert role.names("tools") == names("docs/search")


def test_what_roles_may_beside_calling_is_the_union() -> None:
    judged = policy(
        roles={
            "a": Role(servers_may=frozenset({"elicit"}), may_approve=frozenset({Tier.IRREVERSIBLE})),
            "b": Role(may_approve=frozenset({Tier.PRIVILEGED}), held=True),
        }
    )
    assert judged.server_may(("b", "a"), "elicit")
    assert not judged.server_may(("a",), "sample")
    assert judged.may_approve(("a", "b")) == {Tier.IRREVERSIBLE, Tier.PRIVILEGED}
    assert judged.can_be_held(("a", "b"))
    assert not judged.can_be_held(("a",))


def test_a_view_is_made_once() -> None:
    judged = policy()
    assert judged.view((), "docs", "search") is judged.view((), "docs", "search")
    assert judged.surface("prompts", (), "docs", "a") is judged.surface("prompts", (), "docs", "a")


@pytest.mark.plain
def test_names_an_agent_invents_do_not_grow_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_VIEWS", 10)
    judged = policy()
    first = judged.view((), "docs", "search")
    for number in range(25):
        judged.view((), "docs", f"invented-{number}")
    assert judged.view((), "docs", "search") == first
    assert judged.view((), "docs", "search") is not first


def test_a_name_of_absurd_length_is_not_remembered() -> None:
    judged = policy()
    name = "x" * 10_000
    assert judged.view((), "docs", name) is not judged.view((), "docs", name)


def test_what_many_callers_draw_on_is_theirs_and_does_not_grow_memory() -> None:
    view = policy_of("version: 1\nroles: {reader: {tools: [docs/*], limits: {calls: 5/hour}}}\n").view(
        ("reader",), "docs", "search"
    )
    first = view.rates("ann")
    assert [rate.key for rate in first] == ["calls|ann"]
    assert view.rates("ann") is first
    for number in range(300):
        assert view.rates(f"agent-{number}")[0].key == f"calls|agent-{number}"
    assert view.rates("agent-299") is not view.rates("agent-299")
