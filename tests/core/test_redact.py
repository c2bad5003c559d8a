"""What redaction promises: every text numbered, every mask in place, nothing else touched."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest

from toolgate.core import redact as module
from toolgate.core.model import Finding
from toolgate.core.policy import Action, Actions
from toolgate.core.redact import counts, redact, refused
from toolgate.core.texts import texts

MASK = Actions({}, Action.MASK)
CARD = "4111 1111 1111 1111"


def found(value: Any, needle: str, entity: str = "CREDIT_CARD", score: float = 1.0) -> list[Finding]:
    """A finding wherever the needle stands."""
    return [
        Finding(entity, leaf, match.start(), match.end(), score)
        for leaf, text in enumerate(texts(value))
        for match in re.finditer(re.escape(needle), text)
    ]


def test_a_bare_text_is_masked_too() -> None:
    assert redact("x 12345", [Finding("PIN", 0, 2, 7)], MASK) == "x <PIN>"


def test_what_is_found_is_replaced_by_its_entity() -> None:
    value = {"text": f"pay with {CARD} now"}
    assert redact(value, found(value, CARD), MASK) == {"text": "pay with <CREDIT_CARD> now"}


def test_the_original_stays() -> None:
    value = {"keep": {"deep": ["x"]}, "text": CARD, "list": [1, CARD]}
    before = copy.deepcopy(value)
    after = redact(value, found(value, CARD), MASK)
    assert value == before
    assert after == {"keep": {"deep": ["x"]}, "text": "<CREDIT_CARD>", "list": [1, "<CREDIT_CARD>"]}


def test_the_texts_somebody_has_already_are_not_read_again() -> None:
    value = {"text": CARD}
    read = texts(value)
    assert redact(value, found(value, CARD), MASK, read) == {"text": "<CREDIT_CARD>"}
    assert read == ["text", CARD]


@pytest.mark.parametrize(
    "actions", [Actions({}, Action.ALLOW), Actions({"CREDIT_CARD": Action.ALLOW}, Action.MASK)]
)
def test_the_same_object_comes_back_when_everything_found_is_allowed(actions: Actions) -> None:
    value = {"text": CARD}
    assert redact(value, found(value, CARD), actions) is value


def test_the_same_object_comes_back_without_findings() -> None:
    value = {"text": CARD}
    assert redact(value, [], MASK) is value


def test_what_must_be_refused_is_masked_too_when_somebody_redacts_anyway() -> None:
    value = {"text": CARD}
    assert redact(value, found(value, CARD), Actions({}, Action.REFUSE)) == {"text": "<CREDIT_CARD>"}


def test_of_overlapping_findings_the_higher_score_names_the_mask() -> None:
    pair = [Finding("A", 0, 2, 8, 0.5), Finding("B", 0, 4, 6, 0.9)]
    assert redact(["0123456789"], pair, MASK) == ["01<B>89"]


def test_of_overlapping_findings_with_equal_scores_the_longer_names_the_mask() -> None:
    pair = [Finding("A", 0, 2, 5), Finding("B", 0, 4, 9)]
    assert redact(["0123456789"], pair, MASK) == ["01<B>9"]


def test_no_character_of_a_losing_finding_survives() -> None:
    chain = [Finding("A", 0, 0, 4, 0.9), Finding("B", 0, 3, 7, 0.5), Finding("C", 0, 6, 9, 0.1)]
    assert redact(["0123456789"], chain, MASK) == ["<A>9"]


def test_findings_that_only_touch_stay_apart() -> None:
    assert redact(["0123456789"], [Finding("A", 0, 0, 5), Finding("B", 0, 5, 10)], MASK) == ["<A><B>"]


def test_an_allowed_finding_does_not_hide_a_masked_one_below_it() -> None:
    pair = [Finding("A", 0, 0, 9, 1.0), Finding("B", 0, 4, 6, 0.1)]
    assert redact(["0123456789"], pair, Actions({"A": Action.ALLOW}, Action.MASK)) == ["0123<B>6789"]


def test_what_was_found_in_one_text_is_masked_in_every_text() -> None:
    value = {"content": [{"text": f"card {CARD}!"}], "other": f"again {CARD} twice {CARD}"}
    once = [Finding("CREDIT_CARD", 2, 5, 24)]
    assert redact(value, once, MASK) == {
        "content": [{"text": "card <CREDIT_CARD>!"}],
        "other": "again <CREDIT_CARD> twice <CREDIT_CARD>",
    }


def test_serialised_text_and_structured_content_agree_even_where_json_escapes() -> None:
    secret = 'pä"ss\nword-1'
    structured = {"password": secret}
    value = {"content": [{"text": json.dumps(structured)}], "structuredContent": structured}
    leaf = texts(value).index(secret)
    masked = redact(value, [Finding("SECRET", leaf, 0, len(secret))], MASK)
    assert json.loads(masked["content"][0]["text"]) == masked["structuredContent"] == {"password": "<SECRET>"}


def test_a_text_found_twice_in_several_places_is_masked_where_only_one_was_seen() -> None:
    value = ["alpha-bravo one", "alpha-bravo two", "three alpha-bravo"]
    assert redact(value, [Finding("X", 0, 0, 11), Finding("X", 1, 0, 11)], MASK) == [
        "<X> one",
        "<X> two",
        "three <X>",
    ]


def test_a_text_that_stands_nowhere_else_is_masked_where_it_was_found() -> None:
    assert redact(["call 555 0132", "nothing of the kind"], [Finding("TEL", 0, 5, 13)], MASK) == [
        "call <TEL>",
        "nothing of the kind",
    ]


def test_a_short_text_is_masked_only_where_it_was_found() -> None:
    assert redact(["12345", "12345"], [Finding("PIN", 0, 0, 5)], MASK) == ["<PIN>", "12345"]


def test_a_text_is_not_masked_in_the_middle_of_a_longer_word() -> None:
    value = ["monday", "mondays", "xmonday", "a monday."]
    assert redact(value, [Finding("DAY", 0, 0, 6)], MASK) == ["<DAY>", "mondays", "xmonday", "a <DAY>."]


def test_nothing_else_to_search_is_fine() -> None:
    assert redact(["", "monday"], [Finding("DAY", 1, 0, 6)], MASK) == ["", "<DAY>"]


def test_keys_are_masked_and_those_that_become_equal_are_numbered() -> None:
    value = {"ann@example.com": 1, "bob@example.com": [2], "<MAIL> 2": 3}
    pair = [Finding("MAIL", 0, 0, 15), Finding("MAIL", 1, 0, 15)]
    assert redact(value, pair, MASK) == {"<MAIL>": 1, "<MAIL> 3": [2], "<MAIL> 2": 3}


def test_renamed_keys_keep_their_place_and_their_masked_values() -> None:
    value = {"first": CARD, CARD: {"deep": [CARD, 1]}, "last": 1.5}
    masked = redact(value, found(value, CARD), MASK)
    assert list(masked.items()) == [
        ("first", "<CREDIT_CARD>"),
        ("<CREDIT_CARD>", {"deep": ["<CREDIT_CARD>", 1]}),
        ("last", 1.5),
    ]


def test_many_found_texts_are_searched_for_in_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMPARE_AT_MOST", 0)
    numbers = [f"+1 415 555 {n:04}" for n in range(50)]
    value = [*numbers, "call " + " or ".join(numbers), "+1 415 555 00000", "555 0001", "--------"]
    findings = [Finding("PHONE", leaf, 0, 15) for leaf in range(50)] + [Finding("RULE", 53, 0, 8)]
    masked = redact(value, findings, MASK)
    assert masked[:50] == ["<PHONE>"] * 50
    assert masked[50] == "call " + " or ".join(["<PHONE>"] * 50)
    assert masked[51:] == ["+1 415 555 00000", "555 0001", "<RULE>"]


@pytest.mark.plain
def test_one_pass_finds_a_text_at_the_end_of_a_leaf_though_a_longer_one_begins_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "COMPARE_AT_MOST", 0)
    value = ["monday", "monday-tuesday", "on monday"]
    findings = [Finding("DAY", 0, 0, 6), Finding("DAYS", 1, 0, 14)]
    assert redact(value, findings, MASK) == ["<DAY>", "<DAYS>", "on <DAY>"]


def test_an_astral_character_keeps_offsets_right() -> None:
    assert redact(["😀 12345678"], [Finding("N", 0, 2, 10)], MASK) == ["😀 <N>"]


def test_redacting_twice_changes_nothing_more() -> None:
    value = {"text": CARD}
    once = redact(value, found(value, CARD), MASK)
    assert redact(once, found(once, CARD), MASK) is once


def test_refused_names_each_entity_once_in_order() -> None:
    actions = Actions({"B": Action.REFUSE, "A": Action.REFUSE}, Action.MASK)
    findings = [Finding(entity, 0, 0, 1) for entity in ("B", "C", "A", "B")]
    assert refused(findings, actions) == ("A", "B")
    assert refused([], actions) == ()


def test_counts_are_per_entity() -> None:
    assert counts([Finding("A", 0, 0, 1), Finding("B", 0, 0, 1), Finding("A", 1, 0, 1)]) == {"A": 2, "B": 1}


def test_a_number_found_becomes_nought_also_where_a_key_changes() -> None:
    value = {CARD: 4111111111111111, "x": [4111111111111111.0, 7, True, None]}
    findings = [*found(value, CARD), *found(value, "4111111111111111")]
    assert redact(value, findings, MASK) == {"<CREDIT_CARD>": 0, "x": [0.0, 7, True, None]}


def test_a_number_masked_in_serialised_json_leaves_it_json() -> None:
    structured = {"card": 4111111111111111, "more": [4111111111111111]}
    value = {"content": [{"text": json.dumps(structured)}], "structuredContent": structured}
    masked = redact(value, found(value, "4111111111111111"), MASK)
    assert json.loads(masked["content"][0]["text"]) == masked["structuredContent"] == {"card": 0, "more": [0]}


@pytest.mark.parametrize(
    "text",
    [
        "[4111111111111111 paid]",
        '{"paid by": "x" 4111111111111111}',
        "card: 4111111111111111, thanks",
        '{"a": "b4111111111111111"}',
    ],
)
def test_a_number_in_prose_gets_a_mask_with_a_name(text: str) -> None:
    assert "<CREDIT_CARD>" in redact([text], found([text], "4111111111111111"), MASK)[0]
