"""Verdicts in MCP's own shapes: what a model reads, what a program reads, and what nobody learns."""

from __future__ import annotations

import pytest

from toolgate.core.model import Approval, ApprovalState, JsonObject, Refuse, Tier, Withhold
from toolgate.core.reasons import Reason
from toolgate.protocol.messages import (
    HEADER_MISMATCH,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    REFUSED,
    RESOURCE_NOT_FOUND,
    UNSUPPORTED_VERSION,
)
from toolgate.protocol.versions import APPROVAL_KEY, VERDICT_KEY, Era
from toolgate.replies import SENTENCES, message, meta, sentence
from toolgate.verdicts import Held

APPROVAL = Approval(
    "ap-1", "ann", "mail", "send", "digest", "pin", Tier.IRREVERSIBLE, ApprovalState.PENDING, 100.0, 1000.0
)
HELD = Held(APPROVAL, Tier.IRREVERSIBLE)
LEGACY, MODERN = Era.LEGACY, Era.MODERN


@pytest.mark.parametrize(
    "reply",
    [
        Refuse(Reason.CONDITION_NOT_MET, "arguments.to: expected a known domain"),
        Refuse(Reason.RATE_LIMITED, "5 per 60 s used up", 12.3),
        Withhold(Reason.SENSITIVE_RESULT, "found SECRET"),
        HELD,
    ],
)
def test_a_refused_tool_call_is_a_tool_error_that_the_model_can_read(reply: Refuse | Withhold | Held) -> None:
    answer = message("tools/call", 7, reply, LEGACY)
    assert (answer["id"], answer["result"]["isError"], "error" in answer) == (7, True, False)
    assert answer["result"]["content"] == [{"type": "text", "text": sentence(reply)}]
    assert answer["result"]["_meta"] == meta(reply)


@pytest.mark.parametrize(("era", "kind"), [(LEGACY, None), (MODERN, "complete")])
def test_the_newest_era_is_told_that_the_result_is_complete(era: Era, kind: str | None) -> None:
    assert message("tools/call", 7, HELD, era)["result"].get("resultType") == kind


@pytest.mark.parametrize(
    ("method", "reply", "code"),
    [
        ("prompts/get", Refuse(Reason.SENSITIVE_ARGUMENTS), REFUSED),
        ("prompts/get", Withhold(Reason.SENSITIVE_RESULT), REFUSED),
        ("prompts/get", HELD, REFUSED),
        ("tools/list", Refuse(Reason.UPSTREAM_DOWN), REFUSED),
        ("tools/call", Refuse(Reason.MALFORMED), INVALID_REQUEST),
        ("tools/call", Refuse(Reason.BAD_HEADER), HEADER_MISMATCH),
        ("", Refuse(Reason.DUPLICATE_KEY), PARSE_ERROR),
        ("", Refuse(Reason.BAD_NUMBER), PARSE_ERROR),
        ("", Refuse(Reason.TOO_DEEP), INVALID_REQUEST),
        ("", Refuse(Reason.TOO_LARGE), INVALID_REQUEST),
        ("", Refuse(Reason.UNSUPPORTED_VERSION), UNSUPPORTED_VERSION),
        ("ping", Refuse(Reason.METHOD_NOT_ALLOWED), METHOD_NOT_FOUND),
        ("", Refuse(Reason.NOT_AUTHENTICATED), REFUSED),
    ],
)
def test_where_there_is_no_tool_a_refusal_is_a_protocol_error(
    method: str, reply: Refuse | Withhold | Held, code: int
) -> None:
    answer = message(method, 7, reply, LEGACY)
    assert (answer["id"], answer["error"]["code"]) == (7, code)
    assert answer["error"]["data"] == meta(reply)


@pytest.mark.parametrize(
    ("method", "era", "code"),
    [
        ("tools/call", LEGACY, INVALID_PARAMS),
        ("tools/call", MODERN, INVALID_PARAMS),
        ("prompts/get", LEGACY, INVALID_PARAMS),
        ("resources/read", LEGACY, RESOURCE_NOT_FOUND),
        ("resources/subscribe", LEGACY, RESOURCE_NOT_FOUND),
        ("resources/read", MODERN, INVALID_PARAMS),
        ("subscriptions/listen", MODERN, INVALID_PARAMS),
        ("completion/complete", LEGACY, INVALID_PARAMS),
        ("tasks/get", LEGACY, METHOD_NOT_FOUND),
    ],
)
def test_what_is_hidden_looks_like_what_does_not_exist(method: str, era: Era, code: int) -> None:
    hidden = Refuse(Reason.NOT_ALLOWED, "not in the allowlist of the caller's roles")
    missing = Refuse(Reason.NOT_ALLOWED, "the upstream lists no such tool")
    answers = [message(method, 7, reply, era, "secret") for reply in (hidden, missing)]
    assert answers[0] == answers[1]
    assert (answers[0]["error"]["code"], "data" in answers[0]["error"]) == (code, False)


@pytest.mark.parametrize(("name", "text"), [("", "Unknown tool"), ("find", "Unknown tool: find")])
def test_an_unknown_tool_is_named_where_it_has_a_name(name: str, text: str) -> None:
    assert message("tools/call", 7, Refuse(Reason.NOT_ALLOWED), LEGACY, name)["error"]["message"] == text


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Refuse(Reason.INTERNAL), ""),
        (
            Refuse(Reason.CONDITION_NOT_MET, "arguments.to: expected a word"),
            " (arguments.to: expected a word)",
        ),
        (Refuse(Reason.RATE_LIMITED, "", 0.01), " Try again in 1 s."),
        (Refuse(Reason.RATE_LIMITED, "", 12.3), " Try again in 13 s."),
        (Withhold(Reason.RESULT_INVALID, "n: expected integer"), " (n: expected integer)"),
    ],
)
def test_a_sentence_names_cause_place_and_wait(reply: Refuse | Withhold, said: str) -> None:
    assert sentence(reply) == SENTENCES[reply.reason] + said


@pytest.mark.parametrize(
    ("held", "tier"),
    [
        (HELD, "it is irreversible"),
        (Held(APPROVAL, None), "nobody has said yet how much this tool can break"),
    ],
)
def test_a_held_call_says_how_it_goes_on(held: Held, tier: str) -> None:
    said = sentence(held)
    assert tier in said
    assert said.count("ap-1") == 3
    assert "toolgate_continue" in said


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Refuse(Reason.NO_TIER), {VERDICT_KEY: {"verdict": "refuse", "reason": "no-tier"}}),
        (
            Refuse(Reason.RATE_LIMITED, "", 1.23456),
            {VERDICT_KEY: {"verdict": "refuse", "reason": "rate-limited", "retry_after": 1.235}},
        ),
        (Withhold(Reason.RESULT_INVALID), {VERDICT_KEY: {"verdict": "withhold", "reason": "result-invalid"}}),
        (
            HELD,
            {
                VERDICT_KEY: {"verdict": "hold", "reason": "approval-needed"},
                APPROVAL_KEY: {"id": "ap-1", "expires": 1000.0, "tier": "irreversible"},
            },
        ),
        (
            Held(APPROVAL, None),
            {
                VERDICT_KEY: {"verdict": "hold", "reason": "approval-needed"},
                APPROVAL_KEY: {"id": "ap-1", "expires": 1000.0, "tier": None},
            },
        ),
    ],
)
def test_programs_read_the_verdict_in_meta(reply: Refuse | Withhold | Held, told: JsonObject) -> None:
    assert meta(reply) == told


def test_no_answer_tells_the_digest_or_the_pin() -> None:
    assert not {"digest", "pin"} & set(str(message("tools/call", 7, HELD, LEGACY)).replace("'", " ").split())
