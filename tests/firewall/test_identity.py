"""Who is calling: an API key, or nobody where that is allowed."""

from __future__ import annotations

import logging
import stat
import timeit
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from toolgate.core.model import Caller
from toolgate.core.reasons import Reason
from toolgate.errors import Misuse, SettingsError
from toolgate.ingress import keyfile
from toolgate.ingress.identity import Identity, Keys, Unauthenticated
from toolgate.testing import Clock

NOW = 1_800_000_000.0


@dataclass
class World:
    """A firewall that accepts API keys only."""

    folder: Path
    clock: Clock = field(default_factory=lambda: Clock(NOW))

    def __post_init__(self) -> None:
        self.path = self.folder / "keys.yaml"
        self.identity = self.restarted()

    def restarted(self, nobody: Caller | None = None) -> Identity:
        return Identity(Keys(self.path, self.clock), None, nobody, "https://tools.example.com")

    async def who(self, token: str) -> Caller | Unauthenticated:
        return await self.identity.authenticate(b"Bearer " + token.encode())


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def error_of(who: Caller | Unauthenticated) -> str:
    assert isinstance(who, Unauthenticated)
    assert who.reason is Reason.NOT_AUTHENTICATED
    return who.error


async def test_a_key_speaks_for_its_caller_until_it_is_revoked(world: World) -> None:
    made, key = keyfile.add(world.path, "agent", ["reader", "writer"], NOW)
    world.clock.time += 1.0
    assert await world.who(made) == Caller("agent", ("reader", "writer"), f"key:{key.id}")
    keyfile.revoke(world.path, key.id, NOW)
    assert isinstance(await world.who(made), Caller)  # the file is looked at once a second
    world.clock.time += 1.0
    assert error_of(await world.who(made)) == "invalid_token"


async def test_a_key_ends_on_the_second_of_its_expiry(world: World) -> None:
    made, _ = keyfile.add(world.path, "agent", ["r"], NOW, NOW + 60)
    world.clock.time += 59.0
    assert isinstance(await world.who(made), Caller)
    world.clock.time += 1.0
    assert error_of(await world.who(made)) == "invalid_token"


async def test_a_changed_token_is_unknown(world: World) -> None:
    made, _ = keyfile.add(world.path, "agent", ["r"], NOW)
    world.clock.time += 1.0
    for wrong in (made[:-1], made + "x", made.upper(), "tg_", "tg_0000_x"):
        assert error_of(await world.who(wrong)) == "invalid_token"


async def test_deleting_the_file_revokes_every_key(world: World) -> None:
    made, _ = keyfile.add(world.path, "agent", ["r"], NOW)
    world.clock.time += 1.0
    assert isinstance(await world.who(made), Caller)
    world.path.unlink()
    world.clock.time += 1.0
    assert error_of(await world.who(made)) == "invalid_token"


async def test_a_broken_key_file_changes_nothing_and_says_where(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    made, _ = keyfile.add(world.path, "agent", ["r"], NOW)
    world.clock.time += 1.0
    assert isinstance(await world.who(made), Caller)
    world.path.write_text("version: 1\nkeys: nope\n")
    world.clock.time += 1.0
    with caplog.at_level(logging.ERROR):
        assert isinstance(await world.who(made), Caller)
        world.clock.time += 1.0
        assert isinstance(await world.who(made), Caller)
    assert caplog.text.count("keys.yaml:2 keys: found text, expected a list") == 1
    with pytest.raises(SettingsError):
        world.restarted()


def test_the_key_file_is_private_and_holds_no_token(world: World) -> None:
    made, key = keyfile.add(world.path, 'odd "name": x', ["r"], NOW, NOW + 60)
    other, _ = keyfile.add(world.path, "other", ["r"], NOW)
    text = world.path.read_text()
    for secret in (made, other):
        assert secret.split("_", 2)[2] not in text
    assert stat.S_IMODE(world.path.stat().st_mode) == 0o600
    assert keyfile.read(world.path)[0] == key
    assert keyfile.revoke(world.path, key.id, NOW + 1).revoked == NOW + 1
    assert keyfile.revoke(world.path, key.id, NOW + 9).revoked == NOW + 1
    assert [k.revoked for k in keyfile.read(world.path)] == [NOW + 1, None]


def test_revoking_an_unknown_key_is_misuse(world: World) -> None:
    keyfile.add(world.path, "agent", ["r"], NOW)
    with pytest.raises(Misuse):
        keyfile.revoke(world.path, "nowhere1", NOW)


def test_the_same_key_twice_is_a_mistake(world: World) -> None:
    keyfile.add(world.path, "agent", ["r"], NOW)
    text = world.path.read_text()
    world.path.write_text(text + text.split("keys:\n")[1])
    with pytest.raises(SettingsError, match="the same id in two keys"):
        keyfile.read(world.path)


async def test_a_header_may_be_text_and_its_scheme_in_any_case(world: World) -> None:
    made, _ = keyfile.add(world.path, "agent", ["r"], NOW)
    world.clock.time += 1.0
    assert isinstance(await world.identity.authenticate(f"bEARER {made}"), Caller)


@pytest.mark.parametrize(
    "header", [b"", b"Bearer", b"Bearer ", b"Basic YTpi", b"Bearer a b", b"Bearer a,b", "ü"]
)
async def test_a_header_that_presents_no_token_is_an_invalid_request(
    world: World, header: bytes | str
) -> None:
    assert error_of(await world.identity.authenticate(header)) == "invalid_request"


async def test_without_a_header_there_is_nobody_unless_that_is_allowed(world: World) -> None:
    assert error_of(await world.identity.authenticate(None)) == ""
    nobody = Caller("trial", ("reader",), "anonymous")
    allowed = world.restarted(nobody)
    assert await allowed.authenticate(None) == nobody
    assert error_of(await allowed.authenticate(b"Bearer tg_wrong")) == "invalid_token"


def test_a_known_key_costs_microseconds(world: World) -> None:
    made, _ = keyfile.add(world.path, "agent", ["r"], NOW)
    world.clock.time += 1.0
    header = f"Bearer {made}".encode()
    seconds = min(timeit.repeat(lambda: world.identity.known(header), number=2000, repeat=5)) / 2000
    assert (
        seconds < 20e-6
    )  # about 1 on a quiet machine; a generous bound, for this guards against a new lookup
