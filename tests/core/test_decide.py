"""The checks in their order: what is refused, what a person is asked, and what is looked up for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from toolgate.core.decide import ADMIT, admit
from toolgate.core.model import (
    UNKNOWN,
    Allow,
    Approval,
    ApprovalState,
    Burn,
    Call,
    Fact,
    Facts,
    Finding,
    Hold,
    JsonObject,
    Limit,
    Need,
    Rate,
    Refuse,
    Replay,
    Tier,
)
from toolgate.core.reasons import Reason
from toolgate.core.texts import texts
from toolgate.testing import START, assert_refused, call, caller, facts, policy_of, tool

TEXT = """
version: 1
tiers:
  read: [m/list]
  reversible: [m/draft]
  irreversible: [m/send]
  privileged: [m/wipe]
roles:
  agent:
    tools: ["m/*"]
    prompts: [m/greet]
    resources: ["m/file:///public/**"]
    methods: [m/tasks/get]
    limits: {calls: 100/hour, cost: 1 USD/day}
tools:
  m/list: {when: {folder: {optional: true, prefix: public}}, limits: {calls: 5/minute}, cost: 0.5 USD}
redaction: {arguments: {secrets: refuse, EMAIL_ADDRESS: mask, CREDIT_CARD: allow}}
"""
POLICY = policy_of(TEXT)
SHADOW = policy_of(TEXT + "mode: shadow\n")
OPEN = policy_of(
    "version: 1\ntiers: {read: ['*/*']}\nroles: {agent: {tools: ['*/*']}}\n"
    "redaction: {arguments: {secrets: allow, CREDIT_CARD: allow}}"
)
UNLISTED = policy_of(TEXT + "unlisted: hold\n")
ANN = caller("ann", "agent")
LIST, DRAFT, SEND, WIPE, NEW = (
    call(f"m/{name}", who=ANN) for name in ("list", "draft", "send", "wipe", "new")
)
CALLS = Rate("calls|ann", Limit(100, 3600.0))
SECRET = (Finding("SECRET", 1, 0, 4),)
STRICT = tool("list", {"type": "object", "additionalProperties": False, "properties": {"folder": {}}})
TOO_COMPLEX = replace(tool("list"), broken="more than 10 branches")


def approval(state: ApprovalState = ApprovalState.APPROVED, **given: Any) -> Approval:
    usual = Approval("ap-1", "ann", "m", "send", "d", "p", Tier.IRREVERSIBLE, state, START, START + 900.0)
    return replace(usual, **given)


def test_checks_run_cheap_and_certain_first() -> None:
    assert [check.__name__ for check in ADMIT] == [
        "running",
        "allowlisted",
        "known",
        "tiered",
        "valid",
        "conditions_met",
        "arguments_clean",
        "approved",
        "within_budget",
    ]


@pytest.mark.parametrize(
    ("asked", "known", "reason"),
    [
        (call("m/list", who=caller("eve")), {}, Reason.NOT_ALLOWED),
        (call("m/list", who=caller("eve", "unheard-of")), {}, Reason.NOT_ALLOWED),
        (call("other/list", who=ANN), {}, Reason.NOT_ALLOWED),
        (LIST, {"tool": None}, Reason.NOT_ALLOWED),
        (NEW, {}, Reason.NO_TIER),
        (LIST, {"tool": TOO_COMPLEX}, Reason.SCHEMA_TOO_COMPLEX),
        (call("m/list", {"x": 1}, ANN), {"tool": STRICT}, Reason.ARGUMENTS_INVALID),
        (call("m/list", {"folder": "private"}, ANN), {}, Reason.CONDITION_NOT_MET),
        (call("m/draft", {"a": "key"}, ANN), {"findings": SECRET}, Reason.SENSITIVE_ARGUMENTS),
        (SEND, {"approval": approval(ApprovalState.DENIED)}, Reason.APPROVAL_DENIED),
        (SEND, {"approval": approval(ApprovalState.SPENT)}, Reason.OUTCOME_UNKNOWN),
        (LIST, {"spent": {"calls|ann": 9.0}}, Reason.RATE_LIMITED),
        (LIST, {"spent": {"m/list calls|ann": 9.0}}, Reason.RATE_LIMITED),
        (LIST, {"spent": {"cost|ann": 9.0}}, Reason.RATE_LIMITED),
        (SEND, {"spent": {"calls|ann": 9.0}}, Reason.RATE_LIMITED),
        (call("m/other", method="prompts/get", who=ANN), {}, Reason.NOT_ALLOWED),
        (call("m/file:///private/a", method="resources/read", who=ANN), {}, Reason.NOT_ALLOWED),
        (call("m/tasks/cancel", method="tasks/cancel", who=ANN), {}, Reason.NOT_ALLOWED),
    ],
)
def test_a_refusal_names_the_first_rule_that_is_broken(
    asked: Call, known: JsonObject, reason: Reason
) -> None:
    assert_refused(admit(asked, facts(**known), POLICY), reason)


def test_a_spent_limit_says_when_to_come_back() -> None:
    verdict = admit(LIST, facts(spent={"m/list calls|ann": 12.0}), POLICY)
    assert isinstance(verdict, Refuse)
    assert verdict.retry_after == 12.0


def test_another_callers_spent_limit_does_not_count() -> None:
    assert isinstance(admit(LIST, facts(spent={"calls|bob": 9.0}), POLICY), Allow)


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("prompts/get", "greet"),
        ("resources/read", "file:///public/a"),
        ("resources/subscribe", "file:///public/a"),
        ("resources/unsubscribe", "file:///public/a"),
        ("tasks/get", ""),
    ],
)
def test_prompts_resources_and_methods_are_read_and_cost_one_call(method: str, target: str) -> None:
    asked = Call(method, "m", target, {"a": "b"}, ANN)
    assert admit(asked, Facts(START, findings=()), POLICY) == Allow(Tier.READ, {"a": "b"}, (CALLS,))


@pytest.mark.parametrize(
    ("reference", "target", "allowed"),
    [
        ({"type": "ref/prompt", "name": "greet"}, "greet", True),
        ({"type": "ref/prompt", "name": "other"}, "other", False),
        ({"type": "ref/resource", "uri": "file:///public/a"}, "file:///public/a", True),
        ({"type": "ref/resource", "uri": "greet"}, "greet", False),
        ("greet", "greet", False),
        (None, "greet", False),
    ],
)
def test_a_completion_reaches_what_its_reference_reaches(
    reference: object, target: str, allowed: bool
) -> None:
    asked = Call("completion/complete", "m", target, {"ref": reference}, ANN)
    assert isinstance(admit(asked, Facts(START, findings=()), POLICY), Allow) is allowed


def test_an_allowed_call_draws_on_every_budget_that_the_policy_sets() -> None:
    verdict = admit(LIST, facts(), POLICY)
    per_tool, cost = Rate("m/list calls|ann", Limit(5, 60.0)), Rate("cost|ann", Limit(1, 86400.0), 0.5)
    assert verdict == Allow(Tier.READ, {}, (CALLS, cost, per_tool))


@pytest.mark.parametrize(
    ("asked", "known", "needed"),
    [
        (LIST, {"tool": UNKNOWN, "findings": UNKNOWN}, {Fact.TOOL}),
        (LIST, {"findings": UNKNOWN}, {Fact.FINDINGS}),
        (SEND, {"findings": UNKNOWN, "approval": UNKNOWN}, {Fact.FINDINGS, Fact.APPROVAL}),
        (SEND, {"approval": UNKNOWN}, {Fact.APPROVAL}),
        (replace(LIST, approval="ap-1"), {"approval": UNKNOWN}, {Fact.APPROVAL}),
        (NEW, {"assigned": UNKNOWN, "approval": UNKNOWN}, {Fact.ASSIGNED, Fact.APPROVAL}),
        (NEW, {"assigned": UNKNOWN}, {Fact.ASSIGNED}),
        (NEW, {"approval": UNKNOWN}, {Fact.APPROVAL}),
    ],
)
def test_what_is_not_known_is_asked_for_all_at_once(
    asked: Call, known: JsonObject, needed: set[Fact]
) -> None:
    verdict = admit(asked, facts(**known), UNLISTED)
    assert isinstance(verdict, Need)
    assert verdict.facts == needed


def test_a_cheap_refusal_asks_for_nothing() -> None:
    nothing = Facts(START)
    assert_refused(admit(call("m/list", who=caller("eve")), nothing, POLICY), Reason.NOT_ALLOWED)


def test_a_policy_that_masks_and_refuses_nothing_pays_for_no_scan() -> None:
    assert admit(LIST, Facts(START, tool("list")), OPEN) == Allow(Tier.READ, {})


def test_judging_goes_on_where_it_stopped() -> None:
    first = admit(LIST, facts(findings=UNKNOWN), POLICY)
    assert isinstance(first, Need)
    assert admit(LIST, facts(), POLICY, first.passed) == admit(LIST, facts(), POLICY)


def test_what_is_masked_is_what_would_be_sent() -> None:
    asked = call("m/send", {"to": "bob@example.com"}, ANN)
    found = (Finding("EMAIL_ADDRESS", 1, 0, 15), Finding("CREDIT_CARD", 1, 0, 3))
    masked = {"to": "<EMAIL_ADDRESS>"}
    assert admit(asked, facts(findings=found), POLICY) == Hold(
        Tier.IRREVERSIBLE, masked, START + 900.0, findings=found
    )
    allowed = admit(asked, facts(findings=found, approval=approval()), POLICY)
    assert allowed == Allow(Tier.IRREVERSIBLE, masked, (CALLS, Burn("ap-1")), "ap-1", found)


@pytest.mark.parametrize(
    ("asked", "tier", "minutes"), [(SEND, Tier.IRREVERSIBLE, 15), (WIPE, Tier.PRIVILEGED, 5), (NEW, None, 15)]
)
def test_a_person_is_asked_for_as_long_as_the_tier_says(asked: Call, tier: Tier | None, minutes: int) -> None:
    why = "tier" if tier else "unlisted"
    assert admit(asked, facts(), UNLISTED) == Hold(tier, {}, START + minutes * 60.0, why=why)


@pytest.mark.parametrize(
    ("asked", "known", "policy", "tier"),
    [
        (SEND, {"approval": approval(expires=START)}, POLICY, Tier.IRREVERSIBLE),
        (WIPE, {"approval": approval()}, POLICY, Tier.PRIVILEGED),
        (NEW, {"approval": approval(tier=None)}, UNLISTED, None),
        (NEW, {"assigned": Tier.IRREVERSIBLE}, UNLISTED, Tier.IRREVERSIBLE),
        (NEW, {"assigned": Tier.PRIVILEGED, "approval": approval()}, UNLISTED, Tier.PRIVILEGED),
    ],
)
def test_an_approval_that_is_not_enough_is_asked_for_anew(
    asked: Call, known: JsonObject, policy: Any, tier: Tier | None
) -> None:
    verdict = admit(asked, facts(**known), policy)
    assert isinstance(verdict, Hold)
    assert (verdict.tier, verdict.approval) == (tier, None)


def test_a_call_that_waits_already_waits_under_the_same_approval() -> None:
    waiting = approval(ApprovalState.PENDING, expires=START + 60.0)
    assert admit(SEND, facts(approval=waiting), POLICY) == Hold(Tier.IRREVERSIBLE, {}, START + 60.0, waiting)


def test_an_approved_call_spends_its_approval() -> None:
    verdict = admit(SEND, facts(approval=approval()), POLICY)
    assert verdict == Allow(Tier.IRREVERSIBLE, {}, (CALLS, Burn("ap-1")), "ap-1")


def test_an_approval_for_more_is_enough() -> None:
    stronger = approval(tier=Tier.PRIVILEGED)
    assert isinstance(admit(SEND, facts(approval=stronger), POLICY), Allow)


def test_an_executed_call_is_answered_with_what_came_of_it() -> None:
    done = approval(ApprovalState.EXECUTED)
    assert admit(SEND, facts(approval=done), POLICY) == Replay(done)


@pytest.mark.parametrize("tier", [Tier.READ, Tier.REVERSIBLE])
def test_a_tool_that_a_person_classed_as_harmless_waits_for_nobody(tier: Tier) -> None:
    assert admit(NEW, facts(assigned=tier), UNLISTED) == Allow(tier, {}, (CALLS,))


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        (None, Reason.APPROVAL_UNKNOWN),
        (approval(id="ap-2"), Reason.APPROVAL_UNKNOWN),
        (approval(expires=START), Reason.APPROVAL_EXPIRED),
        (approval(ApprovalState.EXECUTED, expires=START), Reason.APPROVAL_SPENT),
        (approval(ApprovalState.DENIED), Reason.APPROVAL_DENIED),
        (approval(ApprovalState.SPENT), Reason.OUTCOME_UNKNOWN),
    ],
)
def test_an_approval_named_by_its_id_must_be_the_one_of_this_call(
    known: Approval | None, reason: Reason
) -> None:
    assert_refused(admit(replace(SEND, approval="ap-1"), facts(approval=known), POLICY), reason)


@pytest.mark.parametrize("asked", [LIST, SEND])
def test_an_approval_named_by_its_id_is_spent_whatever_the_tier_is_now(asked: Call) -> None:
    verdict = admit(replace(asked, approval="ap-1"), facts(approval=approval()), POLICY)
    assert isinstance(verdict, Allow)
    assert verdict.approval == "ap-1"


def test_of_approvals_only_one_that_stands_is_spent() -> None:
    for known in (approval(expires=START), approval(ApprovalState.PENDING)):
        verdict = admit(NEW, facts(assigned=Tier.READ, approval=known), UNLISTED)
        assert verdict == Allow(Tier.READ, {}, (CALLS,))


@pytest.mark.parametrize(
    ("asked", "known", "reason"),
    [
        (call("m/list", {"folder": "private"}, ANN), {}, Reason.CONDITION_NOT_MET),
        (call("m/list", {"x": 1}, ANN), {"tool": STRICT}, Reason.ARGUMENTS_INVALID),
        (call("m/draft", {"a": "key"}, ANN), {"findings": SECRET}, Reason.SENSITIVE_ARGUMENTS),
        (LIST, {"spent": {"calls|ann": 9.0}}, Reason.RATE_LIMITED),
        (call("m/other", method="prompts/get", who=ANN), {"tool": UNKNOWN}, Reason.NOT_ALLOWED),
    ],
)
def test_shadow_mode_lets_pass_what_can_be_undone(asked: Call, known: JsonObject, reason: Reason) -> None:
    verdict = admit(asked, facts(**known), SHADOW)
    assert isinstance(verdict, Allow)
    assert (verdict.shadowed, verdict.arguments, verdict.charges) == (reason, asked.arguments, ())


@pytest.mark.parametrize(
    ("asked", "known", "reason"),
    [
        (LIST, {"tool": None}, Reason.NOT_ALLOWED),
        (call("m/list", who=caller("eve")), {"tool": UNKNOWN}, Reason.NOT_ALLOWED),
        (NEW, {}, Reason.NO_TIER),
        (SEND, {"spent": {"calls|ann": 9.0}}, Reason.RATE_LIMITED),
        (SEND, {"approval": approval(ApprovalState.DENIED)}, Reason.APPROVAL_DENIED),
        (WIPE, {"findings": SECRET}, Reason.SENSITIVE_ARGUMENTS),
    ],
)
def test_shadow_mode_never_lets_pass_what_cannot_be_undone(
    asked: Call, known: JsonObject, reason: Reason
) -> None:
    assert_refused(admit(replace(asked, arguments={"a": "key"}), facts(**known), SHADOW), reason)


def test_shadow_mode_holds_what_it_would_hold() -> None:
    assert isinstance(admit(SEND, facts(), SHADOW), Hold)


def test_facts_with_findings_keep_all_else_that_is_known() -> None:
    before = facts(findings=UNKNOWN, approval=approval(), spent={"k": 1.0})
    read = texts({"a": "b"})
    after = before.scanned((), read)
    assert after == replace(before, findings=(), texts=read)
