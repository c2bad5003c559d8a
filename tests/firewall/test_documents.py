"""Files people write: every mistake is named with its line and its place."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict

from toolgate.documents import MAX_BYTES, json_schema, load, parse, read
from toolgate.errors import PolicyError, SettingsError


class Tier(StrEnum):
    READ = "read"
    PRIVILEGED = "privileged"


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Entry(Strict):
    tool: str
    when: dict[str, int] = {}


class Limits(Strict):
    calls: int
    loose: bool = False
    share: float = 0.5


class Policy(Strict):
    version: Literal[1]
    mode: Literal["enforce", "shadow"] = "enforce"
    tools: tuple[str | Entry, ...] = ()
    tiers: dict[Tier, list[str]] = {}
    limits: Limits | None = None
    env: dict[str, int] = {}


def write(folder: Path, text: str) -> Path:
    path = folder / "team.yaml"
    path.write_text(text)
    return path


def mistakes(folder: Path, text: str) -> dict[str, str]:
    """What is wrong with a policy: `LINE path` -> sentence."""
    path = write(folder, text)
    with pytest.raises(PolicyError) as caught:
        load(path, Policy, PolicyError)
    lines = [line.removeprefix(f"{path}:") for line in str(caught.value).splitlines()]
    return dict(line.split(": ", 1) for line in lines)


def content(text: str) -> object:
    return parse(text, Path("x.yaml"), SettingsError).content


def complaint(text: str) -> str:
    with pytest.raises(SettingsError) as caught:
        parse(text, Path("x.yaml"), SettingsError)
    return str(caught.value)


def test_a_sound_file_becomes_its_model_and_knows_its_lines(tmp_path: Path) -> None:
    path = write(tmp_path, "version: 1\ntools:\n  - a\n  - tool: b\n    when: {x: 1}\ntiers: {read: [a]}\n")
    document = load(path, Policy, PolicyError)
    assert document.value.tools == ("a", Entry(tool="b", when={"x": 1}))
    assert document.value.tiers == {Tier.READ: ["a"]}
    assert document.path == path
    assert document.line(("tools", 1)) == 4
    assert document.line(("tools", 1, "when", "x")) == 5
    assert document.line(("tools", 1, "nowhere", 3)) == 4
    assert document.where(("tools", 1, "when")) == f"{path}:5 tools[1].when"


def test_every_mistake_is_reported_at_once_with_its_line_and_path(tmp_path: Path) -> None:
    found = mistakes(
        tmp_path,
        """\
version: 2
mod: enforce
mode: enforced
tools:
  - serch
  - tool: x
    wen: {}
  - 12
  - tool: y
    when: {a: some, b: 1.5}
tiers: {reed: [a], privileged: b}
limits:
  loose: yes
  share: [1]
""",
    )
    assert found == {
        "1 version": "found the number 2, expected 1",
        "2 mod": "found an unknown key, expected one of env, limits, mode, tiers, tools, version"
        ' (did you mean "mode"?)',
        "3 mode": "found \"enforced\", expected 'enforce' or 'shadow' (did you mean \"enforce\"?)",
        "7 tools[1].wen": 'found an unknown key, expected one of tool, when (did you mean "when"?)',
        "8 tools[2]": "found the number 12, expected text or a mapping",
        "10 tools[3].when.a": 'found "some", expected an integer',
        "10 tools[3].when.b": "found the number 1.5, expected an integer",
        "11 tiers.reed": "found the key \"reed\", expected 'read' or 'privileged' (did you mean \"read\"?)",
        "11 tiers.privileged": 'found "b", expected a list',
        "12 limits.calls": "found nothing, expected this key",
        "13 limits.loose": 'found "yes", expected a boolean',
        "14 limits.share": "found a list, expected a number",
    }


def test_a_file_of_the_wrong_kind_names_the_file(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "- a\n") == {"1": "found a list, expected a mapping"}


def test_duplicate_keys_are_mistakes_with_both_lines() -> None:
    assert complaint("a: 1\nb: {c: 1,\n  c: 2}\na: 3\n").splitlines() == [
        "x.yaml:3 b.c: found this key a second time, expected it only on line 2",
        "x.yaml:4 a: found this key a second time, expected it only on line 1",
    ]


def test_a_key_equal_to_another_but_quoted_is_a_duplicate() -> None:
    assert "second time" in complaint('on: 1\n"on": 2\n')


@pytest.mark.parametrize(
    "text",
    [
        *("no", "yes", "on", "off", "y", "True", "FALSE", "Null", "012", "0x1F", "0o7", "1_000", "1:30", "="),
        *("2026-01-01", ".inf", ".nan", "+1", "1.", ".5", "123456789012345678901", "1e999", "<<"),
    ],
)
def test_what_yaml_would_turn_into_something_else_stays_text(text: str) -> None:
    assert content(f"a: {text}") == {"a": text}
    assert content(f"[{text}]") == [text]


def test_numbers_booleans_and_null_are_read_as_json_reads_them() -> None:
    assert content("[1, -20, 0, 1.5, -2e3, true, false, null, ~, '1', \"true\", '']") == [
        *(1, -20, 0, 1.5, -2000.0, True, False, None, None, "1", "true", "")
    ]


def test_keys_are_always_text() -> None:
    assert content("no: 1\n12: 2\ntrue: 3") == {"no": 1, "12": 2, "true": 3}


def test_a_small_file_cannot_unfold_into_a_large_one() -> None:
    bomb = "a: &a [x, x]\n" + "".join(f"{n}: &{n} [*a, *a, *a]\n" for n in "bcdefghij")
    assert "x.yaml:2 b[0]: found an alias, expected the value itself" in complaint(bomb).splitlines()


@pytest.mark.parametrize(
    ("text", "line", "found"),
    [
        ("", 1, "found an empty file"),
        ("# only a comment\n", 1, "found an empty file"),
        ("a: &x 1\n", 1, "found an anchor"),
        ("&x a: 1\n", 1, "found an anchor"),
        ("a: 1\nb: !!python/object/apply:os.system [x]\n", 2, "found a tag"),
        ("a: !secret x\n", 1, "found a tag"),
        ("a: 1\n<<: {b: 1}\n", 2, "found a merge key"),
        ("a: 1\n---\nb: 1\n", 2, "found a second document"),
        ("%YAML 1.1\n---\na: 1\n", 1, "found a % directive"),
        ("a:\n\t- b\n", 2, "found a tab"),
        ("? [a]\n: b\n", 1, "found a list or mapping as a key"),
        ("a: 1\n~: 1\n", 2, "found an empty key"),
        ("a: 1\nb: \x01\n", 2, "found a control character"),
        ("a: [1\n", 2, "did not find expected"),
        ("a: 1\nb: " + "[" * 100 + "]" * 100, 2, "found more than 64 levels"),
    ],
)
def test_what_we_do_not_read_is_refused_with_its_line(text: str, line: int, found: str) -> None:
    first = complaint(text).splitlines()[0]
    assert first.startswith(f"x.yaml:{line}")
    assert found in first


def test_files_that_are_not_small_utf_8_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    for written, said in (
        (b"a: 1\nb: \xff\n", ":2: found bytes that are not UTF-8"),
        (b"#" * (MAX_BYTES + 1), "1 MiB"),
    ):
        path.write_bytes(written)
        with pytest.raises(PolicyError, match=said):
            read(path, PolicyError)
    with pytest.raises(PolicyError, match="cannot be read"):
        read(tmp_path / "missing.yaml", PolicyError)


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read(path, PolicyError).content == {"a": 1}


def test_values_that_may_be_secret_are_never_shown(tmp_path: Path) -> None:
    text = "version: 1\nenv: {TOKEN: hunter2, PIN: 4.5}\nmode: secret:env:X\nlimits: bob@example.com\n"
    shown = "\n".join(mistakes(tmp_path, text).values())
    for value in ("hunter2", "4.5", "env:X", "bob"):
        assert value not in shown


def test_syntax_errors_do_not_quote_the_file() -> None:
    assert "hunter2" not in complaint("password: 'hunter2\nother: 1\n")


def test_the_schema_for_editors_forbids_unknown_keys() -> None:
    schema = json_schema(Policy)
    assert schema["additionalProperties"] is False
    assert schema["$schema"].endswith("2020-12/schema")
