"""`scripts/check-vault` against the stand-in: what it expects of a real Vault, it finds there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vaults import Clock, Vault, standing

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "check_vault.py"


@pytest.fixture
def vault() -> Iterator[Vault]:
    made = Vault(Clock())
    made.token("hvs.operator")
    with standing(made):
        yield made


def ran(vault: Vault, *options: str, token: str = "hvs.operator") -> tuple[int, list[str]]:
    command = [sys.executable, str(SCRIPT), vault.url, *options]
    environment = {**os.environ, "VAULT_TOKEN": token}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    return done.returncode, (done.stdout + done.stderr).splitlines()


def test_every_step_succeeds_and_nothing_is_left_behind(vault: Vault) -> None:
    code, lines = ran(vault)
    assert code == 0, lines
    assert [line[:4] for line in lines] == ["ok  "] * 16 + ["ever"]
    assert vault.mounts == {}
    assert set(vault.roles) == {"approle", "kubernetes"}


def test_a_token_that_may_make_no_engine_works_in_one_that_is_there(vault: Vault) -> None:
    vault.namespace = "team"
    vault.put("kv/other", 2, kept="yes")
    code, lines = ran(vault, "--mount", "kv", "--namespace", "team")
    assert code == 0, lines
    assert set(vault.mounts["kv"].secrets) == {"other"}


def test_a_sealed_or_absent_vault_and_a_wrong_token_fail(vault: Vault) -> None:
    vault.sealed = True
    code, lines = ran(vault)
    assert (code, lines) == (
        1,
        ["FAIL  Vault answers and is unsealed: expected sealed=False, found sealed=True"],
    )
    vault.sealed = False
    code, lines = ran(vault, token="hvs.wrong")
    assert (code, lines[-1][:24]) == (1, "FAIL  found no KV engine")
    assert ran(vault, token="")[0] == 2
    vault.url = "http://127.0.0.1:9"
    assert ran(vault)[0] == 1


def test_the_script_itself_starts_it() -> None:
    text = SCRIPT.with_name("check-vault").read_text()
    assert os.access(SCRIPT.with_name("check-vault"), os.X_OK)
    assert "scripts/check_vault.py" in text
