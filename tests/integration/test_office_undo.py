"""The ways back that policies/office.yaml names lead back: on the real tools, from their real answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, cast

import pytest
from mcp import Client

from action_families import only
from toolgate.core.undo import inverse_of
from toolgate.policy.compile import open_policy
from toolgate_servers.actions.server import build
from toolgate_servers.actions.settings import ActionsSettings

POLICY = open_policy(Path(__file__).parents[2] / "policies" / "office.yaml")
BOB: dict[str, Any] = {
    "name": "Bob Example",
    "emails": ["bob@example.com"],
    "phones": [],
    "organization": "",
    "title": "Buyer",
    "note": "",
}


@pytest.fixture
async def client() -> AsyncGenerator[Client]:
    async with Client(build(ActionsSettings(families=only("messaging", "crm")))) as client:
        yield client


async def told(client: Client, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    return cast("dict[str, Any]", result.structured_content)


async def taken_back(client: Client, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Call a tool, then what the policy says takes it back; gives what the call gave."""
    given = await told(client, tool, arguments)
    undo = POLICY.view(("lead",), "actions", tool).undo
    assert undo is not None
    back = inverse_of(undo.arguments, arguments, {"structuredContent": given})
    assert isinstance(back, dict), f"{back} leads nowhere"
    assert undo.upstream == "actions"
    await told(client, undo.tool, back)
    return given


async def test_a_post_and_a_reply_are_taken_back(client: Client) -> None:
    first = await told(client, "message_post", {"channel": "general", "text": "Stays"})
    await taken_back(client, "message_post", {"channel": "general", "text": "Goes"})
    reply = {"channel": "general", "message_id": first["message_id"], "text": "Goes too"}
    await taken_back(client, "message_reply", reply)
    left = await told(client, "message_search", {"channel": "general"})
    assert [one["text"] for one in left["messages"]] == ["Stays"]


async def test_a_contact_that_was_made_is_gone_again(client: Client) -> None:
    await taken_back(client, "crm_create_contact", BOB)
    assert (await told(client, "crm_search_contacts", {}))["contacts"] == []


async def test_a_contact_that_was_changed_or_deleted_is_as_before(client: Client) -> None:
    made = (await told(client, "crm_create_contact", BOB))["contact"]
    at = {"contact_id": made["id"], "etag": made["etag"]}
    await taken_back(client, "crm_update_contact", at | {"title": "", "emails": [], "note": "x"})
    (found,) = (await told(client, "crm_search_contacts", {}))["contacts"]
    assert found.items() >= BOB.items()
    await taken_back(client, "crm_delete_contact", {"contact_id": found["id"], "etag": found["etag"]})
    (found,) = (await told(client, "crm_search_contacts", {}))["contacts"]
    assert found.items() >= BOB.items()
