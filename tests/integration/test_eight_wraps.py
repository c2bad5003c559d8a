"""A client starts all its wrapped servers at once: eight processes share one data folder."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from gate import PROGRAM, Gate, heard, puppet
from wires import Piped, reason, spoken

EIGHT = 8
# The settings are those of a data folder that nobody configured; only the policy is given.
POLICY = """
version: 1
tiers: {read: [shop/echo], irreversible: [shop/boom]}
roles:
  admin: {tools: ["shop/*"], may_approve: [irreversible]}
  full: {may_approve: [irreversible]}
tools: {shop/echo: {limits: {calls: 5/hour}}}
"""
SETTINGS = """
policies: policy.yaml
upstreams: {}
identity: {keys: keys.yaml, local: {caller: ann, roles: [admin]}}
"""


def folder(tmp_path: Path) -> Path:
    """A data folder with a policy and no store yet: the eight make it."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "policy.yaml").write_text(POLICY)
    (home / "toolgate.yaml").write_text(SETTINGS)
    return home


async def all_at_once(stack: AsyncExitStack, home: Path, log: Path) -> list[Piped]:
    command = [str(PROGRAM), "wrap", "--name", "shop", "--", *puppet(log, era="both", lists="plain")]
    started = await asyncio.gather(*(stack.enter_async_context(spoken(command, home)) for _ in range(EIGHT)))
    await asyncio.gather(*(client.open() for client in started))
    return started


async def everybody(clients: list[Piped], tool: str) -> list[dict[str, Any]]:
    call = {"name": tool, "arguments": {"text": "the same"}}
    return await asyncio.gather(*(client.ask("tools/call", call) for client in clients))


async def test_eight_wrapped_servers_share_holds_limits_and_the_journal(tmp_path: Path) -> None:
    home, log = folder(tmp_path), tmp_path / "puppet.log"
    gate = Gate(0, home, 0)
    async with AsyncExitStack() as stack:
        clients = await all_at_once(stack, home, log)

        limited = Counter(reason(answer) for answer in await everybody(clients, "echo"))
        assert limited == {"": 5, "rate-limited": 3}

        held = [
            answer["result"]["_meta"]["toolgate/approval"]["id"]
            for answer in await everybody(clients, "boom")
        ]
        assert len(set(held)) == 1

        await gate.decide(held[0])
        await everybody(clients, "boom")
        await everybody(clients, "boom")

    executed = [line for line in heard(log) if "boom" in line.values()]
    assert len(executed) == 1
    assert not gate.problems()
    assert len({record["call"] for record in gate.records() if record["kind"] == "hold"}) == EIGHT
