"""Arguments fit the upstream's own input schema."""

from __future__ import annotations

from toolgate.core.case import Case
from toolgate.core.model import UNKNOWN, Fact, Need, Refuse
from toolgate.core.reasons import Reason


def known(case: Case) -> Need | Refuse | None:
    """Refuses a tool its upstream does not list, in the words used for a hidden one."""
    if case.call.method != "tools/call":
        return None
    tool = case.facts.tool
    if tool is UNKNOWN:
        return Need(frozenset({Fact.TOOL}))
    if tool is None:
        return Refuse(Reason.NOT_ALLOWED, "the upstream lists no such tool")
    return None


def valid(case: Case) -> Refuse | None:
    """Refuses arguments that break the schema. MCP 2026-07-28 server/tools: servers MUST validate."""
    tool = case.facts.tool
    if tool is None or tool is UNKNOWN:
        return None
    if tool.broken:
        return Refuse(Reason.SCHEMA_TOO_COMPLEX, tool.broken)
    mismatch = tool.accepts(case.call.arguments)
    if mismatch is None:
        return None
    return Refuse(Reason.ARGUMENTS_INVALID, f"{mismatch.path}: expected {mismatch.expected}")
