"""What the pages are made of: edits, bounds of grants, sums and charts."""

from __future__ import annotations

import re

import pytest

from toolgate.console.charts import Series, bars, lines
from toolgate.console.editing import Unreadable, edited, fields_of
from toolgate.console.granting import choices_of, pattern_of
from toolgate.console.tally import DAY, Tally, percentile
from toolgate.core.model import JsonObject

NOW = 1_800_000_000.0
CALL: JsonObject = {"to": ["a@x.example", "b@y.example"], "path": "reports/2026/june.md", "n": 3}


def fields(**sent: str) -> dict[str, str]:
    known = {f"{kind}-{number}": "" for kind in ("field", "leave", "bound") for number in range(60)}
    return {**known, "field-all": "", **{name.replace("_", "-"): value for name, value in sent.items()}}


def test_a_text_that_a_form_would_change_is_edited_as_json() -> None:
    arguments: JsonObject = {"plain": "one\ntwo", "cr": "one\r\ntwo", "bidi": "\u202eabc", "n": 1}
    assert [one.how for one in fields_of(arguments, {})] == ["text", "json", "json", "json"]
    untouched = {f"field-{one.id}": one.value for one in fields_of(arguments, {})}
    assert edited(arguments, {**fields(), **untouched}.__getitem__) == arguments


def test_what_is_left_out_is_gone_and_a_doubled_key_is_refused() -> None:
    arguments: JsonObject = {"keep": "x", "drop": "y", "deep": {"a": 1}}
    sent = fields(field_0="x", leave_1="1", field_2='{"a": 2}')
    assert edited(arguments, sent.__getitem__) == {"keep": "x", "deep": {"a": 2}}
    for wrong in ('{"a": 1, "a": 2}', "NaN", "[1", ""):
        with pytest.raises(Unreadable):
            edited(arguments, fields(field_0="x", leave_1="1", field_2=wrong).__getitem__)


def test_many_arguments_are_edited_in_one_field() -> None:
    arguments: JsonObject = {f"a{number}": number for number in range(50)}
    assert [one.id for one in fields_of(arguments, {})] == ["all"]
    assert edited(arguments, fields(field_all='{"a0": 1}').__getitem__) == {"a0": 1}
    with pytest.raises(Unreadable):
        edited(arguments, fields(field_all="[1]").__getitem__)


def test_a_bound_that_nobody_chose_is_exactly_this() -> None:
    assert pattern_of(CALL, fields().__getitem__) == {
        "to": {"equals": CALL["to"]},
        "path": {"equals": CALL["path"]},
        "n": {"equals": 3},
    }


def test_bounds_go_from_exactly_this_over_what_is_shared_to_anything() -> None:
    found = {one.name: [choice.pattern for choice in one.choices] for one in choices_of(CALL)}
    assert found["to"][1] == {"each": {"domain": ["x.example", "y.example"]}}
    assert found["path"][1] == {"path": ["reports/2026"]}
    assert found["n"] == [{"equals": 3}, "any"]
    assert all(patterns[-1] == "any" for patterns in found.values())


@pytest.mark.parametrize(
    "text", ["x@evil.example>,<a@b.example", "a@b", "../etc/x", "~/x/y", "c:/x/y", "a b/c", "javascript:x/y"]
)
def test_what_only_looks_like_an_address_or_a_path_gives_no_bound(text: str) -> None:
    (one,) = choices_of({"x": text})
    assert [choice.pattern for choice in one.choices] == [{"equals": text}, "any"]


def test_a_percentile_is_a_value_that_was_there() -> None:
    assert percentile([], 0.5) is None
    assert percentile([7.0], 0.99) == 7.0
    values = [float(number) for number in range(1, 101)]
    assert [percentile(values, share) for share in (0.5, 0.95, 0.99)] == [50.0, 95.0, 99.0]


def record(kind: str, call: str, at: float = NOW, **more: object) -> JsonObject:
    about: JsonObject = {"kind": kind, "call": call, "at": at}
    if kind != "outcome":
        about |= {"caller": "ann", "roles": ["agent"], "credential": "key:1", "method": "tools/call"}
        about |= {"upstream": "docs", "target": "search"}
        about["verdict"] = {"intent": "allow", "hold": "hold", "refusal": "refuse"}[kind]
    return {**about, **more}


def test_calls_are_counted_by_minute_tool_caller_and_upstream_with_their_cost() -> None:
    tally = Tally(lambda _: 0.5)
    for body in (
        record("intent", "c-1"),
        record("outcome", "c-1", status="delivered", ms=4.0),
        record("intent", "c-2"),
        record("outcome", "c-2", status="timeout", ms=9.0),
        record("refusal", "c-3", reason="not-allowed"),
        record("hold", "c-4", approval="ap-1"),
    ):
        tally.feed(body)
    newest = tally.series(NOW, 3600, 60)[-1]
    assert (newest.calls, newest.errors, newest.cost) == (4, 1, 1.0)
    assert sorted(newest.ms) == [4.0, 9.0]
    for kind, name in (("tool", "docs/search"), ("caller", "ann"), ("upstream", "docs")):
        assert [(found, slot.calls) for found, slot in tally.by(kind, NOW)] == [(name, 4)]
    assert tally.people["ann"].credential == "key:1"
    assert [one.id for one in tally.recent] == ["c-1", "c-2", "c-3", "c-4"]


def test_what_is_older_than_a_day_is_forgotten_and_what_was_tampered_with_counts_for_nothing() -> None:
    tally = Tally(lambda _: 0.0)
    tally.feed(record("refusal", "old", NOW - 3 * DAY))
    for minute in range(0, 2 * DAY // 60, 7):
        tally.feed(record("refusal", f"c-{minute}", NOW - 2 * DAY + minute * 60))
    assert sum(slot.calls for slot in tally.series(NOW, DAY, 48)) < DAY // 60 // 7 + 2
    before = len(tally.recent)
    tampered: list[JsonObject] = [{"kind": "intent"}, {"kind": 5}, {}, {"kind": "refusal", "at": "x"}]
    for broken in tampered:
        tally.feed(broken)
    assert len(tally.recent) == before


def test_a_chart_says_in_words_what_it_shows_and_draws_no_value_outside() -> None:
    made = bars("Calls", ["a", "b"], [Series("allow", "allow", [3, 0]), Series("hold", "hold", [1, 2])])
    assert 'aria-label="Calls. Newest values: allow: 0, hold: 2."' in made
    assert made.count("<rect") == 3
    drawn = lines("Time", ["a", "b", "c", "d"], [Series("p50", "p50", [1.0, None, 400.0, 7.5])], " ms")
    heights = [float(value) for value in re.findall(r'c?y="([0-9.]+)"', drawn)]
    assert all(0 <= value <= 180 for value in heights)
    assert "<polyline" in drawn
    assert "<circle" in drawn
    assert bars("Nothing", [], []).startswith("<svg")


def test_no_choice_holds_letters_that_turn_it_round() -> None:
    (only,) = choices_of({"path": "reports\u202e/gnp.exe"})
    assert [one.words for one in only.choices][1] == 'any file below "reports⟦U+202E⟧"'
