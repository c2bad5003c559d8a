"""The shapes of one era in the words of the other: pure functions over messages."""

from __future__ import annotations

from typing import Final, cast

from toolgate.core.model import JsonObject
from toolgate.protocol.messages import INVALID_PARAMS, RESOURCE_NOT_FOUND, members
from toolgate.protocol.versions import (
    CAPABILITIES_KEY,
    CLIENT_KEY,
    LEGACY,
    LOG_LEVEL_KEY,
    MODERN,
    NEWEST_LEGACY,
    SELF,
    SERVER_KEY,
    SUBSCRIPTION_KEY,
    VERSION_KEY,
)

_ENVELOPE: Final = (VERSION_KEY, CAPABILITIES_KEY, CLIENT_KEY, LOG_LEVEL_KEY)
# Results that must say how they may be cached (MCP 2026-07-28 server/utilities/caching).
_CACHED: Final = frozenset(
    {
        "tools/list",
        "prompts/list",
        "resources/list",
        "resources/templates/list",
        "resources/read",
        "server/discover",
    }
)
_MODERN_ONLY: Final = ("resultType", "ttlMs", "cacheScope")
# Which flag of `subscriptions/listen` each capability's listChanged answers to.
CHANGES: Final = {
    "toolsListChanged": ("tools", "notifications/tools/list_changed"),
    "promptsListChanged": ("prompts", "notifications/prompts/list_changed"),
    "resourcesListChanged": ("resources", "notifications/resources/list_changed"),
}


def handshake(client: JsonObject, capabilities: JsonObject) -> JsonObject:
    """The parameters of the `initialize` that a modern client never sends."""
    return {
        "protocolVersion": NEWEST_LEGACY,
        "capabilities": capabilities,
        "clientInfo": client or dict(SELF),
    }


def without_envelope(params: JsonObject) -> JsonObject:
    """Request parameters as the handshake era knows them."""
    kept = {key: value for key, value in params.items() if key not in ("inputResponses", "requestState")}
    meta: object = kept.pop("_meta", None)
    if isinstance(meta, dict):
        rest = {key: value for key, value in cast("JsonObject", meta).items() if key not in _ENVELOPE}
        if rest:
            kept["_meta"] = rest
    return kept


def with_envelope(
    params: JsonObject, client: JsonObject, capabilities: JsonObject, level: str | None
) -> JsonObject:
    """Request parameters as the per-request era knows them."""
    own: JsonObject = {VERSION_KEY: MODERN, CAPABILITIES_KEY: capabilities}
    if client:
        own[CLIENT_KEY] = client
    if level is not None:
        own[LOG_LEVEL_KEY] = level
    meta: object = params.get("_meta")
    return {**params, "_meta": {**(cast("JsonObject", meta) if isinstance(meta, dict) else {}), **own}}


def modern_result(method: str, result: JsonObject, server: JsonObject) -> JsonObject:
    """A result of a legacy server as a modern client expects it."""
    made: JsonObject = {"resultType": "complete", **result}
    if method in _CACHED:
        made = {"ttlMs": 0, "cacheScope": "private", **made}
    meta: object = made.get("_meta")
    if server:
        made["_meta"] = {SERVER_KEY: server, **(cast("JsonObject", meta) if isinstance(meta, dict) else {})}
    return made


def legacy_result(result: JsonObject) -> JsonObject:
    """A result of a modern server as a legacy client expects it."""
    return {key: value for key, value in result.items() if key not in _MODERN_ONLY}


def modern_error(error: JsonObject) -> JsonObject:
    """An error of a legacy server: a missing resource has another code since 2026-07-28."""
    return {**error, "code": INVALID_PARAMS} if error.get("code") == RESOURCE_NOT_FOUND else error


def legacy_error(method: str, error: JsonObject) -> JsonObject:
    """An error of a modern server for a legacy client."""
    missing = method.startswith("resources/") and error.get("code") == INVALID_PARAMS
    return {**error, "code": RESOURCE_NOT_FOUND} if missing else error


def discovered(opened: JsonObject) -> JsonObject:
    """The answer to `server/discover` made from an `initialize` result."""
    made: JsonObject = {"supportedVersions": [MODERN], "capabilities": opened.get("capabilities", {})}
    for key in ("instructions", "serverInfo"):
        if key in opened:
            made[key] = opened[key]
    return made


def initialised(found: JsonObject, requested: object) -> JsonObject:
    """The answer to `initialize` made from a `server/discover` result."""
    server: object = found.get("serverInfo") or members(found.get("_meta")).get(SERVER_KEY)
    made: JsonObject = {
        "protocolVersion": requested if requested in LEGACY else NEWEST_LEGACY,
        "capabilities": found.get("capabilities", {}),
        "serverInfo": server or {"name": "unnamed", "version": "0"},
    }
    if "instructions" in found:
        made["instructions"] = found["instructions"]
    return made


def tagged(params: JsonObject, subscription: object) -> JsonObject:
    """Notification parameters that name the listen request they belong to."""
    meta: object = params.get("_meta")
    kept = cast("JsonObject", meta) if isinstance(meta, dict) else {}
    return {**params, "_meta": {**kept, SUBSCRIPTION_KEY: subscription}}


def untagged(params: JsonObject) -> JsonObject:
    """Notification parameters without the listen request they belong to."""
    meta: object = params.get("_meta")
    if not isinstance(meta, dict):
        return params
    kept = {key: value for key, value in cast("JsonObject", meta).items() if key != SUBSCRIPTION_KEY}
    rest = {key: value for key, value in params.items() if key != "_meta"}
    return {**rest, "_meta": kept} if kept else rest
