"""Verdicts as MCP answers: one table of sentences, reviewed as text for people (docs/reasons.md)."""

from __future__ import annotations

from typing import cast

from toolgate.core.model import JsonObject, Refuse, Tier, Withhold
from toolgate.core.reasons import Reason
from toolgate.protocol.messages import (
    HEADER_MISMATCH,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    REFUSED,
    RESOURCE_NOT_FOUND,
    UNSUPPORTED_VERSION,
    error,
    response,
)
from toolgate.protocol.versions import APPROVAL_KEY, VERDICT_KEY, Era
from toolgate.verdicts import Held

SENTENCES: dict[Reason, str] = {
    Reason.NOT_JSON: "The message is not JSON in UTF-8. Correct it and send it again.",
    Reason.MALFORMED: "The message is not what the protocol expects. Correct it and send it again.",
    Reason.TOO_LARGE: "The message is larger than toolgate accepts. Send less at once.",
    Reason.TOO_SLOW: "The message did not arrive in time. Send it again without pausing.",
    Reason.TOO_DEEP: "The message is nested too deeply. Flatten it and send it again.",
    Reason.DUPLICATE_KEY: "An object in the message names a key twice. Name every key once.",
    Reason.BAD_NUMBER: "A number in the message cannot be carried exactly. Send it as a string.",
    Reason.BAD_HEADER: "A header does not agree with the message. Send headers that match the body.",
    Reason.BAD_ORIGIN: "This address may not be used from that origin.",
    Reason.UNSUPPORTED_VERSION: (
        "This protocol version is not spoken here. Use one of the supported versions."
    ),
    Reason.METHOD_NOT_ALLOWED: "The policy does not allow this method. Ask the operator if it is needed.",
    Reason.NOT_AUTHENTICATED: "The caller is not known. Send a valid credential.",
    Reason.UNKNOWN_SESSION: "This session is not known. Initialise again.",
    Reason.UNKNOWN_UPSTREAM: "There is no such upstream here.",
    Reason.TOO_MANY_ATTEMPTS: "Too many refused calls. Wait, then send only calls that can succeed.",
    Reason.NOT_ALLOWED: "This does not exist here, or not for this caller. List what there is and use that.",
    Reason.SCHEMA_TOO_COMPLEX: (
        "The tool's own schema cannot be checked safely, so the tool cannot be called."
    ),
    Reason.ARGUMENTS_INVALID: "The arguments do not fit the tool's schema. Correct them and call again.",
    Reason.CONDITION_NOT_MET: (
        "The policy does not allow these arguments. Use arguments within its conditions."
    ),
    Reason.SENSITIVE_ARGUMENTS: (
        "The arguments hold sensitive data that may not be sent. Call again without it."
    ),
    Reason.PSEUDONYM_UNKNOWN: (
        "The arguments hold a pseudonym that cannot be put back here."
        " Leave it out, or use it where it came from."
    ),
    Reason.NO_TIER: "The operator has not classed this tool yet, so it cannot be called. Ask the operator.",
    Reason.PAUSED: "A person paused this. Nothing was sent. Tell the user, and go on with something else.",
    Reason.APPROVAL_NEEDED: "A person must approve this call.",
    Reason.NO_CHANNEL: ("A person must approve this call, and there is no way to ask one. Ask the operator."),
    Reason.APPROVAL_DENIED: "A person denied this call. Do not repeat it; find another way or ask.",
    Reason.APPROVAL_UNKNOWN: (
        "There is no such approval for this caller. Use the id the held call's answer named."
    ),
    Reason.APPROVAL_EXPIRED: "The approval has expired. Make the call again to ask anew.",
    Reason.APPROVAL_SPENT: "The approval was used already. Make the call again to ask anew.",
    Reason.OUTCOME_UNKNOWN: (
        "This call was sent before and has no outcome yet. If it may still be under way, repeat it in a"
        " while; if that does not help, ask the operator what happened."
    ),
    Reason.RATE_LIMITED: "The limit for this is used up. Wait, then go on.",
    Reason.SERVER_MAY_NOT: "The server asked for something the policy does not let servers ask.",
    Reason.SENSITIVE_RESULT: "The result holds sensitive data that may not be shown.",
    Reason.RESULT_INVALID: "The result breaks the tool's own output schema, so it is not passed on.",
    Reason.RESULT_NOT_REDACTABLE: "The result holds sensitive data that cannot be masked within its schema.",
    Reason.BINARY_WITHHELD: "The result holds binary content that the policy does not let pass.",
    Reason.RESULT_TOO_LARGE: "The result is larger than toolgate passes on. Ask for less.",
    Reason.RESULT_MALFORMED: "The server's answer is not what the protocol expects, so it is not passed on.",
    Reason.UPSTREAM_DOWN: "The server behind this tool cannot be reached. Other servers are not affected.",
    Reason.UPSTREAM_TIMEOUT: "The server did not answer in time and the call was cancelled.",
    Reason.SECRET_UNAVAILABLE: (
        "toolgate cannot get the credential it needs for this server. Other servers are not affected."
    ),
    Reason.POLICY_BROKEN: "The policy file has a mistake, so nothing can be called until it is mended.",
    Reason.SETTINGS_BROKEN: (
        "toolgate cannot work where it was started, so nothing can be called until that is mended."
    ),
    Reason.JOURNAL_DOWN: (
        "The journal cannot be written, and without a record no call is made. Tell the operator."
    ),
    Reason.INTERNAL: "toolgate met an error of its own and refused the call. Tell the operator.",
}

_CODES: dict[Reason, int] = {
    Reason.NOT_JSON: PARSE_ERROR,
    Reason.MALFORMED: INVALID_REQUEST,
    Reason.TOO_LARGE: INVALID_REQUEST,
    Reason.TOO_SLOW: INVALID_REQUEST,
    Reason.TOO_DEEP: INVALID_REQUEST,
    Reason.DUPLICATE_KEY: PARSE_ERROR,
    Reason.BAD_NUMBER: PARSE_ERROR,
    Reason.BAD_HEADER: HEADER_MISMATCH,
    Reason.UNSUPPORTED_VERSION: UNSUPPORTED_VERSION,
    Reason.METHOD_NOT_ALLOWED: METHOD_NOT_FOUND,
}

_UNKNOWN = {
    "tools/call": "Unknown tool",
    "prompts/get": "Unknown prompt",
    "resources/read": "Resource not found",
    "resources/subscribe": "Resource not found",
    "resources/unsubscribe": "Resource not found",
    "subscriptions/listen": "Resource not found",
    "completion/complete": "Unknown reference",
}


def sentence(reply: Refuse | Withhold | Held) -> str:
    """What the caller is told: the cause, the place, and what to do."""
    if isinstance(reply, Held):
        return held_sentence(reply)
    text = SENTENCES[reply.reason]
    if reply.detail:
        text += f" ({reply.detail})"
    if isinstance(reply, Refuse) and reply.retry_after is not None:
        text += f" Try again in {max(1, round(reply.retry_after + 0.5))} s."
    return text


def held_sentence(held: Held) -> str:
    """How a held call goes on: through which of the ways the policy leaves, and then how."""
    approval = held.approval
    tier = f"it is {held.tier.value}" if held.tier else "nobody has said yet how much this tool can break"
    ways = _ways(held)
    if not ways:
        return f"{SENTENCES[Reason.NO_CHANNEL]} It was not sent ({approval.id}): {tier}."
    return (
        f"This call waits for a person's approval ({approval.id}): {tier}. It was not sent. "
        f"A person decides {' or '.join(ways)}. "
        f'Then repeat the call, or call the tool toolgate_continue with {{"approval": "{approval.id}"}}; '
        "either sends it exactly once. Tell the user that you are waiting for this approval."
    )


def _ways(held: Held) -> list[str]:
    """Where a person can decide. What only the client could have been asked is none."""
    option = "" if held.tier else " --tier read|reversible|irreversible|privileged"
    ways: list[str] = []
    if held.page and "console" in held.channels:
        ways.append(f"at {held.page}")
    if "cli" in held.channels:
        ways.append(f"with `toolgate approvals approve {held.approval.id}{option}`")
    if not ways and "console" in held.channels:
        ways.append("at the console")
    if "webhook" in held.channels or "slack" in held.channels:
        ways.append("through the message that was sent about it")
    return ways


def message(
    method: str, request_id: object, reply: Refuse | Withhold | Held, era: Era, name: str = ""
) -> JsonObject:
    """The JSON-RPC answer: a tool error the model can read, or a protocol error where there is no tool."""
    if isinstance(reply, Refuse) and reply.reason is Reason.NOT_ALLOWED:
        return _unknown(method, request_id, name, era)
    if method != "tools/call" or (isinstance(reply, Refuse) and reply.reason in _CODES):
        return _error(request_id, reply)
    result: JsonObject = {
        "content": [{"type": "text", "text": sentence(reply)}],
        "isError": True,
        "_meta": meta(reply),
    }
    if era is Era.MODERN:
        result["resultType"] = "complete"
    return response(request_id, result)


def told(request_id: object, text: str, era: Era) -> JsonObject:
    """A tool result of the firewall's own."""
    result: JsonObject = {"content": [{"type": "text", "text": text}], "isError": False}
    if era is Era.MODERN:
        result["resultType"] = "complete"
    return response(request_id, result)


def told_of_edits(result: JsonObject, approval: str, edited: tuple[str, ...]) -> JsonObject:
    """A result that says beside what it says that an approver changed the call, and where."""
    where = "; ".join(edited)
    words = f"A person approved this call with changes ({where}). This is the result of the changed call."
    own: object = result.get("_meta")
    given: object = result.get("content")
    blocks = cast("list[object]", given) if isinstance(given, list) else []
    return {
        **result,
        "content": [*blocks, {"type": "text", "text": words}],
        "_meta": {
            **(cast("JsonObject", own) if isinstance(own, dict) else {}),
            APPROVAL_KEY: {"id": approval, "edited": list(edited)},
        },
    }


def meta(reply: Refuse | Withhold | Held) -> JsonObject:
    """The verdict for programs, under toolgate's own `_meta` keys."""
    if isinstance(reply, Held):
        tier: Tier | None = reply.tier
        about: JsonObject = {
            "id": reply.approval.id,
            "expires": reply.approval.expires,
            "tier": tier.value if tier else None,
        }
        if held_page := reply.page:
            about["url"] = held_page
        if not _ways(reply):
            return {VERDICT_KEY: {"verdict": "refuse", "reason": "no-channel"}, APPROVAL_KEY: about}
        return {VERDICT_KEY: {"verdict": "hold", "reason": "approval-needed"}, APPROVAL_KEY: about}
    verdict: JsonObject = {"verdict": "refuse", "reason": reply.reason.value}
    if isinstance(reply, Withhold):
        verdict["verdict"] = "withhold"
    elif reply.retry_after is not None:
        verdict["retry_after"] = round(reply.retry_after, 3)
    return {VERDICT_KEY: verdict}


def _error(request_id: object, reply: Refuse | Withhold | Held) -> JsonObject:
    code = REFUSED if isinstance(reply, Held) else _CODES.get(reply.reason, REFUSED)
    return error(request_id, code, sentence(reply), meta(reply))


def _unknown(method: str, request_id: object, name: str, era: Era) -> JsonObject:
    """The same words for what is hidden and for what does not exist."""
    if method not in _UNKNOWN:
        return error(request_id, METHOD_NOT_FOUND, "Method not found")
    text = f"{_UNKNOWN[method]}: {name}" if name else _UNKNOWN[method]
    legacy_resource = era is Era.LEGACY and method.startswith("resources/")
    return error(request_id, RESOURCE_NOT_FOUND if legacy_resource else INVALID_PARAMS, text)
