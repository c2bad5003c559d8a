"""A client that starts us where we cannot work is told where the mistake is; it meets no dead process."""

from __future__ import annotations

from typing import Any, cast

from toolgate import replies
from toolgate.core.decode import decode
from toolgate.core.model import JsonObject, Refuse
from toolgate.core.reasons import Reason
from toolgate.errors import JournalDown, PolicyError, ToolgateError
from toolgate.ingress.stdio import standard_input, write_line
from toolgate.protocol import ladder, translate
from toolgate.protocol.messages import response
from toolgate.protocol.versions import LEGACY, MODERN, NEWEST_LEGACY, SELF, Era


async def explain(mistake: ToolgateError) -> None:
    """Answer every request with the mistake until the client leaves."""
    refusal = Refuse(reason_of(mistake), str(mistake))
    read = await standard_input()
    rest = b""
    while chunk := await read():
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            message = decode(line) if line.strip() else None
            if isinstance(message, dict) and "id" in message and "method" in message:
                write_line(answer(message, refusal))


def reason_of(mistake: ToolgateError) -> Reason:
    """Why nothing can be called."""
    if isinstance(mistake, PolicyError):
        return Reason.POLICY_BROKEN
    return Reason.JOURNAL_DOWN if isinstance(mistake, JournalDown) else Reason.SETTINGS_BROKEN


def answer(message: JsonObject, refusal: Refuse) -> JsonObject:
    """What one request is answered with while nothing can be called."""
    method = str(message["method"])
    modern = ladder.enveloped(message)
    told = f"{replies.SENTENCES[refusal.reason]} The mistake: {refusal.detail}"
    result: JsonObject
    if method == "initialize":
        asked: object = cast("Any", message.get("params") or {}).get("protocolVersion")
        version = asked if isinstance(asked, str) and asked in LEGACY else NEWEST_LEGACY
        result = {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": dict(SELF)}
        return response(message["id"], {**result, "instructions": told})
    if method == "server/discover":
        result = {"supportedVersions": [MODERN], "capabilities": {"tools": {}}, "instructions": told}
        return response(message["id"], translate.modern_result(method, result, dict(SELF)))
    if method == "ping":
        return response(message["id"], {})
    if method == "tools/list":
        result = {"tools": []}
        return response(message["id"], translate.modern_result(method, result, {}) if modern else result)
    return replies.message(method, message["id"], refusal, Era.MODERN if modern else Era.LEGACY)
