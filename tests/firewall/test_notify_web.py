"""Signed decisions and links: who decides, once, and never by looking."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.types import Message

from held_calls import HELD
from toolgate.approvals import links, signing
from toolgate.approvals.approvers import Approver, enrol
from toolgate.approvals.desk import Desk
from toolgate.approvals.hooks import MOST, Hooks
from toolgate.approvals.places import WebhookPlace
from toolgate.approvals.web import Web, routes
from toolgate.core.model import Approval, ApprovalState, JsonObject, Open, Tier
from toolgate.errors import SecretUnavailable
from toolgate.policy.compile import open_policy
from toolgate.ports import HELD_ARGUMENTS, Entry, Revealed
from toolgate.secrets.keyring import Keyring
from toolgate.stores.database import create
from toolgate.stores.memory import MemoryStore
from toolgate.stores.outbox import SqliteOutbox

PASSPHRASE = "correct horse battery"
SECRET = "a secret shared with the receiver"
KEY = signing.key_of(SECRET)
POLICY = """
version: 1
tiers: {irreversible: [actions/email_send], privileged: [compute/run_shell]}
approval:
  irreversible: {channels: [cli, console, webhook, slack], expires: 15m}
  privileged: {channels: [cli, console, webhook, slack], expires: 15m}
roles:
  agent: {tools: ["*/*"]}
  admin: {may_approve: [irreversible, privileged], tools: ["*/*"]}
"""


class Known:
    """`toolgate.ports.Secrets` that reads no reference; `gone` ones cannot be had."""

    def __init__(self) -> None:
        self.gone = False

    async def reveal(self, place: str, texts: Mapping[str, str]) -> Revealed:
        if self.gone:
            raise SecretUnavailable("found no such variable")
        return Revealed(texts, 1e18)

    async def reread(self, place: str, texts: Mapping[str, str]) -> Revealed:
        return await self.reveal(place, texts)


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return orjson.loads(self.text)

    @property
    def csrf(self) -> str:
        return str(re.findall(r'name="csrf" value="([0-9a-f]+)"', self.text)[0])

    @property
    def cookie(self) -> str:
        return self.headers["set-cookie"].partition(";")[0]


@dataclass
class Office:
    """The routes with a real desk behind them, and a browser."""

    folder: Path
    now: float = 1000.0
    keyring: Keyring = field(default_factory=lambda: Keyring(b"s" * 32))
    signed_in: Approver | None = None

    def __post_init__(self) -> None:
        policy = self.folder / "policy.yaml"
        policy.write_text(POLICY)
        people = self.folder / "approvers.yaml"
        enrol(people, "lea", ("admin",), PASSPHRASE, first=True)
        create(self.folder / "toolgate.db")
        self.store = MemoryStore(now=lambda: self.now)
        self.secrets = Known()
        self.desk = Desk(self.store, self.keyring, people, open_policy(policy), "console", lambda: self.now)
        places = (
            WebhookPlace("https://one.example", "another secret of a good length"),
            WebhookPlace("https://two.example", SECRET, approver="lea"),
        )
        outbox = SqliteOutbox(self.folder / "toolgate.db", lambda: self.now)
        hooks = Hooks(places, self.secrets, outbox, self.desk.through("webhook"), lambda: self.now)
        found: Callable[[Request], Approver | None] = lambda _: self.signed_in  # noqa: E731 - typed in place
        self.app = Starlette(routes=routes(Web(self.desk, hooks, self.keyring, lambda: self.now, found)))

    async def hold(self, approval: Approval = HELD, arguments: JsonObject | None = None) -> Approval:
        said = {"to": ["bob@example.com"]} if arguments is None else arguments
        sealed = self.keyring.seal(HELD_ARGUMENTS, orjson.dumps(said))
        assert await self.store.commit(Entry({"kind": "hold"}), [Open(approval, sealed)]) is None
        return approval

    async def state(self, approval: str = "ap-1") -> str:
        found = await self.store.by_id(approval)
        return found.state.value if found else "gone"

    def link(self, approval: Approval = HELD, approver: str = "") -> str:
        return f"/decide/{links.token(self.keyring, approval, approver, 'slack')}"

    async def ask(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] = {}) -> Answer:
        """One request to the routes, without a socket."""
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        }
        sent: list[Message] = []
        chunks = self._chunks(body)

        async def receive() -> Message:
            return await anext(chunks)

        async def send(message: Message) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        pairs = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        text = b"".join(message.get("body", b"") for message in sent[1:]).decode()
        return Answer(sent[0]["status"], pairs, text)

    async def _chunks(self, body: bytes) -> AsyncIterator[Message]:
        for at in range(0, len(body), 4096):
            yield {"type": "http.request", "body": body[at : at + 4096], "more_body": True}
        yield {"type": "http.request", "body": b"", "more_body": False}
        yield {"type": "http.disconnect"}

    async def decide(self, path: str, decision: str = "approve", **form: str) -> Answer:
        """Look, then press a button, as a browser does."""
        page = await self.ask("GET", path)
        body = urlencode({"csrf": page.csrf, "decision": decision, **form}).encode()
        return await self.ask("POST", path, body, {"cookie": page.cookie})

    async def hook(self, body: bytes, **change: str) -> Answer:
        """A decision as the receiver signs it."""
        given = signing.headers(KEY, "msg_decision_1", int(self.now), body)
        return await self.ask("POST", "/hooks/decisions", body, {**given, **change})


def decision(approval: str = "ap-1", what: str = "approve") -> bytes:
    return orjson.dumps({"type": "decision", "data": {"approval": approval, "decision": what}})


@pytest.fixture
async def office(tmp_path: Path) -> Office:
    made = Office(tmp_path)
    await made.hold()
    return made


@pytest.mark.parametrize(("what", "state"), [("approve", "approved"), ("deny", "denied")])
async def test_a_signed_decision_counts_as_that_of_the_named_approver(
    office: Office, what: str, state: str
) -> None:
    answer = await office.hook(decision(what=what))
    assert (answer.status, answer.json) == (200, {"approval": "ap-1", "state": state})
    found = await office.store.by_id("ap-1")
    assert found is not None
    assert (found.decided_by, found.channel) == ("lea", "webhook")


async def test_a_signed_decision_is_good_once_whatever_it_is_sent_for(office: Office) -> None:
    assert (await office.hook(decision())).status == 200
    await office.hold(replace(HELD, id="ap-2", digest="d2"))
    assert (await office.hook(decision("ap-2"))).status == 409
    assert await office.state("ap-2") == "pending"


@pytest.mark.parametrize(
    ("skew", "status"), [(0, 200), (299, 200), (-299, 200), (301, 401), (-301, 401), (86400, 401)]
)
async def test_an_old_or_early_decision_is_refused(office: Office, skew: int, status: int) -> None:
    body = decision()
    given = signing.headers(KEY, "msg_decision_1", int(office.now) + skew, body)
    assert (await office.ask("POST", "/hooks/decisions", body, given)).status == status


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "msg_decision_2"},
        {"webhook-timestamp": "1001"},
        {"webhook-signature": "v1,AAAA"},
        {
            "webhook-signature": signing.sign(
                b"another secret of a good length", "msg_decision_1", 1000, decision()
            )
        },
    ],
)
async def test_a_forged_decision_decides_nothing(office: Office, change: dict[str, str]) -> None:
    assert (await office.hook(decision(), **change)).status == 401
    assert await office.state() == "pending"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"type": "approval.held", "data": {"approval": {"id": "ap-1"}}}',
        b'{"type": "decision", "data": {"approval": "ap-1", "decision": "grant"}}',
        b'{"type": "decision", "data": {"approval": ["ap-1"], "decision": "approve"}}',
        b'{"type": "decision", "data": {"approval": "ap-1", "decision": "approve", "edited": {}}}',
        b'{"type": "decision", "data": "ap-1"}',
    ],
)
async def test_a_signed_body_that_is_no_decision_decides_nothing(office: Office, body: bytes) -> None:
    assert (await office.hook(body)).status == 400
    assert await office.state() == "pending"


async def test_our_own_signed_messages_cannot_be_sent_back_as_decisions(office: Office) -> None:
    from toolgate.approvals.telling import Told, body

    own = body(Told("held", HELD, 1000.0, "", {}), "https://console/hooks/decisions")
    assert (await office.hook(own)).status == 400


async def test_a_body_of_a_wrong_size_is_refused_before_anything_is_computed(office: Office) -> None:
    assert (await office.hook(b"x" * (MOST + 1))).status == 413


async def test_a_secret_that_cannot_be_had_lets_nobody_in(office: Office) -> None:
    office.secrets.gone = True
    assert (await office.hook(decision())).status == 401


async def test_an_approval_that_is_unknown_expired_or_decided_is_not_decided(office: Office) -> None:
    assert (await office.hook(decision("ap-9"))).status == 403
    office.now = 1901.0
    given = signing.headers(KEY, "msg_decision_9", int(office.now), decision())
    assert (await office.ask("POST", "/hooks/decisions", decision(), given)).status == 403
    assert await office.state() == "pending"


async def test_looking_shows_the_card_and_decides_nothing_however_often(office: Office) -> None:
    path = office.link(approver="lea")
    for method in ("GET", "HEAD"):
        opened = await office.ask(method, path, headers={"user-agent": "Slackbot-LinkExpanding 1.0"})
        assert opened.status == 200
    answer = await office.ask("GET", path)
    assert (await office.ask("GET", "/decide.css")).status == 200
    assert "bob@example.com" in answer.text
    assert await office.state() == "pending"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    for word in ("HttpOnly", "SameSite=strict", "Path=/decide"):
        assert word in answer.headers["set-cookie"]


async def test_whoever_has_only_the_link_must_sign_in(office: Office) -> None:
    path = office.link()
    assert (await office.decide(path)).status == 403
    assert (await office.decide(path, name="lea", passphrase="wrong wrong wrong")).status == 403
    assert await office.state() == "pending"
    assert (await office.decide(path, name="lea", passphrase=PASSPHRASE)).status == 200
    found = await office.store.by_id("ap-1")
    assert found is not None
    assert (found.state, found.decided_by, found.channel) == (ApprovalState.APPROVED, "lea", "console")


async def test_whoever_is_signed_in_at_the_console_decides_as_that_person(office: Office) -> None:
    office.signed_in = office.desk.approver("lea")
    assert (await office.decide(office.link(), "deny")).status == 200
    assert await office.state() == "denied"


async def test_a_link_that_names_an_approver_decides_once(office: Office) -> None:
    path = office.link(approver="lea")
    page = await office.ask("GET", path)
    body = urlencode({"csrf": page.csrf, "decision": "approve"}).encode()
    first = await office.ask("POST", path, body, {"cookie": page.cookie})
    second = await office.ask("POST", path, body, {"cookie": page.cookie})
    assert (first.status, second.status) == (200, 409)
    found = await office.store.by_id("ap-1")
    assert found is not None
    assert (found.decided_by, found.channel) == ("lea", "slack")


@pytest.mark.parametrize("tier", [Tier.PRIVILEGED, None])
async def test_no_link_decides_alone_about_what_is_privileged_or_unlisted(
    office: Office, tier: Tier | None
) -> None:
    approval = replace(HELD, id="ap-2", digest="d2", tier=tier, upstream="compute", target="run_shell")
    await office.hold(approval)
    path = office.link(approval, approver="lea")
    assert "Passphrase" in (await office.ask("GET", path)).text
    assert (await office.decide(path)).status == 403
    assert await office.state("ap-2") == "pending"


async def test_a_link_never_outlives_its_approval_and_fits_no_other(office: Office) -> None:
    path = office.link(approver="lea")
    office.now = 1900.0
    assert (await office.ask("GET", path)).status == 404
    office.now = 1000.0
    token = path.removeprefix("/decide/")
    for wrong in (token[:-2], token + "A", token[:10] + "AAAA" + token[14:], "", "x" * 3000, "é", "%2e"):
        assert (await office.ask("GET", f"/decide/{wrong}")).status == 404
    foreign = links.token(Keyring(b"t" * 32), HELD, "lea", "slack")
    assert (await office.ask("GET", f"/decide/{foreign}")).status == 404
    other = office.keyring.seal("held-arguments", b'["ap-1","lea","slack",1900.0]')
    assert links.read(office.keyring, other.hex(), 1000.0) is None


@pytest.mark.parametrize(
    "attack",
    [
        {"cookie": ""},
        {"cookie": "toolgate_decide=guessed"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
async def test_a_form_on_another_page_decides_nothing(office: Office, attack: dict[str, str]) -> None:
    path = office.link(approver="lea")
    page = await office.ask("GET", path)
    body = urlencode({"csrf": page.csrf, "decision": "approve"}).encode()
    assert (await office.ask("POST", path, body, {"cookie": page.cookie, **attack})).status == 403
    assert await office.state() == "pending"


async def test_the_token_of_one_page_is_of_no_use_on_another(office: Office) -> None:
    await office.hold(replace(HELD, id="ap-2", digest="d2"))
    page = await office.ask("GET", office.link(approver="lea"))
    other = office.link(replace(HELD, id="ap-2"), approver="lea")
    body = urlencode({"csrf": page.csrf, "decision": "approve"}).encode()
    assert (await office.ask("POST", other, body, {"cookie": page.cookie})).status == 403


@pytest.mark.parametrize("decision", ["", "APPROVE", "grant"])
async def test_a_form_without_a_decision_decides_nothing(office: Office, decision: str) -> None:
    assert (await office.decide(office.link(approver="lea"), decision)).status == 400
    assert await office.state() == "pending"


async def test_nothing_a_stranger_writes_becomes_html_on_the_page(office: Office) -> None:
    nasty = "<script>alert(1)</script><form action=//evil><img src=x onerror=y>\"'\u202e\x1b"
    await office.hold(
        replace(HELD, id="ap-2", digest="d2", caller=nasty, target=nasty),
        {nasty: nasty, "rows": f"{nasty}\n{nasty}"},
    )
    page = (await office.ask("GET", office.link(replace(HELD, id="ap-2")))).text
    for tag in ("<script", "<img", "<form action"):
        assert tag not in page
    assert "\u202e" not in page
    assert '<span class="mark odd">U+202E</span>' in page
    assert page.count("<form") == 1


async def test_a_decided_card_is_shown_without_a_form(office: Office) -> None:
    path = office.link(approver="lea")
    await office.decide(path)
    page = await office.ask("GET", path)
    assert (page.status, "<form" in page.text) == (200, False)
