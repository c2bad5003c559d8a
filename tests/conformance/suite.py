"""Runs the public conformance suite against one endpoint and reads what it wrote."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from node_packages import environment, installed, node
from outcomes import Check, Run

_MANIFEST = Path(__file__).parent / "suite" / "package.json"
_PROGRAM = Path("node_modules/@modelcontextprotocol/conformance/dist/index.js")
_FOLDER = re.compile(r"server-(?P<scenario>.+)-\d{4}-\d\d-\d\dT[\d-]+Z")
_RUN_SECONDS = 300


class SuiteBroken(Exception):
    """The suite itself did not run; the message names the file with its output."""


def run_suite(url: str, version: str, folder: Path, scenario: str | None = None) -> Run:
    """Run every scenario of a protocol version, or one, and return its checks by scenario."""
    folder.mkdir(parents=True, exist_ok=True)
    chosen = ["--scenario", scenario] if scenario else ["--suite", "all"]
    program = installed(_MANIFEST) / _PROGRAM
    command = [str(node()), str(program), "server", "--url", url, *chosen]
    command += ["--spec-version", version, "-o", str(folder)]
    log = folder / "suite.log"
    with log.open("wb") as output:
        subprocess.run(
            command, env=environment(), stdout=output, stderr=output, timeout=_RUN_SECONDS, check=False
        )
    found = {name: checks for path in folder.iterdir() for name, checks in _read(path)}
    if not found:
        raise SuiteBroken(f"{log}: the suite wrote no results, expected one folder for each scenario")
    return found


def _read(folder: Path) -> list[tuple[str, tuple[Check, ...]]]:
    named = _FOLDER.fullmatch(folder.name)
    if named is None:
        return []
    written = folder / "checks.json"
    rows: list[dict[str, str]] = (
        json.loads(written.read_text()) if written.exists() else []
    )  # none: the scenario broke off
    checks = [
        Check(row["id"], row["description"], row["status"], row.get("errorMessage") or "") for row in rows
    ]
    return [(named["scenario"], tuple(checks))]
