"""Where a mask does not fit a schema, something that fits takes its place, or nothing does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from toolgate.core.fitting import agreeing, fitted
from toolgate.core.schema import compile_schema

MAIL = "bob@example.com"
MASK = "<EMAIL_ADDRESS>"
LONG = {"maxLength": 12}
NIL = "00000000-0000-0000-0000-000000000000"


def of(schema: Any, before: Any, masked: Any) -> Any:
    """What becomes of one member `x` of an object under this schema."""
    whole = {"type": "object", "properties": {"x": schema}, "$defs": DEFS}
    made = fitted({"x": before}, {"x": masked}, whole, compile_schema(whole))
    return made if made is None else made["x"]


DEFS: dict[str, Any] = {
    "mail": {"type": "string", "format": "email"},
    "a/b": {"maxLength": 9},
    "deep": {"$ref": "#/$defs/mail"},
    "two": {"allOf": [{"maxLength": 5}]},
}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string"}, MASK),
        ({}, MASK),
        (True, MASK),
        ({"type": "string", "format": "email"}, "redacted@redacted.invalid"),
        ({"format": "idn-email"}, "redacted@redacted.invalid"),
        ({"format": "email", "maxLength": 20}, "r@r.invalid"),
        ({"format": "email", "minLength": 30}, "redactedxxxxx@redacted.invalid"),
        ({"format": "email", "maxLength": 5}, None),
        ({"format": "uri"}, "https://redacted.invalid/"),
        ({"format": "uri", "minLength": 27}, "https://redacted.invalid/xx"),
        ({"format": "uri", "maxLength": 4}, "x:x"),
        ({"format": "uri-reference"}, "https://redacted.invalid/"),
        ({"format": "hostname"}, "redacted.invalid"),
        ({"format": "ipv4"}, "0.0.0.0"),
        ({"format": "ipv6"}, "::"),
        ({"format": "date"}, "0001-01-01"),
        ({"format": "time"}, "00:00:00Z"),
        ({"format": "date-time"}, "0001-01-01T00:00:00Z"),
        ({"format": "duration"}, "PT0S"),
        ({"format": "uuid"}, NIL),
        ({"format": "password"}, MASK),
        ({"maxLength": 7}, "<EMAIL_"),
        ({"minLength": 18}, f"{MASK}***"),
        ({"minLength": 3.0, "maxLength": 20}, MASK),
        ({"enum": [MAIL, "nobody"]}, None),
        ({"const": MAIL}, None),
        ({"enum": [MASK, MAIL]}, MASK),
        ({"pattern": "^[a-z]{3}@[a-z.]+$"}, "xxx@xxxxxxx.xxx"),
        ({"pattern": "^bob@"}, None),
        ({"pattern": "^<"}, MASK),
        ({"$ref": "#/$defs/mail"}, "redacted@redacted.invalid"),
        ({"$ref": "#/$defs/deep"}, "redacted@redacted.invalid"),
        ({"$ref": "#/$defs/a~1b"}, "<EMAIL_AD"),
        ({"$ref": "#/$defs/two/allOf/0"}, "<EMAI"),
        ({"allOf": [{"format": "email"}, {"maxLength": 20}]}, "r@r.invalid"),
        ({"allOf": [{"$ref": "#/$defs/mail"}], "maxLength": 20}, "r@r.invalid"),
        (
            {"anyOf": [{"type": "integer"}, {"type": "string", "format": "email"}]},
            "redacted@redacted.invalid",
        ),
        ({"oneOf": [{"type": "null"}, {"type": "string", "maxLength": 5}]}, "<EMAI"),
        ({"anyOf": [{"const": MAIL}, {"maxLength": 5}]}, "<EMAI"),
        ({"if": {"minLength": 3}, "then": {"maxLength": 9}}, "<EMAIL_AD"),
        ({"not": {"const": MASK}}, None),
        ({"type": ["string", "null"], "format": "email"}, "redacted@redacted.invalid"),
    ],
    ids=json.dumps,
)
def test_a_masked_text_is_one_that_the_schema_takes(schema: Any, expected: str | None) -> None:
    assert of(schema, MAIL, MASK) == expected


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"format": "email"}, "email-7f3ak2m9xq@pseudonym.invalid"),
        ({"format": "uri"}, "https://example.com/redacted"),
        ({"format": "date-time"}, "2026-01-01T00:00:00.5+01:00"),
    ],
)
def test_what_has_the_form_already_stays(schema: Any, text: str) -> None:
    assert of(schema, "something else", text) == text


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "integer"}, 0),
        ({}, 0),
        ({"type": "integer", "minimum": 1}, 1),
        ({"type": "integer", "exclusiveMinimum": 1}, 2),
        ({"type": "integer", "maximum": -1}, -1),
        ({"type": "integer", "exclusiveMaximum": -1}, -2),
        ({"type": "number", "exclusiveMinimum": 1, "maximum": 1.75}, 1.5),
        ({"type": "integer", "minimum": 10, "multipleOf": 4}, 12),
        ({"minimum": 4111111111111111, "maximum": 4111111111111111}, None),
        ({"enum": [4111111111111111]}, None),
        ({"$ref": "#/$defs/a~1b"}, 0),
    ],
    ids=json.dumps,
)
def test_a_masked_number_is_a_number_that_the_schema_takes(schema: Any, expected: float | None) -> None:
    assert of(schema, 4111111111111111, 0) == expected


@pytest.mark.parametrize(
    ("schema", "before", "masked", "expected"),
    [
        ({"items": LONG}, ["a", MAIL], ["a", MASK], ["a", "<EMAIL_ADDRE"]),
        ({"prefixItems": [LONG], "items": {"format": "email"}}, [MAIL, MAIL], [MASK, MASK],
         ["<EMAIL_ADDRE", "redacted@redacted.invalid"]),
        ({"$schema": "http://json-schema.org/draft-07/schema#", "items": [LONG],
          "additionalItems": {"format": "uuid"}}, [MAIL, MAIL], [MASK, MASK], ["<EMAIL_ADDRE", NIL]),
        ({"patternProperties": {"^m": LONG}}, {"mail": MAIL, "to": MAIL}, {"mail": MASK, "to": MASK},
         {"mail": "<EMAIL_ADDRE", "to": MASK}),
        ({"patternProperties": {"^(?!x)m": LONG}}, {"mail": MAIL}, {"mail": MASK}, None),
        ({"additionalProperties": LONG, "properties": {"to": {}}}, {"mail": MAIL, "to": MAIL},
         {"mail": MASK, "to": MASK}, {"mail": "<EMAIL_ADDRE", "to": MASK}),
        ({"additionalProperties": LONG}, {MAIL: "x"}, {MASK: "x"}, {MASK: "x"}),
        ({"additionalProperties": LONG}, {MAIL: MAIL}, {MASK: MASK}, {MASK: "<EMAIL_ADDRE"}),
        ({"propertyNames": {"pattern": "@"}}, {MAIL: 1}, {MASK: 1}, None),
        ({"items": {"type": "integer"}}, [1, 2], [1, 2], [1, 2]),
        (True, MAIL, MASK, MASK),
        ({"$ref": "#nowhere/x"}, MAIL, MASK, MASK),
        ({"$ref": "#/nowhere"}, MAIL, MASK, MASK),
        ({"$ref": "https://example.com/x"}, MAIL, MASK, MASK),
        ({"prefixItems": [LONG]}, [MAIL, MAIL], [MASK, MASK], ["<EMAIL_ADDRE", MASK]),
    ],
)  # fmt: skip
def test_every_place_has_the_schemas_that_hold_for_it(
    schema: Any, before: Any, masked: Any, expected: Any
) -> None:
    def valid(value: Any) -> Any:
        return compile_schema(schema)(value)

    try:
        compile_schema(schema)
    except ValueError:
        assert fitted(before, masked, schema, lambda _: None) == expected
    else:
        assert fitted(before, masked, schema, valid) == expected


def test_a_value_that_fits_is_handed_back_as_it_is() -> None:
    masked = {"a": [MASK], "b": {"c": 1}}
    assert fitted({"a": [MAIL], "b": {"c": 1}}, masked, True, lambda _: None) is masked


def test_the_masked_value_itself_is_left_alone() -> None:
    masked = {"a": [MASK], "b": {"c": 1}}
    schema = {"properties": {"a": {"items": LONG}}}
    assert fitted({"a": [MAIL], "b": {"c": 1}}, masked, schema, compile_schema(schema)) == {
        "a": ["<EMAIL_ADDRE"],
        "b": {"c": 1},
    }
    assert masked["a"] == [MASK]


def test_where_alternatives_depend_on_another_member_they_are_tried_in_turn() -> None:
    schema = {
        "oneOf": [
            {"properties": {"kind": {"const": "mail"}, "x": {"maxLength": 11, "format": "email"}}},
            {"properties": {"kind": {"const": "id"}, "x": {"format": "uuid", "minLength": 36}}},
        ]
    }
    before, masked = {"kind": "id", "x": MAIL}, {"kind": "id", "x": MASK}
    made = fitted(before, masked, schema, compile_schema(schema))
    assert made == {"kind": "id", "x": NIL}


def test_only_so_many_alternatives_are_tried() -> None:
    tried: list[Any] = []
    schema = {
        "properties": {key: {"anyOf": [{"maxLength": n} for n in range(1, 9)]} for key in "abcdefghijk"}
    }

    def valid(value: Any) -> Any:
        tried.append(value)
        return compile_schema({"type": "string"})(value)

    before, masked = dict.fromkeys("abcdefghijk", MAIL), dict.fromkeys("abcdefghijk", MASK)
    assert fitted(before, masked, schema, valid) is None
    assert len(tried) == 64


def test_a_part_of_a_schema_that_does_not_compile_says_nothing_of_a_value() -> None:
    schema = {"properties": {"x": {"pattern": "("}}}
    assert fitted({"x": MAIL}, {"x": MASK}, schema, lambda _: None) == {"x": MASK}


def test_references_in_a_circle_end() -> None:
    schema = {"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}
    assert fitted(MAIL, MASK, schema, lambda _: None) == MASK


BEFORE = {"mail": MAIL, "list": [{"mail": MAIL}], "n": 1}
AFTER = {"mail": "r@r.invalid", "list": [{"mail": "r@r.invalid"}], "n": 1}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (json.dumps(BEFORE), json.dumps(AFTER)),
        (json.dumps(BEFORE, indent=2), json.dumps(AFTER, indent=2)),
        (json.dumps(BEFORE, separators=(",", ":")), json.dumps(AFTER, separators=(",", ":"))),
        (json.dumps(BEFORE["list"]), json.dumps(AFTER["list"])),
        ('{"mail":"bob@example.com"}', '{"mail":"r@r.invalid"}'),
        (MAIL, "r@r.invalid"),
        (json.dumps(MAIL), '"r@r.invalid"'),
        ("true", None),
        (f"write to {MAIL}", None),
        ("{", None),
    ],
)
def test_a_text_that_repeats_the_content_says_the_same(text: str, expected: str | None) -> None:
    assert agreeing(text, BEFORE, AFTER) == expected
