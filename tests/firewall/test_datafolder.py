"""The data folder of `toolgate up`: made on the first start, left alone afterwards."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from toolgate.cli.datafolder import at, fresh_key, furnished, oddities
from toolgate.errors import Misuse
from toolgate.ingress import keyfile
from toolgate.policy.compile import open_policy
from toolgate.policy.roles import approving_role
from toolgate.settings import Command, Tcp
from toolgate.starters import starter


def command_of(folder: Path, name: str) -> tuple[str, ...]:
    upstream = furnished(folder, None, "")[1].upstreams[name]
    assert isinstance(upstream, Command)
    return upstream.command


def test_an_empty_folder_gets_settings_a_policy_and_a_document(tmp_path: Path) -> None:
    home, settings = furnished(tmp_path / "home", None, "")
    assert set(settings.upstreams) == {"compute", "retrieval", "actions"}
    assert settings.policies.read_text() == starter("default").read_text()
    assert (home / "documents" / "welcome.md").exists()
    assert home.stat().st_mode & 0o777 == 0o700


def test_what_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    _, settings = furnished(tmp_path, None, "")
    settings.policies.write_text("version: 1\n")
    assert settings.file is not None
    before = settings.file.read_text()
    furnished(tmp_path, None, "")
    assert settings.policies.read_text() == "version: 1\n"
    assert settings.file.read_text() == before


def test_other_documents_are_for_one_start_once_there_are_settings(tmp_path: Path) -> None:
    home, other = tmp_path / "home", tmp_path / "other"
    other.mkdir()
    furnished(home, None, "")
    chosen = furnished(home, other, "")[1].upstreams["retrieval"]
    assert isinstance(chosen, Command)
    assert chosen.command[-1] == str(other)
    assert command_of(home, "retrieval")[-1] == str(home / "documents")


def test_documents_named_on_the_first_start_stay(tmp_path: Path) -> None:
    home, other = tmp_path / "home", tmp_path / "other"
    other.mkdir()
    furnished(home, other, "")
    assert command_of(home, "retrieval")[-1] == str(other)


def test_the_schema_that_a_policy_names_for_editors_is_beside_it(tmp_path: Path) -> None:
    policy = furnished(tmp_path, None, "")[1].policies
    named = policy.read_text().splitlines()[0].partition("$schema=")[2]
    assert json.loads((policy.parent / named).read_text())["type"] == "object"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misuse, match="--folder"):
        furnished(tmp_path, tmp_path / "missing", "")


def test_a_policy_that_is_asked_for_never_replaces_one(tmp_path: Path) -> None:
    furnished(tmp_path, None, "tour")
    assert (tmp_path / "policy.yaml").read_text() == starter("tour").read_text()
    with pytest.raises(Misuse, match="--policy"):
        furnished(tmp_path, None, "default")


def test_servers_still_start_after_python_has_moved(tmp_path: Path) -> None:
    _, settings = furnished(tmp_path, None, "")
    assert settings.file is not None
    moved = settings.file.read_text().replace(sys.executable, str(tmp_path / "gone" / "python"))
    settings.file.write_text(moved)
    assert command_of(tmp_path, "compute")[0] == sys.executable
    assert "gone" not in settings.file.read_text()


def test_the_key_is_made_once(tmp_path: Path) -> None:
    _, settings = furnished(tmp_path, None, "")
    token = fresh_key(settings)
    assert token.startswith(keyfile.PREFIX)
    assert fresh_key(settings) == ""
    keyfile.revoke(settings.identity.keys, token.split("_")[1], 1.0)
    assert fresh_key(settings) not in ("", token)


def test_another_port_moves_the_public_address_too(tmp_path: Path) -> None:
    settings = at(furnished(tmp_path, None, "")[1], 9000)
    assert settings.listen == Tcp("127.0.0.1", 9000)
    assert settings.public_url == "http://127.0.0.1:9000"


def test_a_policy_without_the_callers_role_is_odd(tmp_path: Path) -> None:
    _, settings = furnished(tmp_path, None, "wrapped")
    policy = open_policy(settings.policies)
    assert any("`assistant`" in one for one in oddities(settings, policy))
    assert approving_role(policy) == "admin"


def test_the_shipped_policy_is_not_odd(tmp_path: Path) -> None:
    _, settings = furnished(tmp_path, None, "")
    assert list(oddities(settings, open_policy(settings.policies))) == []
