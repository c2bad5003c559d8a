"""A result reaches the caller whole, masked or cut, or it stays here."""

from __future__ import annotations

from typing import Any

import pytest

from toolgate.core.model import UNKNOWN, Deliver, Fact, Facts, Finding, JsonObject, Need, Tool, Withhold
from toolgate.core.policy import Policy
from toolgate.core.pseudonyms import Names
from toolgate.core.reasons import Reason
from toolgate.core.release import release, truncated
from toolgate.testing import assert_refused, call, caller, facts, policy_of, text, tool

HEAD = "version: 1\ntiers: {read: ['*/*']}\nroles: {agent: {tools: ['*/*'], prompts: ['*/*']}}\n"
POLICY = policy_of(HEAD + "redaction: {results: {secrets: refuse, EMAIL_ADDRESS: mask, CREDIT_CARD: allow}}")
OPEN = policy_of(HEAD + "redaction: {results: {secrets: allow, CREDIT_CARD: allow}}")
SHORT = policy_of(HEAD + "results: {max_chars: 9}")
READ = call("m/read", who=caller("ann", "agent"))
PROMPT = call("m/greet", method="prompts/get", who=caller("ann", "agent"))

GIVES = {
    "type": "object",
    "properties": {"mail": {"type": "string"}, "code": {"type": "string", "maxLength": 4}},
    "required": ["mail"],
    "additionalProperties": False,
}
TYPED = tool("read", gives=GIVES)


def released(result: JsonObject, policy: Policy = POLICY, known: Tool | None = None, *found: Finding) -> Any:
    return release(result, READ, facts(tool=known, findings=found), policy)


@pytest.mark.parametrize(
    "result",
    [
        text("fine"),
        {},
        {"content": []},
        {"content": [{"type": "image", "data": "AAAA", "mimeType": "image/png"}], "unknown": {"kept": 1}},
        {"content": [{"type": "text", "text": "no"}], "isError": True},
    ],
)
def test_a_sound_result_is_delivered_as_it_came(result: JsonObject) -> None:
    verdict = released(result)
    assert isinstance(verdict, Deliver)
    assert verdict.result is result


@pytest.mark.parametrize("content", ["text", None, {"type": "text"}, ["text"], [{"type": "text"}, 7]])
def test_content_that_is_no_list_of_blocks_is_withheld(content: object) -> None:
    assert_refused(released({"content": content}), Reason.RESULT_MALFORMED)


def test_a_prompt_has_no_content_blocks_to_be_wrong() -> None:
    result: JsonObject = {"messages": [], "content": "whatever"}
    assert release(result, PROMPT, facts(), POLICY) == Deliver(result)


def test_what_was_not_looked_for_is_asked_for_first() -> None:
    assert release(text("x"), READ, Facts(0.0), POLICY) == Need(frozenset({Fact.FINDINGS}))


def test_a_policy_that_keeps_nothing_from_callers_pays_for_no_scan() -> None:
    assert release(text("x"), READ, Facts(0.0, findings=UNKNOWN), OPEN) == Deliver(text("x"))


def test_what_was_found_is_masked_or_left_as_the_policy_says() -> None:
    found = (Finding("EMAIL_ADDRESS", 4, 0, 11), Finding("CREDIT_CARD", 4, 12, 16))
    verdict = release(text("a@b.example 4111"), READ, facts(findings=found), POLICY)
    assert verdict == Deliver(text("<EMAIL_ADDRESS> 4111"), found)


def test_what_may_not_be_shown_withholds_the_whole_result() -> None:
    assert_refused(released(text("key"), POLICY, None, Finding("SECRET", 4, 0, 3)), Reason.SENSITIVE_RESULT)


def structured(content: object, **more: object) -> JsonObject:
    return {"content": [], "structuredContent": content, **more}


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (text("no structure"), Reason.RESULT_INVALID),
        (structured({}), Reason.RESULT_INVALID),
        (structured({"mail": 7}), Reason.RESULT_INVALID),
        (structured({"mail": "x", "more": 1}), Reason.RESULT_INVALID),
        (structured(None), Reason.RESULT_INVALID),
        (structured({"mail": 7}, resultType="complete"), Reason.RESULT_INVALID),
        (structured({"mail": 7}, isError=False), Reason.RESULT_INVALID),
        (structured({"mail": 7}, isError="true"), Reason.RESULT_INVALID),
    ],
)
def test_structured_content_is_held_to_the_tools_own_schema(result: JsonObject, reason: Reason) -> None:
    assert_refused(released(result, POLICY, TYPED), reason)


@pytest.mark.parametrize(
    "result",
    [
        structured({"mail": "x"}),
        text("failed", isError=True),
        structured({"mail": 7}, isError=True),
        {"resultType": "input_required", "inputRequests": {}},
    ],
)
def test_an_error_or_a_question_is_not_held_to_it(result: JsonObject) -> None:
    assert released(result, POLICY, TYPED) == Deliver(result)


def test_without_an_output_schema_structured_content_may_be_anything() -> None:
    assert released(structured(7), POLICY, tool("read")) == Deliver(structured(7))
    assert released(structured(7), POLICY, None) == Deliver(structured(7))
    assert release(structured(7), READ, Facts(0.0, UNKNOWN, ()), POLICY) == Deliver(structured(7))


def test_masked_content_that_still_fits_is_delivered() -> None:
    found = Finding("EMAIL_ADDRESS", 3, 0, 11)
    verdict = released(structured({"mail": "a@b.example"}), POLICY, TYPED, found)
    assert verdict == Deliver(structured({"mail": "<EMAIL_ADDRESS>"}), (found,))


CHOSEN = tool("read", gives={"properties": {"mail": {"enum": ["a@b.example", "c@d.example"]}}})
FORMED = tool("read", gives={"properties": {"mail": {"format": "email"}, "at": {"type": "string"}}})
MASKED = Finding("EMAIL_ADDRESS", 3, 0, 11)


def test_where_no_masked_value_fits_the_schema_the_result_is_withheld() -> None:
    verdict = released(structured({"mail": "a@b.example"}), POLICY, CHOSEN, MASKED)
    assert_refused(verdict, Reason.RESULT_NOT_REDACTABLE)
    assert isinstance(verdict, Withhold)
    assert "$.mail" in verdict.detail


def test_a_mask_that_is_too_long_is_cut() -> None:
    result = structured({"mail": "x", "code": "a@b"})
    verdict = released(result, POLICY, TYPED, Finding("EMAIL_ADDRESS", 5, 0, 3))
    assert isinstance(verdict, Deliver)
    assert verdict.result == structured({"mail": "x", "code": "<EMA"})


def test_a_format_gets_a_value_of_its_form_and_texts_that_repeat_it_agree() -> None:
    told = [
        {"type": "text", "text": '{"mail":"a@b.example"}'},
        {"type": "text", "text": "write to a@b.example"},
        {"type": "image", "data": "AAAA", "mimeType": "image/png"},
    ]
    result = {"structuredContent": {"mail": "a@b.example"}, "content": told}
    verdict = released(result, POLICY, FORMED, Finding("EMAIL_ADDRESS", 2, 0, 11))
    assert isinstance(verdict, Deliver)
    assert verdict.result["structuredContent"] == {"mail": "redacted@redacted.invalid"}
    first, second, third = verdict.result["content"]
    assert first["text"] == '{"mail":"redacted@redacted.invalid"}'
    assert (second["text"], third) == ("write to <EMAIL_ADDRESS>", told[2])


def test_a_mask_beside_what_has_a_format_changes_nothing_more() -> None:
    result = structured({"at": "a@b.example", "mail": "x@y.example"})
    verdict = released(result, POLICY, FORMED, MASKED)
    assert isinstance(verdict, Deliver)
    assert verdict.result == structured({"at": "<EMAIL_ADDRESS>", "mail": "x@y.example"})


def test_a_pseudonym_that_could_look_like_an_address_is_tried_before_something_made_up() -> None:
    names = Names(bytes(32), "ann")
    result = structured({"mail": "a@b.example"})
    policy = policy_of(HEAD + "redaction: {results: {EMAIL_ADDRESS: pseudonym}}")
    plain = facts(tool=FORMED, findings=(MASKED,), names=names)
    assert_refused(release(result, READ, plain, policy), Reason.RESULT_NOT_REDACTABLE)
    shaped = facts(tool=FORMED, findings=(MASKED,), names=names.shape())
    verdict = release(result, READ, shaped, policy)
    assert isinstance(verdict, Deliver)
    assert verdict.result["structuredContent"]["mail"].endswith("@pseudonym.invalid")


def test_an_error_is_not_made_to_fit() -> None:
    result = structured({"mail": "a@b.example"}, isError=True)
    verdict = released(result, POLICY, FORMED, MASKED)
    assert isinstance(verdict, Deliver)
    assert verdict.result["structuredContent"] == {"mail": "<EMAIL_ADDRESS>"}


def test_a_refusal_of_a_result_never_quotes_it() -> None:
    verdict = released(structured({"mail": "x", "code": "4111 1111"}), POLICY, TYPED)
    assert isinstance(verdict, Withhold)
    assert "4111" not in verdict.detail


def test_long_texts_keep_their_head_and_tail() -> None:
    verdict = released(text("abcdefghijklmnop", "short"), SHORT)
    assert isinstance(verdict, Deliver)
    assert verdict.truncated
    long, short = verdict.result["content"]
    assert (long["text"][:6], long["text"][-3:], short["text"]) == ("abcdef", "nop", "short")
    assert "7 characters left out" in long["text"]


@pytest.mark.parametrize(
    "result",
    [
        text("as it is"),
        text("123456789"),
        {"structuredContent": {"long": "abcdefghijklmnop"}},
        {"content": "abcdefghijklmnop"},
        {"content": ["abcdefghijklmnop", {"type": "image", "data": "abcdefghijklmnop"}, {"text": 7}]},
    ],
)
def test_nothing_but_long_text_blocks_is_cut(result: JsonObject) -> None:
    assert truncated(result, 9) is result


def test_what_fits_is_delivered_uncut() -> None:
    assert released(text("short"), SHORT) == Deliver(text("short"))


@pytest.mark.parametrize("most", [1, 2, 3, 100])
def test_a_cut_text_keeps_exactly_as_many_characters_as_the_policy_says(most: int) -> None:
    kept = truncated(text("x" * 200), most)["content"][0]["text"]
    assert kept.partition("\n[…")[0] + kept.rpartition("…]\n")[2] == "x" * most


def test_sensitive_text_is_masked_before_it_is_cut() -> None:
    policy = policy_of(HEAD + "results: {max_chars: 9}\nredaction: {results: {EMAIL_ADDRESS: mask}}")
    verdict = release(
        text("12345678 a@b.example"), READ, facts(findings=(Finding("EMAIL_ADDRESS", 4, 9, 20),)), policy
    )
    assert isinstance(verdict, Deliver)
    assert "a@b" not in verdict.result["content"][0]["text"]
    assert verdict.result["content"][0]["text"].endswith("SS>")
