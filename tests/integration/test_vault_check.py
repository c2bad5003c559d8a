"""`toolgate check --settings` tries every secret; whoever needs no Vault loads nothing for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from gate import PROGRAM
from upstreams.bearer import listening
from vaulted import FIRST, ROLE, SECRET_ID, settings
from vaults import Clock, Role, Vault, standing


def check(path: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [str(PROGRAM), "check", "--settings", str(path), *options]
    environment = {**os.environ, "TOOLGATE_HOME": str(path.parent / "home"), **variables}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_check_names_file_and_line_of_every_secret_that_cannot_be_had(tmp_path: Path) -> None:
    vault = Vault(Clock())
    vault.put("kv/crm", 2, token=FIRST, short="abc")
    vault.roles["approle"]["gate"] = Role((ROLE, SECRET_ID))
    with standing(vault), listening(FIRST) as crm:
        path = settings(tmp_path, 1, vault, crm)
        lines = path.read_text().splitlines()
        at = {
            word: next(n for n, line in enumerate(lines, 1) if word in line) for word in ("kv/git", "vault:")
        }
        at["vault:"] = next(n for n, line in enumerate(lines, 1) if line.startswith("secrets:"))
        done = check(path, TEST_SECRET_ID=SECRET_ID)
        assert done.returncode == 1
        where = f"{path}:{at['kv/git']} upstreams.git.env.TOKEN: secret:vault:kv/git#token: found nothing"
        assert done.stdout.startswith(where)
        assert done.stdout.count("upstreams.") == 1
        vault.put("kv/git", 2, token="abc")
        done = check(path, TEST_SECRET_ID=SECRET_ID)
        assert (done.returncode, "too short" in done.stdout) == (0, True)
        assert check(path, "--strict", TEST_SECRET_ID=SECRET_ID).returncode == 1
        refused = check(path, "--json", TEST_SECRET_ID="wrong")
        (line,) = json.loads(refused.stdout)["mistakes"]
        assert line.startswith(f"{path}:{at['vault:']} secrets.vault: found the login at Vault refused")
        for unsaid in ("wrong", ROLE):
            assert unsaid not in refused.stdout + refused.stderr
    unreachable = check(path, TEST_SECRET_ID=SECRET_ID)
    assert unreachable.returncode == 1
    assert f"{path}:{at['vault:']} secrets.vault: found Vault unreachable" in unreachable.stdout
    missing = check(path)
    assert "secret:env:TEST_SECRET_ID: found no value" in missing.stdout


def test_wrapping_and_serving_without_vault_load_nothing_that_speaks_to_it(tmp_path: Path) -> None:
    code = (
        "import sys, toolgate.app, toolgate.piping, toolgate.cli.wrap;"
        "print([m for m in ('hvac', 'requests', 'urllib3') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_check_needs_something_to_look_at_and_names_what_is_wrong_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "toolgate.yaml"
    assert check(path).returncode == 2
    nothing = subprocess.run([str(PROGRAM), "check"], capture_output=True, text=True, check=False)
    assert (nothing.returncode, "--settings" in nothing.stderr) == (2, True)
    path.write_text(
        "listen: 127.0.0.1:1\nupstreams:\n  crm: {url: http://x, headers: {A: secret:vault:kv/a#b}}\n"
    )
    wrong = check(path)
    assert (wrong.returncode, wrong.stdout.startswith(f"{path}:3 upstreams.crm.headers.A: found")) == (
        1,
        True,
    )
    path.write_text("upstreams:\n  crm: {url: http://x, headers: {A: secret:env:NOT_THERE_AT_ALL}}\n")
    (tmp_path / "policy.yaml").write_text("version: 1\nmod: enforce\n")
    both = check(path)
    assert both.returncode == 1
    assert [line.split(":")[1].split()[0] for line in both.stdout.splitlines()] == ["2", "2"]
    assert "secret:env:NOT_THERE_AT_ALL" in both.stdout
    assert "policy.yaml:2 mod" in both.stdout
