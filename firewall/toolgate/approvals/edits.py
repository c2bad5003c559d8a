"""Arguments that an approver changed: judged like the call they belong to, and compared with what came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from toolgate.core.canonical import canonical
from toolgate.core.decide import admit, view_of
from toolgate.core.model import (
    Allow,
    Approval,
    ApprovalState,
    Call,
    Caller,
    Facts,
    Hold,
    JsonObject,
    Mismatch,
    Refuse,
    Tool,
    Validate,
)
from toolgate.core.policy import Policy
from toolgate.core.schema import compile_schema
from toolgate.core.texts import texts
from toolgate.errors import PortDown
from toolgate.holding import HeldArguments
from toolgate.namespaces import names_of
from toolgate.ports import DIGEST, Detectors, Keyring


@dataclass(frozen=True, slots=True)
class About:
    """What was kept beside a held call: how it came, and the tool as its caller knew it."""

    method: str = "tools/call"
    roles: tuple[str, ...] = ()
    title: str = ""
    schema: JsonObject = field(default_factory=dict[str, Any])
    findings: JsonObject = field(default_factory=dict[str, Any])
    origins: dict[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def of(cls, plain: JsonObject) -> About:
        """From its JSON."""
        return cls(
            str(plain.get("method", "tools/call")),
            tuple(plain.get("roles", ())),
            str(plain.get("title", "")),
            plain.get("schema") or {},
            plain.get("findings") or {},
            plain.get("origins") or {},
        )


@dataclass(frozen=True, slots=True)
class Fit:
    """Arguments that pass every check, and the digest that binds what would be sent of them."""

    arguments: HeldArguments
    sends: str


async def judged(
    held: Approval,
    about: About,
    arguments: JsonObject,
    policy: Policy,
    detectors: Detectors,
    keyring: Keyring,
    now: float,
) -> Fit | str:
    """Whether a held call could be sent with these arguments: schema, conditions, redaction; or why not."""
    caller = Caller(held.caller, about.roles, held.credential)
    call = Call(about.method, held.upstream, held.target, arguments, caller, held.session)
    view = view_of(call, policy)
    read = texts(arguments)
    try:
        found = await detectors.scan(read, view.wanted_arguments) if view.wanted_arguments else ()
    except PortDown as down:
        return str(down)
    tool = Tool(held.target, held.pin, _accepts(about), None)
    pending = replace(held, state=ApprovalState.PENDING)
    names = names_of(keyring, policy, held.caller, held.session)
    facts = Facts(now, tool, found, pending, held.tier, texts=read, names=names, grants=())
    verdict = admit(call, facts, policy)
    if isinstance(verdict, Refuse):
        return verdict.detail or verdict.reason.value
    if not isinstance(verdict, Hold | Allow):
        return "they could not be judged"
    sending = verdict.arguments
    bound = [held.caller, held.upstream, about.method, held.target, held.pin, sending]
    return Fit(HeldArguments(sending, arguments), keyring.digest(DIGEST, canonical(bound)))


def unmasked(edited: JsonObject, held: HeldArguments) -> JsonObject:
    """The edit with what the caller gave wherever the approver left what redaction had made of it."""
    if held.given is held.sends:
        return edited
    return cast("JsonObject", _unmasked(edited, held.sends, held.given))


def _unmasked(edited: Any, shown: Any, given: Any) -> Any:
    if canonical(edited) == canonical(shown):
        return given
    if isinstance(edited, dict) and isinstance(shown, dict) and isinstance(given, dict):
        left, before = cast("JsonObject", edited), cast("JsonObject", shown)
        came = cast("JsonObject", given)
        made: JsonObject = {
            key: _unmasked(one, before[key], came[key]) if key in before and key in came else one
            for key, one in left.items()
        }
        return made
    if isinstance(edited, list) and isinstance(shown, list) and isinstance(given, list):
        looks, values = cast("Sequence[Any]", shown), cast("Sequence[Any]", given)
        items: list[Any] = [_item(one, looks, values) for one in cast("Sequence[Any]", edited)]
        return items
    return cast("object", edited)


def _item(edited: Any, shown: Sequence[Any], given: Sequence[Any]) -> Any:
    """What came of an item that was left as it was; where several look the same, nobody knows which."""
    looks = canonical(edited)
    came = [one for before, one in zip(shown, given, strict=False) if canonical(before) == looks]
    same = len({canonical(one) for one in came}) == 1
    return came[0] if same else edited


def _accepts(about: About) -> Validate:
    if about.schema:
        return compile_schema(about.schema)
    return _unknown


def _unknown(_: Any) -> Mismatch:
    return Mismatch("arguments", "schema", "the tool's schema, which was not kept with the call")
