"""The part `secrets` of the settings file."""

from __future__ import annotations

from pathlib import Path

import pytest

from settings_files import mistakes, write
from toolgate.secrets.places import AppRoleLogin, KubernetesLogin, TokenLogin, VaultPlace
from toolgate.settings import load


def vault(folder: Path, auth: str, more: str = "") -> VaultPlace | None:
    address = "https://vault.example.com:8200"
    text = f"secrets:\n  vault:\n    address: {address}\n    auth: {auth}\n"
    return load(write(folder, text + "".join(f"    {line}\n" for line in more.splitlines()))).vault


def test_each_way_to_log_in_becomes_a_value(tmp_path: Path) -> None:
    address = "https://vault.example.com:8200"
    assert vault(tmp_path, "{token: secret:env:T}") == VaultPlace(address, TokenLogin("secret:env:T"))
    more = "namespace: team/a\nmount: team/kv\nkv: 2\nca_cert: ca.pem\ntimeout: 3s\nrefresh: 1m"
    found = vault(tmp_path, "{approle: {role_id: r, secret_id: secret:file:id, mount: a/b}}", more)
    assert found == VaultPlace(
        address,
        AppRoleLogin("r", "secret:file:id", "a/b"),
        namespace="team/a",
        mount="team/kv",
        kv=2,
        trust=tmp_path / "ca.pem",
        timeout=3.0,
        refresh=60.0,
    )
    account = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
    kubernetes = vault(tmp_path, "{kubernetes: {role: gate}}", "verify: false")
    assert kubernetes == VaultPlace(address, KubernetesLogin("gate", account), trust=False)


def test_without_the_part_there_is_no_vault(tmp_path: Path) -> None:
    assert load(write(tmp_path, "secrets: {}\n")).vault is None


WRONG = """\
secrets:
  vault:
    address: http://vault.example.com:8200           # secrets.vault.address
    adress: https://x                                # secrets.vault.adress
    namespace: ""                                    # secrets.vault.namespace
    kv: 3                                            # secrets.vault.kv
    mount: /kv                                       # secrets.vault.mount
    timeout: 5                                       # secrets.vault.timeout
    refresh: 5 minutes                               # secrets.vault.refresh
    verify: "no"                                     # secrets.vault.verify
    auth:
      approle:
        role_id: secret:vault:kv/x#id                # secrets.vault.auth.approle.role_id
        secret_id: literal-secret-id                 # secrets.vault.auth.approle.secret_id
        mount: a//b                                  # secrets.vault.auth.approle.mount
"""


def test_every_mistake_names_line_and_place_and_shows_no_secret(tmp_path: Path) -> None:
    lines = enumerate(WRONG.splitlines(), start=1)
    expected = [f"{number} {line.split(' # ')[1]}" for number, line in lines if " # " in line]
    found = mistakes(tmp_path, WRONG)
    assert [line.split(": ", 1)[0] for line in found] == expected
    assert not [line for line in found if "literal-secret-id" in line]


@pytest.mark.parametrize(
    ("part", "where"),
    [
        ("{token: hvs.literal}", "5 secrets.vault.auth.token: "),
        ("{token: secret:vault:kv/a#b}", "5 secrets.vault.auth.token: "),
        ("{}", "5 secrets.vault.auth: found none"),
        ("{token: null}", "5 secrets.vault.auth: found token"),
        ("{token: secret:env:T, kubernetes: {role: r}}", "5 secrets.vault.auth: found kubernetes, token"),
        ("{kubernetes: {role: r, jwt: x}}", "5 secrets.vault.auth.kubernetes.jwt: "),
    ],
)
def test_there_is_exactly_one_way_to_log_in(part: str, where: str, tmp_path: Path) -> None:
    text = f"secrets:\n  vault:\n    address: https://v\n    kv: 2\n    auth: {part}\n"
    (line,) = mistakes(tmp_path, text)
    assert line.startswith(where)
    assert "hvs." not in line


@pytest.mark.parametrize(
    "more",
    ["mount: kv", "verify: false\n    ca_cert: ca.pem", "address: https://v/v1", "address: https://u:p@v"],
)
def test_what_does_not_go_together_is_a_mistake(more: str, tmp_path: Path) -> None:
    address = "" if "address" in more else "    address: https://v\n"
    mistakes(tmp_path, f"secrets:\n  vault:\n{address}    {more}\n    auth: {{token: secret:env:T}}\n")


def test_a_reference_to_a_vault_that_nobody_described_is_named_with_its_line(tmp_path: Path) -> None:
    text = """\
upstreams:
  crm:
    url: https://crm.example.com/mcp
    headers:
      Authorization: Bearer secret:vault:kv/crm#token
  git: {command: [git-server, --key=secret:vault:kv/git#key], env: {T: secret:vault:other/git#t}}
"""
    assert [line.split(": found")[0] for line in mistakes(tmp_path, text)] == [
        "5 upstreams.crm.headers.Authorization",
        "6 upstreams.git.env.T",
        "6 upstreams.git.command[1]",
    ]
    described = "secrets: {vault: {address: https://v, kv: 1, mount: kv, auth: {token: secret:env:T}}}\n"
    (line,) = mistakes(tmp_path, text + described)
    assert line.startswith("6 upstreams.git.env.T: found a reference elsewhere")
