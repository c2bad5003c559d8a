"""A policy file is strict: every mistake at once, each with its place and what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolgate.core.model import Limit, Tier
from toolgate.core.policy import Action, Policy
from toolgate.errors import PolicyError
from toolgate.policy.compile import open_policy


def written(folder: Path, text: str, name: str = "team.yaml") -> Path:
    path = folder / name
    path.write_text("version: 1\n" + text, encoding="utf-8")
    return path


def opened(folder: Path, text: str) -> Policy:
    return open_policy(written(folder, text))


def mistakes(folder: Path, text: str) -> list[str]:
    path = written(folder, text)
    with pytest.raises(PolicyError) as raised:
        open_policy(path)
    return [line.removeprefix(f"{path}:") for line in str(raised.value).splitlines()]


def places(folder: Path, text: str) -> list[str]:
    return [line.partition(": found")[0] for line in mistakes(folder, text)]


def test_a_policy_that_says_nothing_allows_nothing(tmp_path: Path) -> None:
    policy = opened(tmp_path, "")
    view = policy.view(("admin",), "docs", "search")
    assert (view.allowed, view.tier, policy.shadow, policy.unlisted_hold) == (False, None, False, False)
    assert policy.approval[Tier.IRREVERSIBLE].expires == 900.0
    assert policy.approval[Tier.PRIVILEGED].expires == 300.0
    assert policy.approval[Tier.PRIVILEGED].channels == ("console", "cli")


def test_secrets_and_cards_are_refused_in_arguments_and_masked_in_results_unless_stated(
    tmp_path: Path,
) -> None:
    policy = opened(tmp_path, "tiers: {read: [docs/*]}\nredaction: {results: {other: refuse}}")
    view = policy.view((), "docs", "search")
    assert (view.arguments.of("SECRET"), view.arguments.of("CREDIT_CARD")) == (Action.REFUSE, Action.REFUSE)
    assert (view.results.of("SECRET"), view.results.of("IBAN_CODE")) == (Action.MASK, Action.REFUSE)
    assert view.wanted_arguments == {"SECRET", "CREDIT_CARD"}


def test_every_mistake_is_named_at_once_with_its_line(tmp_path: Path) -> None:
    text = """mod: enforce
unlisted: maybe
tiers: {read: [search], reed: []}
roles:
  a:
    tools: [x/*, {tool: b/c, when: {t: {rage: 1}, n: {}, r: {regex: "("}, h: {domain: ["a b"]}, l: {in: []}}}]
    limits: {calls: 5 per day, cost: 5/day}
    may_approve: [read]
redaction: {arguments: {secrets: hsh, CREDIT_CRAD: mask, US_SSN: hide}, upstreams: {A/b: {}}}
approval: {irreversible: {channels: [consol, post], expires: 15}}
results: {truncate: head}
"""
    assert places(tmp_path, text) == [
        "2 mod",
        "3 unlisted",
        "4 tiers.read[0]",
        "4 tiers.reed",
        "7 roles.a.tools[1].when.t.rage",
        "7 roles.a.tools[1].when.n",
        "7 roles.a.tools[1].when.r.regex",
        "7 roles.a.tools[1].when.h.domain",
        "7 roles.a.tools[1].when.l.in",
        "8 roles.a.limits.calls",
        "8 roles.a.limits.cost",
        "9 roles.a.may_approve[0]",
        "10 redaction.arguments.secrets",
        "10 redaction.arguments.CREDIT_CRAD",
        "10 redaction.arguments.US_SSN",
        "10 redaction.upstreams.A/b",
        "11 approval.irreversible.channels[0]",
        "11 approval.irreversible.channels[1]",
        "11 approval.irreversible.expires",
        "12 results.truncate",
    ]


def test_near_words_are_suggested(tmp_path: Path) -> None:
    (key, entity) = mistakes(tmp_path, "mod: enforce\nredaction: {arguments: {CREDIT_CRAD: mask}}\n")
    assert 'did you mean "mode"?' in key
    assert 'did you mean "CREDIT_CARD"?' in entity
    (role,) = mistakes(tmp_path, "roles: {reader: {}, lead: {extends: [raeder]}}\n")
    assert 'did you mean "reader"?' in role


@pytest.mark.parametrize("key", ["flow: []", "pins: {}", "destinations: {}", "journal: {}"])
def test_a_key_of_a_later_version_is_an_unknown_key(tmp_path: Path, key: str) -> None:
    assert places(tmp_path, key) == [f"2 {key.partition(':')[0]}"]


def test_an_unknown_action_names_the_known_ones(tmp_path: Path) -> None:
    (line,) = mistakes(tmp_path, "redaction: {results: {other: pseudonim}}\n")
    assert "expected allow, mask, hash, pseudonym or refuse" in line
    assert 'did you mean "pseudonym"?' in line


def test_a_privileged_call_is_decided_by_a_person_and_never_by_the_client(tmp_path: Path) -> None:
    text = "approval:\n  irreversible: {channels: [elicit]}\n  privileged: {channels: [cli, elicit]}\n"
    (line,) = mistakes(tmp_path, text)
    assert "4 approval.privileged.channels" in line
    assert "proves the client's consent and no person's" in line


@pytest.mark.parametrize(
    "undo",
    [
        "{call: close, within: 1h}",
        "{call: 'u/*', within: 1h}",
        "{call: u/close}",
        "{call: u/close, within: 1h, with: {id: $results.id}}",
        "{call: u/close, within: 1h, with: {ids: [{id: $result}]}}",
        "{call: u/close, within: 1h, with: {id: $arguments..id}}",
    ],
)
def test_a_way_back_that_leads_nowhere_is_a_mistake(tmp_path: Path, undo: str) -> None:
    (line,) = mistakes(tmp_path, f"tools: {{u/open: {{undo: {undo}}}}}\n")
    assert "tools.u/open.undo" in line


@pytest.mark.parametrize(
    "condition",
    [
        "{url: {schemes: []}}",
        "{range: {}}",
        "{prefix: null}",
        "{optional: true}",
        "{sql: {}}",
        "{path: [..]}",
    ],
)
def test_a_condition_that_says_nothing_sound_is_a_mistake(tmp_path: Path, condition: str) -> None:
    assert len(places(tmp_path, f"tools: {{a/b: {{when: {{x: {condition}}}}}}}")) == 1


def test_two_tiers_for_one_name_are_a_mistake(tmp_path: Path) -> None:
    (line,) = mistakes(tmp_path, "tiers: {read: ['git/*a*'], privileged: ['git/*b*']}")
    assert line.startswith("2 tiers.privileged[0]: found git/*b*, as specific as git/*a* of tiers.read[0]")


def test_the_same_tier_twice_is_no_contradiction(tmp_path: Path) -> None:
    policy = opened(tmp_path, "tiers: {read: ['git/*a*', 'git/*b*', git/ab]}")
    assert policy.view((), "git", "ab").tier is Tier.READ


def test_two_rules_for_one_tool_are_a_mistake(tmp_path: Path) -> None:
    assert places(tmp_path, "tools: {'a/{b,c}': {timeout: 1s}, a/b: {timeout: 2s}}") == ["2 tools.a/b"]
    text = "redaction: {tools: {'a/{b,c}': {results: {other: mask}}, a/b: {}}}"
    assert places(tmp_path, text) == ["2 redaction.tools.a/b"]


def test_roles_must_not_extend_in_a_circle(tmp_path: Path) -> None:
    assert places(tmp_path, "roles: {a: {extends: [b]}, b: {extends: [a]}}") == ["2 roles.b.extends[0]"]
    assert places(tmp_path, "roles: {a: {extends: [a]}}") == ["2 roles.a.extends[0]"]


def test_one_policy_counts_in_one_currency(tmp_path: Path) -> None:
    text = "roles: {a: {limits: {cost: 1 USD/day}}}\ntools: {a/b: {cost: 1 EUR, limits: {cost: 2 USD/day}}}"
    assert places(tmp_path, text) == ["3 tools.a/b.cost"]


def test_a_role_has_what_it_extends_and_its_own_limit_counts(tmp_path: Path) -> None:
    text = """
roles:
  base: {tools: [a/*], limits: {calls: 9/minute, cost: 1 USD/day}, servers_may: [elicit]}
  other: {limits: {calls: 20/minute}, may_approve: [privileged]}
  lead: {extends: [base, other], limits: {calls: 5/minute}}
  deputy: {extends: [base, other]}
"""
    roles = opened(tmp_path, text).roles
    assert roles["lead"].calls == Limit(5, 60)
    assert roles["deputy"].calls == Limit(20, 60)
    assert roles["lead"].cost == Limit(1, 86400)
    assert roles["lead"].servers_may == {"elicit"}
    assert roles["lead"].may_approve == {Tier.PRIVILEGED}
    assert roles["lead"].tools == roles["base"].tools


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("tiers: {irreversible: [a/send]}\nroles: {r: {tools: [a/*]}}", True),
        ("tiers: {irreversible: [a/send]}\nroles: {r: {tools: [b/*]}}", False),
        ("tiers: {read: [a/*], privileged: ['*/*']}\nroles: {r: {tools: [a/x]}}", False),
        ("unlisted: hold\nroles: {r: {tools: [a/x]}}", True),
        ("unlisted: hold\ntiers: {read: ['*/*']}\nroles: {r: {tools: [a/x]}}", False),
        ("unlisted: hold\nroles: {r: {}}", False),
    ],
)
def test_whether_a_role_can_be_held_is_known_beforehand(tmp_path: Path, text: str, held: bool) -> None:
    assert opened(tmp_path, text).can_be_held(("r",)) is held


def test_the_digest_is_of_what_is_said_not_of_how(tmp_path: Path) -> None:
    one = opened(tmp_path, "tiers: {read: ['a/{b,c}']}  # a comment\nroles: {x: {}, y: {}}")
    two = opened(tmp_path, "roles: {y: {}, x: {}}\ntiers: {read: [a/c, a/b]}\nmode: enforce")
    three = opened(tmp_path, "roles: {y: {}, x: {}}\ntiers: {read: [a/c, a/b]}\nmode: shadow")
    assert one.digest == two.digest
    assert one.digest != three.digest


def test_a_folder_is_one_policy(tmp_path: Path) -> None:
    written(tmp_path, "tiers: {read: [a/*]}\nroles: {x: {tools: [a/*]}}", "a.yaml")
    written(tmp_path, "tiers: {privileged: [b/*]}\nroles: {y: {tools: [b/*]}}", "b.yaml")
    written(tmp_path, "policy: .", "b_test.yaml")
    policy = open_policy(tmp_path)
    assert policy.view(("x",), "a", "b").tier is Tier.READ
    assert policy.view(("y",), "b", "b").tier is Tier.PRIVILEGED


def test_no_key_stands_in_two_files_of_a_folder(tmp_path: Path) -> None:
    first = written(tmp_path, "mode: shadow\nroles: {x: {tools: [a/*]}}", "a.yaml")
    second = written(tmp_path, "mode: shadow\nroles: {x: {tools: [b/*]}}", "b.yaml")
    with pytest.raises(PolicyError) as raised:
        open_policy(tmp_path)
    lines = str(raised.value).splitlines()
    assert [line.partition(": ")[0] for line in lines] == [f"{second}:2 mode", f"{second}:3 roles.x"]
    assert f"{first}:3 roles.x" in lines[1]


def test_mistakes_of_all_files_of_a_folder_are_named(tmp_path: Path) -> None:
    written(tmp_path, "mod: shadow", "a.yaml")
    written(tmp_path, "roles: {x: {extend: []}}", "b.yaml")
    with pytest.raises(PolicyError) as raised:
        open_policy(tmp_path)
    assert len(str(raised.value).splitlines()) == 2


def test_a_compile_mistake_in_a_folder_names_the_file_it_stands_in(tmp_path: Path) -> None:
    written(tmp_path, "tiers: {read: [a/b]}", "a.yaml")
    second = written(tmp_path, "tiers: {privileged: [a/b]}", "b.yaml")
    with pytest.raises(PolicyError) as raised:
        open_policy(tmp_path)
    assert str(raised.value).startswith(f"{second}:2 tiers.privileged[0]")


def test_a_folder_without_a_policy_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(PolicyError):
        open_policy(tmp_path)
