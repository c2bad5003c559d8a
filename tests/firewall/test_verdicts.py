"""Tables of verdicts through the real judge: what is decided, and what the journal says of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from toolgate.core.decide import view_of
from toolgate.core.gcra import SECOND
from toolgate.core.model import ApprovalState, Call, Caller, Finding, JsonObject, Tier, Tool
from toolgate.judge import Admitted, Judged, Replayed
from toolgate.policy import cases
from toolgate.policy.cases import CallPart
from toolgate.policy.compile import open_policy
from toolgate.ports import Entry
from toolgate.testing import World, caller, tool
from toolgate.verdicts import Held

ROOT = Path(__file__).parents[2]
TABLES = sorted(ROOT.glob("tests/verdicts/records/*.yaml"))
BESIDE = sorted(
    [*(ROOT / "policies").glob("*_test.yaml"), *(ROOT / "tests" / "verdicts").glob("*_test.yaml")]
)
METHODS = {"tool": "tools/call", "prompt": "prompts/get", "resource": "resources/read"}


@dataclass(frozen=True)
class Row:
    """One call of one table."""

    world: World
    call: Call
    tool: Tool | None
    before: str
    verdict: str
    record: JsonObject
    sent: JsonObject | None = field(default=None)


def rows() -> Iterator[Any]:
    for path in TABLES:
        table = yaml.safe_load(path.read_text(encoding="utf-8"))
        for title in table["calls"]:
            yield pytest.param(path, title, id=f"{path.stem}: {title}")


def row(path: Path, title: str) -> Row:
    table: JsonObject = yaml.safe_load(path.read_text(encoding="utf-8"))
    stated: JsonObject = table["calls"][title]
    kind = next(word for word in ("tool", "prompt", "resource", "method") if word in stated)
    upstream, _, name = stated[kind].partition("/")
    who = caller(stated["by"], *table["callers"][stated["by"]])
    method, target = (name, "") if kind == "method" else (METHODS[kind], name)
    listed = kind == "tool" and stated.get("listed", True)
    return Row(
        World(yaml.safe_dump(table["policy"]), sensitive=table["sensitive"]),
        Call(method, upstream, target, stated.get("arguments", {}), who, "session-1"),
        tool(name, table.get("schemas", {}).get(f"{upstream}/{name}", True)) if listed else None,
        stated.get("before", ""),
        stated["verdict"],
        stated["record"],
        stated.get("sent"),
    )


async def happened(world: World, call: Call, definition: Tool | None, before: str) -> None:
    """Bring about what became of the same call earlier."""
    first = await world.judge.judge(call, definition)
    if isinstance(first, Held):
        state = ApprovalState.DENIED if before == "denied" else ApprovalState.APPROVED
        assert await world.decide(first, state, tier=None if first.tier else Tier.READ)
        if before in ("sent", "executed"):
            assert isinstance(await world.judge.judge(call, definition), Admitted)
        if before == "executed":
            await world.store.conclude(Entry({"v": 1, "kind": "outcome"}), first.approval.id, b"sealed")


def told(judged: Judged) -> str:
    match judged:
        case Admitted(allow=allow):
            return cases.told(allow)
        case Replayed():
            return "replay"
        case Held():
            return "hold"
        case refusal:
            return cases.told(refusal)


@pytest.mark.parametrize(("path", "title"), list(rows()))
async def test_a_call_is_judged_and_recorded_as_its_table_says(path: Path, title: str) -> None:
    given = row(path, title)
    if given.before:
        await happened(given.world, given.call, given.tool, given.before)
    count = len(given.world.records)
    judged = await given.world.judge.judge(given.call, given.tool)
    assert told(judged) == given.verdict
    assert len(given.world.records) == count + 1
    record = given.world.records[-1]
    for key, value in given.record.items():
        assert (key, record.get(key)) == (key, record.get("approval") if value == "any" else value)
    assert ("approval" in record) is (given.record.get("approval") == "any" or record["kind"] == "hold")
    if given.sent is not None:
        assert isinstance(judged, Admitted)
        assert judged.allow.arguments == given.sent


class Planted:
    """`toolgate.ports.Detectors` that finds what a policy test says is in the first text."""

    def __init__(self, part: CallPart) -> None:
        self._entities = ["SECRET" if name == "secrets" else name for name in part.found]

    async def scan(self, texts: Sequence[str], entities: frozenset[str]) -> tuple[Finding, ...]:
        return tuple(Finding(one, 0, 0, len(texts[0])) for one in self._entities if one in entities)


def spend(world: World, call: Call, budgets: Sequence[str]) -> None:
    """Use up the limits that a policy test says are spent."""
    words = {f"{call.upstream}/{call.target} {what}": f"tool {what}" for what in ("calls", "cost")}
    for budget in view_of(call, world.policies.current).budgets:
        if words.get(budget.name, budget.name) in budgets:
            full = world.clock.now() + budget.limit.per
            world.store.shelf.keep_tats({f"{budget.name}|{call.caller.name}": int(full * SECOND)})


async def live(part: CallPart, who: Caller, world: World) -> Judged:
    upstream, method, name = part.target()
    call = Call(method, upstream, name, part.arguments, who, "session-1")
    definition = tool(name) if part.tool else None
    if part.assigned is not None and definition is not None:
        world.store.shelf.tiers[upstream, name, definition.pin] = (part.assigned, "lead")
    if part.approved:
        await happened(world, call, definition, "approved")
    spend(world, call, part.spent)
    return await world.judge.judge(call, definition)


@pytest.mark.parametrize("path", BESIDE, ids=lambda path: cast("Path", path).stem)
async def test_what_a_policy_test_expects_is_what_the_judge_does_and_records(path: Path) -> None:
    tests = cases.load_tests(path)
    policy = open_policy(cases.policy_of(tests))
    now = datetime.fromisoformat(tests.value.now).timestamp()
    for name, roles in tests.value.callers.items():
        who = caller(name, *roles.roles)
        for title, part in tests.value.calls.items():
            world = World(policy, detectors=Planted(part))
            world.clock.time = now
            verdict = told(await live(part, who, world))
            assert (title, verdict) == (title, cases.told(cases.judge(part, who, policy, now)))
            record = world.records[-1]
            about = (record["caller"], record["roles"], record["policy"])
            assert about == (name, list(roles.roles), policy.digest)
            shadowed = record.get("status") == "shadowed"
            assert record["verdict"] == ("allow" if shadowed else verdict.partition(" ")[0])
            if verdict.startswith("refuse"):
                assert record["reason"] == verdict.partition(" ")[2]
