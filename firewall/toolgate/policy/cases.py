"""Policy tests: calls beside a policy, and what is expected of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from toolgate import documents
from toolgate.core.decide import admit
from toolgate.core.model import (
    UNKNOWN,
    Admission,
    Allow,
    Amend,
    Approval,
    ApprovalState,
    Call,
    Caller,
    Facts,
    Finding,
    Hold,
    JsonObject,
    Need,
    Refuse,
    Replay,
    Tier,
    Tool,
)
from toolgate.core.policy import Policy
from toolgate.core.reasons import Reason
from toolgate.core.texts import texts
from toolgate.documents import Document
from toolgate.errors import PolicyError
from toolgate.mistakes import Steps, nearest
from toolgate.policy.document import Part
from toolgate.policy.load import tests
from toolgate.policy.spelling import Entity, RoleName

_METHODS = {"tool": "tools/call", "prompt": "prompts/get", "resource": "resources/read"}
_PIN = "policy-test"


def _moment(text: str) -> str:
    """Let a time with its zone pass."""
    try:
        aware = datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        aware = False
    if not aware:
        raise ValueError("a time such as 2026-01-01T12:00:00Z")
    return text


def _whole_name(text: str) -> str:
    """Let `upstream/name` pass."""
    if not re.fullmatch(r"[^/*]+/.+", text):
        raise ValueError("upstream/name")
    return text


FullName = Annotated[str, AfterValidator(_whole_name)]
Spent: TypeAlias = Literal["calls", "cost", "tool calls", "tool cost"]


class CallerPart(Part):
    """Somebody who calls."""

    roles: list[RoleName]


class CallPart(Part):
    """A call, and what is known of it when it is judged."""

    tool: FullName | None = None
    prompt: FullName | None = None
    resource: FullName | None = None
    method: FullName | None = None
    arguments: dict[str, Any] = Field(default_factory=dict[str, Any])
    found: list[Entity] = Field(default_factory=list[Entity])
    approved: bool = False
    assigned: Tier | None = None
    spent: list[Spent] = Field(default_factory=list[Spent])

    @model_validator(mode="after")
    def _one_target(self) -> CallPart:
        if sum(name is not None for name in (self.tool, self.prompt, self.resource, self.method)) != 1:
            raise ValueError("found no single target, expected one of tool, prompt, resource, method")
        if self.found and not texts(self.arguments):
            raise ValueError("found no text in the arguments, expected one that something is found in")
        return self

    def target(self) -> tuple[str, str, str]:
        """Upstream, method and the name within the upstream."""
        kind, text = next((k, v) for k in ("tool", "prompt", "resource", "method") if (v := getattr(self, k)))
        upstream, _, name = str(text).partition("/")
        return (upstream, name, "") if kind == "method" else (upstream, _METHODS[kind], name)


class AskedCall(CallPart):
    """A call in a file of its own, with the roles of its caller."""

    roles: list[RoleName] = Field(default_factory=list[RoleName])


class RefusePart(Part):
    """Refused, and why."""

    refuse: Reason


Expected: TypeAlias = Literal["allow", "hold", "refuse"] | RefusePart


class TestFile(Part):
    """Policy tests: every call of every caller; what is not expected here is expected to be refused."""

    __test__ = False

    policy: str = Field(min_length=1)
    now: Annotated[str, AfterValidator(_moment)] = "2026-01-01T12:00:00Z"
    callers: dict[str, CallerPart]
    calls: dict[str, CallPart]
    expect: dict[str, dict[str, Expected]] = Field(default_factory=dict[str, dict[str, Expected]])


@dataclass(frozen=True, slots=True)
class Report:
    """How many expectations one file of tests holds, and one line for each that is not met."""

    path: Path
    count: int
    failures: tuple[str, ...]


def run_beside(path: Path, policy: Policy) -> tuple[Report, ...]:
    """Run the tests that stand beside a policy. Raises PolicyError where a file of tests is itself wrong."""
    reports: list[Report] = []
    for beside in tests(path):
        document = load_tests(beside)
        if policy_of(document).resolve() != path.resolve():
            raise PolicyError(f"{document.where(('policy',))}: found another policy, expected {path.name}")
        reports.append(run(document, policy))
    return tuple(reports)


def load_tests(path: Path) -> Document[TestFile]:
    """Read a file of policy tests. Raises PolicyError with one line per mistake."""
    document = documents.load(path, TestFile, PolicyError)
    mistakes = [f"{document.where(at)}: {text}" for at, text in _unknown(document.value)]
    if mistakes:
        raise PolicyError("\n".join(mistakes))
    return document


def policy_of(document: Document[TestFile]) -> Path:
    """The policy these tests are about; its path stands relative to theirs."""
    return document.path.parent / document.value.policy


def run(document: Document[TestFile], policy: Policy) -> Report:
    """Judge every call of every caller."""
    file = document.value
    failures = [f"{document.where(at)}: {text}" for at, text in _failures(file, policy)]
    return Report(document.path, len(file.callers) * len(file.calls), tuple(failures))


def judge(part: CallPart, caller: Caller, policy: Policy, now: float) -> Admission:
    """The verdict on one call, every fact given: tools exist, their schemas accept anything."""
    upstream, method, name = part.target()
    call = Call(method, upstream, name, part.arguments, caller)
    names = {"tool calls": f"{upstream}/{name} calls", "tool cost": f"{upstream}/{name} cost"}
    tier = policy.view(caller.roles, upstream, name).tier if part.tool else Tier.READ
    facts = Facts(
        now=now,
        tool=Tool(name, _PIN, lambda _: None, None) if part.tool else UNKNOWN,
        findings=tuple(_finding(entity, part.arguments) for entity in part.found),
        approval=_approval(call, tier or part.assigned, now) if part.approved else None,
        grants=(),
        assigned=part.assigned,
        spent={f"{names.get(budget, budget)}|{caller.name}": 1.0 for budget in part.spent},
    )
    return admit(call, facts, policy)


def told(verdict: Admission) -> str:
    """A verdict in the words of a policy test; a call that only shadow mode lets pass is refused."""
    match verdict:
        case Allow(shadowed=None) | Replay() | Amend():
            return "allow"
        case Allow(shadowed=reason):
            return f"refuse {reason}"
        case Hold():
            return "hold"
        case Refuse(reason=reason):
            return f"refuse {reason}"
        case Need(facts=facts):
            return f"a need of {', '.join(sorted(facts))}"


def _finding(entity: str, arguments: JsonObject) -> Finding:
    """Something found in the first text."""
    return Finding("SECRET" if entity == "secrets" else entity, 0, 0, len(texts(arguments)[0]))


def _approval(call: Call, tier: Tier | None, now: float) -> Approval:
    return Approval(
        id="policy-test",
        caller=call.caller.name,
        upstream=call.upstream,
        target=call.target,
        digest="",
        pin=_PIN,
        tier=tier,
        state=ApprovalState.APPROVED,
        created=now,
        expires=now + 60.0,
    )


def _failures(file: TestFile, policy: Policy) -> Iterator[tuple[Steps, str]]:
    now = datetime.fromisoformat(file.now).timestamp()
    for name, part in file.callers.items():
        caller = Caller(name, tuple(part.roles), name)
        for title, call in file.calls.items():
            found = told(judge(call, caller, policy, now))
            stated = file.expect.get(name, {}).get(title)
            expected = f"refuse {stated.refuse}" if isinstance(stated, RefusePart) else stated or "refuse"
            if found != expected and not (expected == "refuse" and found.startswith("refuse ")):
                at = ("calls", title) if stated is None else ("expect", name, title)
                yield at, f"found {found} for {name}, expected {expected}"


def _unknown(file: TestFile) -> Iterator[tuple[Steps, str]]:
    """Names under `expect` that are not above."""
    for name, calls in file.expect.items():
        if name not in file.callers:
            yield (
                ("expect", name),
                f"found an unknown caller, expected one of callers{nearest(name, file.callers)}",
            )
        for title in calls:
            if title not in file.calls:
                at = ("expect", name, title)
                yield at, f"found an unknown call, expected one of calls{nearest(title, file.calls)}"


def schema() -> JsonObject:
    """The JSON Schema of a file of policy tests."""
    return documents.json_schema(TestFile)
