"""The policy in force, and why it says what it says of any call."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from toolgate import documents
from toolgate.console.room import Form, Room, Signed
from toolgate.console.visitors import Visitor
from toolgate.core.model import JsonObject
from toolgate.errors import Misuse, PolicyError
from toolgate.policy.cases import CallPart
from toolgate.policy.compile import compiled
from toolgate.policy.explain import explained
from toolgate.policy.load import files, load


async def page(room: Room, request: Request, visitor: Visitor) -> Response:
    """The policy as written."""
    return _page(room, request, visitor)


async def explain(room: Room, signed: Signed, form: Form) -> Response:
    """The verdict on a call that nobody makes. By POST: arguments belong in no browser history."""
    asked = {name: form[name] for name in ("tool", "roles", "arguments")}
    try:
        found, wrong = _explained(room, asked), ""
    except (Misuse, PolicyError) as mistake:
        found, wrong = None, str(mistake)
    return _page(room, signed.request, signed.visitor, asked, found, wrong)


def _explained(room: Room, asked: dict[str, str]) -> JsonObject:
    """What `toolgate explain` says. Raises Misuse for what is no call."""
    try:
        arguments = json.loads(asked["arguments"] or "{}")
    except ValueError:
        raise Misuse("arguments: found no JSON, expected an object") from None
    tree = documents.Tree(
        room.house.policy_path, {"tool": asked["tool"].strip(), "arguments": arguments}, {(): 1}
    )
    part = documents.checked(tree, CallPart, Misuse).value
    roles = tuple(dict.fromkeys(asked["roles"].replace(",", " ").split()))
    source = load(room.house.policy_path)
    return explained(source, compiled(source), part, roles, room.house.clock.now())


def _page(
    room: Room,
    request: Request,
    visitor: Visitor,
    asked: dict[str, str] | None = None,
    found: JsonObject | None = None,
    wrong: str = "",
) -> Response:
    policy = room.house.policies.current
    return room.pages.show(
        request,
        visitor,
        "policy.html",
        policy=policy,
        sources=[(path.name, _text(path)) for path in files(room.house.policy_path)],
        roles=sorted(policy.roles),
        asked=asked or {"tool": "", "roles": "", "arguments": "{}"},
        found=found,
        wrong=wrong,
    )


def _text(path: Any) -> str:
    try:
        text: str = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "cannot be read"
    return text
