"""A gateway on ports that are all in memory, and clients in front of it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from toolgate.aggregate import Aggregated
from toolgate.approvals.grants import GrantBook
from toolgate.core.attempts import Attempts
from toolgate.core.model import (
    Approval,
    ApprovalState,
    Caller,
    Finding,
    JsonObject,
    Limit,
    Refuse,
    Tier,
)
from toolgate.core.policy import Policy
from toolgate.core.records import event
from toolgate.gateway import Gateway
from toolgate.judge import Judge
from toolgate.judge import World as Ports
from toolgate.naming import Naming
from toolgate.policy.matchers import pattern
from toolgate.ports import Detectors, Entry, News
from toolgate.protocol.messages import error, notification, request, response
from toolgate.protocol.versions import CAPABILITIES_KEY, MODERN, NEWEST_LEGACY, VERSION_KEY, Era
from toolgate.secrets.keyring import Keyring
from toolgate.session import Session
from toolgate.stores.memory import MemoryStore
from toolgate.testing.upstream import Upstream, Upstreams
from toolgate.testing.values import START, policy_of
from toolgate.upstream.link import Note
from toolgate.verdicts import Held, Reply

MASTER: Final = bytes(range(32))


@dataclass
class Clock:
    """`toolgate.ports.Clock`. Set `time`, or move it with `forward`."""

    time: float = START

    def now(self) -> float:
        """Seconds since the epoch."""
        return self.time

    def monotonic(self) -> float:
        """The same seconds: nobody sets this clock back by accident."""
        return self.time

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        self.time += seconds

    async def sleep(self, seconds: float) -> None:
        """Let time pass, and others do something."""
        self.time += seconds
        await asyncio.sleep(0)


@dataclass
class Spotter:
    """`toolgate.ports.Detectors` that finds the texts it was given, each as the entity beside it."""

    sensitive: Mapping[str, str]
    scanned: list[Sequence[str]] = field(default_factory=list[Sequence[str]])

    async def scan(self, texts: Sequence[str], entities: frozenset[str]) -> tuple[Finding, ...]:
        """The first place of every known text in each of the texts."""
        self.scanned.append(texts)
        return tuple(
            Finding(entity, leaf, text.index(known), text.index(known) + len(known))
            for leaf, text in enumerate(texts)
            for known, entity in self.sensitive.items()
            if entity in entities and known in text
        )


@dataclass
class Policies:
    """`toolgate.ports.Policies`. Assign `current` to change the policy under running sessions."""

    current: Policy


@dataclass
class Heard:
    """`toolgate.ports.Announcer` that keeps what it was told."""

    news: list[News] = field(default_factory=list[News])

    def announce(self, news: News) -> None:
        """Keep it."""
        self.news.append(news)


class World:
    """A gateway and every port of it. `policy` is compiled or the text of one.

    `sensitive` names what the detector finds and as which entity; pass `detectors` for the real ones
    (`toolgate.detect.engine.Engine`). `attempts` is how many refusals a credential may collect.
    """

    def __init__(
        self,
        policy: Policy | str,
        *upstreams: Upstream,
        sensitive: Mapping[str, str] | None = None,
        detectors: Detectors | None = None,
        attempts: Limit = Limit(600, 60.0),  # noqa: B008 - frozen
        console: str = "",
    ) -> None:
        self.clock = Clock()
        self.policies = Policies(policy_of(policy))
        self.spotter = Spotter(sensitive or {})
        self.keyring = Keyring(MASTER)
        self.store = MemoryStore(self.keyring.journal_keys(), self.clock.now)
        self.upstreams = {upstream.name: upstream for upstream in upstreams}
        self.announcer = Heard()
        self.ports = Ports(
            self.policies,
            detectors or self.spotter,
            self.store,
            self.store,
            self.keyring,
            self.clock,
            GrantBook(self.store, self.keyring, pattern),
            self.store,
            Naming(self.store, self.keyring, self.clock),
            self.announcer,
            console,
        )
        self.routes = Aggregated(Upstreams(self.upstreams), self.policies)
        self.gateway = Gateway(self.ports, self.routes, Attempts(attempts))

    @property
    def judge(self) -> Judge:
        """The judge behind the gateway."""
        return self.gateway.judge

    @property
    def records(self) -> list[JsonObject]:
        """The journal, oldest first."""
        return self.store.bodies

    def kinds(self) -> list[str]:
        """The kind of every record, with its status where it has one: `outcome delivered`."""
        return [f"{one['kind']} {one.get('status', '')}".rstrip() for one in self.records]

    def change(self, policy: Policy | str) -> None:
        """Put another policy in force."""
        self.policies.current = policy_of(policy)

    def client(self, who: Caller, scope: str | None = None, era: Era = Era.LEGACY) -> Client:
        """A client of one upstream's endpoint, or of the aggregated one."""
        version = MODERN if era is Era.MODERN else NEWEST_LEGACY
        return Client(self.gateway, Session(who, era, scope, "session-1", version))

    async def decide(
        self,
        held: Reply | Approval | str | None,
        state: ApprovalState = ApprovalState.APPROVED,
        tier: Tier | None = None,
    ) -> bool:
        """A person's word on a held call; False when it does not wait any more."""
        named = held.approval if isinstance(held, Held) else held
        approval = named.id if isinstance(named, Approval) else named
        if not isinstance(approval, str):
            raise TypeError(f"found {type(held).__name__}, expected a held call")
        return await self.store.decide(
            Entry(event("decision", self.clock.now(), approval=approval, status=state.value)),
            approval,
            state,
            "lead",
            tier,
        )


class Client:
    """A client in front of the gateway. `heard` is what it was sent besides answers."""

    def __init__(self, gateway: Gateway, session: Session) -> None:
        self.gateway = gateway
        self.session = session
        self.heard: list[JsonObject] = []
        self._ids = itertools.count(1)

    async def call(self, name: str, arguments: JsonObject | None = None, **params: Any) -> Reply | None:
        """Call a tool; the verdict, or the answer as the gateway lets it through."""
        return await self.request("tools/call", {"name": name, "arguments": arguments or {}, **params})

    async def request(
        self, method: str, params: JsonObject | None = None, headers: dict[str, str] | None = None
    ) -> Reply | None:
        """Send any request; `headers` are its `Mcp-Param-*`."""
        given: JsonObject = params or {}
        if self.session.era is Era.MODERN:
            own: JsonObject = {VERSION_KEY: MODERN, CAPABILITIES_KEY: self.session.capabilities}
            given = {**given, "_meta": {**own, **given.get("_meta", {})}}
        message = request(next(self._ids), method, given)
        return await self.gateway.request(self.session, message, self.hear, headers)

    async def notify(self, method: str, params: JsonObject | None = None) -> None:
        """Send a notification."""
        await self.gateway.notify(self.session, notification(method, params or {}))

    async def answer(self, to: JsonObject, result: JsonObject) -> Refuse | None:
        """Answer a request of an upstream that was heard."""
        return await self.gateway.respond(self.session, response(to["id"], result))

    async def decline(self, to: JsonObject) -> Refuse | None:
        """Answer it with an error."""
        return await self.gateway.respond(self.session, error(to["id"], -1, "declined"))

    async def listen(self) -> Refuse | None:
        """Hear what upstreams say outside of requests."""
        return await self.gateway.listen(self.session, self.hear, None)

    async def hear(self, note: Note) -> None:
        """Keep what is sent to this client."""
        if note.message is not None:
            self.heard.append(note.message)
