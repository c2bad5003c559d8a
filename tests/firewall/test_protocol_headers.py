"""Header values of 2026-07-28: encoded one way, compared exactly, declared only where it can be done."""

from __future__ import annotations

from typing import Any

import pytest

from toolgate.core.model import JsonObject
from toolgate.protocol.headers import declared, decode, encode, param_headers, param_mismatch


@pytest.mark.parametrize(
    "text", ["find", "", "a b", "file:///x?y=1", "=?base64?", "~!#$", "naïve", " x", "x ", "\t", "a\nb"]
)
def test_what_is_encoded_is_decoded_to_the_same(text: str) -> None:
    header = encode(text)
    assert decode(header) == text
    assert header.isascii()
    assert header.isprintable()
    assert header == header.strip()


def test_a_text_that_looks_encoded_is_encoded_again() -> None:
    assert encode("=?base64?eA==?=") != "=?base64?eA==?="
    assert decode(encode("=?base64?eA==?=")) == "=?base64?eA==?="


@pytest.mark.parametrize(
    "header", [None, "=?base64?eA=?=", "=?base64?eB==?=", "=?base64?***?=", "=?base64?/w==?="]
)
def test_base64_that_is_not_canonical_or_not_utf8_is_no_text(header: str | None) -> None:
    assert decode(header) is None


def schema(**properties: Any) -> JsonObject:
    return {"type": "object", "properties": properties}


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (schema(a={"type": "string"}), {}),
        (True, {}),
        ({"properties": ["a"]}, {}),
        ({"allOf": "a", "$defs": []}, {}),
        (schema(a={"type": "string", "x-mcp-header": "Region"}), {("a",): ("Region", "string")}),
        (
            schema(
                a=schema(b={"type": "integer", "x-mcp-header": "N"}),
                c={"type": "boolean", "x-mcp-header": "C"},
            ),
            {("a", "b"): ("N", "integer"), ("c",): ("C", "boolean")},
        ),
    ],
)
def test_declared_headers_are_found_by_their_path(given: object, found: object) -> None:
    assert declared(given) == found


HEADER: JsonObject = {"type": "string", "x-mcp-header": "Region"}


@pytest.mark.parametrize(
    "given",
    [
        {"x-mcp-header": "Region", "type": "string"},
        schema(a={"type": "array", "items": HEADER}),
        schema(a={"anyOf": [HEADER]}),
        {"$defs": {"a": HEADER}},
        {"patternProperties": {"a": schema(b=HEADER)}},
        {"not": schema(a=HEADER)},
        schema(a={**HEADER, "x-mcp-header": 7}),
        schema(a={**HEADER, "x-mcp-header": ""}),
        schema(a={**HEADER, "x-mcp-header": "two words"}),
        schema(a={**HEADER, "x-mcp-header": "a\r\nb"}),
        schema(a={**HEADER, "type": "number"}),
        schema(a={**HEADER, "type": ["string"]}),
        schema(a={"x-mcp-header": "Region"}),
        schema(a=HEADER, b={**HEADER, "x-mcp-header": "REGION"}),
    ],
)
def test_a_header_that_cannot_be_mirrored_breaks_the_tool(given: JsonObject) -> None:
    why = declared(given)
    assert isinstance(why, str)
    assert "expected" in why


PATHS = {("a",): ("A", "string"), ("n", "x"): ("N", "integer"), ("b",): ("B", "boolean")}


@pytest.mark.parametrize(
    ("arguments", "headers"),
    [
        (
            {"a": "x", "n": {"x": 7}, "b": True},
            {"Mcp-Param-A": "x", "Mcp-Param-N": "7", "Mcp-Param-B": "true"},
        ),
        ({"a": None, "n": {}, "b": False}, {"Mcp-Param-B": "false"}),
        ({"a": "ü", "n": 7}, {"Mcp-Param-A": "=?base64?w7w=?="}),
        ({"a": ["x"], "n": [], "b": {}}, {}),
        ({"n": {"x": 7.5}}, {"Mcp-Param-N": "7.5"}),
    ],
)
def test_arguments_are_mirrored_and_agree_with_their_own_mirror(
    arguments: JsonObject, headers: dict[str, str]
) -> None:
    assert param_headers(PATHS, arguments) == headers
    assert param_mismatch(PATHS, arguments, {key.lower(): value for key, value in headers.items()}) == ""


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ({"a": "x"}, {}),
        ({}, {"mcp-param-a": "x"}),
        ({"a": None}, {"mcp-param-a": "null"}),
        ({"a": "x"}, {"mcp-param-a": "y"}),
        ({"a": "x"}, {"mcp-param-a": "X"}),
        ({"a": "x"}, {"mcp-param-a": "=?base64?***?="}),
        ({"n": {"x": 7}}, {"mcp-param-n": "8"}),
        ({"n": {"x": 7}}, {"mcp-param-n": "7.5"}),
        ({"n": {"x": 7}}, {"mcp-param-n": "0x7"}),
        ({"n": {"x": 7}}, {"mcp-param-n": "7" + ".0" * 20}),
        ({"n": {"x": 7}}, {"mcp-param-n": "7." + "0" * 40}),
        ({"n": {"x": True}}, {"mcp-param-n": "1"}),
        ({"b": True}, {"mcp-param-b": "True"}),
        ({"b": True}, {"mcp-param-b": "1"}),
    ],
)
def test_a_header_that_says_something_else_than_the_body_is_named(
    arguments: JsonObject, given: dict[str, str]
) -> None:
    assert param_mismatch(PATHS, arguments, given).startswith("Mcp-Param-")


@pytest.mark.parametrize(
    ("value", "header"), [(42, "42"), (42, "42.0"), (42.0, "42"), (-7, "-7"), (42, "042")]
)
def test_integers_are_compared_as_numbers(value: float, header: str) -> None:
    assert param_mismatch({("n",): ("N", "integer")}, {"n": value}, {"mcp-param-n": header}) == ""
