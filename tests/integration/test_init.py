"""A real server met over stdio: its tools are listed and the policy written for it loads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from toolgate.cli.init import tools
from toolgate.cli.meeting import met
from toolgate.core.model import Tier
from toolgate.firstcontact import propose, write_policy
from toolgate.policy.compile import open_policy


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", str(tmp_path / "repository")], check=True)
    return tmp_path / "repository"


async def test_a_real_git_server_gets_a_policy_to_edit(repository: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mcp_server_git", "--repository", str(repository)]
    proposals = propose(await tools("git", command, met))
    tiers = {proposal.tool: proposal.tier for proposal in proposals}
    assert tiers["git_status"] is Tier.READ
    assert tiers["git_reset"] is Tier.IRREVERSIBLE
    path = tmp_path / "policy.yaml"
    path.write_text(write_policy(proposals, "git"))
    policy = open_policy(path)
    assert all(policy.view(("admin",), "git", tool).tier is tier for tool, tier in tiers.items())
