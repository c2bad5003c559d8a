"""How a client is asked about a held call, in either era, and the sealed state it carries meanwhile."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final, Literal, TypeAlias, cast

import orjson

from toolgate.core.canonical import canonical
from toolgate.core.layout import lay_out, written
from toolgate.core.model import Approval, JsonObject
from toolgate.core.plain import plain
from toolgate.core.values import value
from toolgate.errors import SealBroken
from toolgate.ports import Keyring

KEY: Final = "toolgate.approval"
_PREFIX: Final = "tg1."
_PURPOSE: Final = "request-state"
# A form that shows more than this would not be read; a state that carries more would not come back.
_MOST_SHOWN: Final = 4000
_MOST_STATE: Final = 64 << 10

Mode: TypeAlias = Literal["form", "url"]
Action: TypeAlias = Literal["accept", "decline", "cancel"]


@value
class State:
    """What a client carries between our question and its answer; `rest` is what its server asked before."""

    approval: str
    caller: str
    expires: float
    mode: Mode
    rest: JsonObject


def modes(offers: JsonObject) -> frozenset[Mode]:
    """How a client that declared these capabilities can be asked. MCP 2025-11-25: `{}` means forms."""
    declared: object = offers.get("elicitation")
    if not isinstance(declared, dict):
        return frozenset()
    known = cast("JsonObject", declared)
    if "url" in known:
        return frozenset({"form", "url"}) if "form" in known else frozenset({"url"})
    return frozenset({"form"})


def form(approval: Approval, arguments: JsonObject, version: str) -> JsonObject | None:
    """The question as a form that shows the whole call; None where that is more than a form can show."""
    tier = approval.tier.value if approval.tier else "not classed yet"
    shown = "\n".join(written(lay_out(arguments)))
    if len(shown) > _MOST_SHOWN:
        return None
    asked: JsonObject = {
        "message": (
            f"Approve {plain(approval.upstream)}/{plain(approval.target)} ({tier}), approval {approval.id}?"
            f" It will be sent as:\n{shown}"
        ),
        "requestedSchema": {
            "type": "object",
            "properties": {"approve": {"type": "boolean", "title": "Approve this call"}},
            "required": ["approve"],
        },
    }
    # MCP 2025-06-18 knows no modes: a form is all there is.
    return asked if version in ("2025-03-26", "2025-06-18") else {"mode": "form", **asked}


def address(approval: Approval, page: str, *, legacy: bool) -> JsonObject:
    """The question as a page to open, where a person signs in and decides."""
    tool = f"{plain(approval.upstream)}/{plain(approval.target)}"
    asked: JsonObject = {"mode": "url", "url": page, "message": f"Open the approval of {tool} and decide."}
    # MCP 2025-11-25 names each; 2026-07-28 has no such member.
    return {**asked, "elicitationId": approval.id} if legacy else asked


def asking(request_id: object, asked: JsonObject, state: str) -> JsonObject:
    """The answer of MCP 2026-07-28 that asks for input."""
    result: JsonObject = {
        "resultType": "input_required",
        "inputRequests": {KEY: {"method": "elicitation/create", "params": asked}},
        "requestState": state,
    }
    return {"jsonrpc": "2.0", "id": request_id, "result": result}


def sealed(keyring: Keyring, state: State) -> str | None:
    """The state as a client carries it: it can be neither read nor changed. None where it is too large."""
    said = [state.approval, state.caller, state.expires, state.mode, state.rest]
    plain_ = canonical(said)
    if len(plain_) > _MOST_STATE:
        return None
    return _PREFIX + base64.urlsafe_b64encode(keyring.seal(_PURPOSE, plain_)).decode()


def ours(state: object) -> bool:
    """Whether a state claims to be one of ours."""
    return isinstance(state, str) and state.startswith(_PREFIX)


def opened(keyring: Keyring, text: str) -> State | None:
    """What a state of ours says; None for one that we did not make."""
    try:
        said: Any = orjson.loads(keyring.unseal(_PURPOSE, base64.urlsafe_b64decode(text[len(_PREFIX) :])))
    except (SealBroken, binascii.Error, ValueError):
        return None
    approval, caller, expires, mode, rest = cast("tuple[str, str, float, Mode, JsonObject]", said)
    return State(approval, caller, expires, mode, rest)


def answer(given: object, mode: Mode) -> Action:
    """What the client's user said; only a clear yes is one."""
    if not isinstance(given, dict):
        return "cancel"
    said = cast("JsonObject", given)
    action: object = said.get("action")
    if action == "accept" and mode == "url":
        return "accept"
    if action == "accept":
        content: object = said.get("content")
        ticked = isinstance(content, dict) and cast("JsonObject", content).get("approve") is True
        return "accept" if ticked else "decline"
    return "decline" if action == "decline" else "cancel"
