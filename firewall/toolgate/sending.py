"""What clients send to upstreams besides the arguments of a call: judged by the same rules."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, cast

from toolgate.core.binary import opened
from toolgate.core.decide import view_of
from toolgate.core.model import Call, JsonObject, Refuse
from toolgate.core.policy import Policy
from toolgate.core.reasons import Reason
from toolgate.core.redact import redact, refused
from toolgate.errors import PortDown
from toolgate.judge import Judge, World
from toolgate.protocol.messages import members
from toolgate.routes import NAMED, Target
from toolgate.session import Session

# What the checks of a call, or of a repeated call's answers, have looked at.
_LOOKED_AT: Final = frozenset({"name", "arguments", "inputResponses"})
_CANCELLED: Final = "notifications/cancelled"
# Shorter numbers are not looked at.
_SHORT: Final = 10**8


class Sending:
    """Cleans requests, notifications and answers of clients."""

    def __init__(self, world: World, judge: Judge) -> None:
        self._world = world
        self._judge = judge

    async def cleaned(self, call: Call, value: JsonObject, policy: Policy) -> JsonObject | Refuse:
        """The value with the policy's masks for arguments; the same object where nothing is found."""
        view = view_of(call, policy)
        if not view.wanted_arguments:
            return value
        blobs = opened(value)
        looked = value if blobs is None else blobs.value
        try:
            findings = await self._judge.findings(looked, view.wanted_arguments)
        except PortDown as down:
            return Refuse(Reason.TOO_LARGE, str(down))
        if not findings:
            return value
        stopped = refused(findings, view.arguments)
        if stopped:
            return Refuse(Reason.SENSITIVE_ARGUMENTS, f"found {', '.join(stopped)}, expected none of these")
        masked = cast("JsonObject", redact(looked, findings, view.arguments))
        closed = masked if blobs is None else blobs.closed(masked)
        if closed is None:
            return Refuse(Reason.SENSITIVE_ARGUMENTS, "found something in binary content, expected nothing")
        return closed

    async def inputs(self, call: Call, target: Target, policy: Policy) -> Target | Refuse:
        """The `inputResponses` of a repeated request go to the upstream too: the same rules hold."""
        params = cast("JsonObject", target.message.get("params") or {})
        if "inputResponses" not in params:
            return target
        given: JsonObject = {"inputResponses": params["inputResponses"]}
        cleaned = await self.cleaned(call, given, policy)
        if isinstance(cleaned, Refuse) or cleaned is given:
            return cleaned if isinstance(cleaned, Refuse) else target
        return replace(target, message={**target.message, "params": {**params, **cleaned}})

    async def whole(self, session: Session, message: JsonObject) -> JsonObject | Refuse:
        """A request or notification that no check of a call sees; every parameter is looked at."""
        looked = _looked(message, cast("JsonObject", message.get("params") or {}))
        if not looked:
            return message
        cleaned = await self.cleaned(_about(session, message), looked, self._world.policies.current)
        if isinstance(cleaned, Refuse) or cleaned is looked:
            return cleaned if isinstance(cleaned, Refuse) else message
        return _with(message, cleaned, {})

    async def notification(self, session: Session, message: JsonObject) -> JsonObject | None:
        """A notification as upstreams may have it; None where they may not. A cancellation always passes."""
        cleaned = await self.whole(session, message)
        if not isinstance(cleaned, Refuse):
            return cleaned
        await self._judge.refused(_about(session, message), cleaned)
        if message["method"] != _CANCELLED:
            return None
        params = cast("JsonObject", message.get("params") or {})
        return {**message, "params": {"requestId": params.get("requestId")}}

    async def beside(self, session: Session, call: Call, target: Target) -> Target | Refuse:
        """A request to be judged, what stands beside its arguments cleaned: `_meta`, further keys, its id."""
        message = target.message
        params = cast("JsonObject", message.get("params") or {})
        looked = _looked(message, _rest(params, call.method))
        policy = self._world.policies.current
        wanted = view_of(call, policy).wanted_arguments
        if not looked or session.beside == (wanted, looked):
            return target
        cleaned = await self.cleaned(call, looked, policy)
        if isinstance(cleaned, Refuse):
            return cleaned
        if cleaned is looked:
            session.beside = (wanted, looked)  # most clients say the same with every call
            return target
        rest = looked.get("params", {})
        made = _with(message, cleaned, {key: params[key] for key in params if key not in rest})
        return made if isinstance(made, Refuse) else replace(target, message=made)


def looks_beside(message: JsonObject) -> bool:
    """Whether there may be anything beside the arguments; cheap, for every call asks it."""
    params: JsonObject = message.get("params") or {}
    return "_meta" in params or len(params) > 1 + ("arguments" in params) or type(message["id"]) is str


def _rest(params: JsonObject, method: str) -> JsonObject:
    if method not in NAMED:
        return {"_meta": params["_meta"]} if "_meta" in params else {}
    return {key: value for key, value in params.items() if key not in _LOOKED_AT}


def _about(session: Session, message: JsonObject) -> Call:
    method = cast("str", message["method"])
    return Call(method, session.scope or "", method, {}, session.caller, session.id)


def _looked(message: JsonObject, rest: JsonObject) -> JsonObject:
    """What is to be looked at; a progress token that is a small number says nothing, nor does such an id."""
    kept, meta = rest, cast("object", rest.get("_meta"))
    if isinstance(meta, dict):
        said = cast("JsonObject", meta)
        token: object = said.get("progressToken")
        if type(token) is int and -_SHORT < token < _SHORT:
            kept = {**rest, "_meta": {key: said[key] for key in said if key != "progressToken"}}
    looked: JsonObject = {"params": kept} if kept else {}
    if type(message.get("id")) is str:
        looked["id"] = message["id"]
    return looked


def _with(message: JsonObject, cleaned: JsonObject, others: JsonObject) -> JsonObject | Refuse:
    """The message with cleaned parameters. An id cannot be masked: its answer must find back."""
    if cleaned.get("id", message.get("id")) != message.get("id"):
        return Refuse(Reason.SENSITIVE_ARGUMENTS, "id: found something sensitive, expected an id")
    params: JsonObject = {**others, **cleaned.get("params", {})}
    given: JsonObject = message.get("params") or {}
    token: object = members(given.get("_meta")).get("progressToken")
    if type(token) is int:
        params["_meta"] = {"progressToken": token, **params.get("_meta", {})}
    return {**message, "params": params} if params else message
