"""Hundreds of thousands of calls in a row: no wrong answer, no growing process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 6


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("era", ["2025-11-25", "2026-07-28"])
def test_memory_stays_flat_and_every_answer_is_right_under_load(era: str, tmp_path: Path) -> None:
    samples = tmp_path / "samples.json"
    options = ["--only", "toolgate", "--eras", era, "--profiles", "medium", "--connections", "16", "--strict"]
    length = ["--rounds", str(ROUNDS), "--seconds", "20", "--logs", str(tmp_path), "--json", str(samples)]
    subprocess.run([sys.executable, "bench.py", *options, *length], cwd=ROOT / "benchmarks", check=True)
    rounds = [row for row in json.loads(samples.read_text()) if row["target"] == "toolgate"]
    assert len(rounds) == ROUNDS
    assert sum(row["errors"] for row in rounds) == 0
    # The first round fills caches and pools; after it nothing may grow with the number of calls.
    assert rounds[-1]["rss_mib"] - rounds[1]["rss_mib"] < 8
