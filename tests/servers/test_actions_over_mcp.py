"""The default actions server as a client sees it: every example works, and every write happens once."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import anyio
import pytest
import yaml
from mcp import Client

from tool_calls import reason, value
from tool_examples import run_examples
from toolgate_servers.actions.calendar.local import SqliteEvents
from toolgate_servers.actions.mail.message import Mail, Message
from toolgate_servers.actions.mail.outbox import SqliteMail
from toolgate_servers.actions.server import build
from toolgate_servers.actions.settings import ActionsSettings, Families
from toolgate_servers.actions.tickets.local import SqliteTickets
from toolgate_servers.errors import CannotStart, Reason
from toolgate_servers.running import Run
from toolgate_servers.server import ToolServer

ZONE = ZoneInfo("UTC")
OWN = "assistant@toolgate.invalid"
DRAFT, RECEIVED, MEETING, INVITED = (f"00000000000000{end}" for end in ("a1", "b2", "c1", "c2"))
LETTER = Message((OWN,), ("bob@example.com",), "Lunch", "Tuesday?")
FAMILIES = Families(mail=True, calendar=True, tickets=True)
INVITATION = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//EN
BEGIN:VEVENT
UID:c2
DTSTAMP:20260101T000000Z
DTSTART:20261124T130000Z
DTEND:20261124T140000Z
SUMMARY:Review
ORGANIZER:mailto:ann@example.com
ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:assistant@toolgate.invalid
END:VEVENT
END:VCALENDAR
""".replace("\n", "\r\n")
OWN_EVENT = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//EN
BEGIN:VEVENT
UID:c1
DTSTAMP:20260101T000000Z
DTSTART:20261124T090000Z
DTEND:20261124T100000Z
SUMMARY:Planning
END:VEVENT
END:VCALENDAR
""".replace("\n", "\r\n")


def seeded(folder: Path) -> Path:
    """Stores in which what the examples speak of is there."""
    run = Run(60.0)
    mail = SqliteMail(folder / "outbox.db", OWN)
    mail.draft(DRAFT, Message(("ann@example.com",), (), "Minutes", "Tomorrow."))
    at = datetime(2026, 1, 1, tzinfo=UTC).isoformat()
    mail.receive(Mail(RECEIVED, "inbox", at, "ann@example.com", "<1@example.com>", LETTER))
    mail.close()
    events = SqliteEvents(folder / "calendar.db", ZONE)
    events.add(MEETING, "c1", OWN_EVENT, run)
    events.add(INVITED, "c2", INVITATION, run)
    events.close()
    tickets = SqliteTickets(folder / "tickets.db")
    tickets.create("seed", "The printer smokes", "Since this morning.", (), ("bob",), run)
    tickets.close()
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return seeded(tmp_path)


def served(folder: Path) -> ToolServer:
    return build(ActionsSettings(stores=folder, families=FAMILIES))


MAIL = {"to": ["ann@example.com"], "subject": "Minutes", "body": "Hello"}
WRITES: list[tuple[str, dict[str, Any]]] = [
    ("email_draft", MAIL),
    ("email_delete_draft", {"draft_id": DRAFT}),
    ("email_send", MAIL),
    ("email_send", {"draft_id": DRAFT}),
    ("email_reply", {"id": RECEIVED, "body": "Yes.", "everyone": True}),
    ("calendar_create", {"title": "Lunch", "start": "2026-11-24T12:00"}),
    ("calendar_move", {"id": MEETING, "start": "2026-11-25T10:00"}),
    ("calendar_cancel", {"id": MEETING}),
    ("calendar_respond", {"id": INVITED, "answer": "accepted"}),
    ("ticket_create", {"title": "Mouse lost", "body": "Grey."}),
    ("ticket_update", {"number": 1, "title": "The printer burns"}),
    ("ticket_assign", {"number": 1, "assignees": ["ann"]}),
    ("ticket_comment", {"number": 1, "body": "It burns."}),
    ("ticket_close", {"number": 1}),
]
NAMES = [f"{tool}-{number}" for number, (tool, _) in enumerate(WRITES)]


def contents(folder: Path) -> dict[str, list[Any]]:
    """Everything that the stores hold, to see whether something happened."""
    held: dict[str, list[Any]] = {}
    for file, table in (
        ("outbox.db", "mails"),
        ("calendar.db", "events"),
        ("tickets.db", "tickets"),
        ("tickets.db", "comments"),
    ):
        with _opened(folder / file) as connection:
            held[table] = connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()
    return held


@contextmanager
def _opened(file: Path) -> Generator[sqlite3.Connection]:
    connection = sqlite3.connect(file)
    try:
        yield connection
    finally:
        connection.close()


async def test_every_example_works_in_the_order_of_the_list(folder: Path) -> None:
    called = await run_examples(served(folder))
    assert len(called) == 19


async def test_the_default_profile_stays_under_20_tools() -> None:
    server = build(ActionsSettings())
    assert len(await server.list_tools()) == 19
    assert [family.name for family in server.families if family.is_on] == ["mail", "calendar", "tickets"]


@pytest.mark.parametrize(("tool", "arguments"), WRITES, ids=NAMES)
async def test_a_write_that_is_repeated_happens_once_also_after_a_restart(
    folder: Path, tool: str, arguments: dict[str, Any]
) -> None:
    before = contents(folder)
    async with Client(served(folder)) as client:
        first = value(await client.call_tool(tool, arguments))
        after = contents(folder)
        again = value(await client.call_tool(tool, arguments | {"idempotency_key": first["idempotency_key"]}))
    async with Client(served(folder)) as client:
        later = value(await client.call_tool(tool, arguments | {"idempotency_key": first["idempotency_key"]}))
    assert before != after
    assert first["repeated"] is False
    assert again == later == first | {"repeated": True}
    assert contents(folder) == after


@pytest.mark.parametrize(("tool", "arguments"), WRITES, ids=NAMES)
async def test_a_write_that_two_servers_do_at_once_happens_once(
    folder: Path, tool: str, arguments: dict[str, Any]
) -> None:
    keyed = arguments | {"idempotency_key": "same"}
    got: list[dict[str, Any]] = []

    async def call(client: Client) -> None:
        got.append(value(await client.call_tool(tool, keyed)))

    async with Client(served(folder)) as one, Client(served(folder)) as other:
        async with anyio.create_task_group() as group:
            for client in (one, other, one, other):
                group.start_soon(call, client)
        after = contents(folder)
        await call(one)
    assert sorted(one["repeated"] for one in got) == [False, True, True, True, True]
    assert len({str(sorted((one | {"repeated": True}).items())) for one in got}) == 1
    assert contents(folder) == after


@pytest.mark.parametrize(("tool", "arguments"), WRITES, ids=NAMES)
async def test_a_write_whose_record_was_lost_is_found_again_in_the_store(
    folder: Path, tool: str, arguments: dict[str, Any]
) -> None:
    keyed = arguments | {"idempotency_key": "same"}
    async with Client(served(folder)) as client:
        first = value(await client.call_tool(tool, keyed))
    after = contents(folder)
    with _opened(folder / "actions.db") as connection:
        connection.execute("UPDATE actions SET state = 'running', owner = 'elsewhere/1/x', at = 0")
        connection.execute("DELETE FROM actions")
        connection.commit()
    async with Client(served(folder)) as client:
        again = value(await client.call_tool(tool, keyed))
    assert again == first
    assert contents(folder) == after


async def test_a_key_that_was_used_for_something_else_is_refused(folder: Path) -> None:
    async with Client(served(folder)) as client:
        await client.call_tool("email_draft", MAIL | {"idempotency_key": "k"})
        got = await client.call_tool("email_draft", MAIL | {"subject": "Other", "idempotency_key": "k"})
    assert reason(got) is Reason.KEY_REUSED


POLICY = Path(__file__).parents[2] / "policies" / "default.yaml"
RULES: dict[str, Any] = yaml.safe_load(POLICY.read_text(encoding="utf-8"))["tools"]
CLOSES: tuple[str, dict[str, Any]] = ("ticket_update", {"number": 1, "state": "closed", "why": "not_planned"})
UNDONE = [*(write for write in WRITES if "undo" in RULES.get(f"actions/{write[0]}", {})), CLOSES]


@pytest.mark.parametrize(
    ("tool", "arguments"), UNDONE, ids=[f"{tool}-{n}" for n, (tool, _) in enumerate(UNDONE)]
)
async def test_the_default_policy_undoes_a_write_with_what_it_gave(
    folder: Path, tool: str, arguments: dict[str, Any]
) -> None:
    undo = RULES[f"actions/{tool}"]["undo"]
    async with Client(served(folder)) as client:
        before = await seen(client)
        done = value(await client.call_tool(tool, arguments))
        assert await seen(client) != before
        sent = {
            name: done[said.removeprefix("$result.")] if said.startswith("$result.") else said
            for name, said in undo["with"].items()
        }
        value(await client.call_tool(undo["call"].removeprefix("actions/"), sent))
        assert await seen(client) == before


async def seen(client: Client) -> dict[str, Any]:
    """What a user sees: texts of drafts, events that take place, and open tickets."""
    drafts = value(await client.call_tool("email_search", {"folder": "drafts"}))["mails"]
    asked = {"start": "2026-11-01", "end": "2026-12-01"}
    events = value(await client.call_tool("calendar_search", asked))["events"]
    tickets = value(await client.call_tool("ticket_search", {}))["tickets"]
    hidden = {"id", "at", "etag", "updated_at"}
    return {
        name: [{key: field for key, field in one.items() if key not in hidden} for one in listed]
        for name, listed in (("drafts", drafts), ("events", events), ("tickets", tickets))
    }


async def test_an_answer_to_everyone_can_name_who_they_are(folder: Path) -> None:
    asked = {"id": RECEIVED, "body": "Yes.", "everyone": True}
    async with Client(served(folder)) as client:
        wrong = await client.call_tool("email_reply", asked | {"to": ["eve@evil.example"]})
        right = await client.call_tool(
            "email_reply", asked | {"to": ["ann@example.com"], "cc": ["bob@example.com"]}
        )
    assert reason(wrong) is Reason.DRAFT_DIFFERS
    assert value(right)["subject"] == "Re: Lunch"


async def test_an_invitation_that_came_by_mail_is_answered_by_mail(folder: Path) -> None:
    text = INVITATION.replace("VERSION", "METHOD:REQUEST\r\nVERSION").replace("UID:c2", "UID:c3")
    async with Client(served(folder)) as client:
        got = value(await client.call_tool("calendar_respond", {"invitation": text, "answer": "accepted"}))
        found = value(
            await client.call_tool(
                "calendar_search", {"start": "2026-11-24", "end": "2026-11-25", "query": "review"}
            )
        )
    assert got["organizer"] == "ann@example.com"
    assert "METHOD:REPLY" in got["reply"]
    assert "PARTSTAT=ACCEPTED:mailto:assistant@toolgate.invalid" in got["reply"]
    assert {event["my_answer"] for event in found["events"]} == {"accepted", "needs-action"}


def test_a_family_that_cannot_start_says_which_setting_is_wrong(tmp_path: Path) -> None:
    settings = ActionsSettings.model_validate_json('{"calendar": {"zone": "Mars/Olympus"}}')
    with pytest.raises(CannotStart, match=r"calendar\.zone"):
        build(settings)
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotStart, match="--stores"):
        build(ActionsSettings(stores=tmp_path / "file" / "below"))
