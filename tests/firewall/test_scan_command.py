"""`toolgate scan`: where something stands in files and lines, never what."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from toolgate.cli import scan
from toolgate.cli.commands import application
from toolgate.cli.scan import pieces

CARD = "4111 1111 1111 1111"


def run(*words: str, given: bytes = b"") -> Result:
    return CliRunner().invoke(application(), ["scan", *words], input=given)


def lines(*rows: object) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def out(result: Result) -> list[Any]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_each_line_is_answered_in_order_with_offsets_in_characters() -> None:
    result = run(
        "--format", "jsonl", given=lines({"id": "a", "text": f"ü😀 {CARD}"}, {"id": 7, "text": "none"})
    )
    card = {"type": "CREDIT_CARD", "start": 3, "end": 22, "score": 1.0}
    assert out(result) == [{"id": "a", "findings": [card]}, {"id": 7, "findings": []}]
    assert result.exit_code == 1


def test_a_secret_names_its_rule() -> None:
    (answer,) = out(run("--format", "jsonl", given=lines({"id": 1, "text": "password = hunter2!x"})))
    assert answer["findings"] == [
        {"type": "SECRET", "start": 11, "end": 20, "score": 0.8, "rule": "assignment"}
    ]


def test_a_bad_line_is_named_and_the_others_are_answered() -> None:
    given = (
        lines({"id": 1, "text": "x"})
        + b"{nope\n"
        + lines({"id": 2}, {"id": 3, "text": 5}, {"id": 4, "text": "y"})
    )
    result = run("--format", "jsonl", given=given)
    assert [answer["id"] for answer in out(result)] == [1, 4]
    assert [line.split(" ")[0] for line in result.stderr.splitlines()] == ["-:2:", "-:3:", "-:4:"]
    assert result.exit_code == 2


def test_text_gives_line_column_entity_and_rule_but_not_the_value(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text(f"first\nsecond {CARD}\n", encoding="utf-8")
    result = run(str(path))
    assert result.stdout.split() == [f"{path}:2:8", "CREDIT_CARD", "1.00", "card", "in", "groups"]
    assert result.exit_code == 1


def test_nothing_found_is_nought() -> None:
    result = run(given=b"nothing here")
    assert (result.exit_code, result.stdout) == (0, "")


def test_only_what_is_asked_for_is_found() -> None:
    assert run("--entities", "SECRET, US_SSN", given=CARD.encode()).exit_code == 0
    assert run("--entities", "PHONE_NUMBER=0.85", given=b"call 415-555-0132").exit_code == 0
    assert run("--entities", "PHONE_NUMBER=0.7", given=b"call 415-555-0132").exit_code == 1


@pytest.mark.parametrize(
    "words",
    [
        ("--entities", "NOBODY"),
        ("--entities", "PHONE_NUMBER=high"),
        ("--entities", "PHONE_NUMBER=0.99"),
        ("--rules", "/no/such.toml"),
        ("/no/such/file",),
        ("--format", "xml"),
    ],
)
def test_misuse_is_two(words: tuple[str, ...]) -> None:
    assert run(*words).exit_code == 2


def test_rules_of_ones_own_are_used(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text("[[rules]]\nid = 'badge'\nregex = 'B-[0-9]{4}'\nkeywords = ['b-']\n", encoding="utf-8")
    result = run("--rules", str(path), "--format", "jsonl", given=lines({"id": 1, "text": "has B-1234"}))
    assert out(result)[0]["findings"][0]["rule"] == "badge"


def test_of_overlapping_personal_data_the_surest_is_shown() -> None:
    (answer,) = out(
        run("--format", "jsonl", given=lines({"id": 1, "text": "https://x.example.com/a@b.example"}))
    )
    assert [finding["type"] for finding in answer["findings"]] == ["URL"]


@pytest.mark.parametrize("at", [0, 40, 95, 99, 100, 130, 199, 290])
def test_a_long_text_is_read_in_pieces_and_nothing_is_lost_or_told_twice(
    at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, size in (("_PIECE", 100), ("_AHEAD", 60), ("_CONTEXT", 20)):
        monkeypatch.setattr(scan, name, size)
    text = ("é" * 7 + "\n") * 40
    text = text[:at] + f" {CARD} " + text[at:]
    path = tmp_path / "long.txt"
    path.write_text(text, encoding="utf-8")
    start = text.index(CARD)
    row, column = text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)
    (line,) = run(str(path)).stdout.splitlines()
    assert line.startswith(f"{path}:{row}:{column} ")


def test_bytes_that_are_no_text_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "mixed.bin"
    path.write_bytes(b"\xff\xfe\x00 " + CARD.encode())
    assert run(str(path)).exit_code == 1
    with path.open("rb") as stream:
        assert [piece.first for piece in pieces(stream)] == [0]
