"""Vault for the event loop: off the loop, within a deadline, its token kept alive, everything registered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gate import until
from toolgate.errors import SecretUnavailable
from toolgate.secrets.places import AppRoleLogin, VaultPlace
from toolgate.secrets.vault import Vault as Reader
from vaults import Clock, Role, Vault, standing


@dataclass
class Held:
    """A reader before a stand-in; what it waits for is in `waits`, and passes when `wake` is called."""

    vault: Vault
    reader: Reader
    seen: list[str]
    waits: list[float]
    waking: asyncio.Queue[None] = field(default_factory=asyncio.Queue[None])

    def wake(self, seconds: float) -> None:
        self.vault.clock.pass_by(seconds)
        self.waking.put_nowait(None)


@pytest.fixture
async def held(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Held]:
    monkeypatch.setenv("TEST_SECRET_ID", "the-secret-id")
    vault = Vault(Clock())
    vault.put("kv/crm", 2, token="s3cret-one")
    vault.roles["approle"]["gate"] = Role(("the-role-id", "the-secret-id"), ttl=90)
    seen, waits, waking = list[str](), list[float](), asyncio.Queue[None]()

    async def pause(seconds: float) -> None:
        waits.append(seconds)
        await waking.get()

    with standing(vault):
        login = AppRoleLogin("the-role-id", "secret:env:TEST_SECRET_ID")
        place = VaultPlace(vault.url, login, timeout=0.4)
        reader = Reader(place, Path("/"), seen.append, vault.clock, pause)
        yield Held(vault, reader, seen, waits, waking)
        await reader.close()


async def test_the_credentials_of_the_login_and_its_token_are_registered(held: Held) -> None:
    assert (await held.reader.read("kv/crm")).values == {"token": "s3cret-one"}
    assert sorted(held.seen) == sorted(["the-secret-id", *held.vault.tokens])


async def test_the_loop_turns_while_vault_is_slow(held: Held) -> None:
    held.vault.gate.clear()
    reading = asyncio.ensure_future(held.reader.read("kv/crm"))
    await until(lambda: held.vault.visits)
    assert not reading.done()
    held.vault.gate.set()
    assert (await reading).values == {"token": "s3cret-one"}


async def test_a_vault_that_stays_silent_is_left_and_the_next_visit_begins_anew(held: Held) -> None:
    held.vault.gate.clear()
    with pytest.raises(SecretUnavailable, match="in time"):
        await held.reader.read("kv/crm")
    held.vault.gate.set()
    assert (await held.reader.read("kv/crm")).values == {"token": "s3cret-one"}


async def test_a_visit_that_nobody_waits_for_any_more_leaves_nothing_half_done(held: Held) -> None:
    held.vault.gate.clear()
    reading = asyncio.ensure_future(held.reader.read("kv/crm"))
    await until(lambda: held.vault.visits)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    held.vault.gate.set()
    assert (await held.reader.read("kv/crm")).values == {"token": "s3cret-one"}


async def test_the_token_is_renewed_in_the_background_before_it_ends(held: Held) -> None:
    await held.reader.read("kv/crm")
    await until(lambda: held.waits)
    assert held.waits == [60.0]
    for number in (1, 2, 3):
        held.wake(60)
        await until(lambda: len(held.waits) > number)  # noqa: B023 - awaited within this very turn
    assert len(held.vault.paths("renew-self")) == 3
    assert len(held.vault.paths("login")) == 1
    assert (await held.reader.read("kv/crm")).values == {"token": "s3cret-one"}


async def test_renewing_goes_on_after_vault_was_away(held: Held) -> None:
    await held.reader.read("kv/crm")
    await until(lambda: held.waits)
    held.vault.sealed = True
    held.wake(60)
    await until(lambda: len(held.waits) > 1)
    held.vault.sealed = False
    held.wake(10)
    await until(lambda: len(held.waits) > 2)
    assert held.waits == [60.0, 10.0, 60.0]
    assert len(held.vault.paths("login")) == 1
