"""What a model, a repository or a service may try through the messaging, CRM and git tools, case by case."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp_types import CallToolResult, TextContent

from action_families import only
from git_setups import ENVIRONMENT, make_repository, run_git
from slack_standin import TOKEN, Slack
from toolgate_servers.actions.crm.carddav import CarddavBook
from toolgate_servers.actions.crm.settings import CarddavSettings
from toolgate_servers.actions.git.settings import GitSettings, RemoteSettings, RepositorySettings
from toolgate_servers.actions.messaging.board import Post, Wanted
from toolgate_servers.actions.messaging.settings import SlackSettings
from toolgate_servers.actions.messaging.slack import SlackBoard
from toolgate_servers.actions.server import build
from toolgate_servers.actions.settings import ActionsSettings
from toolgate_servers.errors import Reason, Refused
from toolgate_servers.running import Run
from wire_service import Asked, Said, WireService

SITE = {"repository": "site"}
REFUSALS = {Reason.ARGUMENT_NOT_VALID, Reason.OUTSIDE_FOLDER, Reason.NOT_FOUND, Reason.REJECTED}


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """A file that is there when something ran that should not have."""
    return tmp_path / "ran"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "site")


def ran(marker: Path) -> str:
    """What ran that should not have."""
    return marker.read_text() if marker.exists() else ""


def serving(site: Path) -> Client:
    remote = RemoteSettings(url="http://127.0.0.1:1/x.git")
    named = {"site": RepositorySettings(path=site, remote=remote)}
    return Client(build(ActionsSettings(families=only("git"), git=GitSettings(repositories=named))))


def reason(result: CallToolResult) -> Reason:
    assert result.is_error
    (block,) = result.content
    assert isinstance(block, TextContent)
    found = re.search(r"\[([a-z-]+)\]$", block.text)
    assert found, block.text
    return Reason(found.group(1))


def refused(act: Any) -> Reason:
    with pytest.raises(Refused) as caught:
        act()
    return caught.value.reason


# git: words that could be options, commands or other places

REFS = {
    "option": "-x",
    "upload-pack": "--upload-pack=touch {marker}",
    "output": "--output={marker}",
    "exec": "--exec=touch {marker}",
    "ext transport": "ext::sh -c touch% {marker}",
    "path of a commit": "HEAD:../secret",
    "range": "main..HEAD",
    "reflog": "@{-1}",
    "search": ":/Begin",
    "search of a commit": "main^{/Begin}",
    "line end": "main\n--output={marker}",
    "blank": "main --all",
    "NUL": "main\x00x",
    "command": "$(touch {marker})",
    "semicolon": "main;touch {marker}",
    "dots": "../../x",
    "lock": "x.lock",
    "hidden": ".x/y",
    "empty part": "a//b",
    "full name": "refs/heads/../../config",
}


@pytest.mark.parametrize("ref", REFS.values(), ids=list(REFS))
async def test_a_ref_is_a_name_and_nothing_else(site: Path, marker: Path, ref: str) -> None:
    ref = ref.replace("{marker}", str(marker))
    before = run_git(site, "for-each-ref")
    content = [{"path": "a", "content": "b"}]
    async with serving(site) as client:
        for tool, arguments in (
            ("git_log", {"revision": ref}),
            ("git_diff", {"old": ref}),
            ("git_diff", {"new": ref}),
            ("git_branch", {"branch": ref}),
            ("git_branch", {"branch": "b", "start": ref}),
            ("git_commit", {"branch": ref, "message": "m", "files": content}),
            ("git_push", {"branch": ref}),
            ("git_open_pull_request", {"head": ref, "title": "t"}),
            ("git_open_pull_request", {"head": "main", "base": ref, "title": "t"}),
        ):
            assert reason(await client.call_tool(tool, SITE | arguments)) in REFUSALS, tool
    assert run_git(site, "for-each-ref") == before
    assert not ran(marker)


PATHS = {
    "parent": "../secret",
    "inner parent": "docs/../../secret",
    "absolute": "/etc/passwd",
    "git folder": ".git/config",
    "git folder in other letters": ".GIT/hooks/post-commit",
    "git folder below": "docs/.git/config",
    "git folder of NTFS": "GIT~1/config",
    "git folder with a blank": ".git /config",
    "git folder of HFS+": ".g\u200cit/config",
    "drive": "C:/x",
    "backslash": "docs\\..\\..\\x",
    "control": "docs/\x1b[2J",
    "dot": "./docs/index.md",
    "empty part": "docs//index.md",
    "folder": "docs/",
}


@pytest.mark.parametrize("path", PATHS.values(), ids=list(PATHS))
async def test_a_path_stays_in_the_repository(site: Path, path: str) -> None:
    (site.parent / "secret").write_text("hunter2")
    run_git(site, "branch", "b")
    before = run_git(site, "for-each-ref")
    async with serving(site) as client:
        for tool, arguments in (
            ("git_diff", {"path": path}),
            ("git_log", {"path": path}),
            ("git_commit", {"branch": "main", "message": "m", "paths": [path]}),
            ("git_commit", {"branch": "b", "message": "m", "files": [{"path": path, "content": "x"}]}),
        ):
            assert reason(await client.call_tool(tool, SITE | arguments)) is Reason.OUTSIDE_FOLDER, tool
    assert run_git(site, "for-each-ref") == before


@pytest.mark.parametrize("path", ["--output={marker}", ":(exclude)docs", ":!docs", "*"])
async def test_a_path_is_no_option_and_no_pattern(site: Path, marker: Path, path: str) -> None:
    (site / "docs" / "index.md").write_text("changed")
    async with serving(site) as client:
        found = await client.call_tool("git_diff", SITE | {"path": path.replace("{marker}", str(marker))})
        if not found.is_error:  # an absolute path after `=` is one that check_path takes for folders
            assert found.structured_content is not None
            assert found.structured_content["files"] == []
    assert not ran(marker)


# git: what a repository may bring along

HOOKS = (
    *("pre-commit", "commit-msg", "prepare-commit-msg", "post-commit", "post-checkout", "pre-push"),
    *("reference-transaction", "post-index-change", "fsmonitor-watchman", "post-rewrite", "update"),
)


def booby_trap(site: Path, marker: Path) -> None:
    """Let every setting, attribute and hook that can start a program start one."""
    script = marker.with_name("trap.sh")
    script.write_text(f'#!/bin/sh\necho "$0 $*" >> {marker}\ncat\n')
    script.chmod(0o755)
    for name in HOOKS:
        hook = site / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(script.read_text())
        hook.chmod(0o755)
    included = marker.with_name("included")
    included.write_text(f'[diff "evil"]\n\ttextconv = {script}\n\tcommand = {script}\n')
    (site / ".gitattributes").write_text("*.md filter=evil diff=evil merge=evil\n")
    for key in (
        *("filter.evil.clean", "filter.evil.smudge", "filter.evil.process", "diff.evil.textconv"),
        *("diff.evil.command", "diff.external", "core.fsmonitor", "core.pager", "pager.log", "pager.diff"),
        *("gpg.program", "core.editor", "core.sshCommand", "core.askPass", "core.gitProxy"),
        *("core.alternateRefsCommand", "remote.origin.uploadpack", "merge.evil.driver"),
    ):
        run_git(site, "config", key, str(script))
    for key, setting in {
        "filter.evil.required": "true",
        "log.showSignature": "true",
        "commit.gpgSign": "true",
        "include.path": str(included),
        "core.hooksPath": str(site / ".git" / "hooks"),
        "alias.status": f"!{script}",
        "alias.log": f"!{script}",
        "credential.helper": f"!{script}",
        "remote.origin.url": f"ext::{script}",
        "remote.origin.promisor": "true",
        "extensions.partialClone": "origin",
        "core.repositoryFormatVersion": "1",
        "protocol.ext.allow": "always",
        "diff.ignoreSubmodules": "none",
        "core.worktree": str(site.parent),
    }.items():
        run_git(site, "config", key, setting)


@pytest.mark.parametrize("command", ["status", "diff", "commit"])
def test_the_trap_would_spring(site: Path, marker: Path, command: str) -> None:
    booby_trap(site, marker)
    (site / "docs" / "index.md").write_text("# Bye\n")
    arguments = ["git", f"--work-tree={site}", command, *(["-a", "-m", "m"] if command == "commit" else [])]
    subprocess.run(arguments, cwd=site, env=ENVIRONMENT, capture_output=True, check=False, timeout=30)
    assert ran(marker)


async def test_nothing_that_a_repository_brings_along_is_run(
    site: Path, marker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    booby_trap(site, marker)
    for name in ("GIT_EXTERNAL_DIFF", "GIT_SSH_COMMAND", "GIT_PAGER", "GIT_EDITOR", "GIT_ASKPASS"):
        monkeypatch.setenv(name, str(marker.with_name("trap.sh")))
    monkeypatch.setenv("GIT_DIR", str(site.parent))
    (site / "docs" / "index.md").write_text("# Bye\n")
    (site / "run.sh").write_text("echo\n")
    async with serving(site) as client:
        calls: tuple[tuple[str, dict[str, Any]], ...] = (
            ("git_status", {}),
            ("git_diff", {}),
            ("git_diff", {"old": "main~1", "new": "main"}),
            ("git_log", {"path": "docs/index.md"}),
            ("git_branch", {"branch": "b", "switch": True}),
            ("git_commit", {"branch": "b", "message": "m", "paths": ["run.sh"]}),
            ("git_commit", {"branch": "main", "message": "m", "files": [{"path": "x.md", "content": "y"}]}),
            ("git_open_pull_request", {"head": "b", "title": "t"}),
            ("git_read_pull_request", {"number": 1}),
        )
        for tool, arguments in calls:
            result = await client.call_tool(tool, SITE | arguments)
            assert not result.is_error, (tool, result.content)
        filtered = {"branch": "b", "message": "m", "paths": ["docs/index.md"]}
        assert reason(await client.call_tool("git_commit", SITE | filtered)) is Reason.REJECTED
        absent = {"revision": "0123456789012345678901234567890123456789"}
        assert reason(await client.call_tool("git_log", SITE | absent)) is Reason.NOT_FOUND
        assert reason(await client.call_tool("git_push", SITE | {"branch": "b"})) is Reason.UNREACHABLE
    assert not ran(marker)


async def test_another_repository_inside_is_not_entered(site: Path, marker: Path) -> None:
    inner = make_repository(site / "inner")
    run_git(site, "add", "inner", "--ignore-errors")
    (site / ".gitmodules").write_text(f'[submodule "inner"]\n\tpath = inner\n\turl = ext::touch {marker}\n')
    run_git(site, "add", ".gitmodules")
    run_git(site, "commit", "-q", "-m", "Take in another")
    booby_trap(inner, marker)
    (inner / "run.sh").write_text("changed\n")
    async with serving(site) as client:
        for tool in ("git_status", "git_diff", "git_log"):
            assert not (await client.call_tool(tool, SITE)).is_error
        inside = SITE | {"branch": "main", "message": "m", "paths": ["inner/run.sh"]}
        assert reason(await client.call_tool("git_commit", inside)) in REFUSALS
    assert not ran(marker)


async def test_links_are_not_followed(site: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("hunter2")
    (site / "link").symlink_to(tmp_path / "outside" / "secret")
    (site / "out").symlink_to(tmp_path / "outside")
    run_git(site, "add", ".")
    run_git(site, "commit", "-q", "-m", "Links")
    run_git(site, "branch", "b")
    os.mkfifo(site / "pipe")
    before = run_git(site, "for-each-ref")
    async with serving(site) as client:
        for path in ("link", "out/secret", "pipe"):
            work = SITE | {"branch": "main", "message": "m", "paths": [path]}
            assert reason(await client.call_tool("git_commit", work)) is Reason.OUTSIDE_FOLDER, path
        for path in ("link", "out/secret", "out", "docs"):
            files = [{"path": path, "content": "x"}]
            written: dict[str, Any] = {**SITE, "branch": "b", "message": "m", "files": files}
            assert reason(await client.call_tool("git_commit", written)) is Reason.OUTSIDE_FOLDER, path
    assert run_git(site, "for-each-ref") == before
    assert (tmp_path / "outside" / "secret").read_text() == "hunter2"


async def test_what_a_commit_says_cannot_move_the_cursor_or_flood(site: Path) -> None:
    (site / "docs" / "index.md").write_text("x\n" * 500_000)
    run_git(site, "commit", "-q", "-a", "-m", "a\x1b[2Jb\x07" + "x" * 50_000)
    async with serving(site) as client:
        log = await client.call_tool("git_log", SITE)
        assert log.structured_content is not None
        message = log.structured_content["commits"][0]["message"]
        assert "\x1b" not in message
        assert len(message) <= 5000
        diff = await client.call_tool("git_diff", SITE | {"old": "main~1", "new": "main", "max_chars": 1000})
        assert diff.structured_content is not None
        assert (len(diff.structured_content["patch"]), diff.structured_content["cut"]) == (1000, True)
        wrong = {"branch": "main", "message": "a\x00b", "paths": ["run.sh"]}
        assert reason(await client.call_tool("git_commit", SITE | wrong)) is Reason.CONTROL_CHARACTER


# Slack: what a model may say, and what a server may answer

URL = "https://slack.example/api/"


def slack_board(slack: Slack) -> SlackBoard:
    return SlackBoard(SlackSettings(token="env:T", url=URL), TOKEN, (), slack.net(URL))


def run() -> Run:
    made = Run(30)
    made.idempotency_key = "k"
    return made


MARKUP = [
    "<!channel>",
    "<!here|hi>",
    "<!everyone>",
    "<@U1>",
    "<#C1>",
    "<!subteam^S1>",
    "<http://evil.example|bank>",
]


@pytest.mark.parametrize("markup", MARKUP)
def test_no_text_mentions_or_links_behind_other_words(markup: str) -> None:
    slack = Slack()
    slack_board(slack).post(Post("C0GENERAL", f"a {markup} b &lt;!channel&gt;", (), None), run())
    assert not set("<>") & set(slack.asked[0].json()["text"])


async def test_mentions_cannot_flood() -> None:
    flooding: list[dict[str, Any]] = [
        {"text": "@here"},
        {"text": "a @CHANNEL. b"},
        {"text": " ".join(f"@u{number}" for number in range(100))},
        {"text": "x", "mentions": [f"U{number}" for number in range(6)]},
        {"text": "x", "mentions": ["!channel"]},
        {"text": "x", "mentions": ["U1> <!here"]},
    ]
    async with Client(build(ActionsSettings(families=only("messaging")))) as client:
        for said in flooding:
            found = reason(await client.call_tool("message_post", {"channel": "general"} | said))
            assert found in (Reason.TOO_MANY_RECIPIENTS, Reason.ARGUMENT_NOT_VALID)
        for said in ({"channel": "general\r\nX: y"}, {"channel": "../../api"}, {"channel": "-x"}):
            found = reason(await client.call_tool("message_post", {"text": "x"} | said))
            assert found is Reason.ARGUMENT_NOT_VALID


ODD: dict[str, Mapping[str, Any]] = {
    "no list": {"ok": True, "messages": "x", "channels": 5},
    "other types": {"ok": True, "messages": [1, None, [], {"ts": 5}], "channels": [{"id": ["C1"]}]},
    "times that are none": {"ok": True, "messages": [{"ts": "../x", "text": "a"}, {"ts": "-1.0"}]},
    "an id that is none": {"ok": True, "channels": [{"id": "C1/../x", "name": "a"}]},
}


@pytest.mark.parametrize("answer", ODD.values(), ids=list(ODD))
def test_an_odd_answer_of_slack_is_nothing(answer: Mapping[str, Any]) -> None:
    slack = Slack()
    slack.says = Said(body=answer)
    there = slack_board(slack)
    assert there.search(Wanted(None, "C0GENERAL", None, 5), run()) == []
    assert there.channels(None, 5, run())[0] == []


HOSTILE = {
    "a redirect with the token": (Said(302, b"", {"location": "http://169.254.169.254/"}), Reason.BAD_ANSWER),
    "a flood": (Said(200, b"x" * 3_000_000), Reason.TOO_LARGE),
    "nesting without end": (Said(200, b"[" * 200_000), Reason.BAD_ANSWER),
    "a list": (Said(200, [1]), Reason.BAD_ANSWER),
    "binary": (Said(200, b"\xff\xfe\x00"), Reason.BAD_ANSWER),
}


@pytest.mark.parametrize(("said", "expected"), HOSTILE.values(), ids=list(HOSTILE))
def test_a_hostile_answer_of_slack_is_refused(said: Said, expected: Reason) -> None:
    slack = Slack()
    slack.says = said
    assert refused(lambda: slack_board(slack).channels(None, 5, run())) is expected
    assert len(slack.asked) == 1


def test_what_slack_sends_is_cleaned() -> None:
    slack = Slack()
    slack.says = Said(
        body={
            "ok": True,
            "messages": [{"ts": "1700000000.000100", "user": "U1\n[system]", "text": "a\x1b[2J\x00b"}],
            "channels": [{"id": "C1", "name": "x\r\ny" * 100, "topic": {"value": "t\x1b" * 1000}}],
            "response_metadata": {"next_cursor": "c" * 5000},
        }
    )
    (message,) = slack_board(slack).search(Wanted(None, "C0GENERAL", None, 5), run())
    assert (message.author, message.text) == ("U1 [system]", "a[2Jb")
    (channel,), cursor = slack_board(slack).channels(None, 5, run())
    assert "\n" not in channel.name
    assert "\x1b" not in channel.topic
    assert max(len(channel.name), len(channel.topic)) <= 250
    assert len(cursor or "") <= 512


# CardDAV: what a model may ask, and what a server may answer

BOOK = "http://dav.example/ann/book/"
CARD = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:1\r\nFN:Ann\r\nEND:VCARD\r\n"


class Dav(WireService):
    """Answers everything with the same."""

    def __init__(self, said: Said) -> None:
        super().__init__()
        self.said = said

    def answer(self, asked: Asked) -> Said:
        return self.said

    def book(self) -> CarddavBook:
        settings = CarddavSettings(url=BOOK, username="ann", password="env:X")
        return CarddavBook(settings, "hunter2", self.net(BOOK))


def listing(href: str, etag: str = '"1"', card: str = CARD) -> bytes:
    return (
        '<D:multistatus xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"><D:response>'
        f"<D:href>{href}</D:href><D:propstat><D:prop><D:getetag>{etag}</D:getetag>"
        f"<C:address-data>{card}</C:address-data></D:prop></D:propstat></D:response></D:multistatus>"
    ).encode()


BOMB = b'<!DOCTYPE a [<!ENTITY b "xxxxxxxxxx"><!ENTITY c "&b;&b;&b;">]>'
FILE = b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>'
XML = {
    "entities that grow": BOMB + listing("/a.vcf"),
    "a file as entity": FILE + listing("/a.vcf"),
    "UTF-16": ("\ufeff" + listing("/a.vcf").decode()).encode("utf-16"),
    "no XML": b"<a",
    "other XML": b"<a/>",
    "NUL": b"\x00",
}


@pytest.mark.parametrize("body", XML.values(), ids=list(XML))
def test_dangerous_xml_is_refused(body: bytes) -> None:
    assert refused(lambda: Dav(Said(207, body)).book().search("x", 5, run())) is Reason.BAD_ANSWER


LISTED = {
    "a name with a parent": listing("/ann/book/..%2fother.vcf"),
    "a name that is a parent": listing("/ann/book/...vcf"),
    "a name with a line end": listing("/ann/book/a%0d%0aX:y.vcf"),
    "an ETag with a line end": listing("/ann/book/a.vcf", '"1\r\nX: y"'),
    "an ETag without marks": listing("/ann/book/a.vcf", "1"),
    "no card": listing("/ann/book/a.vcf", '"1"', "BEGIN:VCALENDAR"),
    "two cards": listing("/ann/book/a.vcf", '"1"', CARD + CARD),
    "a card without an end": listing("/ann/book/a.vcf", '"1"', CARD.replace("END:VCARD", "")),
}


@pytest.mark.parametrize("body", LISTED.values(), ids=list(LISTED))
def test_a_contact_that_could_not_be_handled_safely_is_left_out(body: bytes) -> None:
    assert Dav(Said(207, body)).book().search(None, 5, run()) == []


def test_a_contact_of_another_host_is_asked_for_on_our_own() -> None:
    dav = Dav(Said(207, listing("http://evil.example/steal/a.vcf")))
    (found,) = dav.book().search(None, 5, run())
    dav.said = Said(200, CARD.encode(), {"etag": '"1"'})
    dav.book().read(found.id, run())
    assert (dav.asked[-1].path, dav.asked[-1].headers["host"]) == ("/ann/book/a.vcf", "dav.example")


def test_what_a_card_says_is_cleaned() -> None:
    card = CARD.replace(
        "FN:Ann", "FN:Ann\x1b[2J\\nBcc: eve\r\nNOTE:" + "x" * 100_000 + "\r\nEMAIL:a@b\\n\\nc"
    )
    found = Dav(Said(200, card.encode(), {"etag": '"1"'})).book().read("a", run()).fields
    assert found.name == "Ann [2J Bcc: eve"
    assert len(found.note) == 5000
    assert found.emails == ("a@b c",)


ANSWERS = {
    "a redirect with the password": (Said(302, b"", {"location": "http://evil.example/"}), Reason.BAD_ANSWER),
    "a flood": (Said(200, b"x" * 6_000_000), Reason.TOO_LARGE),
    "a compressed bomb": (Said(200, b"x", {"content-encoding": "gzip"}), Reason.BAD_ANSWER),
    "no ETag": (Said(200, CARD.encode()), Reason.BAD_ANSWER),
    "many lines": (Said(200, ("A:b\r\n" * 5000).encode(), {"etag": '"1"'}), Reason.BAD_ANSWER),
}


@pytest.mark.parametrize(("said", "expected"), ANSWERS.values(), ids=list(ANSWERS))
def test_a_hostile_answer_of_carddav_is_refused(said: Said, expected: Reason) -> None:
    dav = Dav(said)
    assert refused(lambda: dav.book().read("a", run())) is expected
    assert len(dav.asked) == 1


CONTACT_IDS = [
    "../other",
    "a/b",
    "a%2fb",
    "..",
    ".hidden",
    "a\r\nb",
    "http://evil.example/a",
    "a?b",
    "a#b",
    "-x",
]


@pytest.mark.parametrize("contact_id", CONTACT_IDS)
async def test_the_id_of_a_contact_leads_nowhere_else(contact_id: str) -> None:
    dav = Dav(Said(200, CARD.encode(), {"etag": '"1"'}))
    assert refused(lambda: dav.book().read(contact_id, run())) is Reason.NOT_FOUND
    assert dav.asked == []
    async with Client(build(ActionsSettings(families=only("crm")))) as client:
        for tool, more in (("crm_read_contact", {}), ("crm_delete_contact", {"etag": '"1"'})):
            result = await client.call_tool(tool, {"contact_id": contact_id} | more)
            assert reason(result) is Reason.ARGUMENT_NOT_VALID


@pytest.mark.parametrize("etag", ['"1"\r\nX: y', "*", '"1", "2"', '""', "1"])
async def test_an_etag_is_one_version_and_no_other_header(etag: str) -> None:
    async with Client(build(ActionsSettings(families=only("crm")))) as client:
        result = await client.call_tool("crm_delete_contact", {"contact_id": "a", "etag": etag})
        assert reason(result) is Reason.ARGUMENT_NOT_VALID
