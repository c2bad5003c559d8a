"""Strangers' schemas: what is refused before compiling, what a mismatch says, and what it never does."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from toolgate.core.model import Mismatch
from toolgate.core.schema import BadSchema, compile_schema, too_complex

DRAFT_4 = "http://json-schema.org/draft-04/schema#"
DRAFT_2019 = "https://json-schema.org/draft/2019-09/schema"
DRAFT_7 = "http://json-schema.org/draft-07/schema#"

CLOSED: dict[str, Any] = {"properties": {"a": {}, "b": {}}, "additionalProperties": False}
SEVERAL = "a value that fits exactly one of the alternatives, not several"
AT_MOST_2 = "at most 2 characters"
B = {"$ref": "#/$defs/b"}
CHAIN: dict[str, Any] = {f"d{i}": {"$ref": f"#/$defs/d{i + 1}"} for i in range(300)} | {"d300": {}}


@pytest.fixture(autouse=True)
def no_world(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any socket or file that a schema makes somebody open fails the test."""

    def shut(*_: object, **__: object) -> None:
        raise AssertionError("touched the world")

    monkeypatch.setattr(socket, "socket", shut)
    monkeypatch.setattr("builtins.open", shut)


def doubling(levels: int, leaf: Any = None) -> dict[str, Any]:
    """Nested `anyOf: [$ref, $ref]`: twice the work per level."""
    names: dict[str, Any] = {f"d{i}": {"anyOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(levels)}
    return {"$ref": "#/$defs/d0", "$defs": names | {f"d{levels}": leaf or {"type": "integer"}}}


EXPLAINED: list[tuple[Any, Any, str, str]] = [
    ({"properties": {"limit": {"type": "integer"}}}, {"limit": "9"}, "$.limit", "integer"),
    ({"type": ["string", "null"]}, 2, "$", "null or string"),
    ({"enum": ["a", "b", 3, None]}, "c", "$", "one of: a, b, 3, null"),
    ({"enum": list(range(25))}, "c", "$", "one of: " + ", ".join(map(str, range(20))) + ", …"),
    ({"const": {"k": [1]}}, 2, "$", 'exactly {"k": [1]}'),
    ({"maxLength": 10}, "x" * 11, "$", "at most 10 characters"),
    ({"minLength": 1}, "", "$", "at least 1 character"),
    ({"minItems": 2}, [1], "$", "at least 2 items"),
    ({"maxItems": 1}, [1, 2], "$", "at most 1 item"),
    ({"minProperties": 1}, {}, "$", "at least 1 property"),
    ({"maxProperties": 2}, {"a": 1, "b": 2, "c": 3}, "$", "at most 2 properties"),
    ({"minimum": 1}, 0, "$", "at least 1"),
    ({"maximum": 9}, 10, "$", "at most 9"),
    ({"exclusiveMinimum": 1}, 1, "$", "more than 1"),
    ({"exclusiveMaximum": 9}, 9, "$", "less than 9"),
    ({"multipleOf": 5}, 3, "$", "a multiple of 5"),
    ({"pattern": "^[a-z]+$"}, "A", "$", "text matching ^[a-z]+$"),
    ({"uniqueItems": True}, [1, 1], "$", "no item twice"),
    ({"required": ["x"]}, {}, "$", 'property "x" is required'),
    ({"dependentRequired": {"a": ["b"]}}, {"a": 1}, "$", 'property "b" is required'),
    (CLOSED, {"y": 1}, "$", 'no property "y" (known: a, b)'),
    ({"additionalProperties": False}, {"y": 1}, "$", "no properties"),
    ({"properties": {}, "unevaluatedProperties": False}, {"y": 1}, "$", 'no property "y" (known: none)'),
    ({"properties": {"old": False}}, {"old": 1}, "$.old", "nothing here"),
    ({"not": {"type": "string"}}, "x", "$", "a value that the schema does not exclude"),
    ({"contains": {"const": 1}}, [2], "$", "as many items fitting `contains` as the schema asks for"),
    ({"prefixItems": [{}], "unevaluatedItems": False}, [1, 2], "$", "no further items"),
    ({"propertyNames": {"maxLength": 2}}, {"a-c": 1}, "$", f"property names that fit: {AT_MOST_2}"),
    ({"anyOf": [{"type": "string"}, {"type": "null"}]}, 5, "$", "string or null"),
    ({"oneOf": [{"type": "integer"}, {"minimum": 2}]}, 3, "$", SEVERAL),
    ({"items": {"properties": {"a b": {"type": "null"}}}}, [{"a b": 1}], '$[0]["a b"]', "null"),
    ({"$schema": DRAFT_7, "items": [{}], "additionalItems": False}, [1, 2], "$", "at most 1 item"),
    ({"$schema": DRAFT_4, "maximum": 3, "exclusiveMaximum": True}, 3, "$", "less than 3"),
    (False, 1, "$", "nothing here"),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "value", "path", "expected"), EXPLAINED)
def test_a_mismatch_says_where_and_what_was_expected(
    schema: Any, value: Any, path: str, expected: str
) -> None:
    mismatch = compile_schema(schema)(value)
    assert mismatch is not None
    assert (mismatch.path, mismatch.expected) == (path, expected)


def test_of_alternatives_the_one_that_got_furthest_is_explained() -> None:
    tagged = [
        {"properties": {"kind": {"const": kind}, "size": {"type": kind}}, "required": ["kind", "size"]}
        for kind in ("integer", "string")
    ]
    mismatch = compile_schema({"anyOf": [{"type": "null"}, *tagged]})({"kind": "integer", "size": []})
    assert mismatch is not None
    assert mismatch.expected == "integer at $.size or exactly string at $.kind"


def test_a_keyword_inside_a_reference_still_knows_its_neighbours() -> None:
    schema: Any = {
        "$ref": "#/$defs/x",
        "$defs": {"x": {"properties": {"a": {}}, "additionalProperties": False}},
    }
    assert compile_schema(schema)({"b": 1}) == Mismatch(
        "$", "additionalProperties", 'no property "b" (known: a)'
    )


def test_a_keyword_in_an_embedded_schema_is_explained_without_its_neighbours() -> None:
    inner: Any = {"$id": "inner", "properties": {"a": {}}, "additionalProperties": False}
    schema: Any = {"$id": "https://example.com/outer", "$ref": "inner", "$defs": {"x": inner}}
    mismatch = compile_schema(schema)({"b": 1})
    assert mismatch is not None
    assert mismatch.keyword == "additionalProperties"


def test_a_content_keyword_is_named_when_there_are_no_words_for_it() -> None:
    schema = {"$schema": DRAFT_7, "contentMediaType": "application/json"}
    mismatch = compile_schema(schema)("{")
    assert mismatch == Mismatch("$", "contentMediaType", "a value that fits `contentMediaType`")


SECRET = "hunter2-4111111111111111"


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "integer"},
        {"enum": [1]},
        {"const": 1},
        {"maxLength": 3},
        {"pattern": "^x$"},
        {"not": {"type": "string"}},
        {"anyOf": [{"type": "integer"}, {"maxLength": 3}]},
        {"oneOf": [{"type": "string"}, {"minLength": 1}]},
        {"if": {"type": "string"}, "then": {"maxLength": 1}},
        {"allOf": [{"format": "email"}, {"multipleOf": 2, "type": "number"}]},
        {"$ref": "#/$defs/x", "$defs": {"x": {"maxLength": 2}}},
    ],
)
def test_a_mismatch_never_quotes_the_value(schema: Any) -> None:
    for value, wrapped in ((SECRET, schema), ({"a": [SECRET]}, {"properties": {"a": {"items": schema}}})):
        inner = {key: item for key, item in schema.items() if key == "$defs"}
        mismatch = compile_schema({**wrapped, **inner})(value)
        assert mismatch is not None
        assert "hunter2" not in repr(mismatch)


def test_a_name_longer_than_any_name_is_cut() -> None:
    mismatch = compile_schema({"additionalProperties": False})({"k" * 500: 1})
    assert mismatch is not None
    assert len(mismatch.expected) < 100
    deep = compile_schema({"additionalProperties": {"type": "null"}})({"k" * 500: 1})
    assert deep is not None
    assert len(deep.path) < 100


def test_an_expectation_longer_than_anybody_reads_is_cut() -> None:
    mismatch = compile_schema({"const": "x" * 1000})(1)
    assert mismatch is not None
    assert len(mismatch.expected) < 320


FITTING: list[tuple[Any, Any]] = [
    (True, {"anything": [1]}),
    ({}, None),
    ({"type": "integer"}, 10**30),
    ({"format": "email"}, "no address"),
    ({"$schema": DRAFT_7, "format": "email"}, "no address"),
    ({"pattern": "(?=.*[A-Z])(?=.*[0-9]).{4,}"}, "abcD1"),
    ({"$dynamicAnchor": "n", "items": {"$dynamicRef": "#n"}}, [[], [[]]]),
    (
        {
            "$ref": "t",
            "$defs": {
                "a": {"$dynamicAnchor": "n"},
                "t": {
                    "$id": "t",
                    "items": {"$dynamicRef": "#n"},
                    "$defs": {"n": {"$dynamicAnchor": "n"}},
                },
            },
        },
        [1],
    ),
    ({"properties": {"next": {"$ref": "#"}}, "required": ["v"]}, {"v": 1, "next": {"v": 2}}),
    ({"$defs": {"a/b": {"type": "integer"}}, "$ref": "#/$defs/a~1b"}, 1),
    ({"allOf": [{"type": "integer"}, {"$ref": "#/allOf/0"}]}, 1),
    ({"$defs": {"yes": True}, "$ref": "#/$defs/yes"}, 1),
    ({"x-shapes": {"n": {"type": "integer"}}, "$ref": "#/x-shapes/n"}, 1),
    ({"properties": {"$ref": {"type": "string"}}}, {"$ref": "http://example.com"}),
    ({"enum": [{"$ref": "http://example.com/"}, 1]}, 1),
    ({"$id": "https://example.com/a", "$defs": {"q": {"$id": "c", "$anchor": "z"}}, "$ref": "c#z"}, 1),
    ({"$schema": DRAFT_7, "definitions": {"q": {"$id": "#z", "type": "integer"}}, "$ref": "#z"}, 1),
    ({"$schema": DRAFT_2019, "items": {"$recursiveRef": "#"}, "$recursiveAnchor": True}, [[], [[]]]),
]


@pytest.mark.parametrize(("schema", "value"), FITTING)
def test_a_value_that_fits_gives_nothing(schema: Any, value: Any) -> None:
    assert compile_schema(schema)(value) is None


@pytest.mark.parametrize(
    ("schema", "word"),
    [
        (doubling(30), "written out"),
        (doubling(30, {"type": "string"}), "written out"),
        ({"properties": {"x": doubling(30)["$defs"]["d0"]}, **doubling(30)}, "written out"),
        ({"enum": ["x" * 300_000]}, "bytes"),
        ({"enum": list(range(30_000))}, "nodes"),
        ({"$ref": "http://127.0.0.1:9/schema"}, "outside"),
        ({"$ref": "https://json-schema.org/draft/2020-12/schema"}, "outside"),
        ({"$ref": "file:///etc/passwd"}, "outside"),
        ({"$id": "http://127.0.0.1:9/a", "items": {"$ref": "b.json"}}, "outside"),
        ({"$ref": "#"}, "without end"),
        ({"allOf": [{"anyOf": [{"$ref": "#"}]}]}, "without end"),
        ({"items": B, "not": B, "$defs": {"b": {"not": {"$ref": "#"}}}}, "without end"),
        ({"$ref": "#/$defs/d0", "$defs": CHAIN}, "chains"),
        ({"dependencies": {"a": {"$ref": "#"}}}, "without end"),
    ],
)  # fmt: skip
def test_what_would_cost_too_much_or_leads_outside_is_refused_before_compiling(
    schema: Any, word: str
) -> None:
    assert word in too_complex(schema)
    with pytest.raises(BadSchema, match=word):
        compile_schema(schema)


def test_a_schema_nested_deeper_than_any_reader_is_refused() -> None:
    schema: dict[str, Any] = {}
    for _ in range(70):
        schema = {"not": schema}
    assert "deeper" in too_complex(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"$schema": "http://127.0.0.1:9/meta"},
        {"$schema": "file:///etc/passwd"},
        {"type": "strin"},
        {"pattern": "("},
        {"$ref": "#/nowhere/at/all"},
        {"$ref": "#/allOf/7", "allOf": [True]},
        {"$ref": "#/type/x", "type": "object"},
        {"$ref": "#lost"},
        [],
        "text",
        None,
        7,
    ],
)
def test_an_invalid_schema_is_named_without_fetching_anything(schema: Any) -> None:
    assert too_complex(schema) == ""
    with pytest.raises(BadSchema, match="not a valid schema"):
        compile_schema(schema)


ENDLESS = {"pattern": r"^(?:(a|aa)\1?)+$"}
STUCK = "a" * 60 + "!"


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (ENDLESS, STUCK),
        ({"not": ENDLESS}, STUCK),
        ({"oneOf": [ENDLESS, True]}, STUCK),
        ({"if": ENDLESS, "then": False}, STUCK),
        ({"contains": ENDLESS, "minContains": 0, "maxContains": 0}, [STUCK]),
        ({"patternProperties": {ENDLESS["pattern"]: {"type": "string"}}}, {STUCK: 1}),
        ({"patternProperties": {ENDLESS["pattern"]: True}, "additionalProperties": False}, {STUCK: 1}),
        ({"propertyNames": {"not": ENDLESS}}, {STUCK: 1}),
    ],
)
def test_a_pattern_that_backtracks_without_end_fails_closed_wherever_it_stands(
    schema: Any, value: Any
) -> None:
    assert compile_schema(schema)(value) is not None


def test_linear_patterns_have_no_limit_to_trip() -> None:
    assert compile_schema({"pattern": "^(a+)+$"})("a" * 100_000) is None


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"minLength": 1}, "\ud800"),
        ({"items": {"const": "x"}}, ["x", "\ud83d"]),
        ({"required": ["x"]}, {"\udfff": 1}),
    ],
)
def test_a_lone_surrogate_is_refused(schema: Any, value: Any) -> None:
    assert compile_schema(schema)(value) is not None


def test_a_lone_surrogate_in_a_judged_text_is_named_as_such() -> None:
    assert compile_schema({"minLength": 1})("\ud800") == Mismatch(
        "$", "encoding", "text without lone surrogates"
    )


def test_a_recursive_schema_that_would_take_seconds_to_explain_answers_without_explaining() -> None:
    back = {"type": "object", "properties": {"c": {"$ref": "#"}}}
    check = compile_schema({"anyOf": [{"type": "integer"}, back, {**back, "minProperties": 1}]})
    value: Any = "bad"
    for _ in range(40):
        value = {"c": value}
    mismatch = check(value)
    assert mismatch is not None
    assert mismatch.keyword == "schema"
    assert check({"c": "bad"}) is not None


def test_a_large_wrong_value_is_answered_without_explaining() -> None:
    check = compile_schema({"anyOf": [{"items": {"type": "integer"}}, {"type": "null"}]})
    mismatch = check(["x"] * 100_000)
    assert mismatch is not None
    assert mismatch.keyword == "schema"
