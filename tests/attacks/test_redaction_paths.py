"""What is masked or refused on every path that text can take, in both directions.

The table of docs/redaction.md is held to the cases.
"""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from text_paths import CARD, CASES, ENGINE, HEAD, MAIL, MASK, STOP, VALUE, Case, scene, told
from toolgate.core.model import JsonObject
from toolgate.core.reasons import Reason
from toolgate.detect.engine import Engine
from toolgate.detect.matchers import Re2
from toolgate.protocol.messages import notification, request
from toolgate.testing import Upstream, World, assert_refused, caller, definition

PAGE = Path(__file__).resolve().parents[2] / "docs" / "redaction.md"

cases = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.direction}: {case.path}: {case.what}")


@cases
async def test_what_is_masked_is_masked_on_every_path(case: Case) -> None:
    arrived = json.dumps(await case.run(scene(MASK), VALUE))
    assert MAIL not in arrived
    assert CARD not in arrived
    assert CARD.replace(" ", "") not in arrived
    assert "EMAIL_ADDRESS" in arrived
    assert "CREDIT_CARD" in arrived


@cases
async def test_what_is_refused_passes_on_no_path(case: Case) -> None:
    before = scene(STOP)
    arrived = json.dumps(await case.run(before, VALUE))
    assert MAIL not in arrived
    assert MAIL not in json.dumps(before.crm.received)
    assert MAIL not in json.dumps(before.client.heard)
    assert MAIL not in str(before.world.records)
    assert "EMAIL_ADDRESS" not in arrived


@cases
async def test_what_is_clean_passes_on_every_path(case: Case) -> None:
    assert "ordinary words" in json.dumps(await case.run(scene(MASK), "ordinary words"))


async def test_what_names_a_thing_or_makes_its_schema_one_is_left_out_of_the_list() -> None:
    there = scene(MASK)
    await there.open()
    pattern = definition("bad", a={"type": "string", "pattern": f"({MAIL}"})
    there.crm.tools = [definition(MAIL), definition("find"), pattern]
    there.crm.lists["resources"] = [{"uri": f"mail:{MAIL}", "name": "x"}, {"uri": "a:b", "name": MAIL}, 7]
    there.crm.lists["resourceTemplates"] = [{"uriTemplate": f"a:{{b}}?{MAIL}", "name": "x"}]
    tools = told(await there.client.request("tools/list"))["tools"]
    assert [one["name"] for one in tools] == ["find"]
    listed = told(await there.client.request("resources/list"))["resources"]
    assert listed == [{"uri": "a:b", "name": "<EMAIL_ADDRESS>"}]
    assert told(await there.client.request("resources/templates/list"))["resourceTemplates"] == []
    assert there.world.records[-1]["reason"] == Reason.RESULT_NOT_REDACTABLE


async def test_a_list_that_came_before_is_not_looked_at_again() -> None:
    crm = Upstream("crm", [{**definition("find"), "description": "hunter2 x"}, definition("count")])
    world = World(MASK, crm, sensitive={"hunter2": "SECRET"})
    client = world.client(caller("ann", "agent"), "crm")

    async def shown() -> Any:
        return told(await client.request("tools/list"))["tools"][0].get("description")

    assert await shown() == "<SECRET> x"
    looked = len(world.spotter.scanned)
    assert await shown() == "<SECRET> x"
    after = world.spotter.scanned[looked:]
    assert not any("count" in texts for texts in after)
    crm.tools = [{**definition("find"), "description": "hunter2 y"}, definition("count")]
    assert await shown() == "<SECRET> y"
    world.clock.forward(400)
    crm.tools = [{**definition("find"), "description": "hunter2 y"}, definition("count")]
    looked = len(world.spotter.scanned)
    assert await shown() == "<SECRET> y"
    assert any("count" in texts for texts in world.spotter.scanned[looked:])


async def test_the_actions_of_one_upstream_hold_for_what_it_says_of_itself() -> None:
    own = "redaction: {results: {EMAIL_ADDRESS: mask}, upstreams: {crm: {results: {EMAIL_ADDRESS: allow}}}}"
    crm, hr = Upstream("crm", []), Upstream("hr", [])
    for one in (crm, hr):
        one.results["initialize"] = {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "instructions": MAIL,
        }
    client = World(HEAD + own, crm, hr, detectors=ENGINE).client(caller("ann", "agent"))
    said = told(await client.request("initialize", {"capabilities": {}}))["instructions"]
    assert said == f"crm: {MAIL}\n\nhr: <EMAIL_ADDRESS>"


@pytest.mark.parametrize("first", ["4111 1111 ", "the card is 4111 1111 1111 11"])
@pytest.mark.parametrize(
    ("method", "key", "extra"),
    [
        ("notifications/progress", "message", {"progressToken": "t"}),
        ("notifications/message", "data", {"logger": "l", "level": "info"}),
    ],
)
async def test_a_value_split_over_two_messages_of_a_stream_is_masked_where_it_ends(
    first: str, method: str, key: str, extra: JsonObject
) -> None:
    whole = CARD if first.startswith("4") else f"the card is {CARD}"
    there = scene(MASK)
    await there.hear(
        notification(method, {**extra, key: first}),
        notification(method, {**extra, key: whole[len(first) :] + " was used"}),
        notification(method, {**extra, key: "and nothing more"}),
    )
    assert [one["params"][key] for one in there.client.heard] == [
        first,
        "<CREDIT_CARD> was used",
        "and nothing more",
    ]


async def test_messages_of_different_streams_do_not_go_on_with_each_other() -> None:
    there = scene(MASK)
    heard = await there.hear(
        notification("notifications/message", {"logger": "a", "data": "4111 1111 "}),
        notification("notifications/message", {"logger": "b", "data": "1111 1111"}),
        notification("notifications/progress", {"progressToken": "a", "message": "1111 1111"}),
    )
    assert "CREDIT_CARD" not in str(heard)


async def test_a_value_told_whole_takes_nothing_from_the_next_message() -> None:
    there = scene(MASK)
    said = [notification("notifications/message", {"data": one}) for one in (f"to {MAIL}", "done")]
    assert [one["params"]["data"] for one in await there.hear(*said)] == ["to <EMAIL_ADDRESS>", "done"]


async def test_an_id_that_is_sensitive_is_refused() -> None:
    there = scene(MASK)
    await there.open()
    for method, params in (("tools/call", {"name": "find"}), ("ping", {})):
        message = request(MAIL, method, params)
        reply = await there.client.gateway.request(there.client.session, message, there.client.hear)
        assert_refused(reply, Reason.SENSITIVE_ARGUMENTS)
    assert MAIL not in str(there.crm.received)


async def test_keys_that_the_protocol_does_not_know_go_nowhere() -> None:
    there = scene(MASK)
    await there.open()
    message = {**request(1, "tools/call", {"name": "find"}), "more": MAIL}
    await there.client.gateway.request(there.client.session, message, there.client.hear)
    note = {**notification("notifications/roots/list_changed", {}), "more": MAIL}
    await there.client.gateway.notify(there.client.session, note)
    assert MAIL not in str(there.crm.received)
    assert there.sent("notifications/roots/list_changed")


async def test_a_progress_token_comes_back_as_it_was_sent() -> None:
    there = scene(MASK)
    sent = await there.send("tools/call", {"name": "find", "_meta": {"progressToken": 7, "a": MAIL}})
    assert sent[0]["params"]["_meta"] == {"progressToken": 7, "a": "<EMAIL_ADDRESS>"}


async def test_what_stands_beside_arguments_is_looked_at_again_when_it_changes() -> None:
    there = scene(MASK)
    await there.open()
    for said in ("plain", "plain", MAIL, "plain"):
        await there.client.call("find", {}, _meta={"progressToken": 3, "a": said})
    sent = [one["_meta"]["a"] for one in there.crm.calls]
    assert sent == ["plain", "plain", "<EMAIL_ADDRESS>", "plain"]


async def test_a_cancellation_passes_without_a_reason_that_may_not() -> None:
    there = scene(STOP)
    await there.open()
    await there.client.call("find")
    there.crm.hangs = True
    calling = asyncio.ensure_future(there.client.call("find"))
    await there.crm.waiting.wait()
    await there.client.notify("notifications/cancelled", {"requestId": 3, "reason": MAIL})
    calling.cancel()
    (cancelled,) = there.sent("notifications/cancelled")
    assert cancelled["params"] == {"requestId": 3}


BINARY = "results: {binary: {max_bytes: 1KiB, types: [image/*]}}\n"
IMAGE = b64encode(b"\x89PNG\x00\x00" + bytes(200)).decode()


@pytest.mark.parametrize(
    ("data", "media", "passes"),
    [
        (IMAGE, "image/png", True),
        (IMAGE, "audio/wav", False),
        (b64encode(b"\x89PNG\x00\x00" + bytes(2000)).decode(), "image/png", False),
        (b64encode(b"only text " * 500).decode(), "application/octet-stream", True),
    ],
)
async def test_binary_content_passes_as_the_policy_says(data: str, media: str, passes: bool) -> None:
    result = {"content": [{"type": "image", "data": data, "mimeType": media}]}
    there = scene(HEAD + BINARY)
    found = await there.get("tools/call", {"name": "find"}, find=result)
    assert found == (result if passes else Reason.BINARY_WITHHELD)
    said = request(7, "sampling/createMessage", {"messages": [{"content": result["content"][0]}]})
    there.client.heard.clear()
    assert bool(await there.hear(said)) is passes


async def test_a_known_value_in_a_picture_withholds_the_result() -> None:
    engine = Engine(Re2)
    engine.register("correct-horse-battery")
    crm = Upstream("crm", [definition("find")])
    data = b64encode(b"\x00\x01\x02" + b"correct-horse-battery" + b"\x00" * 9).decode()
    crm.results["find"] = {"content": [{"type": "image", "data": data, "mimeType": "image/png"}]}
    client = World(MASK, crm, detectors=engine).client(caller("ann", "agent"), "crm")
    assert_refused(await client.call("find"), Reason.RESULT_NOT_REDACTABLE)


def table() -> str:
    """The table of docs/redaction.md."""
    rows = [f"| {case.direction} | {case.path} | {case.what} | {case.stopped} |" for case in CASES]
    return "\n".join(
        [
            "| direction | path | what is looked at | where the action is `refuse` |",
            "|---|---|---|---|",
            *rows,
        ]
    )


def test_the_page_lists_every_path_as_it_is() -> None:
    assert table() in PAGE.read_text(encoding="utf-8")
