"""The public conformance suite and the Inspector on the three servers as they come.

Most of the suite wants tools and resources of its own that only its example server has. Named here is what it
can ask of any server, and of that everything must pass, for each server and in both eras of the protocol.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cells import LEGACY, MODERN
from node_packages import PackagesMissing
from outcomes import Run, faults, passed
from programs import free_port, listens, running, wait_for
from real_peers import Peer, called_by_inspector, give_up, text_of
from suite import run_suite

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]

SCENARIOS = {
    LEGACY: (
        *("dns-rebinding-protection", "ping", "prompts-list", "resources-list", "server-initialize"),
        *("server-session-lifecycle", "server-sse-multiple-streams", "tools-call-error", "tools-list"),
    ),
    MODERN: (
        *("caching", "dns-rebinding-protection", "http-header-validation", "prompts-list", "resources-list"),
        *("sep-2164-resource-not-found", "server-sse-multiple-streams", "server-stateless"),
        *("tools-call-error", "tools-list"),
    ),
}
# How many checks these are; fewer would mean that the suite asked for less.
CHECKS = {LEGACY: 20, MODERN: 60}
# What these two check is a tool of the suite's own example server.
ITS_OWN = {"sep-2575-server-rejects-undeclared-capability", "sep-2575-missing-capability-http-400"}

CALLS: dict[str, tuple[str, dict[str, object], str]] = {
    "compute": ("calculate", {"expression": "6 * 7"}, "42"),
    "retrieval": ("read_document", {"path": "a.md"}, "Hello"),
    "actions": ("ticket_search", {}, "tickets"),
}


@pytest.fixture(params=list(CALLS))
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Peer:
    """One of the three servers, and a call of one of its tools."""
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.md").write_text("# Hello\n")
    options = {
        "compute": [],
        "retrieval": ["--folder", str(docs), "--index", str(tmp_path / "index.db")],
        "actions": ["--stores", str(tmp_path / "stores")],
    }
    name: str = request.param
    tool, arguments, answer = CALLS[name]
    command = (sys.executable, "-m", f"toolgate_servers.{name}", *options[name])
    return Peer(name, command, tool, arguments, answer)


@pytest.fixture
def url(server: Peer, tmp_path: Path) -> Iterator[str]:
    """Where the server serves HTTP."""
    port, log = free_port(), tmp_path / "server.log"
    with running([*server.command, "--http", f"127.0.0.1:{port}"], log) as process:
        wait_for(process, log, lambda: listens(port))
        yield f"http://127.0.0.1:{port}/mcp"


@pytest.mark.parametrize("version", [LEGACY, MODERN])
def test_a_server_passes_what_the_suite_can_ask_of_any(url: str, tmp_path: Path, version: str) -> None:
    try:
        whole = run_suite(url, version, tmp_path / "suite")
    except PackagesMissing as why:
        give_up(why)
        raise
    asked: Run = {name: whole[name] for name in SCENARIOS[version]}
    assert [fault for fault in faults(asked) if fault.check not in ITS_OWN] == []
    assert passed(asked) >= CHECKS[version]


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_the_inspector_calls_a_tool_over_both_transports(
    server: Peer, url: str, tmp_path: Path, era: str
) -> None:
    try:
        answers = [called_by_inspector(target, era, server, tmp_path) for target in (server.command, url)]
    except PackagesMissing as why:
        give_up(why)
        raise
    for answer in answers:
        assert server.answer in text_of(answer), answer
