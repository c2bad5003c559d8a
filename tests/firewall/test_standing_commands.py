"""`approvals approve --edit/--grant`, `grants`, `pause`, `resume`, `undo`: from words typed to the store."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import orjson
import pytest
from typer.testing import CliRunner, Result

from toolgate.cli.commands import application
from toolgate.core.canonical import canonical
from toolgate.core.model import (
    Approval,
    ApprovalState,
    Inverse,
    JsonObject,
    Open,
    Remember,
    Tier,
)
from toolgate.holding import HeldArguments, opened
from toolgate.ports import DIGEST, HELD_ABOUT, HELD_ARGUMENTS, Entry, Kept
from toolgate.secrets.keyring import open_keyring
from toolgate.settings import chosen
from toolgate.stores.sqlite import SqliteStore

POLICY = """
version: 1
tiers: {irreversible: [mail/send]}
roles: {admin: {tools: ["mail/*"], may_approve: [irreversible, privileged]}}
"""
PASSPHRASE = "a passphrase for tests\n"
Value = TypeVar("Value")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "policy.yaml").write_text(POLICY)
    assert run(tmp_path, "approvals", "enrol", "ann", "--role", "admin", passphrase=True).exit_code == 0
    return tmp_path


def run(home: Path, *words: str, passphrase: bool = False) -> Result:
    more = ["--passphrase-stdin"] if passphrase else []
    return CliRunner().invoke(application(), [*words, *more, "--home", str(home)], input=PASSPHRASE)


def in_store(home: Path, act: Callable[[SqliteStore], Awaitable[Value]]) -> Value:
    places = chosen(home, None)

    async def acted() -> Value:
        store = SqliteStore(places.store, open_keyring(places.master_key).journal_keys())
        try:
            return await act(store)
        finally:
            await store.aclose()

    return asyncio.run(acted())


def hold(home: Path, arguments: JsonObject, ident: str = "ap-1") -> None:
    keyring = open_keyring(chosen(home, None).master_key)
    digest = keyring.digest(DIGEST, canonical(["bob", "mail", "tools/call", "send", "p", arguments]))
    now = time.time()
    held = Approval(
        ident, "bob", "mail", "send", digest, "p", Tier.IRREVERSIBLE, ApprovalState.PENDING, now, now + 600.0
    )
    about = {"roles": ["admin"], "schema": {"type": "object", "required": ["to"]}, "title": "Send"}
    sealed = keyring.seal(HELD_ARGUMENTS, canonical(arguments))
    charge = Open(held, sealed, keyring.seal(HELD_ABOUT, canonical(about)))
    assert in_store(home, lambda store: store.commit(Entry({"kind": "hold"}), [charge])) is None


def test_a_call_is_approved_with_other_arguments(home: Path) -> None:
    hold(home, {"to": ["bob", "eve"]})
    wrong = run(home, "approvals", "approve", "ap-1", "--edit", '{"cc": 1}', passphrase=True)
    assert (wrong.exit_code, "the changed arguments" in wrong.stderr) == (1, True)
    for odd in ("[1]", '{"to": 1, "to": 2}', '{"to": 1e400}', "[" * 100_000, '{"to": NaN}', '{"to": ""\x00}'):
        assert run(home, "approvals", "approve", "ap-1", "--edit", odd, passphrase=True).exit_code == 2
    done = run(home, "approvals", "approve", "ap-1", "--edit", '{"to": ["bob"]}', passphrase=True)
    assert (done.exit_code, done.stdout) == (0, "ap-1: approved\n")
    sealed = in_store(home, lambda store: store.arguments("ap-1"))
    plain = open_keyring(chosen(home, None).master_key).unseal(HELD_ARGUMENTS, sealed or b"")
    assert orjson.loads(plain) == {"to": ["bob"]}


def test_an_edit_is_redacted_by_the_rule_files_of_the_settings_too(home: Path) -> None:
    (home / "toolgate.yaml").write_text('detection: {rules: ["own.toml"]}\n')
    (home / "own.toml").write_text('[[rules]]\nid = "badge"\nregex = "BADGE-[0-9]+"\nentity = "BADGE"\n')
    (home / "policy.yaml").write_text(f"{POLICY}redaction: {{arguments: {{BADGE: mask}}}}\n")
    hold(home, {"to": "BADGE-1"})
    done = run(home, "approvals", "approve", "ap-1", "--edit", '{"to": "BADGE-2"}', passphrase=True)
    assert (done.exit_code, done.stdout) == (0, "ap-1: approved\n"), done.output
    sealed = in_store(home, lambda store: store.arguments("ap-1"))
    kept = opened(open_keyring(chosen(home, None).master_key), sealed)
    assert kept == HeldArguments({"to": "<BADGE>"}, {"to": "BADGE-2"})


def test_an_editor_changes_what_is_sent(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hold(home, {"to": ["bob", "eve"]})
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\necho \'{"to": []}\' > "$1"\n')
    editor.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(editor))
    monkeypatch.delenv("VISUAL", raising=False)
    done = run(home, "approvals", "approve", "ap-1", "--edit", "-", passphrase=True)
    assert done.exit_code == 0, done.output
    monkeypatch.setenv("EDITOR", "false")
    assert run(home, "approvals", "approve", "ap-1", "--edit", "-", passphrase=True).exit_code != 0


def grants(home: Path) -> list[Kept]:
    return in_store(home, lambda store: store.grants())


def test_a_grant_is_made_listed_and_revoked(home: Path) -> None:
    hold(home, {"to": "bob", "body": "x"})
    stated = '{"to": {"domain": ["*.com"]}, "body": "any"}'
    words = ("approvals", "approve", "ap-1", "--grant", stated, "--uses", "3", "--for", "4h")
    done = run(home, *words, passphrase=True)
    assert done.exit_code == 0, done.output
    assert "to: any address or host at *.com (as good as anything)" in done.stdout
    assert "mind: to, body may be anything" in done.stdout
    (listed,) = [json.loads(line) for line in run(home, "grants", "list", "--json").stdout.splitlines()]
    assert (listed["uses"], listed["state"], listed["broad"]) == (3, "live", ["body", "to"])
    assert "3 of 3 left" in run(home, "grants", "list").stdout
    assert run(home, "grants", "revoke", listed["id"], passphrase=True).stdout == f"{listed['id']}: revoked\n"
    assert run(home, "grants", "list").stdout == ""
    assert "revoked" in run(home, "grants", "list", "--all").stdout
    assert run(home, "grants", "revoke", "gr-0", passphrase=True).exit_code == 1


def test_a_grant_that_cannot_be_made_leaves_the_approval_standing(home: Path) -> None:
    hold(home, {"to": "bob"})
    done = run(home, "approvals", "approve", "ap-1", "--grant", '{"to": {"regex": "("}}', passphrase=True)
    assert done.exit_code == 0
    assert "no grant: the pattern: to: expected" in done.stdout
    assert grants(home) == []
    hold(home, {"to": "eve"}, "ap-2")
    offered = run(home, "approvals", "approve", "ap-2", "--grant", "offered", passphrase=True)
    assert (offered.exit_code, "no grant is offered" in offered.stderr) == (1, True)


@pytest.mark.parametrize("wrong", [("--for", "soon"), ("--grant", "all"), ("--tier", "high")])
def test_misuse_is_told_before_anybody_is_asked_for_a_passphrase(home: Path, wrong: tuple[str, str]) -> None:
    hold(home, {"to": "bob"})
    assert run(home, "approvals", "approve", "ap-1", *wrong).exit_code == 2


def test_pauses_are_made_shown_and_lifted(home: Path) -> None:
    assert "nothing is paused" in run(home, "pause", "--list").stderr
    assert run(home, "pause", "--tool", "mail", passphrase=True).exit_code == 2
    assert run(home, "pause", "--tool", "mail/send", passphrase=True).stdout.startswith(
        "paused: upstream mail tool send"
    )
    assert run(home, "pause", passphrase=True).stdout.startswith("paused: everything")
    assert run(home, "pause", passphrase=True).exit_code == 1
    listed = [json.loads(line) for line in run(home, "pause", "--list", "--json").stdout.splitlines()]
    assert [(one["upstream"], one["tool"]) for one in listed] == [("mail", "send"), ("", "")]
    assert run(home, "resume", "--caller", "bob", passphrase=True).exit_code == 1
    assert run(home, "resume", passphrase=True).stdout.startswith("resumed: everything")
    assert run(home, "resume", "--all", passphrase=True).stdout.startswith("resumed: upstream mail")
    assert "nothing is paused" in run(home, "pause", "--list").stderr


def test_pausing_what_is_not_there_is_done_and_said(home: Path) -> None:
    (home / "toolgate.yaml").write_text('upstreams: {mail: {url: "https://mail.example.com/mcp"}}\n')
    wrong = run(home, "pause", "--upstream", "mial", passphrase=True)
    assert (wrong.exit_code, "no upstream `mial`, only mail" in wrong.stderr) == (0, True)
    assert run(home, "pause", "--tool", "mail/send", passphrase=True).stderr == ""


def test_what_can_be_taken_back_is_listed_and_the_rest_is_said(home: Path) -> None:
    assert run(home, "undo", "--list").stdout == ""
    now = time.time()
    inverse = Inverse("c-1", "s-1", "bob", "mail/draft", "mail", "discard", now, now + 600.0)
    in_store(home, lambda store: store.commit(Entry({"kind": "outcome"}), [Remember(inverse, b"")]))
    assert "mail/draft  by mail/discard  of bob  open" in run(home, "undo", "--list").stdout
    assert json.loads(run(home, "undo", "--list", "--json").stdout)["call"] == "c-1"
    assert run(home, "undo").exit_code == run(home, "undo", "c-1", "--run", "s-1").exit_code == 2
    missing = run(home, "undo", "c-2", passphrase=True)
    assert (missing.exit_code, "no call of this id" in missing.stderr) == (1, True)
    sealed = run(home, "undo", "c-1", passphrase=True)
    assert (sealed.exit_code, "another master key" in sealed.stdout) == (1, True)


def test_whoever_decides_before_there_is_an_approver_is_told_how_to_become_one(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)
    told = run(tmp_path, "approvals", "approve", "ap-1", passphrase=True)
    assert told.exit_code == 2
    assert "toolgate approvals enrol NAME --role admin" in told.output


def test_a_role_that_approves_nothing_is_answered_with_those_that_do(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)
    told = run(tmp_path, "approvals", "enrol", "ann", "--role", "boss", passphrase=True)
    assert told.exit_code == 1
    assert "found boss, which approve nothing, expected admin" in told.output


def test_with_several_approvers_the_names_to_choose_from_are_told(home: Path) -> None:
    words = ["approvals", "enrol", "eve", "--role", "admin", "--by", "ann", "--passphrase-stdin"]
    both = CliRunner().invoke(application(), [*words, "--home", str(home)], input=PASSPHRASE * 2)
    assert both.exit_code == 0
    told = run(home, "approvals", "approve", "ap-1", passphrase=True)
    assert "expected --as with one of ann, eve" in told.output


def test_the_list_of_commands_names_the_one_that_clients_start() -> None:
    assert "wrap " in CliRunner().invoke(application(), ["--help"]).output
    assert (
        "toolgate wrap [options] -- COMMAND" in CliRunner().invoke(application(), ["wrap", "--help"]).output
    )
