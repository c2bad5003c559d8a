"""One call judged to the end: facts looked up, charges taken, the record written. Nothing is forwarded."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Awaitable, Sequence
from dataclasses import replace

from toolgate import holding
from toolgate.core import records
from toolgate.core.canonical import canonical
from toolgate.core.case import Case
from toolgate.core.changes import changes
from toolgate.core.decide import admit, case_of, view_of
from toolgate.core.model import (
    UNKNOWN,
    Allow,
    Amend,
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
from toolgate.core.origins import origins
from toolgate.core.outgoing import outgoing
from toolgate.core.policy import ENTITIES, Action, Actions, Policy, View
from toolgate.core.reasons import Reason
from toolgate.core.redact import counts, redact
from toolgate.core.texts import texts
from toolgate.errors import PortDown, ToolgateError
from toolgate.holding import HeldArguments
from toolgate.namespaces import names_of
from toolgate.outcomes import Admitted, Outcomes, Readings, Replayed, World, burned
from toolgate.ports import (
    DIGEST,
    HELD_ABOUT,
    Entry,
    Exhausted,
    News,
)
from toolgate.verdicts import Held

# A larger schema is not kept beside a held call: its arguments can be approved, not edited.
_MOST_SCHEMA = 64 << 10
_ROUNDS = 6
_MASKED = Actions({}, Action.MASK)
_FLOODED_EVERY = 60.0
# Channels that people hear of something through without asking.
REMOTE = frozenset({"webhook", "slack"})


__all__ = ["Admitted", "Judge", "Judged", "Replayed", "World", "answers_input", "burned"]

Judged = Admitted | Replayed | Held | Refuse


class Judge(Outcomes):
    """Asks the core, looks up what it needs, and commits what it decides."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._policies, self._journal, self._now = world.policies, world.journal, world.clock.now
        self._switch = world.switch
        self.readings = Readings()
        self._prefix = secrets.token_hex(6)
        self._count = itertools.count(1)
        # When people were last told that a caller holds too many calls.
        self._flooded: dict[str, float] = {}

    def next_id(self) -> str:
        """An id for one call, unique over all processes."""
        return f"{self._prefix}-{next(self._count):x}"

    def judge(self, call: Call, tool: Tool | None) -> Awaitable[Judged]:
        """Admit, hold, replay or refuse one call; whatever it is, it is on record when this returns."""
        policy = self._policies.current
        view = view_of(call, policy)
        facts = Facts(self._now(), tool, pauses=self._switch.pauses)
        if policy.pseudonyms is not None and view.allowed:
            return self._judged_by_name(call, tool, facts, policy, view)
        return self._judged(self.next_id(), call, tool, facts, policy, view)

    async def _judged_by_name(
        self, call: Call, tool: Tool | None, facts: Facts, policy: Policy, view: View
    ) -> Judged:
        """The same with the values that pseudonyms stand for put back."""
        call_id = self.next_id()
        back: Call | Refuse = call
        if call.approval is None:  # what was held has them put back already
            back = await self._world.naming.put_back(call, policy, view)
        if isinstance(back, Refuse):
            return await self._refuse(call_id, call, facts, policy, back)
        facts = replace(facts, names=names_of(self._world.keyring, policy, call.caller.name, call.session))
        return await self._judged(call_id, back, tool, facts, policy, view)

    async def _judged(
        self, call_id: str, call: Call, tool: Tool | None, facts: Facts, policy: Policy, view: View
    ) -> Judged:
        passed = 0
        for _ in range(_ROUNDS):
            verdict = admit(call, facts, policy, passed, view)
            if isinstance(verdict, Need):
                facts, passed = await self._look_up(verdict.facts, call, facts, policy), verdict.passed
            elif isinstance(verdict, Allow):
                about = call if tool is not None else await self._named(call)
                body = records.intent(facts.now, call_id, about, policy.digest, verdict)
                entry = Entry(body, canonical(verdict.arguments), None, facts.pauses.generation)
                exhausted = await self._journal.commit(entry, verdict.charges, bool(verdict.approval))
                if exhausted is None:
                    admitted = Admitted(call_id, call, verdict, tool, policy, view)
                    return admitted if verdict.tier is Tier.READ else await self._told(admitted, facts)
                facts, passed = await self._again(exhausted, call, facts, policy), 0
            elif isinstance(verdict, Hold | Refuse):
                case = (call_id, call, facts, policy)
                kept = await (
                    self._hold(*case, verdict) if isinstance(verdict, Hold) else self._stop(*case, verdict)
                )
                if not isinstance(kept, Facts):
                    return kept
                facts, passed = kept, 0
            elif isinstance(verdict, Amend):
                given = (await self._approved(verdict.approval)).given
                call, passed = replace(call, arguments=given, approval=verdict.approval.id), 0
                facts = Facts(facts.now, facts.tool, pauses=facts.pauses, names=facts.names)
            else:
                again = await self._replay(call_id, case_of(call, facts, policy, view), verdict.approval)
                if isinstance(again, Replayed):
                    return again
                facts, passed = await self._again(again, call, facts, policy), 0
        raise ToolgateError(f"no verdict within {_ROUNDS} rounds")

    async def _replay(self, call_id: str, case: Case, approval: Approval) -> Replayed | Exhausted:
        """Put on record that a stored result is given out, with what would go on if it asked for input."""
        call, facts, policy = case.call, case.facts, case.policy
        body = records.replayed(facts.now, call_id, call, policy.digest, approval.id)
        entry = Entry(body, canonical(call.arguments), None, facts.pauses.generation)
        exhausted = await self._journal.commit(entry)
        if exhausted is not None:
            return exhausted
        spent, sending = (Burn(approval.id, ApprovalState.EXECUTED),), outgoing(case)
        if approval.sends and call.approval is None:
            kept = await self._approved(approval)
            call, sending = replace(call, arguments=kept.given, approval=approval.id), kept.sends
        again = Allow(approval.tier or Tier.IRREVERSIBLE, sending, spent, approval.id)
        tool = facts.tool if isinstance(facts.tool, Tool) else None
        return Replayed(call_id, approval, Admitted(self.next_id(), call, again, tool, policy, case.view))

    async def _approved(self, approval: Approval) -> HeldArguments:
        """The arguments that were approved, those an approver put in place of the caller's where one did."""
        return holding.opened(self._world.keyring, await self._world.approvals.arguments(approval.id))

    async def _told(self, admitted: Admitted, facts: Facts) -> Admitted:
        """The same with what people are told of it, and what the caller is told of its approver."""
        if admitted.allow.tier is Tier.REVERSIBLE:
            self._forwarded(admitted.call, facts, admitted.policy)
        edited = await self._edited(admitted.allow, facts) if admitted.allow.approval else ()
        return replace(admitted, edited=edited) if edited else admitted

    async def _edited(self, allow: Allow, facts: Facts) -> tuple[str, ...]:
        """What the approver of this call changed in it."""
        approval = facts.approval
        if not isinstance(approval, Approval) or not approval.sends:
            return ()
        asked = holding.opened(self._world.keyring, await self._world.approvals.asked(approval.id))
        return changes(asked.sends, allow.arguments)

    async def findings(self, value: object, entities: frozenset[str]) -> tuple[Finding, ...]:
        """What the detectors find in every string of a value."""
        return await self._world.detectors.scan(texts(value), entities)

    async def _named(self, call: Call) -> Call:
        """The call as a record may name it: what its caller made up is masked there like any text."""
        read = texts([call.method, call.target])
        try:
            found = await self._world.detectors.scan(read, ENTITIES)
        except PortDown:
            return replace(call, method="", target="")
        if not found:
            return call
        method, target = redact([call.method, call.target], found, _MASKED, read)
        return replace(call, method=method, target=target)

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
            facts = facts.scanned(found, read)
            if len(needed) == 1:
                return facts
        pin = facts.tool.pin if isinstance(facts.tool, Tool) else ""
        if Fact.ASSIGNED in needed:
            facts = replace(facts, assigned=await world.approvals.assigned(call.upstream, call.target, pin))
        if Fact.APPROVAL in needed:
            digest = self._digest(call, pin, outgoing(case_of(call, facts, policy)))
            facts = replace(facts, approval=await self._approval(call, digest))
        if Fact.GRANTS in needed:
            granted = await world.grants.of(call.caller.name, call.upstream, call.target)
            facts = replace(facts, grants=granted)
        return facts

    async def _approval(self, call: Call, digest: str) -> Approval | None:
        """The approval a call names, if it is for what this call would send; else the one for its digest."""
        approvals = self._world.approvals
        if call.approval is None:
            return await approvals.by_digest(call.caller.name, digest)
        named = await approvals.by_id(call.approval)
        if named is None or named.caller != call.caller.name:
            return None
        return named if digest == (named.sends or named.digest) else None

    def _digest(self, call: Call, pin: str, sending: JsonObject) -> str:
        bound = [call.caller.name, call.upstream, call.method, call.target, pin, sending]
        return self._world.keyring.digest(DIGEST, canonical(bound))

    async def _again(self, exhausted: Exhausted, call: Call, facts: Facts, policy: Policy) -> Facts:
        """The facts that say why charges could not be taken."""
        if exhausted.retry_after is None:
            known = ((Fact.APPROVAL, facts.approval), (Fact.GRANTS, facts.grants))
            again = frozenset([fact for fact, value in known if value is not UNKNOWN])
            return await self._look_up(again, call, replace(facts, pauses=self._switch.pauses), policy)
        return replace(facts, spent={**facts.spent, exhausted.key: exhausted.retry_after})

    async def _hold(
        self, call_id: str, call: Call, facts: Facts, policy: Policy, verdict: Hold
    ) -> Held | Refuse | Facts:
        world, approval = self._world, verdict.approval
        charges: Sequence[Charge] = ()
        if approval is None:
            approval = self._new(call, facts, verdict)
            sealed = holding.sealed(world.keyring, HeldArguments(verdict.arguments, call.arguments))
            charges = (
                *_prompts(policy, call),
                Open(approval, sealed, self._about(call, facts, verdict, policy)),
            )
        body = records.held(facts.now, call_id, call, policy.digest, verdict, approval.id)
        exhausted = await world.journal.commit(
            Entry(body, canonical(verdict.arguments)), charges, bool(charges)
        )
        channels = policy.rule(verdict.tier).channels
        page = world.page(approval.id)
        if exhausted is None:
            if charges:
                world.announcer.announce(News("held", approval, channels, page, facts.now))
            return Held(approval, verdict.tier, channels, page, verdict.arguments, bool(call.restored))
        if exhausted.retry_after is None:
            # Another process opened a hold for the same call first.
            return await self._look_up(frozenset({Fact.APPROVAL}), call, facts, policy)
        if facts.now - self._flooded.get(approval.caller, 0.0) >= _FLOODED_EVERY:
            self._flooded[approval.caller] = facts.now
            nobody = replace(approval, id="")  # it is not kept, so nobody could look at it
            world.announcer.announce(News("flooded", nobody, channels, "", facts.now))
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
            credential=call.caller.credential,
            session=call.session,
            why=verdict.why,
        )

    def _about(self, call: Call, facts: Facts, verdict: Hold, policy: Policy) -> bytes:
        """What an approver is told beside the arguments, sealed."""
        tool = facts.tool if isinstance(facts.tool, Tool) else None
        schema = tool.schema if tool is not None else {}
        told = {
            "method": call.method,
            "roles": list(call.caller.roles),
            "title": tool.title if tool is not None else "",
            "schema": schema if len(canonical(schema)) <= _MOST_SCHEMA else {},
            "findings": counts(verdict.findings),
            "origins": origins(verdict.arguments, view_of(call, policy).destinations, self.readings.of(call)),
        }
        return self._world.keyring.seal(HELD_ABOUT, canonical(told))

    def _forwarded(self, call: Call, facts: Facts, policy: Policy) -> None:
        """A reversible call went ahead unasked: tell those whom the policy names."""
        channels = policy.rule(Tier.REVERSIBLE).channels
        if not REMOTE.isdisjoint(channels):
            hold = Hold(Tier.REVERSIBLE, call.arguments, facts.now)
            about = replace(self._new(call, facts, hold), id="")
            self._world.announcer.announce(News("forwarded", about, channels, "", facts.now))

    async def _stop(
        self, call_id: str, call: Call, facts: Facts, policy: Policy, verdict: Refuse
    ) -> Refuse | Facts:
        """Put a refusal on record; the facts to judge by again where a pause was lifted meanwhile."""
        about = call if isinstance(facts.tool, Tool) else await self._named(call)
        body = records.refusal(facts.now, call_id, about, policy.digest, verdict)
        under = facts.pauses.generation if verdict.reason is Reason.PAUSED else None
        entry = Entry(body, canonical(call.arguments), None, under)
        lifted = await self._world.journal.commit(entry)
        return verdict if lifted is None else await self._again(lifted, call, facts, policy)

    async def _refuse(
        self, call_id: str, call: Call, facts: Facts, policy: Policy, verdict: Refuse
    ) -> Refuse:
        about = call if isinstance(facts.tool, Tool) else await self._named(call)
        body = records.refusal(facts.now, call_id, about, policy.digest, verdict)
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
