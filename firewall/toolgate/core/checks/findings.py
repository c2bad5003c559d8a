"""Nothing sensitive travels to an upstream that the policy keeps from it."""

from __future__ import annotations

from toolgate.core.case import Case
from toolgate.core.model import UNKNOWN, Fact, Need, Refuse
from toolgate.core.reasons import Reason
from toolgate.core.redact import refused


def arguments_clean(case: Case) -> Refuse | Need | None:
    """Refuses arguments holding an entity whose action is `refuse`."""
    if not case.view.wanted_arguments:
        return None
    findings = case.facts.findings
    if findings is UNKNOWN:
        return Need(frozenset({Fact.FINDINGS}))
    if not findings:
        return None
    entities = refused(findings, case.view.arguments)
    if not entities:
        return None
    return Refuse(Reason.SENSITIVE_ARGUMENTS, f"found {', '.join(entities)}, expected none of these")
