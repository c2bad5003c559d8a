"""What a policy file says of findings: per role, from a score on, and of binary content."""

from __future__ import annotations

import pytest

from toolgate.core.binary import Binary
from toolgate.core.policy import Action, Policy
from toolgate.core.wanted import least
from toolgate.errors import PolicyError
from toolgate.policy.compare import loosened
from toolgate.testing import policy_of

HEAD = """
version: 1
tiers: {read: ["*/*"]}
roles:
  agent: {tools: ["*/*"]}
  fraud: {extends: [agent]}
  chief: {extends: [fraud]}
  guest: {tools: ["*/*"]}
"""
ROLES = """
redaction:
  results: {EMAIL_ADDRESS: mask}
  tools: {crm/export: {results: {US_SSN: mask}}}
  roles:
    fraud:
      results: {CREDIT_CARD: allow, URL: mask, scores: {URL: 0.7}}
      tools: {crm/export: {results: {other: refuse}}}
    guest: {results: {CREDIT_CARD: refuse}, upstreams: {hr: {results: {EMAIL_ADDRESS: refuse}}}}
"""


def of(policy: Policy, roles: tuple[str, ...], entity: str, target: str = "crm/find") -> Action:
    return policy.view(roles, *target.split("/")).results.of(entity)


@pytest.mark.parametrize(
    ("roles", "entity", "target", "expected"),
    [
        (("agent",), "CREDIT_CARD", "crm/find", Action.MASK),
        (("fraud",), "CREDIT_CARD", "crm/find", Action.ALLOW),
        (("chief",), "CREDIT_CARD", "crm/find", Action.ALLOW),
        (("agent", "fraud"), "CREDIT_CARD", "crm/find", Action.ALLOW),
        (("fraud", "guest"), "CREDIT_CARD", "crm/find", Action.REFUSE),
        (("fraud",), "PHONE_NUMBER", "crm/export", Action.REFUSE),
        (("fraud",), "US_SSN", "crm/export", Action.MASK),
        (("guest",), "EMAIL_ADDRESS", "hr/find", Action.REFUSE),
        (("guest",), "EMAIL_ADDRESS", "crm/find", Action.MASK),
    ],
)
def test_a_role_has_actions_of_its_own(
    roles: tuple[str, ...], entity: str, target: str, expected: Action
) -> None:
    assert of(policy_of(HEAD + ROLES), roles, entity, target) is expected


def test_what_is_named_with_a_score_is_looked_for_from_that_score_on() -> None:
    policy = policy_of(HEAD + ROLES)
    wanted = policy.view(("fraud",), "crm", "find").wanted_results
    assert (least(wanted, "URL"), "URL" in policy.view(("agent",), "crm", "find").wanted_results) == (
        0.7,
        False,
    )


def test_prompts_and_resources_have_the_actions_of_roles_too() -> None:
    policy = policy_of(HEAD + ROLES)
    assert policy.surface("prompts", ("guest",), "crm", "greet").results.of("CREDIT_CARD") is Action.REFUSE


@pytest.mark.parametrize(
    ("redaction", "where"),
    [
        ("{roles: {frauds: {results: {other: mask}}}}", "redaction.roles.frauds"),
        ("{results: {EMAIL_ADRESS: mask}}", "EMAIL_ADRESS"),
        ("{results: {email: mask}}", "redaction.results.email"),
        ("{results: {SECRET: mask}}", "redaction.results.SECRET"),
        ("{results: {URL: hide}}", "redaction.results.URL"),
        ("{results: {scores: {other: 0.5}}}", "redaction.results"),
        ("{results: {scores: {URL: 2}}}", "redaction.results.scores.URL"),
        ("{roles: {agent: {results: {scores: {URL: high}}}}}", "redaction.roles.agent.results.scores.URL"),
    ],
)
def test_a_mistake_is_told_where_it_stands(redaction: str, where: str) -> None:
    with pytest.raises(PolicyError) as mistake:
        policy_of(f"{HEAD}redaction: {redaction}\n")
    assert where in str(mistake.value)


def test_entities_of_rule_files_and_models_have_any_name_in_capitals() -> None:
    policy = policy_of(HEAD + "redaction: {results: {PERSON: mask, other: refuse}}")
    assert of(policy, ("agent",), "PERSON") is Action.MASK


@pytest.mark.parametrize(
    ("text", "binary"),
    [
        ("results: {binary: {max_bytes: 1MiB}}", Binary(1 << 20)),
        (
            "results: {binary: {types: [image/*, application/pdf]}}",
            Binary(None, ("image/*", "application/pdf")),
        ),
        ("results: {max_chars: 9}", None),
    ],
)
def test_binary_content_has_a_size_and_types(text: str, binary: Binary | None) -> None:
    assert policy_of(HEAD + text).view(("agent",), "a", "b").binary == binary


@pytest.mark.parametrize("types", ["[]", "[image]", "['*/*']", "[image/png; q=1]"])
def test_a_type_that_is_none_is_a_mistake(types: str) -> None:
    with pytest.raises(PolicyError, match=r"results\.binary\.types"):
        policy_of(f"{HEAD}results: {{binary: {{types: {types}}}}}")


LESS = "redaction: {results: {URL: mask, scores: {URL: 0.5}}}\n"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (LESS, LESS.replace("0.5", "0.7"), "URL in results: only from a higher score on"),
        (LESS, LESS.replace("URL: mask", "URL: allow"), "URL in results: allow instead of mask"),
        (
            LESS.replace("URL: mask", "URL: hash"),
            LESS.replace("URL: mask", "URL: pseudonym"),
            "pseudonym instead",
        ),
        (LESS, LESS + "results: {binary: {types: [image/png]}}", ""),
        (LESS.replace("0.5", "0.7"), LESS, ""),
        ("results: {binary: {types: [image/png]}}", "", "results.binary: more"),
        (
            "results: {binary: {types: [image/png]}}",
            "results: {binary: {types: [a/b]}}",
            "results.binary: more",
        ),
        (
            "results: {binary: {max_bytes: 1KiB}}",
            "results: {binary: {max_bytes: 2KiB}}",
            "results.binary: more",
        ),
        ("results: {binary: {max_bytes: 2KiB}}", "results: {binary: {max_bytes: 1KiB}}", ""),
        ("", "redaction: {roles: {agent: {results: {CREDIT_CARD: allow}}}}", "role agent"),
        (
            "",
            "redaction: {roles: {agent: {tools: {crm/x: {results: {secrets: allow}}}}}}",
            "crm/x: SECRET in results",
        ),
    ],
)
def test_what_permits_more_is_a_loosening(old: str, new: str, expected: str) -> None:
    found = "\n".join(loosened(policy_of(HEAD + old), policy_of(HEAD + new)))
    assert (expected in found) if expected else not found


def test_roles_and_scores_are_part_of_what_the_digest_says() -> None:
    digests = {policy_of(HEAD + text).digest for text in ("", ROLES, ROLES.replace("0.7", "0.6"), LESS)}
    assert len(digests) == 4
