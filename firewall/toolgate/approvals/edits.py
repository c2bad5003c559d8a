"""Arguments that an approver changed: judged like the call they belong to, and compared with what came."""

from __future__ import annotations

from collections.abc import Iterator
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
)
from toolgate.core.policy import Policy
from toolgate.core.schema import compile_schema
from toolgate.core.texts import texts
from toolgate.ports import DIGEST, Detectors, Keyring


@dataclass(frozen=True, slots=True)
class About:
    """What was kept beside a held call: how it came, and the tool as its caller knew it."""

    method: str = "tools/call"
    roles: tuple[str, ...] = ()
    title: str = ""
    schema: JsonObject = field(default_factory=dict[str, Any])
    findings: JsonObject = field(default_factory=dict[str, Any])

    @classmethod
    def of(cls, plain: JsonObject) -> About:
        """From its JSON."""
        return cls(
            str(plain.get("method", "tools/call")),
            tuple(plain.get("roles", ())),
            str(plain.get("title", "")),
            plain.get("schema") or {},
            plain.get("findings") or {},
        )


@dataclass(frozen=True, slots=True)
class Fit:
    """Arguments that pass every check: as they would be sent, and the digest that binds them."""

    arguments: JsonObject
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
    found = await detectors.scan(read, view.wanted_arguments) if view.wanted_arguments else ()
    tool = Tool(held.target, held.pin, _accepts(about), None)
    pending = replace(held, state=ApprovalState.PENDING)
    facts = Facts(now, tool, found, pending, held.tier, texts=read, grants=())
    verdict = admit(call, facts, policy)
    if isinstance(verdict, Refuse):
        return verdict.detail or verdict.reason.value
    if not isinstance(verdict, Hold | Allow):
        return "they could not be judged"
    sending = verdict.arguments
    bound = [held.caller, held.upstream, about.method, held.target, held.pin, sending]
    return Fit(sending, keyring.digest(DIGEST, canonical(bound)))


def changes(before: JsonObject, after: JsonObject) -> tuple[str, ...]:
    """Where two arguments differ, and how: removed, changed or added. Never a value."""
    return tuple(_changes(before, after, ""))


def _changes(before: Any, after: Any, at: str) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        old, new = cast("JsonObject", before), cast("JsonObject", after)
        for key in old:
            where = f"{at}.{key}" if at else key
            if key in new:
                yield from _changes(old[key], new[key], where)
            else:
                yield f"{where}: removed"
        for key in new:
            if key not in old:
                yield f"{at}.{key}: added" if at else f"{key}: added"
    elif isinstance(before, list) and isinstance(after, list):
        yield from _items(before, after, at)
    elif canonical(before) != canonical(after):
        yield f"{at}: changed"


def _items(before: list[Any], after: list[Any], at: str) -> Iterator[str]:
    """Items taken out of a list are named one by one; any other difference is one change."""
    left, removed = list(after), list[int]()
    for number, item in enumerate(before):
        if left and canonical(left[0]) == canonical(item):
            left.pop(0)
        else:
            removed.append(number)
    if left:
        yield f"{at}: changed"
    else:
        yield from (f"{at}[{number}]: removed" for number in removed)


def _accepts(about: About) -> Any:
    if about.schema:
        return compile_schema(about.schema)
    return lambda _: Mismatch("arguments", "schema", "the tool's schema, which was not kept with the call")
