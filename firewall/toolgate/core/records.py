"""Journal records as plain objects. The field names are final from the first release (docs/journal.md)."""

from __future__ import annotations

from toolgate.core.model import Allow, Call, Finding, Hold, JsonObject, Refuse, Tier
from toolgate.core.redact import counts

VERSION = 1


def _about(kind: str, at: float, call_id: str, call: Call, policy: str) -> JsonObject:
    return {
        "v": VERSION,
        "kind": kind,
        "at": at,
        "call": call_id,
        "caller": call.caller.name,
        "roles": list(call.caller.roles),
        "credential": call.caller.credential,
        "session": call.session,
        "upstream": call.upstream,
        "method": call.method,
        "target": call.target,
        "policy": policy,
    }


def intent(at: float, call_id: str, call: Call, policy: str, verdict: Allow) -> JsonObject:
    """Written before a call is forwarded."""
    body = _about("intent", at, call_id, call, policy)
    body["verdict"] = "allow"
    body["tier"] = verdict.tier.value
    if verdict.approval:
        body["approval"] = verdict.approval
    if verdict.grant:
        body["grant"] = verdict.grant
    if verdict.findings:
        body["findings"] = counts(verdict.findings)
    if verdict.shadowed is not None:
        body["reason"] = verdict.shadowed.value
        body["status"] = "shadowed"
    return body


def replayed(at: float, call_id: str, call: Call, policy: str, approval: str) -> JsonObject:
    """Written before the stored result of an executed call is given out again."""
    body = _about("intent", at, call_id, call, policy)
    return {**body, "verdict": "allow", "status": "replayed", "approval": approval}


def refusal(at: float, call_id: str, call: Call, policy: str, verdict: Refuse) -> JsonObject:
    """Written when a call is refused."""
    body = _about("refusal", at, call_id, call, policy)
    return {**body, "verdict": "refuse", "reason": verdict.reason.value}


def held(at: float, call_id: str, call: Call, policy: str, verdict: Hold, approval: str) -> JsonObject:
    """Written when a call is held for a person."""
    body = _about("hold", at, call_id, call, policy)
    tier: Tier | None = verdict.tier
    body |= {"verdict": "hold", "reason": "approval-needed", "approval": approval, "why": verdict.why}
    if tier is not None:
        body["tier"] = tier.value
    if verdict.findings:
        body["findings"] = counts(verdict.findings)
    return body


def outcome(
    at: float, call_id: str, status: str, seconds: float, reason: str = "", findings: tuple[Finding, ...] = ()
) -> JsonObject:
    """Written when a forwarded call ended: delivered, withheld, error, cancelled, timeout or lost."""
    body: JsonObject = {"v": VERSION, "kind": "outcome", "at": at, "call": call_id, "status": status}
    body["ms"] = round(seconds * 1000, 3)
    if reason:
        body["reason"] = reason
    if findings:
        body["findings"] = counts(findings)
    return body


def event(kind: str, at: float, **fields: object) -> JsonObject:
    """Written for what is no call: start, stop, policy, summary."""
    return {"v": VERSION, "kind": kind, "at": at, **fields}
