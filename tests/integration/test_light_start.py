"""A client starts a wrap for every server it knows: none loads what answering `initialize` does not need."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from gate import HERE, puppet

HEAVY = {
    *("mcp", "starlette", "uvicorn", "jinja2", "httpx", "hvac", "watchfiles", "typer", "rich"),
    *("presidio_analyzer", "spacy", "phonenumbers", "hyperscan", "cryptography", "jsonschema_rs"),
}
ASKED = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}


def test_the_first_answer_loads_nothing_heavy(tmp_path: Path) -> None:
    server = puppet(tmp_path / "puppet.log", era="both", lists="plain")
    command = [sys.executable, "-X", "importtime", "-m", "toolgate", "wrap", "--name", "shop", "--", *server]
    asked = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": ASKED})
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=HERE,
        env={**os.environ, "TOOLGATE_HOME": str(tmp_path / "home")},
    ) as wrapped:
        assert wrapped.stdin is not None
        assert wrapped.stdout is not None
        wrapped.stdin.write(asked + "\n")
        wrapped.stdin.flush()
        answer = wrapped.stdout.readline()
        _, told = wrapped.communicate(timeout=30)
    assert json.loads(answer)["result"]["serverInfo"]
    loaded = {line.rpartition("|")[2].strip() for line in told.splitlines()}
    assert "toolgate.gateway" in loaded
    assert {name.partition(".")[0] for name in loaded} & HEAVY == set()
