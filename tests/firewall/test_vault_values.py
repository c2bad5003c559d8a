"""What references stand for: read once, kept while it counts, read again when due, always registered."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path

import pytest

from toolgate.detect.engine import Engine
from toolgate.detect.known import forms
from toolgate.detect.matchers import Re2
from toolgate.errors import SecretDenied, SecretUnavailable, SettingsError
from toolgate.secrets.values import LOCAL_SECONDS, Values
from toolgate.secrets.vault_api import Contents

HEADER = {"headers.Authorization": "Bearer secret:vault:kv/crm#token"}


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


class Store:
    """A Vault that gives what it holds; `closed` keeps readers waiting, `down` refuses them."""

    def __init__(self, **values: str) -> None:
        self.refresh = 300.0
        self.lease = 0.0
        self.values = values
        self.reads: list[str] = []
        self.open = asyncio.Event()
        self.open.set()
        self.down: SecretUnavailable | None = None

    async def read(self, path: str) -> Contents:
        self.reads.append(path)
        await self.open.wait()
        if self.down is not None:
            raise self.down
        return Contents(dict(self.values), self.lease)

    async def enter(self) -> None:
        return None

    async def close(self) -> None:
        return None


class House:
    """Values over a store, a clock and what was registered."""

    def __init__(self, base: Path, store: Store | None = None) -> None:
        self.clock = Clock()
        self.seen: list[str] = []
        self.store = store or Store(token="s3cret-one")
        self.values = Values(base, self.seen.append, self.clock, self.store)

    async def header(self) -> str:
        return (await self.values.reveal("upstreams.crm", HEADER)).texts["headers.Authorization"]

    async def turn(self, seconds: float = 0.0) -> None:
        """Time passes, and what runs in the background comes to its end."""
        self.clock.seconds += seconds
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def test_a_value_is_put_in_its_place_and_registered_before_it_is_given(house: House) -> None:
    revealed = await house.values.reveal("upstreams.crm", HEADER)
    assert revealed.texts == {"headers.Authorization": "Bearer s3cret-one"}
    assert house.seen == ["s3cret-one"]
    assert "s3cret-one" not in repr(revealed)


async def test_only_the_values_that_are_referred_to_are_registered(tmp_path: Path) -> None:
    house = House(tmp_path, Store(token="s3cret-one", user="ann-the-user", more="unused-value"))
    texts = {"env.A": "secret:vault:kv/crm#user:secret:vault:kv/crm#token", "env.B": "plain"}
    revealed = await house.values.reveal("upstreams.crm", texts)
    assert revealed.texts == {"env.A": "ann-the-user:s3cret-one", "env.B": "plain"}
    assert house.seen == ["ann-the-user", "s3cret-one"]
    assert house.store.reads == ["kv/crm"]  # both of one version of the secret


async def test_texts_without_references_count_for_ever(house: House) -> None:
    revealed = await house.values.reveal("upstreams.crm", {"headers.A": "b"})
    assert revealed.until == math.inf
    assert house.store.reads == []


async def test_a_value_is_kept_until_its_time_is_over(house: House) -> None:
    for _ in range(3):
        await house.header()
        await house.turn(60)
    assert house.store.reads == ["kv/crm"]


@pytest.mark.parametrize(("lease", "life"), [(0.0, 300.0), (30.0, 30.0), (2764800.0, 300.0), (0.1, 1.0)])
async def test_a_value_lives_as_long_as_its_lease_and_at_most_the_configured_time(
    house: House, lease: float, life: float
) -> None:
    house.store.lease = lease
    revealed = await house.values.reveal("upstreams.crm", HEADER)
    assert revealed.until == pytest.approx(1000 + life * 2 / 3)
    house.clock.seconds = 1000 + life
    house.store.values["token"] = "s3cret-two"
    assert await house.header() == "Bearer s3cret-two"


async def test_in_the_last_third_of_its_life_it_is_read_again_while_nobody_waits(house: House) -> None:
    await house.header()
    house.store.values["token"] = "s3cret-two"
    house.store.open.clear()
    await house.turn(250)
    assert [await house.header() for _ in range(3)] == ["Bearer s3cret-one"] * 3
    await house.turn()
    assert house.store.reads == ["kv/crm"] * 2
    house.store.open.set()
    await house.turn()
    assert await house.header() == "Bearer s3cret-two"
    assert house.seen == ["s3cret-one", "s3cret-two"]


async def test_a_background_read_that_fails_is_silent_until_the_time_is_over(house: House) -> None:
    await house.header()
    house.store.down = SecretUnavailable("found Vault sealed")
    await house.turn(250)
    assert await house.header() == "Bearer s3cret-one"
    await house.turn()
    await house.turn(50)
    with pytest.raises(SecretUnavailable):
        await house.header()
    house.store.down = None
    assert await house.header() == "Bearer s3cret-one"


async def test_what_cannot_be_had_is_named_with_its_place_and_reference_and_no_value(house: House) -> None:
    house.store.down = SecretDenied("found it denied by Vault")
    with pytest.raises(SecretDenied) as caught:
        await house.header()
    where = "upstreams.crm.headers.Authorization: secret:vault:kv/crm#token: "
    assert str(caught.value) == f"{where}found it denied by Vault"
    house.store.down = None
    house.store.values = {"other": "s3cret-one"}
    with pytest.raises(SecretUnavailable, match="found no text under this key"):
        await house.header()
    assert house.seen == []


async def test_all_who_need_a_value_wait_for_one_reading_and_may_leave(house: House) -> None:
    house.store.open.clear()
    waiting = [asyncio.ensure_future(house.header()) for _ in range(5)]
    await house.turn()
    waiting[0].cancel()
    await house.turn()
    house.store.open.set()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert answers[1:] == ["Bearer s3cret-one"] * 4
    assert house.store.reads == ["kv/crm"]


async def test_a_refused_value_is_read_again_at_once_and_then_not_for_a_moment(house: House) -> None:
    await house.header()
    house.store.values["token"] = "s3cret-two"
    again = await house.values.reread("upstreams.crm", HEADER)
    assert again.texts["headers.Authorization"] == "Bearer s3cret-two"
    house.store.values["token"] = "s3cret-three"
    again = await house.values.reread("upstreams.crm", HEADER)
    assert again.texts["headers.Authorization"] == "Bearer s3cret-two"
    assert len(house.store.reads) == 2
    await house.turn(6)
    again = await house.values.reread("upstreams.crm", HEADER)
    assert again.texts["headers.Authorization"] == "Bearer s3cret-three"
    assert house.seen == ["s3cret-one", "s3cret-two", "s3cret-three"]


async def test_a_refused_value_stays_in_use_where_it_cannot_be_read_again(house: House) -> None:
    await house.header()
    house.store.down = SecretUnavailable("found Vault sealed")
    with pytest.raises(SecretUnavailable):
        await house.values.reread("upstreams.crm", HEADER)
    assert await house.header() == "Bearer s3cret-one"
    house.store.down = None
    house.store.values["token"] = "s3cret-two"  # Vault is back: nobody has to wait for the next attempt
    await house.values.reread("upstreams.crm", HEADER)
    assert await house.header() == "Bearer s3cret-two"


async def test_without_vault_in_the_settings_its_references_say_so(tmp_path: Path) -> None:
    values = Values(tmp_path, lambda _: None, Clock())
    with pytest.raises(SecretUnavailable, match=r"secrets\.vault"):
        await values.reveal("upstreams.crm", HEADER)


async def test_a_changed_file_is_read_again_and_a_vanished_one_refuses(tmp_path: Path) -> None:
    house, texts = House(tmp_path), {"env.T": "secret:file:token"}
    place = tmp_path / "token"
    place.write_text("s3cret-one\n")
    given: list[str] = []
    for content in ("s3cret-one", "s3cret-two", "s3cret-two"):
        place.write_text(content + "\n")
        given.append((await house.values.reveal("upstreams.git", texts)).texts["env.T"])
        house.clock.seconds += LOCAL_SECONDS
    assert given == ["s3cret-one", "s3cret-two", "s3cret-two"]
    assert house.seen == ["s3cret-one", "s3cret-two"]
    place.unlink()
    with pytest.raises(SecretUnavailable, match=r"upstreams\.git\.env\.T: secret:file:token: found a file"):
        await house.values.reveal("upstreams.git", texts)


def test_at_the_start_local_values_are_registered_and_vault_is_not_asked(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_TOKEN", "s3cret-local")
    house.values.try_local("upstreams.crm", {**HEADER, "headers.B": "secret:env:LOCAL_TOKEN"})
    assert house.seen == ["s3cret-local"]
    assert house.store.reads == []
    with pytest.raises(SettingsError, match=r"^upstreams\.crm\.env\.A: secret:env:NOT_THERE_AT_ALL: found"):
        house.values.try_local("upstreams.crm", {"env.A": "secret:env:NOT_THERE_AT_ALL"})


async def test_old_and_new_values_are_found_in_every_form_after_a_rotation(tmp_path: Path) -> None:
    first, second = 'one/"+secret value', 'two/"+secret value'
    store = Store(token=first)
    engine = Engine(Re2)
    values = Values(tmp_path, engine.register, Clock(), store)
    await values.reveal("upstreams.crm", HEADER)
    assert not engine.find([second], frozenset({"SECRET"}))
    store.values["token"] = second
    await values.reread("upstreams.crm", HEADER)
    for value in (first, second):
        for form in sorted(forms(value)):
            text = f"see {form} there"
            assert engine.find([text], frozenset({"SECRET"})), form
