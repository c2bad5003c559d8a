"""toolgate in front of upstreams whose credentials are in Vault: rotated, sealed, denied, never shown."""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gate import PROGRAM, Gate
from programs import free_port, healthy, running, wait_for
from upstreams.bearer import FORMS, Crm, listening
from vaulted import FIRST, ROLE, SECRET_ID, settings
from vaults import Clock, Role, Vault, standing
from wires import LEGACY, Client, reason, words

SECOND = 'two/"+kept in vault'

pytestmark = pytest.mark.usefixtures("connections")


@dataclass(frozen=True, slots=True)
class House:
    gate: Gate
    vault: Vault
    crm: Crm

    async def whoami(self, upstream: str = "crm", form: str = "raw") -> dict[str, Any]:
        """A call by a new client, who opens a session first where that works."""
        client = Client(self.gate, f"/{upstream}/mcp", era=LEGACY)
        await client.open()
        return await client.call("whoami", {"form": form})

    def everything_written(self) -> bytes:
        """Every file that toolgate wrote: log, store, journal."""
        return b"".join(path.read_bytes() for path in self.gate.folder.rglob("*") if path.is_file())


def unpadded(answer: dict[str, Any]) -> str:
    """Its text; what fills up base64 behind a mask tells nothing."""
    return words(answer).replace("=", "")


@pytest.fixture
def house(tmp_path: Path) -> Generator[House]:
    vault = Vault(Clock())
    vault.put("kv/crm", 2, token=FIRST)
    vault.put("kv/git", 2, token="for git, kept in vault")
    vault.roles["approle"]["gate"] = Role((ROLE, SECRET_ID))
    with standing(vault), listening(FIRST) as crm:
        port = free_port()
        path = settings(tmp_path, port, vault, crm)
        log = tmp_path / "toolgate.log"
        environment = {"TOOLGATE_HOME": str(tmp_path / "home"), "TEST_SECRET_ID": SECRET_ID}
        with running([str(PROGRAM), "serve", "--settings", str(path)], log, **environment) as process:
            wait_for(process, log, lambda: healthy(port))
            yield House(Gate(port, tmp_path, process.pid), vault, crm)


async def test_a_header_and_a_variable_are_filled_and_neither_value_comes_back_in_any_form(
    house: House,
) -> None:
    for upstream in ("crm", "git"):
        for form in FORMS:
            answer = await house.whoami(upstream, form)
            assert unpadded(answer) == "I am <SECRET> here", (upstream, form)
    assert set(house.crm.given) == {FIRST}
    assert len(house.vault.paths("login")) == 1
    assert len(house.vault.paths("kv/data")) == 2


async def test_a_rotated_secret_costs_nobody_a_call_and_the_old_one_stays_masked(house: House) -> None:
    client = await Client(house.gate, "/crm/mcp", era=LEGACY).open()
    assert words(await client.call("whoami")) == "I am <SECRET> here"
    house.vault.put("kv/crm", 2, token=SECOND)
    house.crm.right = SECOND
    for form in FORMS:
        assert unpadded(await client.call("whoami", {"form": form})) == "I am <SECRET> here"
    assert house.crm.given.count(SECOND) > 0
    written = house.everything_written()
    for secret in (FIRST, SECOND, SECRET_ID, *house.vault.tokens):
        assert secret.encode() not in written


async def test_a_sealed_vault_refuses_the_upstreams_that_need_it_by_name_and_only_them(house: House) -> None:
    house.vault.sealed = True
    client = Client(house.gate, "/crm/mcp", era=LEGACY)
    opening = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    answer = await client.ask("initialize", opening)
    assert reason(answer) == "secret-unavailable"
    said = json.dumps(answer)
    assert "secret:vault:kv/crm#token" in said
    for unsaid in (ROLE, SECRET_ID, house.vault.url):
        assert unsaid not in said
    assert reason(await Client(house.gate, "/git/mcp", era=LEGACY).ask("initialize", opening)) != ""
    assert words(await house.whoami("free")) == "I am no secret at all here"
    house.vault.sealed = False
    assert words(await house.whoami("crm")) == "I am <SECRET> here"
    assert words(await house.whoami("git")) == "I am <SECRET> here"


async def test_a_call_in_an_open_session_is_refused_while_vault_denies_and_works_afterwards(
    house: House,
) -> None:
    client = await Client(house.gate, "/crm/mcp", era=LEGACY).open()
    assert words(await client.call("whoami")) == "I am <SECRET> here"
    house.crm.right = SECOND
    house.vault.roles["approle"].clear()
    house.vault.tokens.clear()
    answer = await client.call("whoami")  # what is known is refused, and nothing newer can be had
    assert reason(answer) == "upstream-down"
    house.vault.roles["approle"]["gate"] = Role((ROLE, SECRET_ID))
    house.vault.put("kv/crm", 2, token=SECOND)
    assert words(await client.call("whoami")) == "I am <SECRET> here"


async def test_the_aggregated_endpoint_leaves_out_what_has_no_credential_and_says_so(house: House) -> None:
    house.vault.sealed = True
    client = Client(house.gate, "/mcp")
    listed = await client.ask("tools/list")
    assert [tool["name"] for tool in listed["result"]["tools"] if "whoami" in tool["name"]] == [
        "free__whoami"
    ]
    assert "secret:vault:kv/crm#token" in json.dumps(listed["result"]["_meta"])
    answer = await client.call("crm__whoami")
    assert reason(answer) == "secret-unavailable"
    house.vault.sealed = False
    assert words(await client.call("crm__whoami")) == "I am <SECRET> here"
