"""The commands that make keys and the first policy."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from toolgate.cli import init, keys
from toolgate.cli.commands import application
from toolgate.errors import UpstreamDown
from toolgate.ingress import keyfile
from toolgate.policy.compile import open_policy


def run(*words: str) -> Result:
    return CliRunner().invoke(keys.app, words)


def toolgate(*words: str) -> Result:
    return CliRunner().invoke(application(), words)


def test_a_new_key_is_shown_once_and_listed_without_its_secret(tmp_path: Path) -> None:
    added = run("add", "agent", "--role", "reader", "--role", "writer", "--home", str(tmp_path))
    token = added.stdout.strip()
    assert token.startswith("tg_")
    (key,) = keyfile.read(tmp_path / "keys.yaml")
    assert (key.caller, key.roles, key.expires) == ("agent", ("reader", "writer"), None)
    listed = run("list", "--home", str(tmp_path)).stdout
    assert key.id in listed
    assert token.split("_", 2)[2] not in listed


def test_a_revoked_key_is_listed_as_revoked(tmp_path: Path) -> None:
    made = json.loads(
        run("add", "a", "--role", "r", "--expires", "30d", "--json", "--home", str(tmp_path)).stdout
    )
    assert made["state"] == "valid"
    assert made["expires"] > made["created"]
    assert (
        json.loads(run("revoke", made["id"], "--json", "--home", str(tmp_path)).stdout)["state"] == "revoked"
    )
    (row,) = json.loads(run("list", "--json", "--home", str(tmp_path)).stdout)
    assert row["state"] == "revoked"
    assert "token" not in row


def test_without_keys_the_list_says_how_to_make_one(tmp_path: Path) -> None:
    assert "keys add" in run("list", "--home", str(tmp_path)).stdout
    assert json.loads(run("list", "--json", "--home", str(tmp_path)).stdout) == []


def test_keys_are_where_the_settings_say(tmp_path: Path) -> None:
    (tmp_path / "toolgate.yaml").write_text("identity: {keys: private/k.yaml}\n")
    assert run("add", "a", "--role", "r", "--settings", str(tmp_path / "toolgate.yaml")).exit_code == 0
    assert len(keyfile.read(tmp_path / "private" / "k.yaml")) == 1


@pytest.mark.parametrize("words", [["add", "a"], ["add", "a\n", "--role", "r"], ["add", "a", "--role", ""]])
def test_a_key_without_a_sound_caller_and_role_is_misuse(words: list[str], tmp_path: Path) -> None:
    assert run(*words, "--home", str(tmp_path)).exit_code == 2
    assert run("add", "a", "--role", "r", "--expires", "soon", "--home", str(tmp_path)).exit_code == 2
    assert not (tmp_path / "keys.yaml").exists()


def test_revoking_an_unknown_key_is_misuse(tmp_path: Path) -> None:
    assert toolgate("keys", "revoke", "nowhere1", "--home", str(tmp_path)).exit_code == 2


def test_init_without_a_server_writes_a_policy_that_holds_everything(tmp_path: Path) -> None:
    assert toolgate("init", "--home", str(tmp_path)).exit_code == 0
    assert open_policy(tmp_path / "policy.yaml").unlisted_hold


def test_init_keeps_a_policy_unless_it_is_forced(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("mine")
    assert toolgate("init", "--home", str(tmp_path)).exit_code == 2
    assert (tmp_path / "policy.yaml").read_text() == "mine"
    assert toolgate("init", "--force", "--home", str(tmp_path)).exit_code == 0
    assert (tmp_path / "policy.yaml").read_text() != "mine"


def test_a_server_that_does_not_start_leaves_no_policy(tmp_path: Path) -> None:
    assert toolgate("init", "--home", str(tmp_path), "--name", "x__y", "--", "true").exit_code == 2
    assert toolgate("init", "--home", str(tmp_path), "--", str(tmp_path / "nothing")).exit_code == 2
    assert not (tmp_path / "policy.yaml").exists()


@pytest.mark.parametrize(
    ("target", "name"),
    [
        (["uvx", "mcp-server-git", "--repository", "."], "git"),
        (["npx", "-y", "@modelcontextprotocol/server-everything"], "everything"),
        (["https://crm.example.com/mcp"], "crm"),
        (["https://mcp.example.com/"], "example"),
        (["http://127.0.0.1:8801/mcp"], "server"),
    ],
)
def test_a_server_nobody_named_is_called_after_its_package_or_host(target: list[str], name: str) -> None:
    assert init.guessed(target) == name


async def test_what_a_server_lists_is_asked_for_by_its_method() -> None:
    class Listed:
        async def list_all(self, method: str) -> list[dict[str, Any]]:
            return [{"name": f"{method} of {asked}"}]

    asked = ""

    @asynccontextmanager
    async def meet(name: str, target: Sequence[str]) -> AsyncGenerator[Listed]:
        nonlocal asked
        asked = f"{name} {target[0]}"
        yield Listed()

    assert await init.tools("git", ["uvx"], meet) == [{"name": "tools/list of git uvx"}]


async def test_a_server_that_does_not_answer_in_time_is_down() -> None:
    @asynccontextmanager
    async def meet(name: str, target: Sequence[str]) -> AsyncGenerator[Any]:
        if target:
            raise TimeoutError
        yield None

    with pytest.raises(UpstreamDown):
        await init.tools("git", ["uvx"], meet)
