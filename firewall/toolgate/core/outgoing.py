"""What would be sent: the arguments with the policy's masks applied."""

from __future__ import annotations

from toolgate.core.case import Case
from toolgate.core.model import UNKNOWN, JsonObject
from toolgate.core.redact import redact


def outgoing(case: Case) -> JsonObject:
    """The caller's arguments as the upstream would get them; the same object when nothing is masked."""
    findings = case.facts.findings
    if findings is UNKNOWN or not findings:
        return case.call.arguments
    arguments: JsonObject = redact(
        case.call.arguments, findings, case.view.arguments, case.facts.texts, case.facts.names
    )
    return arguments
