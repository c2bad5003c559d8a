"""Contacts and activities: made once, changed only as they were read, and what undo needs comes back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from action_families import only
from tool_calls import reason, run, text, value
from tool_examples import run_examples
from toolgate_servers.actions.crm import tools as crm_tools
from toolgate_servers.actions.crm import vcard
from toolgate_servers.actions.crm.contact import Fields
from toolgate_servers.actions.crm.settings import CarddavSettings, CrmSettings
from toolgate_servers.actions.crm.store import LocalBook, open_store
from toolgate_servers.actions.server import build
from toolgate_servers.actions.settings import ActionsSettings
from toolgate_servers.errors import Reason
from toolgate_servers.idempotency import stable_id
from toolgate_servers.server import ToolServer

ANN = {
    "name": "Ann Example",
    "emails": ["ann@example.com"],
    "phones": ["+49 30 123456"],
    "organization": "Example",
    "title": "",
    "note": "one\ntwo",
}


def serving(stores: Path | None = None) -> ToolServer:
    return build(ActionsSettings(families=only("crm"), stores=stores))


async def test_a_contact_is_made_found_changed_and_put_back() -> None:
    async with Client(serving()) as client:
        made = value(await client.call_tool("crm_create_contact", ANN))["contact"]
        assert made.items() >= ANN.items()
        found = value(await client.call_tool("crm_search_contacts", {"query": "ANN example.com"}))
        assert found["contacts"] == [made]
        at = {"contact_id": made["id"], "etag": made["etag"]}
        changed = value(await client.call_tool("crm_update_contact", at | {"title": "Head", "emails": []}))
        assert (changed["contact"]["title"], changed["contact"]["emails"]) == ("Head", [])
        assert changed["before"] == ANN
        undo = at | {"etag": changed["contact"]["etag"]} | changed["before"]
        assert value(await client.call_tool("crm_update_contact", undo))["contact"].items() >= ANN.items()
        now = value(await client.call_tool("crm_read_contact", {"contact_id": made["id"]}))
        gone = value(await client.call_tool("crm_delete_contact", at | {"etag": now["etag"]}))
        assert (gone["status"], gone["before"]) == ("deleted", ANN)
        again = await client.call_tool("crm_read_contact", {"contact_id": made["id"]})
        assert reason(again) is Reason.NOT_FOUND


async def test_a_change_of_what_somebody_else_has_changed_is_refused_with_what_to_do() -> None:
    async with Client(serving()) as client:
        made = value(await client.call_tool("crm_create_contact", ANN))["contact"]
        at = {"contact_id": made["id"], "etag": made["etag"]}
        value(await client.call_tool("crm_update_contact", at | {"title": "Head"}))
        for tool, more in (("crm_update_contact", {"title": "Boss"}), ("crm_delete_contact", {})):
            result = await client.call_tool(tool, at | more)
            assert reason(result) is Reason.CHANGED_MEANWHILE
            assert "crm_read_contact" in text(result)


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("crm_create_contact", ANN),
        ("crm_update_contact", {"title": "Head"}),
        ("crm_delete_contact", {}),
        ("crm_log_activity", {"kind": "call", "text": "Wants an offer"}),
    ],
)
async def test_every_write_happens_once_for_each_key_also_after_a_restart(
    tmp_path: Path, tool: str, arguments: dict[str, Any]
) -> None:
    async with Client(serving(tmp_path)) as client:
        made = value(await client.call_tool("crm_create_contact", ANN | {"idempotency_key": "seed"}))[
            "contact"
        ]
        at = {"crm_create_contact": {}, "crm_log_activity": {"contact_id": made["id"]}}
        given = {"contact_id": made["id"], "etag": made["etag"]}
        once = at.get(tool, given) | arguments | {"idempotency_key": "k"}
        first = value(await client.call_tool(tool, once))
        assert value(await client.call_tool(tool, once)) == first | {"repeated": True}
    async with Client(serving(tmp_path)) as client:
        assert value(await client.call_tool(tool, once)) == first | {"repeated": True}
        contacts = value(await client.call_tool("crm_search_contacts", {}))["contacts"]
        assert len(contacts) == {"crm_create_contact": 2, "crm_delete_contact": 0}.get(tool, 1)


def test_a_repeat_after_a_crash_finds_what_was_done_without_the_record(tmp_path: Path) -> None:
    book = LocalBook(open_store(tmp_path / "c.db"), "test")
    with ThreadPoolExecutor(4) as pool:
        made = set(pool.map(book.create, [Fields("Ann")] * 8, [run("a") for _ in range(8)]))
    assert len(made) == 1
    ann = made.pop()
    first = book.update(ann.id, ann.etag, {"title": "Head"}, run("b"))
    again = LocalBook(open_store(tmp_path / "c.db"), "test")
    assert again.update(ann.id, ann.etag, {"title": "Head"}, run("b")) == first
    assert again.read(ann.id, run()).etag == '"2"'


async def test_activities_are_noted_and_listed_newest_first() -> None:
    async with Client(serving()) as client:
        made = value(await client.call_tool("crm_create_contact", ANN))["contact"]
        for day, said in (("2026-03-31", "first"), ("2026-01-01", "second")):
            noted = {"contact_id": made["id"], "kind": "call", "text": said, "day": day}
            assert value(await client.call_tool("crm_log_activity", noted))["day"] == day
        at = {"contact_id": made["id"], "limit": 1}
        page = value(await client.call_tool("crm_list_activities", at))
        assert [one["text"] for one in page["activities"]] == ["second"]
        rest = value(await client.call_tool("crm_list_activities", at | {"cursor": page["next_cursor"]}))
        assert ([one["text"] for one in rest["activities"]], rest["next_cursor"]) == (["first"], None)
        for wrong, expected in (
            ({"day": "2026-02-30"}, Reason.BAD_TIME),
            ({"contact_id": "nobody"}, Reason.NOT_FOUND),
            ({"kind": "love"}, Reason.ARGUMENT_NOT_VALID),
        ):
            noted = {"contact_id": made["id"], "kind": "call", "text": "x"} | wrong
            assert reason(await client.call_tool("crm_log_activity", noted)) is expected


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"name": "Ann\r\nEMAIL:eve@evil.example"}, Reason.CONTROL_CHARACTER),
        ({"name": " "}, Reason.ARGUMENT_NOT_VALID),
        ({"organization": "a\u2028b"}, Reason.CONTROL_CHARACTER),
        ({"emails": ["Ann <ann@example.com>"]}, Reason.BAD_ADDRESS),
        ({"emails": ["ann@example.com"] * 11}, Reason.ARGUMENT_NOT_VALID),
        ({"phones": ["1;ext=2"]}, Reason.ARGUMENT_NOT_VALID),
        ({"phones": ["123\n"]}, Reason.ARGUMENT_NOT_VALID),
        ({"note": "a\x00b"}, Reason.CONTROL_CHARACTER),
        ({"photo": "x"}, Reason.ARGUMENT_NOT_VALID),
    ],
)
async def test_a_contact_that_is_not_plain_is_refused(wrong: dict[str, Any], expected: Reason) -> None:
    async with Client(serving()) as client:
        assert reason(await client.call_tool("crm_create_contact", ANN | wrong)) is expected
        assert value(await client.call_tool("crm_search_contacts", {}))["contacts"] == []


async def test_an_update_of_nothing_is_refused() -> None:
    async with Client(serving()) as client:
        result = await client.call_tool("crm_update_contact", {"contact_id": "x", "etag": '"1"'})
        assert reason(result) is Reason.ARGUMENT_NOT_VALID


async def test_the_examples_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def fixed(tool: str, key: str) -> str:
        return crm_tools.CONTACT if key == "seed" else stable_id(tool, key)

    monkeypatch.setattr("toolgate_servers.actions.crm.store.stable_id", fixed)
    server = serving()
    names = [tool.name for family in server.families for tool in family.tools]
    kept = [name for name in names if name != "crm_delete_contact"]
    async with Client(server) as client:
        value(await client.call_tool("crm_create_contact", ANN | {"idempotency_key": "seed"}))
    assert await run_examples(server, kept) == kept
    assert await run_examples(server, ["crm_delete_contact"]) == ["crm_delete_contact"]


def test_a_card_says_what_it_was_written_from() -> None:
    fields = Fields(
        "Ann; of, \\n Example", ("a@b.example",), ("+1 2",), "A;B,C\\", "x" * 200, "äöü 漢字 " * 60 + "\n;"
    )
    card = vcard.write("uid", fields)
    assert all(len(line.encode()) <= 75 for line in card.split("\r\n"))
    assert vcard.read(card) == fields
    assert vcard.uid(card) == "uid"


@pytest.mark.parametrize("breaking", ["\n", "\r", "\r\n", "\x85", "\u2028", "\u2029", "\x0b", "\x1e"])
def test_no_line_end_of_a_value_begins_a_line(breaking: str) -> None:
    card = vcard.write("uid", Fields("Ann", note=f"a{breaking}EMAIL:eve@evil.example"))
    assert not [line for line in card.splitlines() if line.startswith("EMAIL")]


def test_the_family_says_where_contacts_are_and_not_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOK_PASSWORD", "hunter2")
    book = CarddavSettings(url="https://dav.example/ann/book/", username="ann", password="env:BOOK_PASSWORD")
    settings = ActionsSettings(families=only("crm"), crm=CrmSettings(carddav=book))
    (family,) = (one for one in build(settings).families if one.is_on)
    assert "hunter2" not in family.line()
    hints = {tool.name: tool.annotations for tool in family.tools}
    world = {name: hint.open_world_hint for name, hint in hints.items() if hint is not None}
    assert [name for name, wide in world.items() if not wide] == ["crm_list_activities"]
