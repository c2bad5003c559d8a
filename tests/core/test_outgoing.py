"""What is judged, digested and shown on the approval card is what would be sent."""

from __future__ import annotations

import pytest

from toolgate.core.decide import case_of
from toolgate.core.model import UNKNOWN, Finding, Unknown
from toolgate.core.outgoing import outgoing
from toolgate.testing import call, caller, facts, policy_of

POLICY = policy_of(
    "version: 1\ntiers: {read: ['*/*']}\nroles: {agent: {tools: ['*/*']}}\n"
    "redaction: {arguments: {EMAIL_ADDRESS: mask, PHONE_NUMBER: allow}}"
)
CALL = call("m/send", {"to": "bob@example.com"}, caller("ann", "agent"))
ADDRESS = Finding("EMAIL_ADDRESS", 1, 0, 15)
NUMBER = Finding("PHONE_NUMBER", 1, 0, 3)


@pytest.mark.parametrize("findings", [UNKNOWN, (), (NUMBER,)])
def test_nothing_to_mask_leaves_the_callers_own_object(findings: tuple[Finding, ...] | Unknown) -> None:
    assert outgoing(case_of(CALL, facts(findings=findings), POLICY)) is CALL.arguments


def test_what_the_policy_masks_is_masked_in_a_copy() -> None:
    sent = outgoing(case_of(CALL, facts(findings=(ADDRESS, NUMBER)), POLICY))
    assert (sent, CALL.arguments) == ({"to": "<EMAIL_ADDRESS>"}, {"to": "bob@example.com"})
