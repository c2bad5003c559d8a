"""The validation ladder of a 2026-07-28 request: the first rung that fails is the answer."""

from __future__ import annotations

import pytest

from toolgate.core.model import JsonObject
from toolgate.protocol.ladder import climb, envelope, enveloped
from toolgate.protocol.messages import HEADER_MISMATCH, INVALID_PARAMS, UNSUPPORTED_VERSION, request
from toolgate.protocol.versions import CAPABILITIES_KEY, MODERN, VERSION_KEY

META: JsonObject = {VERSION_KEY: MODERN, CAPABILITIES_KEY: {}}
HEADERS = {"mcp-protocol-version": MODERN, "mcp-method": "tools/call", "mcp-name": "find"}


def call(meta: object = META, method: str = "tools/call", **params: object) -> JsonObject:
    return request(1, method, {"name": "find", "_meta": meta, **params})


@pytest.mark.parametrize(
    ("message", "headers"),
    [
        (call(), HEADERS),
        (call(), None),
        (call(name="naïve 日本"), {**HEADERS, "mcp-name": "=?base64?bmHDr3ZlIOaXpeacrA==?="}),
        (call(method="tasks/list"), {**HEADERS, "mcp-method": "tasks/list", "mcp-name": "whatever"}),
        (call(method="tasks/get", taskId="7"), {**HEADERS, "mcp-method": "tasks/get", "mcp-name": "7"}),
        (call(method="tasks/get"), {**HEADERS, "mcp-method": "tasks/get"}),
        (
            call(method="resources/read", uri="file:///a"),
            {**HEADERS, "mcp-method": "resources/read", "mcp-name": "file:///a"},
        ),
    ],
)
def test_headers_that_agree_with_the_body_let_a_request_pass(
    message: JsonObject, headers: dict[str, str] | None
) -> None:
    assert climb(message, headers) is None


@pytest.mark.parametrize(
    ("message", "headers", "code"),
    [
        (call({}), HEADERS, INVALID_PARAMS),
        (call({VERSION_KEY: MODERN}), HEADERS, INVALID_PARAMS),
        (call({CAPABILITIES_KEY: {}}), HEADERS, INVALID_PARAMS),
        (call("none"), HEADERS, INVALID_PARAMS),
        ({"jsonrpc": "2.0", "id": 1, "method": "ping"}, HEADERS, INVALID_PARAMS),
        (call({**META, VERSION_KEY: 7}), None, INVALID_PARAMS),
        (call({**META, CAPABILITIES_KEY: []}), HEADERS, INVALID_PARAMS),
        (call(), {}, HEADER_MISMATCH),
        (call(), {**HEADERS, "mcp-protocol-version": "2025-11-25"}, HEADER_MISMATCH),
        (call(), {**HEADERS, "mcp-method": "prompts/get"}, HEADER_MISMATCH),
        (call(), {**HEADERS, "mcp-name": "delete"}, HEADER_MISMATCH),
        (call(), {**HEADERS, "mcp-name": "Find"}, HEADER_MISMATCH),
        (call(), {**HEADERS, "mcp-name": "=?base64?***?="}, HEADER_MISMATCH),
        (call(), {k: v for k, v in HEADERS.items() if k != "mcp-name"}, HEADER_MISMATCH),
        (call({**META, VERSION_KEY: "2099-01-01"}), None, UNSUPPORTED_VERSION),
        (
            call({**META, VERSION_KEY: "2025-11-25"}),
            {**HEADERS, "mcp-protocol-version": "2025-11-25"},
            UNSUPPORTED_VERSION,
        ),
    ],
)
def test_the_first_rung_that_fails_is_named(
    message: JsonObject, headers: dict[str, str] | None, code: int
) -> None:
    rejection = climb(message, headers)
    assert rejection is not None
    assert rejection.code == code


def test_an_unsupported_version_is_named_with_the_supported_ones_and_not_at_length() -> None:
    rejection = climb(call({**META, VERSION_KEY: "9" * 100}), None)
    assert rejection is not None
    assert rejection.data == {"supported": [MODERN], "requested": "9" * 64}


@pytest.mark.parametrize(
    ("message", "found"),
    [
        (call(), True),
        (call({CAPABILITIES_KEY: {}}), False),
        (call(None), False),
        ({"params": []}, False),
        ({}, False),
    ],
)
def test_an_envelope_is_told_by_its_version(message: JsonObject, found: bool) -> None:
    assert enveloped(message) is found
    assert isinstance(envelope(message), dict)
