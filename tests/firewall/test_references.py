"""References to secrets: told apart, resolved from variables and files, never quoted."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolgate.errors import SecretUnavailable
from toolgate.secrets.local import filled
from toolgate.secrets.references import Content, Stored, Variable, mistake, parts, whole


def test_an_environment_variable_inside_a_longer_text_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_TOKEN", "s3cret")
    assert filled("Bearer secret:env:CRM_TOKEN", tmp_path) == ("Bearer s3cret", ["s3cret"])


def test_two_variables_in_one_text_are_both_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAME", "ann")
    monkeypatch.setenv("WORD", "secret:env:NAME")
    text, seen = filled("secret:env:NAME:secret:env:WORD", tmp_path)
    assert text == "ann:secret:env:NAME"  # a value is never read as a reference again
    assert seen == ["ann", "secret:env:NAME"]


def test_a_file_is_read_relative_to_the_settings_without_its_final_newline(tmp_path: Path) -> None:
    (tmp_path / "my token").write_text("abc\n\n")
    assert filled("secret:file:my token", tmp_path)[0] == "abc\n"


def test_text_without_a_reference_stays(tmp_path: Path) -> None:
    assert filled("no secrets: here", tmp_path) == ("no secrets: here", [])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Bearer secret:vault:kv/crm#token", ["Bearer ", Stored("kv/crm", "token"), ""]),
        ("secret:vault:team/a/kv-2/x.y#a.b-c.", ["", Stored("team/a/kv-2/x.y", "a.b-c"), "."]),
        (
            "secret:vault:kv/a#u:secret:env:P@h",
            ["", Stored("kv/a", "u"), ":", Variable("P"), "@h"],
        ),
        ("--key=secret:file:a b#c", ["--key=", Content("a b#c"), ""]),
    ],
)
def test_references_are_told_from_the_text_around_them(text: str, found: list[object]) -> None:
    assert mistake(text) == ""
    assert parts(text) == found


@pytest.mark.parametrize(
    "text",
    [
        *("secret:", "secret:env:", "secret:env:9", "secret:file:", "secret:s3:x", "x secret:vault:"),
        *("secret:vault:kv#token", "secret:vault:kv/crm", "secret:vault:kv/crm#", "secret:vault:/kv/crm#t"),
        *("secret:vault:kv/../sys/x#t", "secret:vault:kv/./x#t", "secret:vault:kv//x#t"),
        *("secret:vault:kv/a?version=1#t", "secret:vault:kv/a%2fb#t", "secret:vault:kv/..#t"),
        "secret:env:GOOD and secret:vault:bad",
    ],
)
def test_a_reference_we_cannot_follow_is_a_mistake(text: str) -> None:
    assert "expected secret:env:" in mistake(text)


def test_only_a_reference_of_this_machine_may_stand_for_a_credential_of_vault() -> None:
    assert whole("secret:env:NAME")
    assert whole("secret:file:/run/secrets/id")
    for text in ("secret:vault:kv/a#b", "literal", "Bearer secret:env:NAME", "secret:env:NAME ", "secret:"):
        assert not whole(text), text


def test_a_missing_or_empty_source_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMPTY", "")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "large").write_bytes(b"x" * (65 * 1024))
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for source in (
        "env:EMPTY",
        "env:NOT_THERE_AT_ALL",
        "file:nowhere",
        "file:empty",
        "file:large",
        "file:binary",
    ):
        with pytest.raises(SecretUnavailable, match=rf"^secret:{source}: found "):
            filled(f"a secret:{source}", tmp_path)
