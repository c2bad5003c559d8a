"""The same thing said in both eras: what one has no word for is left out, nothing else is lost."""

from __future__ import annotations

import pytest

from toolgate.core.model import JsonObject
from toolgate.protocol import translate
from toolgate.protocol.messages import INVALID_PARAMS, RESOURCE_NOT_FOUND
from toolgate.protocol.versions import (
    CAPABILITIES_KEY,
    CLIENT_KEY,
    LOG_LEVEL_KEY,
    MODERN,
    NEWEST_LEGACY,
    SELF,
    SERVER_KEY,
    SUBSCRIPTION_KEY,
    VERSION_KEY,
)

SERVER = {"name": "crm", "version": "1"}
CLIENT = {"name": "desk", "version": "2"}
ENVELOPE: JsonObject = {VERSION_KEY: MODERN, CAPABILITIES_KEY: {}, CLIENT_KEY: CLIENT, LOG_LEVEL_KEY: "info"}


def test_a_handshake_is_made_in_the_clients_name_or_toolgates_own() -> None:
    assert translate.handshake(CLIENT, {"roots": {}}) == {
        "protocolVersion": NEWEST_LEGACY,
        "capabilities": {"roots": {}},
        "clientInfo": CLIENT,
    }
    assert translate.handshake({}, {})["clientInfo"] == dict(SELF)


@pytest.mark.parametrize(
    ("params", "legacy"),
    [
        ({"name": "x", "_meta": ENVELOPE}, {"name": "x"}),
        (
            {"name": "x", "_meta": {**ENVELOPE, "progressToken": 7}},
            {"name": "x", "_meta": {"progressToken": 7}},
        ),
        ({"name": "x", "inputResponses": {}, "requestState": "s"}, {"name": "x"}),
        ({"name": "x", "_meta": "strange"}, {"name": "x"}),
        ({}, {}),
    ],
)
def test_a_legacy_server_is_not_shown_the_envelope(params: JsonObject, legacy: JsonObject) -> None:
    before = str(params)
    assert translate.without_envelope(params) == legacy
    assert str(params) == before


@pytest.mark.parametrize(
    ("params", "client", "level", "meta"),
    [
        ({}, {}, None, {VERSION_KEY: MODERN, CAPABILITIES_KEY: {}}),
        ({"_meta": {"progressToken": 7}}, CLIENT, "info", {"progressToken": 7, **ENVELOPE}),
        ({"_meta": {VERSION_KEY: "forged"}}, {}, None, {VERSION_KEY: MODERN, CAPABILITIES_KEY: {}}),
        ({"_meta": "strange"}, {}, None, {VERSION_KEY: MODERN, CAPABILITIES_KEY: {}}),
    ],
)
def test_a_modern_server_is_shown_an_envelope_that_a_client_cannot_forge(
    params: JsonObject, client: JsonObject, level: str | None, meta: JsonObject
) -> None:
    assert translate.with_envelope({"name": "x", **params}, client, {}, level) == {"name": "x", "_meta": meta}


@pytest.mark.parametrize(
    ("method", "result", "modern"),
    [
        ("tools/call", {"content": []}, {"resultType": "complete", "content": []}),
        (
            "tools/list",
            {"tools": []},
            {"ttlMs": 0, "cacheScope": "private", "resultType": "complete", "tools": []},
        ),
        (
            "resources/read",
            {"contents": [], "ttlMs": 5, "resultType": "complete"},
            {"ttlMs": 5, "cacheScope": "private", "resultType": "complete", "contents": []},
        ),
    ],
)
def test_a_legacy_result_gains_what_the_newest_era_requires(
    method: str, result: JsonObject, modern: JsonObject
) -> None:
    assert translate.modern_result(method, result, {}) == modern
    with_server = translate.modern_result(method, {**result, "_meta": {"x": 1}}, SERVER)
    assert with_server == {**modern, "_meta": {SERVER_KEY: SERVER, "x": 1}}
    assert translate.legacy_result(modern) == {
        key: value for key, value in result.items() if key not in ("ttlMs", "resultType")
    }


def test_a_strange_meta_is_replaced_and_not_built_on() -> None:
    assert translate.modern_result("tools/call", {"_meta": "strange"}, SERVER)["_meta"] == {
        SERVER_KEY: SERVER
    }


@pytest.mark.parametrize(
    ("method", "legacy", "modern"),
    [
        ("resources/read", RESOURCE_NOT_FOUND, INVALID_PARAMS),
        ("resources/read", -32603, -32603),
        ("tools/call", -1, -1),
    ],
)
def test_a_missing_resource_has_another_code_in_each_era(method: str, legacy: int, modern: int) -> None:
    assert translate.modern_error({"code": legacy, "message": "m"}) == {"code": modern, "message": "m"}
    assert translate.legacy_error(method, {"code": modern, "message": "m"}) == {
        "code": legacy,
        "message": "m",
    }


def test_a_tools_wrong_parameters_are_no_missing_resource() -> None:
    assert translate.legacy_error("tools/call", {"code": INVALID_PARAMS})["code"] == INVALID_PARAMS


OPENED: JsonObject = {"protocolVersion": NEWEST_LEGACY, "capabilities": {"tools": {}}, "serverInfo": SERVER}


def test_discovery_is_made_from_a_handshake_and_back() -> None:
    found = translate.discovered({**OPENED, "instructions": "be kind"})
    assert found == {
        "supportedVersions": [MODERN],
        "capabilities": {"tools": {}},
        "instructions": "be kind",
        "serverInfo": SERVER,
    }
    assert translate.initialised(found, NEWEST_LEGACY) == {**OPENED, "instructions": "be kind"}
    assert translate.discovered({}) == {"supportedVersions": [MODERN], "capabilities": {}}


@pytest.mark.parametrize(
    ("found", "requested", "version", "server"),
    [
        ({"_meta": {SERVER_KEY: SERVER}}, "2025-06-18", "2025-06-18", SERVER),
        ({"_meta": "strange"}, "2024-11-05", NEWEST_LEGACY, {"name": "unnamed", "version": "0"}),
        ({}, MODERN, NEWEST_LEGACY, {"name": "unnamed", "version": "0"}),
        ({}, None, NEWEST_LEGACY, {"name": "unnamed", "version": "0"}),
    ],
)
def test_a_legacy_client_is_answered_a_version_of_its_own_era(
    found: JsonObject, requested: object, version: str, server: JsonObject
) -> None:
    opened = translate.initialised(found, requested)
    assert (opened["protocolVersion"], opened["serverInfo"]) == (version, server)


@pytest.mark.parametrize("params", [{}, {"uri": "a:b"}, {"uri": "a:b", "_meta": {"x": 1}}])
def test_a_notification_is_tagged_with_its_subscription_and_untagged(params: JsonObject) -> None:
    tagged = translate.tagged(params, 7)
    assert tagged["_meta"][SUBSCRIPTION_KEY] == 7
    assert translate.untagged(tagged) == params


def test_what_has_no_tag_stays_as_it_is() -> None:
    params: JsonObject = {"_meta": "strange"}
    assert translate.untagged(params) is params
    assert translate.tagged(params, 7) == {"_meta": {SUBSCRIPTION_KEY: 7}}
