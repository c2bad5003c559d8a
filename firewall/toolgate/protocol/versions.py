"""Protocol versions, their era, and the names of the per-request envelope."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final


class Era(StrEnum):
    """Handshake era (to 2025-11-25) or per-request era (from 2026-07-28)."""

    LEGACY = "legacy"
    MODERN = "modern"


MODERN: Final = "2026-07-28"
LEGACY: Final = ("2025-03-26", "2025-06-18", "2025-11-25")
NEWEST_LEGACY: Final = LEGACY[-1]
SUPPORTED: Final = (*LEGACY, MODERN)

# MCP 2026-07-28 changelog: what the per-request era has no use for. Answered, not forwarded.
REMOVED: Final = frozenset(
    {"initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"}
)

VERSION_KEY: Final = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES_KEY: Final = "io.modelcontextprotocol/clientCapabilities"
CLIENT_KEY: Final = "io.modelcontextprotocol/clientInfo"
SERVER_KEY: Final = "io.modelcontextprotocol/serverInfo"
LOG_LEVEL_KEY: Final = "io.modelcontextprotocol/logLevel"
SUBSCRIPTION_KEY: Final = "io.modelcontextprotocol/subscriptionId"

# What toolgate says of itself where a peer asks; also what the verdict travels under in `_meta`.
SELF: Final = {"name": "toolgate", "title": "toolgate", "version": "0.1.0"}
VERDICT_KEY: Final = "toolgate/verdict"
APPROVAL_KEY: Final = "toolgate/approval"


def own_meta() -> dict[str, Any]:
    """The envelope of a request that toolgate makes itself: no capabilities, so nothing can be asked back."""
    return {VERSION_KEY: MODERN, CLIENT_KEY: dict(SELF), CAPABILITIES_KEY: {}}
