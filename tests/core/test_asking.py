"""When a person is asked, and what answers in place of one: grants, pauses, approvals with changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from toolgate.core.decide import admit
from toolgate.core.model import (
    UNKNOWN,
    Allow,
    Amend,
    Approval,
    ApprovalState,
    Burn,
    Call,
    Fact,
    Finding,
    Hold,
    JsonObject,
    Need,
    Refuse,
    Tier,
    Tool,
    Use,
)
from toolgate.core.reasons import Reason
from toolgate.core.standing import Grant, Pause, Pauses
from toolgate.policy.matchers import pattern
from toolgate.testing import assert_refused, call, caller, facts
from toolgate.testing.values import START, policy_of, tool

POLICY = policy_of(
    """
version: 1
unlisted: hold
tiers: {read: [m/list], reversible: [m/note], irreversible: [m/send], privileged: [m/wipe]}
roles: {agent: {tools: ["*/*"]}}
redaction: {arguments: {EMAIL_ADDRESS: mask}}
approval: {reversible: {ask_about: [IBAN_CODE, EMAIL_ADDRESS], expires: 5m}}
"""
)
ANN = caller("ann", "agent")
PIN = "pin-any"


def asked(target: str, arguments: JsonObject | None = None, **more: Any) -> Call:
    return call(f"m/{target}", arguments, ANN, **more)


SEND, NOTE, WIPE = asked("send", {"to": "bob"}), asked("note", {"text": "DE02"}), asked("wipe")


def grant(stated: JsonObject, tier: Tier = Tier.IRREVERSIBLE, **more: Any) -> Grant:
    fields: dict[str, Any] = {"pin": PIN, "uses": 3, "expires": START + 60.0, **more}
    target = {Tier.IRREVERSIBLE: "send", Tier.REVERSIBLE: "note"}.get(tier, "wipe")
    made = Grant(
        "gr-1",
        "ann",
        "m",
        target,
        fields["pin"],
        tier.value,
        stated,
        fields["uses"],
        START,
        fields["expires"],
        "lead",
    )
    return replace(made, conditions=pattern(stated))


def approval(state: ApprovalState = ApprovalState.APPROVED, **more: Any) -> Approval:
    tier = more.pop("tier", Tier.IRREVERSIBLE)
    return Approval("ap-1", "ann", "m", "send", "d", "p", tier, state, START, START + 60.0, **more)


def test_a_grant_that_covers_the_call_takes_a_use_in_place_of_asking() -> None:
    allowed = admit(SEND, facts(grants=(grant({"to": {"equals": "bob"}}),)), POLICY)
    assert isinstance(allowed, Allow)
    assert (allowed.charges, allowed.grant, allowed.approval) == (
        (Use("gr-1", 3, START + 60.0),),
        "gr-1",
        "",
    )


@pytest.mark.parametrize(
    ("stated", "more"),
    [
        ({"to": {"equals": "eve"}}, {}),
        ({"to": {"equals": "bob"}, "cc": {"equals": "x"}}, {}),
        ({}, {}),
        ({"cc": "any"}, {}),
        ({"to": "any"}, {"pin": "another definition"}),
        ({"to": "any"}, {"expires": START}),
        ({"to": "any"}, {"tier": Tier.REVERSIBLE}),
    ],
)
def test_a_grant_that_does_not_cover_the_call_answers_nothing(stated: JsonObject, more: JsonObject) -> None:
    assert isinstance(admit(SEND, facts(grants=(grant(stated, **more),)), POLICY), Hold)


def test_the_first_grant_that_covers_the_call_is_used() -> None:
    other = replace(grant({"to": {"equals": "eve"}}), id="gr-0")
    verdict = admit(SEND, facts(grants=(other, grant({"to": "any"}))), POLICY)
    assert isinstance(verdict, Allow)
    assert verdict.grant == "gr-1"


def test_a_grant_skips_the_question_and_never_a_check() -> None:
    given = facts(grants=(grant({"to": "any"}),))
    elsewhere = replace(SEND, caller=caller("ann"))
    assert_refused(admit(elsewhere, given, POLICY), Reason.NOT_ALLOWED)
    strict = replace(given, tool=tool("any", {"type": "object", "properties": {"to": {"type": "integer"}}}))
    assert_refused(admit(SEND, strict, POLICY), Reason.ARGUMENTS_INVALID)
    secret = replace(given, findings=(Finding("SECRET", 1, 0, 3),))
    assert_refused(admit(SEND, secret, POLICY), Reason.SENSITIVE_ARGUMENTS)
    paused = replace(given, pauses=Pauses(1, (Pause("pa-1"),)))
    assert_refused(admit(SEND, paused, POLICY), Reason.PAUSED)


def test_no_grant_answers_for_a_person_where_the_policy_does_not_say_so() -> None:
    for_wipe = grant({}, Tier.PRIVILEGED)
    assert isinstance(admit(WIPE, facts(grants=(for_wipe,)), POLICY), Hold)
    said = policy_of(
        "version: 1\ntiers: {privileged: [m/wipe]}\nroles: {agent: {tools: [m/*]}}\n"
        "approval: {privileged: {grants: true}}"
    )
    assert isinstance(admit(WIPE, facts(grants=(for_wipe,)), said), Allow)


def test_a_no_and_what_was_done_come_before_a_grant() -> None:
    given = facts(grants=(grant({"to": "any"}),))
    denied = replace(given, approval=approval(ApprovalState.DENIED))
    assert_refused(admit(SEND, denied, POLICY), Reason.APPROVAL_DENIED)
    spent = replace(given, approval=approval(ApprovalState.SPENT))
    assert_refused(admit(SEND, spent, POLICY), Reason.OUTCOME_UNKNOWN)
    yes = admit(SEND, replace(given, approval=approval()), POLICY)
    assert isinstance(yes, Allow)
    assert (yes.charges, yes.grant) == ((Burn("ap-1"),), "")


def test_a_call_that_waits_already_goes_ahead_under_a_new_grant_but_not_by_its_id() -> None:
    given = facts(grants=(grant({"to": "any"}),), approval=approval(ApprovalState.PENDING))
    assert isinstance(admit(SEND, given, POLICY), Allow)
    assert isinstance(admit(replace(SEND, approval="ap-1"), given, POLICY), Hold)


def test_an_unlisted_tool_is_never_covered() -> None:
    new = asked("new", {"to": "bob"})
    assert isinstance(admit(new, facts(grants=(grant({"to": "any"}),)), POLICY), Hold)


@pytest.mark.parametrize("known", [None, UNKNOWN])
def test_without_a_tool_there_is_no_grant(known: Tool | None) -> None:
    prompt = replace(SEND, method="x/y", approval=None)
    verdict = admit(prompt, facts(grants=(grant({"to": "any"}),), tool=known), POLICY)
    assert isinstance(verdict, Refuse)


def test_grants_are_asked_for_only_where_one_could_answer() -> None:
    needs = admit(SEND, facts(approval=UNKNOWN, grants=UNKNOWN), POLICY)
    assert needs == Need(frozenset({Fact.APPROVAL, Fact.GRANTS}), 7)
    only = admit(SEND, facts(grants=UNKNOWN), POLICY)
    assert only == Need(frozenset({Fact.GRANTS}), 7)
    assert admit(WIPE, facts(approval=UNKNOWN, grants=UNKNOWN), POLICY) == Need(frozenset({Fact.APPROVAL}), 7)
    assert isinstance(admit(asked("list"), facts(grants=UNKNOWN), POLICY), Allow)


def test_a_reversible_call_goes_ahead_unasked_unless_it_would_send_what_is_asked_about() -> None:
    assert isinstance(admit(NOTE, facts(), POLICY), Allow)
    found = (Finding("IBAN_CODE", 1, 0, 4),)
    held = admit(NOTE, facts(findings=found), POLICY)
    assert isinstance(held, Hold)
    assert (held.tier, held.why, held.expires) == (Tier.REVERSIBLE, "findings", START + 300.0)
    masked = admit(NOTE, facts(findings=(Finding("EMAIL_ADDRESS", 1, 0, 4),)), POLICY)
    assert isinstance(masked, Allow)
    assert isinstance(admit(NOTE, facts(findings=(Finding("US_SSN", 1, 0, 4),)), POLICY), Allow)


def test_what_a_reversible_call_is_asked_about_is_looked_for_there_only() -> None:
    assert POLICY.view(("agent",), "m", "note").wanted_arguments >= {"IBAN_CODE"}
    assert "IBAN_CODE" not in POLICY.view(("agent",), "m", "list").wanted_arguments
    needs = admit(NOTE, facts(findings=UNKNOWN, approval=UNKNOWN, grants=UNKNOWN), POLICY)
    assert isinstance(needs, Need)
    assert needs.facts == {Fact.FINDINGS}
    found = facts(findings=(Finding("IBAN_CODE", 1, 0, 4),), approval=UNKNOWN, grants=UNKNOWN)
    again = admit(NOTE, found, POLICY)
    assert isinstance(again, Need)
    assert again.facts == {Fact.APPROVAL, Fact.GRANTS}


def test_an_approval_for_less_is_not_enough_for_more() -> None:
    held = admit(SEND, facts(approval=approval(tier=Tier.REVERSIBLE)), POLICY)
    assert isinstance(held, Hold)
    assert held.approval is None


def test_arguments_that_an_approver_changed_take_the_place_of_those_that_came() -> None:
    changed = approval(sends="other digest")
    assert admit(SEND, facts(approval=changed), POLICY) == Amend(changed)
    sent = admit(replace(SEND, approval="ap-1"), facts(approval=changed), POLICY)
    assert isinstance(sent, Allow)
    assert sent.approval == "ap-1"


@pytest.mark.parametrize(
    ("pause", "stopped"),
    [
        (Pause("pa-1"), True),
        (Pause("pa-1", upstream="m"), True),
        (Pause("pa-1", upstream="other"), False),
        (Pause("pa-1", caller="ann"), True),
        (Pause("pa-1", caller="bob"), False),
        (Pause("pa-1", upstream="m", tool="list"), True),
        (Pause("pa-1", upstream="m", tool="send"), False),
        (Pause("pa-1", upstream="m", caller="bob", tool="list"), False),
    ],
)
def test_what_is_paused_is_refused_and_nothing_else(pause: Pause, stopped: bool) -> None:
    verdict = admit(asked("list"), facts(pauses=Pauses(1, (Pause("pa-0", caller="x"), pause))), POLICY)
    if stopped:
        assert_refused(verdict, Reason.PAUSED)
    else:
        assert isinstance(verdict, Allow)


def test_shadow_mode_lets_nothing_pass_that_is_paused() -> None:
    shadow = replace(POLICY, shadow=True)
    paused = facts(pauses=Pauses(1, (Pause("pa-1"),)))
    assert_refused(admit(asked("list"), paused, shadow), Reason.PAUSED)


def test_a_pause_says_what_it_stops() -> None:
    assert Pause("pa-1").words() == "everything"
    assert Pause("pa-1", "m", "ann", "send").words() == "upstream m tool send caller ann"
