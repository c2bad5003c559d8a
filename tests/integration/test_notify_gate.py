"""A held call, told to real receivers by a real process, decided through them, executed once."""

from __future__ import annotations

import asyncio
import json
import re
import urllib.error
import urllib.request
from collections.abc import AsyncGenerator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml

from gate import PASSPHRASE, POLICY, PROGRAM, Gate, piped, until, write_settings
from programs import free_port, healthy, listens, running, wait_for
from toolgate.approvals import signing
from toolgate.approvals.approvers import enrol
from wires import Client, leave_all

SECRET = "a secret shared with the receiver"
NUMBER = "4111 1111 1111 1111"


@dataclass
class Inbox:
    """A receiver: everything that was posted, newest last. The first `broken` posts are answered 500."""

    broken: int = 0
    got: list[tuple[dict[str, str], Any]] = field(default_factory=list[tuple[dict[str, str], Any]])

    async def nth(self, number: int) -> tuple[dict[str, str], Any]:
        """Headers and body of a post, as soon as it is there."""
        await until(lambda: len(self.got) > number)
        return self.got[number]

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        headers = dict(re.findall(r"^([a-z-]+): (.*)\r$", head, re.MULTILINE))
        body = await reader.readexactly(int(headers["content-length"]))
        self.broken -= 1
        if self.broken < 0:
            self.got.append((headers, json.loads(body)))
        writer.write(b"HTTP/1.1 %d X\r\ncontent-length: 0\r\n\r\n" % (500 if self.broken >= 0 else 200))
        await writer.drain()
        writer.close()


@asynccontextmanager
async def inbox(broken: int = 0) -> AsyncGenerator[tuple[Inbox, str]]:
    found = Inbox(broken)
    server = await asyncio.start_server(found.handle, "127.0.0.1", 0)
    try:
        yield found, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/in"
    finally:
        server.close()
        await leave_all()


@dataclass
class House:
    """A running firewall, and a console in a process of its own."""

    gate: Gate
    console: str
    stack: ExitStack

    def close(self) -> None:
        self.stack.close()


def house(folder: Path, hook: str, slack: str) -> House:
    port, at = free_port(), free_port()
    channels = {"irreversible": {"channels": ["cli", "console", "webhook", "slack"]}}
    # The upstream may have the number; those who are told may not.
    policy = {**POLICY, "approval": channels, "redaction": {"arguments": {"CREDIT_CARD": "allow"}}}
    path = write_settings(folder, port, {"puppet": piped(folder, "puppet")}, policy)
    (folder / "hook.secret").write_text(SECRET)
    settings = yaml.safe_load(path.read_text())
    settings["console"] = {"listen": f"127.0.0.1:{at}"}
    settings["notify"] = {
        "webhooks": [
            {"url": hook, "secret": "secret:file:hook.secret", "allow_private": True, "approver": "judy"}
        ],
        "slack": [{"url": slack, "allow_private": True}],
        "desktop": "never",
    }
    path.write_text(yaml.safe_dump(settings))
    enrol(folder / "approvers.yaml", "judy", ("full",), PASSPHRASE, first=True)
    stack = ExitStack()
    for command, ready in (("serve", lambda: healthy(port)), ("console", lambda: listens(at))):
        log = folder / f"{command}.log"
        process = stack.enter_context(running([str(PROGRAM), command, "--settings", str(path)], log))
        wait_for(process, log, ready)
    return House(Gate(port, folder, 0), f"http://127.0.0.1:{at}", stack)


def ask(url: str, body: bytes | None = None, **headers: str) -> tuple[int, str, str]:
    """Status, text, cookie."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, named), timeout=10) as answer:
            cookie = str(answer.headers.get("set-cookie", "")).partition(";")[0]
            return answer.status, answer.read().decode(), cookie
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), ""


def assert_silent(folder: Path, *secrets: str) -> None:
    """No process wrote any of these, nor do they stand in the store."""
    logs = [folder / f"{name}.log" for name in ("serve", "console")]
    written = b"".join(path.read_bytes() for path in (*logs, *folder.glob("toolgate.db*")))
    assert not [secret for secret in secrets if secret.encode() in written]


async def held(client: Client, arguments: dict[str, str]) -> dict[str, Any]:
    answer = await client.ask("tools/call", {"name": "boom", "arguments": arguments})
    found: dict[str, Any] = answer["result"]
    return found


async def test_a_signed_decision_lets_the_call_go_once(tmp_path: Path) -> None:
    async with inbox(broken=1) as (hooks, hook), inbox() as (_, slack):
        running_house = await asyncio.to_thread(house, tmp_path, hook, slack)
        try:
            client = await Client(running_house.gate).open()
            first = await held(client, {"target": NUMBER})
            ident = first["_meta"]["toolgate/approval"]["id"]
            headers, told = await hooks.nth(0)
            assert told["data"]["approval"]["id"] == ident
            assert NUMBER not in json.dumps(told)
            assert headers["webhook-id"].startswith("msg_")
            body = json.dumps(
                {"type": "decision", "data": {"approval": ident, "decision": "approve"}}
            ).encode()
            at = int(headers["webhook-timestamp"])
            signed = signing.headers(signing.key_of(SECRET), "msg_from_a_receiver", at, body)
            url = told["data"]["decisions"]
            sent = await asyncio.gather(*(asyncio.to_thread(ask, url, body, **signed) for _ in range(5)))
            assert sorted(status for status, _, _ in sent) == [200, 409, 409, 409, 409]
            assert ask(url, body, **{**signed, "webhook-id": "msg_another_id"})[0] == 401
            results = [await held(client, {"target": NUMBER}) for _ in range(3)]
            assert not any(result.get("isError") for result in results)
            _, decided = await hooks.nth(1)
            assert decided["type"] == "approval.decided"
        finally:
            await asyncio.to_thread(running_house.close)
        gate = running_house.gate
        assert [line["event"] for line in gate.events("puppet") if line.get("event") == "boom"] == ["boom"]
        statuses = [record["status"] for record in gate.records() if record["kind"] == "delivery"]
        assert statuses == ["failed"]
        decision = next(record for record in gate.records() if record.get("status") == "approved")
        assert (decision["approver"], decision["channel"]) == ("judy", "webhook")
        assert not gate.problems()
        assert_silent(tmp_path, SECRET, NUMBER)


async def test_a_link_in_a_message_shows_and_a_person_decides(tmp_path: Path) -> None:
    async with inbox() as (_, hook), inbox() as (messages, slack):
        running_house = await asyncio.to_thread(house, tmp_path, hook, slack)
        try:
            client = await Client(running_house.gate).open()
            await held(client, {"target": "y"})
            _, message = await messages.nth(0)
            link = message["blocks"][-1]["elements"][0]["url"]
            await asyncio.to_thread(ask, link)
            status, page, cookie = await asyncio.to_thread(ask, link)
            assert (status, 'target</dt><dd class="value">&quot;y&quot;' in page) == (200, True)
            assert (await held(client, {"target": "y"}))["isError"]
            csrf = re.findall(r'name="csrf" value="(\w+)"', page)[0]
            form = {"csrf": csrf, "decision": "approve", "name": "judy"}
            for passphrase, expected in (("wrong wrong wrong", 403), (PASSPHRASE, 200), (PASSPHRASE, 409)):
                body = urlencode({**form, "passphrase": passphrase}).encode()
                status, _, _ = await asyncio.to_thread(ask, link, body, cookie=cookie)
                assert status == expected
            assert not (await held(client, {"target": "y"})).get("isError")
        finally:
            await asyncio.to_thread(running_house.close)
