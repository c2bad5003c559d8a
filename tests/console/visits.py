"""A console in front of a real store and desk, and browsers that visit it without a socket."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from toolgate.app import App, build
from toolgate.approvals.approvers import Approver, hashed
from toolgate.approvals.desk import Declined
from toolgate.console import Console, House, Look
from toolgate.console.oidc import Provider
from toolgate.core.model import Approval, Call, Caller, JsonObject, Tool
from toolgate.secrets.keyring import open_keyring
from toolgate.settings import for_home
from toolgate.verdicts import Held

ADDRESS = "http://127.0.0.1:8718"
PASSPHRASE = "correct horse battery"
HASH = hashed(PASSPHRASE, bytes(16))
POLICY = """
version: 1
unlisted: hold
tiers:
  read: [docs/search]
  irreversible: [mail/send]
  privileged: [shell/run]
roles:
  agent: {tools: ["*/*"], limits: {calls: 1000/minute}}
  lead: {may_approve: [irreversible], tools: ["*/*"]}
  admin: {may_approve: [irreversible, privileged], tools: ["*/*"]}
tools:
  docs/search: {cost: 0.01 USD}
redaction: {arguments: {secrets: allow, CREDIT_CARD: allow}}
approval:
  irreversible: {channels: [console, cli], expires: 15m}
  privileged: {channels: [console, cli], expires: 5m}
"""
ANN = Caller("ann", ("agent",), "key:1")
MAIL: JsonObject = {"to": ["bob@example.com"], "subject": "Hi", "body": "Hello"}


@dataclass(frozen=True)
class Undone:
    """A step of an undo."""

    target: str
    status: str
    detail: str = ""


@dataclass
class Undoing:
    """Takes down what it is told to take back."""

    asked: list[str] = field(default_factory=list[str])

    async def undo(self, approver: Approver, call_id: str, /) -> Undone | Declined:
        self.asked.append(f"{approver.name} {call_id}")
        return Undone("mail/unsend", "done")

    async def undo_run(self, approver: Approver, session: str, /) -> list[Undone] | Declined:
        self.asked.append(f"{approver.name} run {session}")
        return [Undone("mail/unsend", "done"), Undone("docs/restore", "failed", "gone")]


@dataclass
class Clock:
    """`toolgate.ports.Clock` that can be set forward."""

    ahead: float = 0.0

    def now(self) -> float:
        return time.time() + self.ahead

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead

    async def sleep(self, seconds: float) -> None:
        self.ahead += seconds


class Browser:
    """A browser with its cookies. `page` is the newest page."""

    def __init__(self, console: Console, address: str = ADDRESS) -> None:
        transport = httpx2.ASGITransport(console.app, raise_app_exceptions=True)
        self.http = httpx2.AsyncClient(transport=transport, base_url=address)
        self.page = ""

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        """Look at a page, following where it leads."""
        got = await self.http.get(path, headers=headers, follow_redirects=True)
        self.page = got.text
        return got

    async def post(self, path: str, fields: Mapping[str, str] | None = None) -> httpx2.Response:
        """Press a button of the newest page: its token comes along."""
        sent = {"token": self.token, **(fields or {})}
        got = await self.http.post(path, data=sent)
        self.page = got.text or self.page
        return got

    async def press(self, path: str, fields: Mapping[str, str] | None = None) -> httpx2.Response:
        """The same, and look at where it leads."""
        got = await self.post(path, fields)
        return await self.get(got.headers["location"]) if got.status_code == 303 else got

    @property
    def token(self) -> str:
        """The token in the forms of the newest page."""
        found = re.search(r'name="token" value="([0-9a-f]*)"', self.page)
        return found[1] if found is not None else ""

    async def sign_in(self, name: str = "lead", passphrase: str = PASSPHRASE) -> httpx2.Response:
        """Sign in with a passphrase."""
        await self.get("/sign-in")
        return await self.press("/sign-in/passphrase", {"name": name, "passphrase": passphrase})


@dataclass
class Place:
    """A console, what stands behind it, and how to fill it."""

    app: App
    console: Console
    clock: Clock
    undoing: Undoing
    folder: Path
    looked: list[str] = field(default_factory=list[str])

    def browser(self) -> Browser:
        """Somebody new."""
        return Browser(self.console)

    async def signed_in(self, name: str = "lead") -> Browser:
        """Somebody who has signed in."""
        browser = self.browser()
        assert (await browser.sign_in(name)).status_code == 200
        return browser

    async def hold(
        self,
        arguments: JsonObject | None = None,
        tool: str = "mail/send",
        caller: Caller = ANN,
        schema: JsonObject | None = None,
    ) -> Approval:
        """A call that is held."""
        judged = await self.judge(arguments if arguments is not None else MAIL, tool, caller, schema)
        assert isinstance(judged, Held), judged
        return judged.approval

    async def judge(
        self,
        arguments: JsonObject,
        tool: str = "mail/send",
        caller: Caller = ANN,
        schema: JsonObject | None = None,
    ) -> Any:
        """Judge a call as the gateway does."""
        upstream, _, name = tool.partition("/")
        made = Tool(name, "pin-1", lambda _: None, None, schema=schema or {"type": "object"})
        call = Call("tools/call", upstream, name, arguments, caller, "session-1")
        return await self.app.gateway.judge.judge(call, made)

    async def state(self, approval: Approval) -> str:
        """What became of a held call."""
        found = await self.app.store.by_id(approval.id)
        assert found is not None
        return found.state.value

    async def seen(self) -> None:
        """Let the console take in what was written."""
        await self.app.store.commit(_nothing())
        await self.console.room.live.look()

    def records(self) -> list[JsonObject]:
        """The journal, oldest first."""
        from toolgate.journal.reading import open_journal

        with open_journal(self.app.settings.store) as journal:
            return [line.body for line in journal.lines()]


def _nothing() -> Any:
    from toolgate.core.records import event
    from toolgate.ports import Entry

    return Entry(event("start", time.time(), status="test"))


@asynccontextmanager
async def place(
    folder: Path, policy: str = POLICY, openid: Provider | None = None, *, enrolled: bool = True
) -> AsyncGenerator[Place]:
    """A console over a data folder. `lead` and `admin` may approve, each with the passphrase above."""
    _furnish(folder, policy, enrolled=enrolled)
    settings = for_home(folder)
    app, clock, undoing = build(settings), Clock(), Undoing()
    looked: list[str] = []

    async def look(name: str) -> Look:
        looked.append(name)
        listed: JsonObject = {"name": "send", "description": "Sends <b>mail</b>"}
        return Look(clock.now(), 12.5, (Tool("send", "abc123" * 10, lambda _: None, None),), {"send": listed})

    house = House(
        desk=app.desk("console"),
        undoer=undoing,
        policies=app.policies,
        policy_path=settings.policies,
        journal=settings.store,
        journal_keys=open_keyring(settings.master_key).all_journal_keys,
        keys=settings.identity.keys,
        upstreams={"mail": "python with 3 arguments, share: all", "docs": "http://127.0.0.1:1/mcp"},
        look=look,
        record=app.record,
        clock=clock,
        public_url=ADDRESS,
        listen="127.0.0.1:8718",
        local="local user",
        role="admin",
        openid=openid,
    )
    try:
        yield Place(app, Console(house), clock, undoing, folder, looked)
    finally:
        await app.close()


def _furnish(folder: Path, policy: str, *, enrolled: bool) -> None:
    (folder / "policy.yaml").write_text(policy)
    names = ("lead", "admin") if enrolled else ()
    people = "".join(f'  - {{name: {name}, roles: [{name}], passphrase: "{HASH}"}}\n' for name in names)
    if people:
        (folder / "approvers.yaml").write_text(f"version: 1\napprovers:\n{people}")


__all__ = ["ADDRESS", "ANN", "MAIL", "PASSPHRASE", "Browser", "Place", "place"]
