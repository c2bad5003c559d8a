"""`toolgate deadletters`: what did not arrive is seen, tried again or let go."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from toolgate.approvals.notify import PURPOSE
from toolgate.approvals.places import WebhookPlace
from toolgate.cli.deadletters import app
from toolgate.core.delivery import Delivery
from toolgate.secrets.keyring import open_keyring
from toolgate.stores.database import create
from toolgate.stores.outbox import SqliteOutbox

URL = "https://hooks.invalid/x"  # RFC 6761: never resolves


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A data folder with two dead letters."""
    create(tmp_path / "toolgate.db")
    (tmp_path / "hook.secret").write_text("a secret shared with the receiver")
    (tmp_path / "toolgate.yaml").write_text(
        f'notify: {{webhooks: [{{url: "{URL}", secret: "secret:file:hook.secret"}}]}}\n'
    )
    sealed = open_keyring(tmp_path / "master.key").seal(PURPOSE, b"{}")
    outbox = SqliteOutbox(tmp_path / "toolgate.db", time.time)
    target = WebhookPlace(URL, "").target

    async def fill() -> None:
        for number in (1, 2):
            ident = f"msg_{number}"
            await outbox.put(Delivery(ident, target, f"ap-{number}", "held", time.time(), sealed))
            await outbox.bury(ident, "it answered 410\x1b[2J")

    asyncio.run(fill())
    return tmp_path


def said(home: Path, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--home", str(home)])


def test_the_list_says_what_did_not_arrive_and_why_on_one_line_each(home: Path) -> None:
    shown = said(home, "list")
    assert shown.exit_code == 0
    lines = shown.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["msg_2", "msg_1"]
    assert all("it answered 410" in line and line.isprintable() for line in lines)
    rows = [json.loads(line) for line in said(home, "list", "--json").stdout.splitlines()]
    assert [row["approval"] for row in rows] == ["ap-2", "ap-1"]


def test_one_or_all_are_dropped(home: Path) -> None:
    assert said(home, "drop", "msg_1").exit_code == 0
    assert said(home, "drop", "msg_1").exit_code == 1
    assert said(home, "drop", "all").exit_code == 0
    assert said(home, "list").stdout == ""


def test_what_is_tried_again_and_fails_again_is_on_its_way(home: Path) -> None:
    again = said(home, "retry", "msg_1")
    assert (again.exit_code, again.stdout) == (1, "1 tried again; 1 on their way, 1 dead letters\n")
    assert "1 on their way" in said(home, "list").stderr
    assert said(home, "retry", "msg_1").exit_code == 1
