"""Rule files in the TOML format of gitleaks, version 8: read from disk, nothing left out silently."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final, cast

from toolgate.detect.packs import FIRST, Allowed, OwnRule, Pack, compiled
from toolgate.errors import Misuse

_Table = Mapping[str, Any]
_RULE_KEYS: Final = frozenset(
    "id description regex path secretGroup entropy keywords tags allowlist allowlists required".split()
)
_ALLOW_KEYS: Final = frozenset(
    "description condition commits paths regexTarget regexes stopwords targetRules".split()
)
_TOP_KEYS: Final = frozenset("title description minVersion extend rules allowlist allowlists".split())
_ENTITY: Final = re.compile(r"[A-Z][A-Z0-9_]{0,63}\Z")
# Not of gitleaks: what an operator may say besides, in a file of our own.
_OURS: Final = frozenset(("entity", "score"))


class RuleFile:
    """One file while it is read: says where something is wrong, by line and rule."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.text = path.read_text(encoding="utf-8")
            self.content: _Table = tomllib.loads(self.text)
        except OSError as fault:
            raise Misuse(
                f"{path}: found {fault.strerror or 'no readable file'}, expected a rule file"
            ) from None
        except UnicodeDecodeError:
            raise Misuse(f"{path}: found bytes that are no UTF-8, expected a rule file in TOML") from None
        except tomllib.TOMLDecodeError as fault:
            line = re.search(r"line (\d+)", str(fault))
            raise Misuse(f"{path}:{line[1] if line else 1}: {fault}") from None

    def wrong(self, name: str, what: str, which: int = 1) -> Misuse:
        """The error for one rule, at the line of its id; `which` of those with this id."""
        ids = re.finditer(rf"(?m)^[ \t]*id\s*=\s*[\"']{re.escape(name)}[\"']", self.text)
        found = list(islice(ids, which))
        line = self.text.count("\n", 0, found[-1].start()) + 1 if found else 1
        return Misuse(f"{self.path}:{line}: rule {name}: {what}")


def load(path: Path) -> Pack:
    """The rules of one file. Raises Misuse with file and line for whatever in it cannot be done."""
    file = RuleFile(path)
    unknown = file.content.keys() - _TOP_KEYS
    if unknown:
        raise Misuse(f"{path}:1: found {', '.join(sorted(unknown))}, expected {', '.join(sorted(_TOP_KEYS))}")
    if "extend" in file.content:
        raise Misuse(f"{path}:1: found extend, expected all rules in this file")
    tables = _tables(file, "(all)", "rules", file.content.get("rules", []))
    if not tables:
        raise Misuse(f"{path}:1: found no [[rules]], expected at least one")
    shared = tuple(_allowlists(file, "(all)", file.content))
    rules = [_rule(file, number, table, shared) for number, table in enumerate(tables, 1)]
    counts = Counter(rule.name for rule in rules)
    twice = min((name for name, count in counts.items() if count > 1), default="")
    if twice:
        raise file.wrong(twice, "found twice, expected ids that differ", which=2)
    return Pack(rules)


def _rule(
    file: RuleFile, number: int, table: _Table, shared: tuple[tuple[Allowed, tuple[str, ...]], ...]
) -> OwnRule:
    name = table.get("id")
    if not isinstance(name, str) or not name:
        raise Misuse(f"{file.path}:1: rule number {number}: expected an id")
    unknown = table.keys() - _RULE_KEYS - _OURS
    if unknown:
        raise file.wrong(name, f"found {', '.join(sorted(unknown))}, which is not known here")
    for key in ("path", "required"):
        if key in table:
            raise file.wrong(name, f"found {key}, which needs files: expected a rule for text alone")
    pattern = _compiled(file, name, "regex", table.get("regex", ""))
    entity = table.get("entity", "SECRET")
    if not isinstance(entity, str) or not _ENTITY.match(entity):
        raise file.wrong(name, f"found entity {entity}, expected a name in capitals such as STAFF_NUMBER")
    group = _group(file, name, pattern, table.get("secretGroup"))
    own = tuple(allowed for allowed, _ in _allowlists(file, name, table))
    general = tuple(allowed for allowed, only in shared if not only or name in only)
    return OwnRule(
        name,
        entity,
        pattern,
        tuple(dict.fromkeys(word.lower() for word in _words(file, name, "keywords", table))),
        group,
        _number(file, name, "entropy", table.get("entropy", 0), 8),
        (*own, *general),
        _number(file, name, "score", table.get("score", 0.85), 1),
    )


def _number(file: RuleFile, name: str, key: str, value: object, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise file.wrong(name, f"found {key} {value}, expected a number from 0 to {most:g}")
    return float(value)


def _group(file: RuleFile, name: str, pattern: Any, wanted: object) -> int:
    """The group that is the secret: the one named, else the first that matched, as gitleaks does."""
    if wanted is None:
        return FIRST
    if not isinstance(wanted, int) or not 0 <= wanted <= pattern.groups:
        raise file.wrong(name, f"found secretGroup {wanted}, expected 0 to {pattern.groups}")
    return wanted or FIRST


def _tables(file: RuleFile, name: str, key: str, given: object) -> list[_Table]:
    """What TOML calls an array of tables."""
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in cast("list[object]", given)):
        raise file.wrong(name, f"found {key} that are no tables, expected [[{key}]]")
    return cast("list[_Table]", given)


def _words(file: RuleFile, name: str, key: str, table: _Table) -> list[str]:
    """A list of texts, none of them empty: that one would stand in everything."""
    given = table.get(key, [])
    words = cast("list[object]", given) if isinstance(given, list) else [None]
    if not all(isinstance(one, str) and one for one in words):
        raise file.wrong(name, f"found {key} of another kind, expected a list of texts")
    return cast("list[str]", words)


def _compiled(file: RuleFile, name: str, key: str, expression: object) -> Any:
    if not isinstance(expression, str) or not expression:
        raise file.wrong(name, f"expected a {key}")
    try:
        pattern = compiled(expression)
    except ValueError as fault:
        raise file.wrong(name, f"{key} is none that RE2 can run: {fault}") from None
    if key == "regex" and pattern.search("") is not None:
        raise file.wrong(name, f"{key} matches the empty text")
    return pattern


def _allowlists(file: RuleFile, name: str, table: _Table) -> Iterator[tuple[Allowed, tuple[str, ...]]]:
    """What this table allows, each with the rules that it is for."""
    found = list(_tables(file, name, "allowlists", table.get("allowlists", [])))
    if "allowlist" in table:
        found += _tables(file, name, "allowlist", [table["allowlist"]])
    for one in found:
        unknown = one.keys() - _ALLOW_KEYS
        if unknown:
            raise file.wrong(name, f"allowlist: found {', '.join(sorted(unknown))}, which is not known here")
        target = str(one.get("regexTarget", "secret")) or "secret"
        if target not in ("secret", "match", "line"):
            raise file.wrong(name, f"allowlist: found regexTarget {target}, expected secret, match or line")
        every = _every(file, name, one)
        if every and ("paths" in one or "commits" in one):
            continue  # they never hold for a text without a file, so that the whole never does
        patterns = tuple(
            _compiled(file, name, "allowlist", text) for text in _words(file, name, "regexes", one)
        )
        words = tuple(word.lower() for word in _words(file, name, "stopwords", one))
        only = tuple(_words(file, name, "targetRules", one))
        if patterns or words:
            yield Allowed(target, patterns, words, every), only


def _every(file: RuleFile, name: str, table: _Table) -> bool:
    condition = str(table.get("condition", "OR")).upper()
    if condition not in ("OR", "||", "AND", "&&"):
        raise file.wrong(name, f"allowlist: found condition {condition}, expected OR or AND")
    return condition in ("AND", "&&")
