"""The fields of a journal record are final: what each kind holds, and that it holds no values."""

from __future__ import annotations

from toolgate.core import records
from toolgate.core.model import Allow, Finding, Hold, JsonObject, Refuse, Tier
from toolgate.core.reasons import Reason
from toolgate.testing import START, call, caller

CALL = call("mail/send", {"to": "bob@example.com"}, caller("ann", "support"))
ABOUT = {
    "v": 1,
    "at": START,
    "call": "c-1",
    "caller": "ann",
    "roles": ["support"],
    "credential": "key-ann",
    "session": "session-1",
    "upstream": "mail",
    "method": "tools/call",
    "target": "send",
    "policy": "digest",
}
FOUND = (Finding("IBAN_CODE", 0, 0, 4), Finding("SECRET", 1, 0, 4), Finding("IBAN_CODE", 2, 0, 4))
COUNTED = {"IBAN_CODE": 2, "SECRET": 1}


def test_an_intent_says_who_sends_what_where_and_at_which_tier() -> None:
    record = records.intent(START, "c-1", CALL, "digest", Allow(Tier.READ, {}))
    assert record == {**ABOUT, "kind": "intent", "verdict": "allow", "tier": "read"}


def test_an_intent_names_its_approval_its_findings_and_what_shadow_mode_let_pass() -> None:
    allow = Allow(Tier.READ, {}, (), "ap-1", FOUND, Reason.CONDITION_NOT_MET)
    record = records.intent(START, "c-1", CALL, "digest", allow)
    more = {"approval": "ap-1", "findings": COUNTED, "reason": "condition-not-met", "status": "shadowed"}
    assert record == {**ABOUT, "kind": "intent", "verdict": "allow", "tier": "read", **more}


def test_an_intent_names_the_grant_that_answered() -> None:
    record = records.intent(START, "c-1", CALL, "digest", Allow(Tier.READ, {}, grant="gr-1"))
    assert record["grant"] == "gr-1"


def test_a_replay_is_an_intent_of_its_own_status() -> None:
    record = records.replayed(START, "c-1", CALL, "digest", "ap-1")
    assert record == {
        **ABOUT,
        "kind": "intent",
        "verdict": "allow",
        "status": "replayed",
        "approval": "ap-1",
    }


def test_a_refusal_keeps_the_reason_and_not_the_detail() -> None:
    record = records.refusal(START, "c-1", CALL, "digest", Refuse(Reason.NOT_ALLOWED, "detail", 3.0))
    assert record == {**ABOUT, "kind": "refusal", "verdict": "refuse", "reason": "not-allowed"}


def test_a_hold_names_its_approval_and_its_tier_where_it_has_one() -> None:
    usual: JsonObject = {
        **ABOUT,
        "kind": "hold",
        "verdict": "hold",
        "reason": "approval-needed",
        "approval": "ap-1",
        "why": "tier",
    }
    classed = Hold(Tier.PRIVILEGED, {}, START, findings=FOUND)
    assert records.held(START, "c-1", CALL, "digest", classed, "ap-1") == {
        **usual,
        "tier": "privileged",
        "findings": COUNTED,
    }
    assert records.held(START, "c-1", CALL, "digest", Hold(None, {}, START), "ap-1") == usual


def test_an_outcome_names_its_call_how_it_ended_and_how_long_it_took() -> None:
    usual = {"v": 1, "kind": "outcome", "at": START, "call": "c-1", "ms": 1.235}
    assert records.outcome(START, "c-1", "delivered", 0.0012346) == {**usual, "status": "delivered"}
    assert records.outcome(START, "c-1", "withheld", 0.0012346, "sensitive-result", FOUND) == {
        **usual,
        "status": "withheld",
        "reason": "sensitive-result",
        "findings": COUNTED,
    }


def test_an_event_is_about_no_call() -> None:
    assert records.event("start", START, version="1.0") == {
        "v": 1,
        "kind": "start",
        "at": START,
        "version": "1.0",
    }
