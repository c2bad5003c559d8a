"""References to secrets: resolved late, registered for redaction, never quoted."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolgate.errors import SettingsError
from toolgate.secrets.references import mistake, resolved


def test_an_environment_variable_inside_a_longer_text_is_replaced_and_registered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_TOKEN", "s3cret")
    seen: list[str] = []
    assert resolved("Bearer secret:env:CRM_TOKEN", tmp_path, seen.append, "here") == "Bearer s3cret"
    assert seen == ["s3cret"]


def test_two_variables_in_one_text_are_both_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAME", "ann")
    monkeypatch.setenv("WORD", "secret:env:NAME")
    seen: list[str] = []
    text = resolved("secret:env:NAME:secret:env:WORD", tmp_path, seen.append, "here")
    assert text == "ann:secret:env:NAME"  # a value is never read as a reference again
    assert seen == ["ann", "secret:env:NAME"]


def test_a_file_is_read_relative_to_the_settings_without_its_final_newline(tmp_path: Path) -> None:
    (tmp_path / "my token").write_text("abc\n\n")
    assert resolved("secret:file:my token", tmp_path, lambda _: None, "here") == "abc\n"


def test_text_without_a_reference_stays_and_registers_nothing(tmp_path: Path) -> None:
    seen: list[str] = []
    assert resolved("no secrets: here", tmp_path, seen.append, "here") == "no secrets: here"
    assert seen == []


@pytest.mark.parametrize(
    "text",
    ["secret:vault:kv/crm#token", "secret:", "secret:env:", "secret:env:9", "secret:file:", "secret:s3:x"],
)
def test_a_reference_we_cannot_follow_is_refused_when_the_settings_are_read(
    text: str, tmp_path: Path
) -> None:
    assert "expected secret:env:" in mistake(text)
    with pytest.raises(SettingsError, match=r"^upstreams\.crm: found"):
        resolved(text, tmp_path, lambda _: None, "upstreams.crm")


def test_a_missing_or_empty_source_is_named_and_nothing_is_registered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMPTY", "")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "large").write_bytes(b"x" * (65 * 1024))
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    seen: list[str] = []
    for source in (
        "env:EMPTY",
        "env:NOT_THERE_AT_ALL",
        "file:nowhere",
        "file:empty",
        "file:large",
        "file:binary",
    ):
        with pytest.raises(SettingsError, match=r"^here: "):
            resolved(f"secret:{source}", tmp_path, seen.append, "here")
    assert seen == []
