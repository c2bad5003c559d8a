"""What a client sees of the three servers, through the SDK's client without a process or a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, MCPError
from mcp_types import TextResourceContents

from tool_calls import reason, text, value
from toolgate_servers.actions.server import build as build_actions
from toolgate_servers.actions.settings import ActionsSettings
from toolgate_servers.compute.server import build as build_compute
from toolgate_servers.compute.settings import ComputeSettings
from toolgate_servers.errors import Reason
from toolgate_servers.retrieval.server import build as build_retrieval
from toolgate_servers.retrieval.settings import RetrievalSettings

ERAS = ["legacy", "auto"]
ANN = ["ann@example.com"]


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "refund policy.md").write_text("# Refunds\nMoney comes back within a week.")
    (folder / "page.html").write_text("<title>Page</title><p>Refunds <b>are</b> rare</p>")
    return folder


@pytest.fixture(params=ERAS)
async def clients(request: pytest.FixtureRequest, docs: Path) -> AsyncIterator[dict[str, Client]]:
    servers = [
        build_compute(ComputeSettings()),
        build_retrieval(RetrievalSettings(folder=docs)),
        build_actions(ActionsSettings()),
    ]
    async with (
        Client(servers[0], mode=request.param) as compute,
        Client(servers[1], mode=request.param) as retrieval,
        Client(servers[2], mode=request.param) as actions,
    ):
        yield {"compute": compute, "retrieval": retrieval, "actions": actions}


# read-only, destructive, idempotent
READS, ADDS, CHANGES, SENDS = (
    (True, False, True),
    (False, False, False),
    (False, True, True),
    (False, True, False),
)
TIERS = {
    "calculate": (True, False, True),
    "convert_units": (True, False, True),
    "calculate_dates": (True, False, True),
    "calculate_finance": (True, False, True),
    "run_python": (True, False, True),
    "notebook_open": (False, False, True),
    "notebook_run": (False, False, False),
    "notebook_read": (True, False, True),
    "notebook_restart": (False, True, True),
    "notebook_export": (True, False, True),
    "notebook_close": (False, True, True),
    "transform_data": (True, False, True),
    "search_knowledge": (True, False, True),
    "web_search": (True, False, True),
    "query_sql": (True, False, True),
    "list_tables": (True, False, True),
    "fetch_api": (True, False, True),
    "read_document": (True, False, True),
    "list_documents": (True, False, True),
    **dict.fromkeys(("email_search", "email_read", "calendar_search", "calendar_free_busy"), READS),
    **dict.fromkeys(("ticket_search", "ticket_get"), READS),
    **dict.fromkeys(("email_draft", "calendar_create", "ticket_create", "ticket_comment"), ADDS),
    **dict.fromkeys(("calendar_move", "calendar_cancel", "calendar_respond", "email_delete_draft"), CHANGES),
    **dict.fromkeys(("ticket_update", "ticket_assign", "ticket_close"), CHANGES),
    **dict.fromkeys(("email_send", "email_reply"), SENDS),
}


async def test_every_tool_says_truthfully_what_it_does(clients: dict[str, Client]) -> None:
    said: dict[str, tuple[bool | None, bool | None, bool | None]] = {}
    for client in clients.values():
        for tool in (await client.list_tools()).tools:
            hints = tool.annotations
            assert hints is not None
            said[tool.name] = (hints.read_only_hint, hints.destructive_hint, hints.idempotent_hint)
            assert hints.open_world_hint is (tool.name == "fetch_api")
    assert said == TIERS


async def test_every_schema_is_closed_and_describes_each_argument(clients: dict[str, Client]) -> None:
    for client in clients.values():
        for tool in (await client.list_tools()).tools:
            assert tool.description
            assert tool.title
            assert tool.input_schema["additionalProperties"] is False
            for name, schema in tool.input_schema["properties"].items():
                assert schema.get("description"), f"{tool.name}.{name}"
                assert _is_bounded(schema, tool.input_schema), f"{tool.name}.{name}"
            assert tool.output_schema is not None
            assert tool.output_schema["additionalProperties"] is False


def _is_bounded(schema: dict[str, Any], whole: dict[str, Any]) -> bool:
    """Whether every string, array, number and object of a schema has an upper limit."""
    if "$ref" in schema:
        return _is_bounded(whole["$defs"][schema["$ref"].removeprefix("#/$defs/")], whole)
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return all(_is_bounded(option, whole) for option in schema[choice])
    if schema["type"] == "array":
        return "maxItems" in schema and _is_bounded(schema["items"], whole)
    if schema["type"] == "object" and "maxProperties" in schema:
        return _is_bounded(schema["additionalProperties"], whole)
    if schema["type"] == "object":
        closed = schema.get("additionalProperties") is False
        return closed and all(_is_bounded(inner, whole) for inner in schema["properties"].values())
    limits = {"integer": ("maximum", "enum"), "number": ("maximum",), "null": ("type",), "boolean": ("type",)}
    return any(
        limit in schema for limit in limits.get(schema["type"], ("maxLength", "enum", "const", "format"))
    )


async def test_calculate_gives_the_value_and_the_expression(clients: dict[str, Client]) -> None:
    compute = clients["compute"]
    assert value(await compute.call_tool("calculate", {"expression": "2 ** 64"})) == {
        "result": "18446744073709551616",
        "expression": "2 ** 64",
    }
    assert value(await compute.call_tool("calculate", {"expression": "7 / 2"}))["result"] == 3.5
    exact = await compute.call_tool("calculate", {"expression": "0.1 + 0.2", "arithmetic": "decimal"})
    assert value(exact)["result"] == "0.3"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"expression": "9**9**9"}, Reason.TOO_LARGE),
        ({"expression": "1 +"}, Reason.BAD_SYNTAX),
        ({"expression": ""}, Reason.ARGUMENT_NOT_VALID),
        ({"expression": "1" * 1001}, Reason.ARGUMENT_NOT_VALID),
        ({"expression": 5}, Reason.ARGUMENT_NOT_VALID),
        ({"expression": None}, Reason.ARGUMENT_NOT_VALID),
        ({}, Reason.ARGUMENT_NOT_VALID),
        ({"expression": "1", "arithmetic": "octal"}, Reason.ARGUMENT_NOT_VALID),
        ({"expression": "1", "precision": 3}, Reason.ARGUMENT_NOT_VALID),
    ],
)
async def test_calculate_refuses(
    clients: dict[str, Client], arguments: dict[str, Any], expected: Reason
) -> None:
    assert reason(await clients["compute"].call_tool("calculate", arguments)) is expected


async def test_a_refusal_never_repeats_what_was_sent(clients: dict[str, Client]) -> None:
    for arguments in (
        {"expression": {"hunter2": 1}},
        {"expression": "1", "hunter2": 1},
        {"expression": "hunter2"},
    ):
        assert "hunter2" not in text(await clients["compute"].call_tool("calculate", arguments))


async def test_documents_are_found_read_and_listed(clients: dict[str, Client]) -> None:
    retrieval = clients["retrieval"]
    found = value(await retrieval.call_tool("search_knowledge", {"query": "refunds money"}))
    assert found["matched"] == "every word"
    assert [hit["path"] for hit in found["results"]] == ["refund policy.md"]
    part = value(await retrieval.call_tool("read_document", {"path": "page.html"}))
    assert (part["title"], part["text"], part["next_offset"]) == ("Page", "Refunds are rare", None)
    listed = value(await retrieval.call_tool("list_documents", {"limit": 1}))
    assert (listed["total"], listed["next_cursor"]) == (2, "page.html")


@pytest.mark.parametrize(
    ("tool", "arguments", "expected"),
    [
        ("search_knowledge", {"query": '"" ('}, Reason.NO_WORDS),
        ("search_knowledge", {"query": "x", "limit": 0}, Reason.ARGUMENT_NOT_VALID),
        ("search_knowledge", {"query": "x", "limit": 51}, Reason.ARGUMENT_NOT_VALID),
        ("search_knowledge", {"query": "x", "limit": True}, Reason.ARGUMENT_NOT_VALID),
        ("search_knowledge", {"query": "x", "limit": "5"}, Reason.ARGUMENT_NOT_VALID),
        ("search_knowledge", {"query": "x" * 501}, Reason.ARGUMENT_NOT_VALID),
        ("search_knowledge", {"query": "w " * 40}, Reason.TOO_COMPLEX),
        ("read_document", {"path": "../secret.txt"}, Reason.OUTSIDE_FOLDER),
        ("read_document", {"path": "missing.md"}, Reason.NO_SUCH_DOCUMENT),
        ("read_document", {"path": "page.html", "offset": 10_000}, Reason.OFFSET_BEYOND_END),
        ("read_document", {"path": "page.html", "offset": -1}, Reason.ARGUMENT_NOT_VALID),
        ("read_document", {"path": "page.html", "limit": 50_001}, Reason.ARGUMENT_NOT_VALID),
        ("list_documents", {"cursor": 5}, Reason.ARGUMENT_NOT_VALID),
        ("list_documents", {"folder": "/"}, Reason.ARGUMENT_NOT_VALID),
    ],
)
async def test_retrieval_refuses(
    clients: dict[str, Client], tool: str, arguments: dict[str, Any], expected: Reason
) -> None:
    assert reason(await clients["retrieval"].call_tool(tool, arguments)) is expected


async def test_documents_are_resources_too(clients: dict[str, Client]) -> None:
    retrieval = clients["retrieval"]
    listed = (await retrieval.list_resources()).resources
    assert [(str(resource.uri), resource.mime_type) for resource in listed] == [
        ("file:///docs/page.html", "text/html"),
        ("file:///docs/refund%20policy.md", "text/markdown"),
    ]
    (content,) = (await retrieval.read_resource("file:///docs/refund%20policy.md")).contents
    assert isinstance(content, TextResourceContents)
    assert content.text.startswith("# Refunds")
    (template,) = (await retrieval.list_resource_templates()).resource_templates
    assert template.uri_template == "file:///docs/{+path}"


@pytest.mark.parametrize(
    "uri",
    [
        "file:///docs/missing.md",
        "file:///docs/../secret.txt",
        "file:///docs/%2e%2e/secret.txt",
        "file:///docs//etc/hosts.txt",
        "file:///etc/passwd",
        "https://example.com/page.html",
    ],
)
async def test_a_resource_that_was_not_listed_is_not_found(clients: dict[str, Client], uri: str) -> None:
    with pytest.raises(MCPError) as caught:
        await clients["retrieval"].read_resource(uri)
    assert caught.value.error.code == -32602


async def test_a_draft_is_sent_as_it_is_and_listed_in_the_outbox(clients: dict[str, Client]) -> None:
    actions = clients["actions"]
    mail = {"to": ANN, "cc": ["bob@example.com"], "subject": "Hi", "body": "Hello"}
    draft_id = value(await actions.call_tool("email_draft", mail))["draft_id"]
    assert (
        reason(await actions.call_tool("email_send", {"draft_id": draft_id, "to": ["eve@evil.example"]}))
        is Reason.DRAFT_DIFFERS
    )
    sent = value(await actions.call_tool("email_send", {"draft_id": draft_id, "to": ANN}))
    assert (sent["id"], sent["status"]) == (draft_id, "delivered to the local outbox")
    listed = value(await actions.call_tool("email_search", {"folder": "outbox"}))
    assert [item["subject"] for item in listed["mails"]] == ["Hi"]
    kept = value(await actions.call_tool("email_read", {"id": draft_id}))
    assert (kept["folder"], kept["body"], kept["cc"]) == ("outbox", "Hello", ["bob@example.com"])


async def test_a_mail_is_sent_without_a_draft(clients: dict[str, Client]) -> None:
    sent = await clients["actions"].call_tool("email_send", {"to": ANN, "subject": "Hi", "body": "Hello"})
    assert value(sent)["to"] == ANN


async def test_a_deleted_draft_cannot_be_sent(clients: dict[str, Client]) -> None:
    actions = clients["actions"]
    drafted = await actions.call_tool("email_draft", {"to": ANN, "subject": "Hi", "body": "Hello"})
    draft_id = value(drafted)["draft_id"]
    deleted = await actions.call_tool("email_delete_draft", {"draft_id": draft_id})
    gone = value(deleted)
    assert (gone["status"], gone["to"], gone["subject"], gone["body"]) == ("deleted", ANN, "Hi", "Hello")
    assert reason(await actions.call_tool("email_send", {"draft_id": draft_id})) is Reason.NO_SUCH_MAIL


MAIL = {"to": ANN, "subject": "Hi", "body": "Hello"}


@pytest.mark.parametrize(
    ("tool", "arguments", "expected"),
    [
        ("email_draft", MAIL | {"to": "ann@example.com"}, Reason.ARGUMENT_NOT_VALID),
        ("email_draft", MAIL | {"to": '["ann@example.com"]'}, Reason.ARGUMENT_NOT_VALID),
        ("email_draft", MAIL | {"to": []}, Reason.ARGUMENT_NOT_VALID),
        ("email_draft", MAIL | {"to": [5]}, Reason.ARGUMENT_NOT_VALID),
        ("email_draft", MAIL | {"to": ANN * 51}, Reason.ARGUMENT_NOT_VALID),
        ("email_draft", MAIL | {"to": ANN * 30, "cc": ANN * 30}, Reason.TOO_MANY_RECIPIENTS),
        ("email_draft", MAIL | {"bcc": ANN}, Reason.ARGUMENT_NOT_VALID),
        ("email_draft", MAIL | {"subject": "x" * 201}, Reason.ARGUMENT_NOT_VALID),
        ("email_draft", MAIL | {"body": "x" * 100_001}, Reason.ARGUMENT_NOT_VALID),
        ("email_draft", MAIL | {"body": ""}, Reason.ARGUMENT_NOT_VALID),
        ("email_draft", MAIL | {"to": ["Ann <ann@example.com>"]}, Reason.BAD_ADDRESS),
        ("email_draft", MAIL | {"subject": "Hi\nBcc: eve@evil.example"}, Reason.CONTROL_CHARACTER),
        ("email_send", {}, Reason.ARGUMENT_NOT_VALID),
        ("email_send", {"to": ANN, "subject": "Hi"}, Reason.ARGUMENT_NOT_VALID),
        ("email_send", {"draft_id": "f" * 16}, Reason.NO_SUCH_MAIL),
        ("email_send", {"draft_id": "1; DROP TABLE"}, Reason.ARGUMENT_NOT_VALID),
        ("email_send", {"draft_id": 1}, Reason.ARGUMENT_NOT_VALID),
        ("email_send", {"draft_id": "f" * 16, "attachments": []}, Reason.DRAFT_DIFFERS),
        ("email_send", MAIL | {"idempotency_key": "a b"}, Reason.ARGUMENT_NOT_VALID),
        ("email_search", {"folder": "spam"}, Reason.ARGUMENT_NOT_VALID),
        ("email_search", {"folder": "drafts", "cursor": 0}, Reason.ARGUMENT_NOT_VALID),
        ("email_search", {"folder": "drafts", "limit": 101}, Reason.ARGUMENT_NOT_VALID),
        ("email_search", {"since": "2026-02-30"}, Reason.BAD_TIME),
        ("email_search", {"query": "a\nb"}, Reason.CONTROL_CHARACTER),
        ("email_reply", {"id": "f" * 16, "body": "Hello"}, Reason.NO_SUCH_MAIL),
        ("email_reply", {"id": "../../etc/passwd", "body": "Hello"}, Reason.ARGUMENT_NOT_VALID),
        ("email_read", {"id": "f" * 16}, Reason.NO_SUCH_MAIL),
        ("email_read", {"id": "F" * 16}, Reason.ARGUMENT_NOT_VALID),
        ("email_delete_draft", {"draft_id": "f" * 16}, Reason.NO_SUCH_MAIL),
    ],
)
async def test_mail_refuses(
    clients: dict[str, Client], tool: str, arguments: dict[str, Any], expected: Reason
) -> None:
    assert reason(await clients["actions"].call_tool(tool, arguments)) is expected


async def test_an_unknown_tool_is_an_error_and_not_a_crash(clients: dict[str, Client]) -> None:
    for client in clients.values():
        assert (await client.call_tool("nope", {})).is_error


async def test_a_crash_tells_the_caller_nothing_but_that_it_happened(
    clients: dict[str, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_arguments: object) -> Callable[[], None]:
        raise RuntimeError("hunter2")

    monkeypatch.setattr("toolgate_servers.compute.evaluator.calculate", crash)
    result = await clients["compute"].call_tool("calculate", {"expression": "1"})
    assert result.is_error
    assert "hunter2" not in text(result)
