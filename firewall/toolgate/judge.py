"""One call judged to the end: facts looked up, charges taken, the record written. Nothing is forwarded."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Sequence
from dataclasses import replace

import orjson

from toolgate.core import records
from toolgate.core.canonical import canonical
from toolgate.core.case import Case
from toolgate.core.decide import admit, case_of, view_of
from toolgate.core.model import (
    Allow,
    Approval,
    ApprovalState,
    Burn,
    Call,
    Charge,
    Fact,
    Facts,
    Finding,
    Hold,
    JsonObject,
    Need,
    Open,
    Rate,
    Refuse,
    Tier,
    Tool,
)
from toolgate.core.outgoing import outgoing
from toolgate.core.policy import Policy, View
from toolgate.core.reasons import Reason
from toolgate.core.texts import texts
from toolgate.core.values import value
from toolgate.errors import ToolgateError
from toolgate.ports import (
    HELD_ARGUMENTS,
    Approvals,
    Clock,
    Detectors,
    Entry,
    Exhausted,
    Journal,
    Keyring,
    Policies,
)
from toolgate.verdicts import Held

RESULT = "held-result"
DIGEST = "call-digest"
_ROUNDS = 6


@value
class World:
    """Every port a gateway needs."""

    policies: Policies
    detectors: Detectors
    journal: Journal
    approvals: Approvals
    keyring: Keyring
    clock: Clock


@value
class Admitted:
    """A call that goes ahead: its intent is on record and its charges are taken."""

    id: str
    call: Call
    allow: Allow
    tool: Tool | None
    policy: Policy
    view: View


@value
class Replayed:
    """A call whose stored result is given out again; `call` is what would go on if it asked for input."""

    id: str
    approval: Approval
    call: Admitted


Judged = Admitted | Replayed | Held | Refuse


class Judge:
    """Asks the core, looks up what it needs, and commits what it decides."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._policies, self._journal, self._now = world.policies, world.journal, world.clock.now
        self._prefix = secrets.token_hex(6)
        self._count = itertools.count(1)

    def next_id(self) -> str:
        """An id for one call, unique over all processes."""
        return f"{self._prefix}-{next(self._count):x}"

    async def judge(self, call: Call, tool: Tool | None) -> Judged:
        """Admit, hold, replay or refuse one call; whatever it is, it is on record when this returns."""
        call_id = self.next_id()
        policy = self._policies.current
        view = view_of(call, policy)
        facts, passed = Facts(self._now(), tool), 0
        for _ in range(_ROUNDS):
            verdict = admit(call, facts, policy, passed, view)
            if isinstance(verdict, Need):
                facts, passed = await self._look_up(verdict.facts, call, facts, policy), verdict.passed
            elif isinstance(verdict, Allow):
                body = records.intent(facts.now, call_id, call, policy.digest, verdict)
                entry = Entry(body, canonical(verdict.arguments))
                exhausted = await self._journal.commit(entry, verdict.charges, bool(verdict.approval))
                if exhausted is None:
                    return Admitted(call_id, call, verdict, tool, policy, view)
                facts, passed = await self._again(exhausted, call, facts, policy), 0
            elif isinstance(verdict, Hold):
                held = await self._hold(call_id, call, facts, policy, verdict)
                if not isinstance(held, Facts):
                    return held
                facts, passed = held, 0
            elif isinstance(verdict, Refuse):
                return await self._refuse(call_id, call, facts, policy, verdict)
            else:
                return await self._replay(call_id, case_of(call, facts, policy, view), verdict.approval)
        raise ToolgateError(f"no verdict within {_ROUNDS} rounds")

    async def _replay(self, call_id: str, case: Case, approval: Approval) -> Replayed:
        """Put on record that a stored result is given out, with what would go on if it asked for input."""
        call, facts, policy = case.call, case.facts, case.policy
        body = records.replayed(facts.now, call_id, call, policy.digest, approval.id)
        await self._journal.commit(Entry(body, canonical(call.arguments)))
        spent = (Burn(approval.id, ApprovalState.EXECUTED),)
        again = Allow(approval.tier or Tier.IRREVERSIBLE, outgoing(case), spent, approval.id)
        tool = facts.tool if isinstance(facts.tool, Tool) else None
        return Replayed(call_id, approval, Admitted(self.next_id(), call, again, tool, policy, case.view))

    async def kept(self, replayed: Replayed) -> JsonObject | None:
        """The stored outcome of an executed call: its result, its error, or why it was withheld."""
        sealed = await self._world.approvals.result(replayed.approval.id)
        if sealed is None:
            return None
        outcome: JsonObject = orjson.loads(self._world.keyring.unseal(RESULT, sealed))
        return outcome

    async def conclude(self, admitted: Admitted, entry: Entry, outcome: JsonObject) -> None:
        """Record an outcome; that of an approved call is durable and kept for repeats."""
        approval = burned(admitted.allow.charges)
        if not approval:
            self._world.journal.note(entry)
            return
        sealed = self._world.keyring.seal(RESULT, canonical(outcome))
        await self._world.journal.conclude(entry, approval, sealed)

    async def resumed(self, replayed: Replayed) -> Admitted | None:
        """An executed call goes on with what it was asked for; None where another repeat already does."""
        admitted, world = replayed.call, self._world
        allow = admitted.allow
        body = records.intent(world.clock.now(), admitted.id, admitted.call, admitted.policy.digest, allow)
        entry = Entry(body, canonical(allow.arguments))
        exhausted = await world.journal.commit(entry, allow.charges, durable=True)
        return admitted if exhausted is None else None

    async def findings(self, value: object, entities: frozenset[str]) -> tuple[Finding, ...]:
        """What the detectors find in every string of a value."""
        return await self._world.detectors.scan(texts(value), entities)

    async def refused(self, call: Call, verdict: Refuse) -> Refuse:
        """Put a refusal on record that was decided before the core was asked."""
        facts = Facts(self._world.clock.now())
        return await self._refuse(self.next_id(), call, facts, self._world.policies.current, verdict)

    async def _look_up(self, needed: frozenset[Fact], call: Call, facts: Facts, policy: Policy) -> Facts:
        """Exactly the facts asked for; the approval last, because its digest covers what will be sent."""
        world = self._world
        if Fact.FINDINGS in needed:
            wanted = view_of(call, policy).wanted_arguments
            read = texts(call.arguments)
            found = await world.detectors.scan(read, wanted)
            facts = Facts(facts.now, facts.tool, found, facts.approval, facts.assigned, facts.spent, read)
            if len(needed) == 1:
                return facts
        pin = facts.tool.pin if isinstance(facts.tool, Tool) else ""
        if Fact.ASSIGNED in needed:
            facts = replace(facts, assigned=await world.approvals.assigned(call.upstream, call.target, pin))
        if Fact.APPROVAL in needed:
            digest = self._digest(call, pin, outgoing(case_of(call, facts, policy)))
            facts = replace(facts, approval=await world.approvals.by_digest(call.caller.name, digest))
        return facts

    def _digest(self, call: Call, pin: str, sending: JsonObject) -> str:
        bound = [call.caller.name, call.upstream, call.method, call.target, pin, sending]
        return self._world.keyring.digest(DIGEST, canonical(bound))

    async def _again(self, exhausted: Exhausted, call: Call, facts: Facts, policy: Policy) -> Facts:
        """The facts that say why charges could not be taken."""
        if exhausted.retry_after is None:
            return await self._look_up(frozenset({Fact.APPROVAL}), call, facts, policy)
        return replace(facts, spent={**facts.spent, exhausted.key: exhausted.retry_after})

    async def _hold(
        self, call_id: str, call: Call, facts: Facts, policy: Policy, verdict: Hold
    ) -> Held | Refuse | Facts:
        world, approval = self._world, verdict.approval
        charges: Sequence[Charge] = ()
        if approval is None:
            approval = self._new(call, facts, verdict)
            sealed = world.keyring.seal(HELD_ARGUMENTS, canonical(verdict.arguments))
            charges = (*_prompts(policy, call), Open(approval, sealed))
        body = records.held(facts.now, call_id, call, policy.digest, verdict, approval.id)
        exhausted = await world.journal.commit(
            Entry(body, canonical(verdict.arguments)), charges, bool(charges)
        )
        if exhausted is None:
            return Held(approval, verdict.tier)
        if exhausted.retry_after is None:
            # Another process opened a hold for the same call first.
            return await self._look_up(frozenset({Fact.APPROVAL}), call, facts, policy)
        refusal = Refuse(
            Reason.RATE_LIMITED, "too many calls of this caller wait for approval", exhausted.retry_after
        )
        return await self._refuse(call_id, call, facts, policy, refusal)

    def _new(self, call: Call, facts: Facts, verdict: Hold) -> Approval:
        pin = facts.tool.pin if isinstance(facts.tool, Tool) else ""
        return Approval(
            id=f"ap-{secrets.token_hex(5)}",
            caller=call.caller.name,
            upstream=call.upstream,
            target=call.target,
            digest=self._digest(call, pin, verdict.arguments),
            pin=pin,
            tier=verdict.tier,
            state=ApprovalState.PENDING,
            created=facts.now,
            expires=verdict.expires,
        )

    async def _refuse(
        self, call_id: str, call: Call, facts: Facts, policy: Policy, verdict: Refuse
    ) -> Refuse:
        body = records.refusal(facts.now, call_id, call, policy.digest, verdict)
        await self._world.journal.commit(Entry(body, canonical(call.arguments)))
        return verdict


def _prompts(policy: Policy, call: Call) -> tuple[Rate, ...]:
    if policy.prompts is None:
        return ()
    return (Rate(f"prompts|{call.caller.name}", policy.prompts),)


def answers_input(kept: JsonObject, message: JsonObject) -> bool:
    """Whether a repeat brings what the stored result of its call asked for (MCP 2026-07-28 MRTR)."""
    result: JsonObject = kept.get("result", {})
    params: JsonObject = message.get("params") or {}
    if result.get("resultType") != "input_required" or not {"inputResponses", "requestState"} & params.keys():
        return False
    return bool(result.get("requestState") == params.get("requestState"))


def burned(charges: Sequence[Charge]) -> str:
    """The approval these charges spend, else empty."""
    return next((charge.approval for charge in charges if isinstance(charge, Burn)), "")
