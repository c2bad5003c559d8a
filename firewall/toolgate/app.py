"""The composition root: settings become adapters, adapters a gateway. The only file that knows everybody."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from toolgate.aggregate import Aggregated
from toolgate.announcing import announcer, veiling
from toolgate.approvals.expiry import Expiring
from toolgate.approvals.grants import GrantBook
from toolgate.approvals.notify import Notifier
from toolgate.core import records
from toolgate.core.attempts import Attempts
from toolgate.core.model import JsonObject
from toolgate.detect.matchers import Re2, best
from toolgate.detecting import Detecting, detecting, without_secrets
from toolgate.errors import Misuse
from toolgate.gateway import Gateway
from toolgate.journal.observed import Observed, Saw
from toolgate.judge import World
from toolgate.naming import Naming
from toolgate.policy.matchers import pattern
from toolgate.policy.reload import LivePolicy, Outcome, Reloaded
from toolgate.ports import Entry, Journal, Keyring
from toolgate.secrets.keyring import open_keyring
from toolgate.secrets.values import Values
from toolgate.settings import Command, Remote, Settings, UpstreamSettings
from toolgate.stores.sqlite import SqliteStore
from toolgate.upstream.complaints import Clean
from toolgate.upstream.keyed import Address
from toolgate.upstream.registry import Upstreams

if TYPE_CHECKING:
    from toolgate.announcing import Card
    from toolgate.approvals.desk import Desk
    from toolgate.undoing import Undoer


class SystemClock:
    """The machine's clocks."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True)
class App:
    """Everything that runs behind the fronts."""

    settings: Settings
    world: World
    store: SqliteStore
    upstreams: Upstreams
    gateway: Gateway
    policies: LivePolicy
    secrets: Values
    notifier: Notifier
    detecting: Detecting

    def desk(self, channel: str) -> Desk:
        """A desk for people who come through this channel."""
        from toolgate.approvals.desk import Desk  # a wrapped server has none

        world = self.world
        return Desk(
            self.store,
            world.keyring,
            self.settings.approvers,
            self.policies,
            channel,
            world.clock.now,
            detectors=world.detectors,
            patterns=pattern,
            announcer=world.announcer,
        )

    def undoer(self, desk: Desk) -> Undoer:
        """Takes calls back for people at this desk."""
        from toolgate.undoing import Undoer  # as above

        return Undoer(self.gateway, self.store, desk)

    def record(self, kind: str, **fields: object) -> None:
        """Write a record about toolgate itself: start, stop, policy."""
        body = records.event(kind, self.world.clock.now(), **fields)
        self.store.note(Entry(body))

    async def start(self) -> None:
        """Start what takes its time: a model. Raises Misuse, everything closed, where it cannot be had."""
        model = self.detecting.model
        if model is None:
            return
        try:
            await model.start()
        except Misuse:
            await self.close()
            raise

    async def close(self) -> None:
        """Close upstreams, tell what is still to be told, then write what the journal still holds."""
        await self.upstreams.close()
        await self.notifier.close()
        if self.detecting.model is not None:
            await self.detecting.model.close()
        await self.secrets.close()
        await self.store.aclose()


def build(settings: Settings, located: Mapping[str, Address] | None = None, saw: Saw | None = None) -> App:
    """The app of these settings. Raises Misuse for mistakes in them, PortDown where a store is not there.

    `located` replaces the upstreams of the settings and holds no references; `wrap` has only the one it
    was given. `saw` gets the body of every record about a call as it is written.
    """
    clock = SystemClock()
    # RE2 finds the same, compiles in milliseconds and takes a tenth of the memory: right for a wrapped
    # server, of which there are many; Hyperscan is right for a process that serves many callers.
    found = detecting(settings, Re2 if located is not None else best)
    keyring = open_keyring(settings.master_key)
    store = SqliteStore(settings.store, keyring.journal_keys(), clock.now)

    def reloaded(outcome: Outcome) -> None:
        store.note(Entry(_policy_record(outcome, clock.now())))

    policies = LivePolicy.open(settings.policies, reloaded, found.highest)
    journal = store if saw is None else Observed(store, saw)
    grants = GrantBook(store, keyring, pattern)
    secrets = values_of(settings, found.engine.register, clock.monotonic)
    console = settings.console.url if settings.file else ""

    async def card(approval: str) -> Card | None:
        return await app.desk("console").card(approval)

    look = veiling(card, policies, found.all)
    notifier = announcer(settings, store, keyring, secrets, clock, look, console)
    naming = Naming(store, keyring, clock)
    told = Expiring(notifier, store, clock)
    ports = (policies, found.all, journal, store, keyring, clock, grants, store, naming, told)
    world = World(*ports, console)
    upstreams = (
        Upstreams(located, keyring)
        if located
        else _upstreams(settings, keyring, secrets, partial(without_secrets, found.engine))
    )
    gateway = Gateway(world, Aggregated(upstreams, policies), Attempts(settings.limits.attempts))
    app = App(settings, world, store, upstreams, gateway, policies, secrets, notifier, found)
    return app


def teller(settings: Settings, journal: Journal, keyring: Keyring) -> Notifier:
    """The notifier of a command that decides and ends: it says so, and shows no card."""
    clock = SystemClock()

    async def nothing(_: str) -> None:
        """No call is held by such a command."""

    secrets = values_of(settings, _unmasked, clock.monotonic)
    return announcer(settings, journal, keyring, secrets, clock, nothing, settings.console.url)


def _unmasked(_: str) -> None:
    """Nothing is shown here that a secret would have to be masked in."""


def _policy_record(outcome: Outcome, now: float) -> JsonObject:
    if not isinstance(outcome, Reloaded):
        sys.stderr.write(f"{outcome.message}\n")
        return records.event("policy", now, status="refused", reason="policy-broken")
    status = "loosened" if outcome.loosened else "reloaded"
    return records.event("policy", now, status=status, policy=outcome.policy.digest)


def values_of(
    settings: Settings, register: Callable[[str], object], monotonic: Callable[[], float]
) -> Values:
    """What the references in these settings stand for; nothing is read yet."""
    place = settings.vault
    if place is None:
        return Values(settings.base, register, monotonic)
    from toolgate.secrets.vault import Vault  # a wrapped server has none

    return Values(settings.base, register, monotonic, Vault(place, settings.base, register, monotonic))


def address_of(upstream: UpstreamSettings) -> Address:
    """Where an upstream is, its references as they stand."""
    match upstream:
        case Remote():
            return Address(upstream.timeout, url=upstream.url, headers=upstream.headers)
        case Command():
            return Address(
                upstream.timeout,
                command=upstream.command,
                env=upstream.env,
                cwd=upstream.cwd,
                share=upstream.share,
                max_processes=upstream.max_processes,
            )


def _upstreams(settings: Settings, keyring: Keyring, secrets: Values, clean: Clean) -> Upstreams:
    """The upstreams of the settings. Raises SettingsError where a variable or file is not there."""
    addresses = {name: address_of(one) for name, one in settings.upstreams.items()}
    for name, address in addresses.items():
        secrets.try_local(f"upstreams.{name}", address.texts())
    return Upstreams(addresses, keyring, secrets, clean)
