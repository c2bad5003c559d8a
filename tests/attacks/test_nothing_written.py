"""Nothing that toolgate writes holds a value: journal, state, live feed, logs, standard output and error."""

from __future__ import annotations

import base64
import io
import json
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from text_paths import CARD, CASES, ENGINE, HEAD, MAIL, MASK, STOP, Case, Scene, scene
from toolgate.approvals.grants import GrantBook
from toolgate.cli.live import Live
from toolgate.core.attempts import Attempts
from toolgate.core.model import ApprovalState, Limit
from toolgate.core.records import event
from toolgate.gateway import Gateway
from toolgate.journal.observed import Observed
from toolgate.judge import World as Ports
from toolgate.naming import Naming
from toolgate.policy.matchers import pattern
from toolgate.ports import Entry
from toolgate.protocol.messages import notification
from toolgate.stores.sqlite import SqliteStore
from toolgate.testing import caller, definition
from toolgate.verdicts import Held

TOKEN = "ghp_" + "R4nd0mLetters" * 2 + "abcdefghij"
SECRET = "correct-horse-battery-staple"
WORDS = "Wilhelmina lives in Quakenbrueck"
VALUES = (MAIL, CARD, CARD.replace(" ", ""), TOKEN, SECRET, "Wilhelmina", "Quakenbrueck")
VALUE = f"{WORDS}, {MAIL}, {CARD}, {TOKEN}, {SECRET}"
OPEN = "{secrets: allow, CREDIT_CARD: allow}"
ALLOW = HEAD + f"redaction: {{arguments: {OPEN}, results: {OPEN}}}"
NAME = (
    HEAD
    + "redaction: {arguments: {secrets: allow, other: hash}, results: {secrets: pseudonym, other: pseudonym}}"
)
HOLD = HEAD.replace('{read: ["*/*"]}', "{irreversible: [crm/*]}") + f"redaction: {{arguments: {OPEN}}}"
ENGINE.register(SECRET)


def forms(value: str) -> list[bytes]:
    """A value as it could have been written."""
    raw = value.encode()
    return [
        raw,
        base64.b64encode(raw).rstrip(b"=")[:-2],
        raw.hex().encode(),
        json.dumps(value)[1:-1].encode(),
    ]


@asynccontextmanager
async def on_disk(policy: str, folder: Path, feed: io.StringIO) -> AsyncGenerator[tuple[Scene, SqliteStore]]:
    """The scene of the other tests, before real stores, watched by the live feed."""
    there = scene(policy)
    world = there.world
    live = Live(feed, as_json=True)
    store = SqliteStore(folder / "toolgate.db", world.keyring.journal_keys(), world.clock.now)
    world.ports = Ports(
        world.policies,
        ENGINE,
        Observed(store, live.saw),
        store,
        world.keyring,
        world.clock,
        GrantBook(store, world.keyring, pattern),
        store,
        Naming(store, world.keyring, world.clock),
        world.announcer,
    )
    world.gateway = Gateway(world.ports, world.routes, Attempts(Limit(1_000_000, 60.0)))
    there.client = world.client(caller("ann", "agent"), "crm")
    try:
        yield there, store
    finally:
        await store.aclose()
        live.close()


def leaks(folder: Path, *written: str) -> list[str]:
    """The values that stand in any file of the folder, or in what else was written."""
    files = [file.read_bytes() for file in folder.rglob("*") if file.is_file()]
    assert files
    pools = [*files, *(text.encode() for text in written)]
    return [value for value in VALUES for form in forms(value) for pool in pools if form in pool]


@pytest.mark.parametrize("policy", [MASK, STOP, ALLOW, NAME], ids=["mask", "refuse", "allow", "pseudonym"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.direction}: {case.path}: {case.what}")
async def test_no_value_is_written_on_any_path(
    case: Case, policy: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    feed = io.StringIO()
    async with on_disk(policy, tmp_path, feed) as (there, _):
        await case.run(there, VALUE)
    out, err = capfd.readouterr()
    assert leaks(tmp_path, feed.getvalue(), out, err, caplog.text) == []


async def test_no_value_of_a_held_call_or_its_kept_result_is_written_in_the_clear(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    feed = io.StringIO()
    async with on_disk(HOLD, tmp_path, feed) as (there, store):
        there.crm.tools = [definition("find", to="string")]
        there.crm.results["find"] = {"content": [{"type": "text", "text": VALUE}]}
        held = await there.client.call("find", {"to": VALUE})
        assert isinstance(held, Held)
        entry = Entry(event("decision", 0.0, approval=held.approval.id))
        await store.decide(entry, held.approval.id, ApprovalState.APPROVED, "lead")
        await there.client.call("find", {"to": VALUE})
        assert there.crm.calls == [{"name": "find", "arguments": {"to": VALUE}}]
        await there.client.call("find", {"to": VALUE})
        await there.client.notify("notifications/cancelled", {"requestId": 9, "reason": VALUE})
    out, err = capfd.readouterr()
    assert feed.getvalue()
    assert leaks(tmp_path, feed.getvalue(), out, err, caplog.text) == []


async def test_a_value_in_what_is_malformed_or_unknown_is_not_written_either(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    feed = io.StringIO()
    async with on_disk(MASK, tmp_path, feed) as (there, _):
        await there.open()
        there.crm.tools = [{"name": "find", "inputSchema": {"properties": {"a": {"const": 1}}}}]
        for arguments in ({"a": VALUE}, {VALUE: 1}):
            await there.client.call("find", arguments)
        await there.client.request("resources/read", {"uri": [VALUE]})
        for made_up in (MAIL, CARD, TOKEN, SECRET):
            await there.client.request("resources/read", {"uri": f"x:{made_up}"})
            await there.client.request("prompts/get", {"name": made_up})
            await there.client.call(made_up)
            await there.client.request(f"{made_up}/get")
        await there.client.request("completion/complete", {"ref": VALUE})
        there.crm.whole["find"] = {"result": [VALUE]}
        await there.client.call("find", {})
        there.crm.says = [{"jsonrpc": "2.0", "method": "notifications/message", "params": [VALUE]}]
        await there.client.call("find", {})
        await there.client.notify("notifications/progress", notification("x", {"a": VALUE}))
    out, err = capfd.readouterr()
    assert leaks(tmp_path, feed.getvalue(), out, err, caplog.text) == []


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" + base64.b64encode(TOKEN.encode()) + MAIL.encode())
    assert set(leaks(tmp_path, json.dumps(WORDS))) == {MAIL, TOKEN, "Wilhelmina", "Quakenbrueck"}
