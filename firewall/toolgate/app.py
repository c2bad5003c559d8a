"""The composition root: settings become adapters, adapters a gateway. The only file that knows everybody."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from toolgate.aggregate import Aggregated
from toolgate.core import records
from toolgate.core.attempts import Attempts
from toolgate.core.model import JsonObject
from toolgate.detect.engine import Engine
from toolgate.detect.matchers import Re2, best
from toolgate.gateway import Gateway
from toolgate.journal.observed import Observed, Saw
from toolgate.judge import World
from toolgate.policy.reload import LivePolicy, Outcome, Reloaded
from toolgate.ports import Entry
from toolgate.secrets.keyring import open_keyring
from toolgate.secrets.references import resolved
from toolgate.settings import Command, Remote, Settings, UpstreamSettings
from toolgate.stores.sqlite import SqliteStore
from toolgate.upstream.registry import Address, Locate, Upstreams


class SystemClock:
    """The machine's clocks."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()


@dataclass(frozen=True, slots=True)
class App:
    """Everything that runs behind the fronts."""

    settings: Settings
    world: World
    store: SqliteStore
    upstreams: Upstreams
    gateway: Gateway
    policies: LivePolicy

    def record(self, kind: str, **fields: object) -> None:
        """Write a record about toolgate itself: start, stop, policy."""
        body = records.event(kind, self.world.clock.now(), **fields)
        self.store.note(Entry(body))

    async def close(self) -> None:
        """Close upstreams, then write what the journal still holds."""
        await self.upstreams.close()
        await self.store.aclose()


def build(settings: Settings, located: Mapping[str, Locate] | None = None, saw: Saw | None = None) -> App:
    """The app of these settings. Raises Misuse for mistakes in them, PortDown where a store is not there.

    `located` replaces the upstreams of the settings; `wrap` has only the one it was given. `saw` gets the
    body of every record about a call as it is written.
    """
    clock = SystemClock()
    keyring = open_keyring(settings.master_key)
    store = SqliteStore(settings.store, keyring.journal_keys(), clock.now)

    def reloaded(outcome: Outcome) -> None:
        store.note(Entry(_policy_record(outcome, clock.now())))

    # RE2 finds the same, compiles in milliseconds and takes a tenth of the memory: right for a wrapped
    # server, of which there are many; Hyperscan is right for a process that serves many callers.
    engine = Engine(Re2 if located is not None else best)
    policies = LivePolicy.open(settings.policies, reloaded)
    journal = store if saw is None else Observed(store, saw)
    world = World(policies, engine, journal, store, keyring, clock)
    places = located or {
        name: locate(settings, name, one, engine.register) for name, one in settings.upstreams.items()
    }
    upstreams = Upstreams(places, keyring)
    gateway = Gateway(world, Aggregated(upstreams, policies), Attempts(settings.limits.attempts))
    return App(settings, world, store, upstreams, gateway, policies)


def _policy_record(outcome: Outcome, now: float) -> JsonObject:
    if not isinstance(outcome, Reloaded):
        sys.stderr.write(f"{outcome.message}\n")
        return records.event("policy", now, status="refused", reason="policy-broken")
    status = "loosened" if outcome.loosened else "reloaded"
    return records.event("policy", now, status=status, policy=outcome.policy.digest)


def locate(
    settings: Settings, name: str, upstream: UpstreamSettings, register: Callable[[str], object]
) -> Locate:
    """Where an upstream is, its references resolved each time somebody connects."""

    def value(text: str, key: str) -> str:
        return resolved(
            text, settings.base, lambda found: _registered(register, found), f"upstreams.{name}.{key}"
        )

    def address() -> Address:
        match upstream:
            case Remote():
                headers = {key: value(text, f"headers.{key}") for key, text in upstream.headers.items()}
                return Address(upstream.timeout, url=upstream.url, headers=headers)
            case Command():
                return _command(upstream, value)

    return address


def _command(upstream: Command, value: Callable[[str, str], str]) -> Address:
    words = tuple(value(word, f"command[{index}]") for index, word in enumerate(upstream.command))
    env: Mapping[str, str] = {key: value(text, f"env.{key}") for key, text in upstream.env.items()}
    return Address(
        upstream.timeout,
        command=words,
        env=env,
        cwd=upstream.cwd,
        share=upstream.share,
        max_processes=upstream.max_processes,
    )


def _registered(register: Callable[[str], object], value: str) -> None:
    register(value)
