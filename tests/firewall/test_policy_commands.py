"""`check`, `test`, `explain` and `schema` say it to people and to programs, with the exit code that fits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from toolgate.cli import check, explain, policytest, schema
from toolgate.errors import Misuse, PolicyError

ROOT = Path(__file__).parents[2]
SUPPORT = str(ROOT / "policies" / "example-support.yaml")


def ran(*words: str) -> Result:
    app = typer.Typer()
    app.command("check")(check.command)
    app.command("test")(policytest.command)
    app.command("explain")(explain.command)
    app.command("schema")(schema.command)
    return CliRunner().invoke(app, list(words))


def told(*words: str) -> Any:
    return json.loads(ran(*words, "--json").stdout)


@pytest.fixture
def odd(tmp_path: Path) -> str:
    path = tmp_path / "odd.yaml"
    path.write_text("version: 1\nroles: {idle: {}}\n", encoding="utf-8")
    return str(path)


def test_check_is_fine_with_a_sound_policy() -> None:
    assert ran("check", SUPPORT).exit_code == 0
    found = told("check", SUPPORT)
    assert (found["mistakes"], found["warnings"], len(found["digest"])) == ([], [], 64)


def test_check_names_mistakes_and_exits_with_1(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("version: 1\nmod: x\n", encoding="utf-8")
    assert ran("check", str(path)).exit_code == 1
    assert told("check", str(path))["mistakes"][0].startswith(f"{path}:2 mod: found an unknown key")


def test_warnings_count_only_when_asked(odd: str) -> None:
    assert ran("check", odd).exit_code == 0
    assert ran("check", odd, "--strict").exit_code == 1
    assert "warning: " in ran("check", odd).stdout


def test_check_compares_with_the_tools_there_are(tmp_path: Path) -> None:
    tools = tmp_path / "tools.yaml"
    tools.write_text("retrieval: [search]\nactions: [email_send]\n", encoding="utf-8")
    assert told("check", SUPPORT, "--tools", str(tools))["warnings"]


def test_what_is_not_there_is_misuse(tmp_path: Path) -> None:
    missing = str(tmp_path / "none.yaml")
    assert isinstance(ran("check", missing).exception, PolicyError)
    assert isinstance(ran("test", missing).exception, PolicyError)


def test_tests_are_no_policy_to_check() -> None:
    refused = ran("check", SUPPORT.replace(".yaml", "_test.yaml")).exception
    assert isinstance(refused, PolicyError)
    assert "toolgate test" in str(refused)


def test_policy_tests_run_from_folders_policies_and_files(tmp_path: Path) -> None:
    assert ran("test", str(ROOT / "policies")).exit_code == 0
    assert told("test", SUPPORT)["files"] == told("test", SUPPORT.replace(".yaml", "_test.yaml"))["files"]


def test_a_failing_policy_test_exits_with_1(tmp_path: Path, odd: str) -> None:
    beside = Path(odd).with_name("odd_test.yaml")
    beside.write_text(
        "policy: odd.yaml\ncallers: {a: {roles: []}}\ncalls: {c: {tool: a/b}}\nexpect: {a: {c: allow}}\n",
        encoding="utf-8",
    )
    assert ran("test", odd).exit_code == 1
    Path(odd).write_text("version: 2\n", encoding="utf-8")
    assert told("test", odd)["passed"] is False


def test_explain_names_every_rule_that_had_a_say() -> None:
    arguments = json.dumps({"to": ["eve@evil.example"], "subject": "Hi", "body": "Hello"})
    words = ["explain", "--tool", "actions/email_send", "--role", "lead", "--policy", SUPPORT]
    found = told(*words, "--arguments", arguments)
    assert found["verdict"] == "refuse condition-not-met"
    assert found["tier"]["tier"] == "irreversible"
    assert found["reached_by"][0]["where"].endswith("roles.support.tools[2]")
    assert found["rule"]["pattern"] == "actions/email_send"
    assert [one["unmet"] is None for one in found["conditions"]] == [False, True, True, True, True]
    text = ran(*words, "--arguments", arguments)
    assert text.exit_code == 0
    assert "eve@evil.example" not in text.stdout


def test_explain_reads_a_call_from_a_file(tmp_path: Path) -> None:
    call = tmp_path / "call.json"
    call.write_text('{"tool": "actions/email_send", "roles": ["support", "ghost"]}', encoding="utf-8")
    text = ran("explain", str(call), "--policy", SUPPORT).stdout
    assert "role        ghost is not in this policy" in text
    call.write_text('{"resource": "docs/file:///a", "roles": []}', encoding="utf-8")
    found = told("explain", str(call), "--policy", SUPPORT)
    assert (found["kind"], found["verdict"], found["tier"]) == ("resources", "refuse not-allowed", None)


@pytest.mark.parametrize("words", [[], ["--tool", "a/b", "call.json"], ["--tool", "a/b", "--arguments", "{"]])
def test_explain_without_one_call_is_misuse(words: list[str]) -> None:
    assert isinstance(ran("explain", *words, "--policy", SUPPORT).exception, Misuse)


@pytest.mark.parametrize(("of", "key"), [("policy", "tiers"), ("tests", "expect"), ("settings", "upstreams")])
def test_schemas_know_the_keys_of_their_files(of: str, key: str) -> None:
    assert key in told("schema", of)["properties"]
