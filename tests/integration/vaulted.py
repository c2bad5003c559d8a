"""The settings of a toolgate whose upstreams have their credentials in Vault."""

from __future__ import annotations

import sys
from pathlib import Path

from gate import HERE, write_settings
from upstreams.bearer import Crm
from vaults import Vault

FIRST = 'one/"+kept in vault'
ROLE, SECRET_ID = "the-role-id-of-toolgate", "the-secret-id-of-toolgate"


def settings(folder: Path, port: int, vault: Vault, crm: Crm) -> Path:
    stdio = {
        "command": [sys.executable, "-m", "upstreams.bearer"],
        "cwd": str(HERE),
        "env": {"TOKEN": "secret:vault:kv/git#token"},
    }
    upstreams = {
        "crm": {"url": crm.url, "headers": {"Authorization": "Bearer secret:vault:kv/crm#token"}},
        "git": stdio,
        "free": {**stdio, "env": {"TOKEN": "no secret at all"}},
    }
    path = write_settings(folder, port, upstreams)
    login = f"{{role_id: {ROLE}, secret_id: secret:env:TEST_SECRET_ID}}"
    with path.open("a") as file:
        file.write(f"secrets: {{vault: {{address: '{vault.url}', auth: {{approle: {login}}}}}}}\n")
    return path
