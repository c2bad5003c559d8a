"""Rules of the operator's own, from files in gitleaks' format: what they find, and what is wrong in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolgate.core.texts import texts
from toolgate.detect.engine import Engine
from toolgate.detect.gitleaks import load
from toolgate.detect.matchers import Compile, Hyperscan, Re2
from toolgate.errors import Misuse

SECRET = frozenset({"SECRET"})
RULES = r"""
title = "ours"

[allowlist]
regexes = ['''^acme_test_''']
stopwords = ["samplevalue"]

[[rules]]
id = "acme-key"
description = "A key of Acme"
regex = '''(?i)\b(acme_[a-z]+_(?-i:[A-Z0-9]{12}))\z|\b(acme_[a-z]+_(?-i:[A-Z0-9]{12}))\s'''
keywords = ["ACME_"]
secretGroup = 0

[[rules]]
id = "entropic"
regex = '''zz-([a-z0-9]{16})'''
keywords = ["zz-"]
entropy = 3.0

[[rules]]
id = "mixed-case-in-the-middle"
regex = '''Ticket:\s*(?i)(abc-[0-9]{6})'''

[[rules]]
id = "customer"
regex = '''\bC-[0-9]{8}\b'''
keywords = ["c-"]
entity = "CUSTOMER"
score = 0.6
  [[rules.allowlists]]
  condition = "AND"
  regexTarget = "line"
  regexes = ['''example''']
  stopwords = ["c-00000000"]
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A rule file."""
    path = tmp_path / "rules.toml"
    path.write_text(RULES, encoding="utf-8")
    return path


@pytest.fixture(params=[Hyperscan, Re2])
def engine(request: pytest.FixtureRequest, rules: Path) -> Engine:
    """An engine with these rules."""
    compile_patterns: Compile = request.param
    return Engine(compile_patterns, [load(rules)])


def found(engine: Engine, *leaves: str, entities: frozenset[str] = SECRET) -> list[tuple[str, str]]:
    return [(f.rule, leaves[f.leaf][f.start : f.end]) for f in engine.find(leaves, entities)]


@pytest.mark.parametrize(
    ("text", "rule", "what"),
    [
        ("é acme_live_ABCDEF123456", "acme-key", "acme_live_ABCDEF123456"),
        ("zz-q1w2e3r4t5y6u7i8", "entropic", "q1w2e3r4t5y6u7i8"),
        ("Ticket: ABC-123456", "mixed-case-in-the-middle", "ABC-123456"),
    ],
)
def test_a_rule_finds_its_group_also_beside_other_letters(
    engine: Engine, text: str, rule: str, what: str
) -> None:
    assert found(engine, text) == [(rule, what)]
    assert found(engine, "first", text, "last") == [(rule, what)]


@pytest.mark.parametrize(
    "text",
    [
        "acme_live_abcdef123456",
        "acme_test_ABCDEF123456 ",
        "zz-aaaaaaaaaaaaaaaa",
        "zz-samplevalue12345",
        "ticket: abc-123456",
    ],
)
def test_what_a_rule_or_an_allowlist_lets_pass_is_not_found(engine: Engine, text: str) -> None:
    assert found(engine, text) == []


def test_a_rule_may_have_an_entity_of_its_own_with_a_score(engine: Engine) -> None:
    (finding,) = engine.find(["see C-12345678"], frozenset({"CUSTOMER"}))
    assert (finding.entity, finding.score, finding.rule) == ("CUSTOMER", 0.6, "customer")
    assert "CUSTOMER" in engine.entities


def test_conditions_that_must_all_hold_allow_only_together(engine: Engine) -> None:
    customer = frozenset({"CUSTOMER"})
    assert found(engine, "example C-12345678", entities=customer) == [("customer", "C-12345678")]
    assert found(engine, "example C-00000000", entities=customer) == []


def test_a_rule_never_reads_across_two_texts(engine: Engine) -> None:
    assert found(engine, "Ticket:", "abc-123456") == []


def test_rules_see_what_is_escaped_or_folded_too(engine: Engine) -> None:
    assert found(engine, "Ticket: ａｂｃ-123456") == [("mixed-case-in-the-middle", "ａｂｃ-123456")]
    assert [rule for rule, _ in found(engine, "acme%5Flive%5FABCDEF123456")] == ["acme-key"]


def test_a_rule_counts_behind_a_key(engine: Engine) -> None:
    leaves = texts({"ref": "C-12345678"})
    assert [f.leaf for f in engine.find(leaves, frozenset({"CUSTOMER"}))] == [1]


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        ("[[rules]\n", 1, ""),
        ("title = 'x'\n", 1, "no [[rules]]"),
        ("[[rules]]\nregex = 'x'\n", 1, "rule number 1"),
        ("[[rules]]\nid = 'a'\n", 2, "a regex"),
        ("\n[[rules]]\nid = 'look'\nregex = '(?=a)b'\n", 3, "rule look"),
        ("[[rules]]\nid = 'many'\nregex = 'a{5000}'\n", 2, "rule many"),
        ("[[rules]]\nid = 'empty'\nregex = 'a*'\n", 2, "empty text"),
        ("[[rules]]\nid = 'p'\npath = 'x'\nregex = 'ab'\n", 2, "path"),
        ("[[rules]]\nid = 'k'\nregexp = 'ab'\nregex = 'ab'\n", 2, "regexp"),
        ("[[rules]]\nid = 'g'\nregex = 'a(b)'\nsecretGroup = 2\n", 2, "secretGroup 2"),
        ("[[rules]]\nid = 'e'\nregex = 'ab'\nentropy = 'x'\n", 2, "entropy"),
        ("[[rules]]\nid = 's'\nregex = 'ab'\nscore = 2\n", 2, "score"),
        ("[[rules]]\nid = 'd'\nregex = 'ab'\n[[rules]]\nid = 'd'\nregex = 'ab'\n", 5, "twice"),
        ("rules = 'x'", 1, "tables"),
        ("rules = [1]", 1, "tables"),
        ("[[rules]]\nid = 'k'\nregex = 'ab'\nkeywords = 'ab'", 2, "list of texts"),
        ("[[rules]]\nid = 'k'\nregex = 'ab'\nkeywords = ['']", 2, "list of texts"),
        ("[[rules]]\nid = 'k'\nregex = 'ab'\nallowlist = 'x'", 2, "tables"),
        ("[[rules]]\nid = 'k'\nregex = 'ab'\n[[rules.allowlists]]\nregexes = 'ab'", 2, "list of texts"),
        ("[[rules]]\nid = 'k'\nregex = 'ab'\n[[rules.allowlists]]\nstopwords = ['']", 2, "list of texts"),
        ("[[rules]]\nid = 'k'\nregex = 'ab'\nentity = 'staff number'", 2, "capitals"),
        ("[[rules]]\nid = 5\nregex = 'ab'", 1, "an id"),
        ("[[rules]]\nid = 'k'\nregex = 5", 2, "regex"),
        ("[extend]\nuseDefault = true\n[[rules]]\nid = 'a'\nregex = 'ab'\n", 1, "extend"),
        ("[[rules]]\nid = 't'\nregex = 'ab'\n[rules.allowlist]\nregexTarget = 'file'\n", 2, "regexTarget"),
        ("[[rules]]\nid = 't'\nregex = 'ab'\n[rules.allowlist]\nregexes = ['(']\n", 2, "allowlist"),
        ("[[rules]]\nid = 't'\nregex = 'ab'\n[rules.allowlist]\ncondition = 'XOR'\n", 2, "condition"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_with_its_line_and_rule(
    tmp_path: Path, content: str, line: int, what: str
) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(Misuse) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}:{line}:")
    assert what in str(caught.value)


def test_a_file_that_is_not_there_or_no_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(Misuse, match="expected a rule file"):
        load(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(Misuse, match="UTF-8"):
        load(tmp_path / "bytes.toml")
