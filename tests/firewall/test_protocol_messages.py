"""Which of the three kinds a JSON-RPC message is, or why it is none."""

from __future__ import annotations

import pytest

from toolgate.core.model import JsonObject
from toolgate.protocol.messages import (
    Kind,
    answer_of,
    error,
    kind_of,
    notification,
    request,
    response,
    same_id,
)


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (request(1, "ping", {}), Kind.REQUEST),
        (request("a", "ping", {}), Kind.REQUEST),
        ({"jsonrpc": "2.0", "id": 0, "method": "ping"}, Kind.REQUEST),
        ({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": None}, Kind.REQUEST),
        (notification("notifications/progress", {}), Kind.NOTIFICATION),
        (response(1, {}), Kind.RESPONSE),
        (error("a", -1, "no"), Kind.RESPONSE),
    ],
)
def test_a_message_is_of_one_kind(message: JsonObject, kind: Kind) -> None:
    assert kind_of(message) is kind


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"jsonrpc": "1.0", "id": 1, "method": "ping"},
        {"jsonrpc": 2.0, "id": 1, "method": "ping"},
        {"jsonrpc": "2.0", "id": 1, "method": 7},
        {"jsonrpc": "2.0", "id": 1, "method": None},
        {"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []},
        {"jsonrpc": "2.0", "id": 1, "method": "ping", "params": "x"},
        {"jsonrpc": "2.0", "id": None, "method": "ping"},
        {"jsonrpc": "2.0", "id": True, "method": "ping"},
        {"jsonrpc": "2.0", "id": 1.5, "method": "ping"},
        {"jsonrpc": "2.0", "id": [1], "method": "ping"},
        {"jsonrpc": "2.0", "id": 1},
        {"jsonrpc": "2.0", "result": {}},
        {"jsonrpc": "2.0", "id": None, "result": {}},
        {"jsonrpc": "2.0", "id": 1, "result": {}, "error": {}},
        {"jsonrpc": "2.0", "id": 1, "result": []},
        {"jsonrpc": "2.0", "id": 1, "error": None},
    ],
)
def test_a_message_of_no_kind_says_what_was_expected(message: JsonObject) -> None:
    why = kind_of(message)
    assert not isinstance(why, Kind)
    assert "expected" in why


@pytest.mark.parametrize("message", [response(1, {"a": 1}), error(1, -1, "no", {"x": 1})])
def test_a_sound_answer_is_taken_as_it_is(message: JsonObject) -> None:
    assert answer_of(message) is message


@pytest.mark.parametrize("more", [{"more": 1}, {"method": None}, {"params": {}}])
def test_nothing_beside_an_answer_is_taken(more: JsonObject) -> None:
    assert answer_of({**response(1, {"a": 1}), **more}) == response(1, {"a": 1})
    assert answer_of({"id": 1, "result": {}, **more}) == response(1, {})


@pytest.mark.parametrize(
    "message",
    [
        {"id": 1},
        {"id": 1, "result": None},
        {"id": 1, "result": []},
        {"id": 1, "error": "no"},
        {"id": 1, "error": None},
        {"id": 1, "result": {}, "error": {}},
    ],
)
def test_what_is_not_exactly_one_object_is_no_answer(message: JsonObject) -> None:
    assert answer_of(message) is None


@pytest.mark.parametrize(("one", "other", "same"), [(7, "7", True), ("a", "a", True), (7, 8, False)])
def test_ids_are_compared_as_the_sdk_does(one: object, other: object, same: bool) -> None:
    assert same_id(one, other) is same
