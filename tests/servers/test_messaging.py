"""Messages: posted once, found again, taken back; on the local board and on Slack."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from action_families import only
from slack_standin import TOKEN, Slack
from tool_calls import reason, run, value
from tool_examples import run_examples
from toolgate_servers.actions.messaging import tools as messaging_tools
from toolgate_servers.actions.messaging.board import Board, Post, Wanted
from toolgate_servers.actions.messaging.local import LocalBoard
from toolgate_servers.actions.messaging.settings import MessagingSettings, SlackSettings, XmppSettings
from toolgate_servers.actions.messaging.slack import SlackBoard
from toolgate_servers.actions.messaging.tools import tools
from toolgate_servers.actions.server import build
from toolgate_servers.actions.settings import ActionsSettings
from toolgate_servers.errors import CannotStart, Reason, Refused
from toolgate_servers.idempotency import Once, stable_id
from toolgate_servers.server import Family, ToolServer
from wire_service import Said

URL = "https://slack.example/api/"
FLOOD = " ".join(f"@u{number}" for number in range(6))


def serving(board: Board, once: Once | None = None, *, remote: bool = False) -> ToolServer:
    allowed = ("C0GENERAL", "C0RANDOM") if remote else ("general", "random")
    made = tools(board, allowed, once or Once(None), remote=remote)
    return ToolServer("actions", families=[Family("messaging", "test", made)])


@pytest.fixture(params=["local", "slack"])
def board(request: pytest.FixtureRequest) -> Iterator[Board]:
    if request.param == "local":
        local = LocalBoard(None, ("general", "random"))
        yield local
        local.close()
    else:
        yield slack_board(Slack())


def slack_board(slack: Slack) -> SlackBoard:
    settings = SlackSettings(token="env:T", url=URL)
    return SlackBoard(settings, TOKEN, ("C0GENERAL", "C0RANDOM"), slack.net(URL))


async def test_a_message_is_posted_answered_found_and_taken_back(board: Board) -> None:
    remote = isinstance(board, SlackBoard)
    async with Client(serving(board, remote=remote)) as client:
        listed = value(await client.call_tool("message_list_channels", {}))["channels"]
        channel = listed[0]["id"]
        assert [one["id"] for one in listed] == (
            ["C0GENERAL", "C0RANDOM"] if remote else ["general", "random"]
        )
        said = {"channel": channel, "text": "The release <b>is</b> out & done", "mentions": ["U1"]}
        posted = value(await client.call_tool("message_post", said))
        answer = {"channel": channel, "message_id": posted["message_id"], "text": "Thank you"}
        reply = value(await client.call_tool("message_reply", answer))
        assert reply["thread"] == posted["message_id"]
        found = value(await client.call_tool("message_search", {"query": "release out"}))["messages"]
        assert [one["id"] for one in found] == [posted["message_id"]]
        assert "The release <b>is</b> out & done" in found[0]["text"]
        latest = value(await client.call_tool("message_search", {"channel": channel}))["messages"]
        assert [one["id"] for one in latest] == [reply["message_id"], posted["message_id"]]
        thread = {"channel": channel, "thread": posted["message_id"]}
        assert len(value(await client.call_tool("message_search", thread))["messages"]) == 2
        gone = {"channel": channel, "message_id": reply["message_id"]}
        undone = value(await client.call_tool("message_delete", gone))
        assert (undone["status"], undone["text"]) == ("deleted", None if remote else "Thank you")
        assert reason(await client.call_tool("message_delete", gone)) is Reason.NOT_FOUND


async def test_a_message_is_posted_once_for_each_key(board: Board) -> None:
    remote = isinstance(board, SlackBoard)
    channel = "C0GENERAL" if remote else "general"
    said = {"channel": channel, "text": "Once", "idempotency_key": "k1"}
    async with Client(serving(board, remote=remote)) as client:
        first = value(await client.call_tool("message_post", said))
        again = value(await client.call_tool("message_post", said))
        assert again == {**first, "repeated": True}
        assert reason(await client.call_tool("message_post", said | {"text": "Other"})) is Reason.KEY_REUSED
        assert len(value(await client.call_tool("message_search", {"channel": channel}))["messages"]) == 1


def test_repeats_at_once_and_after_a_restart_post_once(tmp_path: Path) -> None:
    board = LocalBoard(tmp_path / "m.db")
    post = Post("general", "Once", (), None)
    with ThreadPoolExecutor(8) as pool:
        ids = {one.id for one in pool.map(board.post, [post] * 16, [run() for _ in range(16)])}
    board.close()
    again = LocalBoard(tmp_path / "m.db")
    assert {again.post(post, run()).id} == ids == {stable_id("message", "k")}
    assert len(again.search(Wanted(None, "general", None, 10), run())) == 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"text": "look @here"}, Reason.TOO_MANY_RECIPIENTS),
        ({"text": "(@Everyone) look"}, Reason.TOO_MANY_RECIPIENTS),
        ({"text": FLOOD}, Reason.TOO_MANY_RECIPIENTS),
        ({"text": "@a @b @c", "mentions": ["d", "e", "f"]}, Reason.TOO_MANY_RECIPIENTS),
        ({"text": "x", "mentions": ["u"] * 6}, Reason.ARGUMENT_NOT_VALID),
        ({"text": "x", "mentions": ["U1> <!channel"]}, Reason.ARGUMENT_NOT_VALID),
        ({"text": "x\x00y"}, Reason.CONTROL_CHARACTER),
        ({"text": "   "}, Reason.ARGUMENT_NOT_VALID),
        ({"text": "x" * 4001}, Reason.ARGUMENT_NOT_VALID),
        ({"channel": "secret", "text": "x"}, Reason.ACCESS_DENIED),
        ({"channel": "../general", "text": "x"}, Reason.ARGUMENT_NOT_VALID),
    ],
)
async def test_a_post_that_shouts_or_goes_elsewhere_is_refused(
    arguments: dict[str, Any], expected: Reason
) -> None:
    board = LocalBoard(None)
    async with Client(serving(board)) as client:
        result = await client.call_tool("message_post", {"channel": "general"} | arguments)
        assert reason(result) is expected
    assert board.search(Wanted(None, "general", None, 10), run()) == []


async def test_a_search_without_a_query_wants_a_channel() -> None:
    async with Client(serving(LocalBoard(None))) as client:
        for arguments in ({}, {"query": "x", "thread": "1"}):
            assert reason(await client.call_tool("message_search", arguments)) is Reason.ARGUMENT_NOT_VALID
        found = await client.call_tool("message_search", {"query": "x", "channel": "secret"})
        assert reason(found) is Reason.ACCESS_DENIED


async def test_the_examples_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolgate_servers.actions.messaging.local.stable_id", _id)
    board = LocalBoard(None, ("general",))
    assert board.post(Post("general", "Hi", (), None), run("seed")).id == messaging_tools.MESSAGE
    assert len(await run_examples(serving(board))) == 5


def _id(_tool: str, key: str) -> str:
    return messaging_tools.MESSAGE if key == "seed" else stable_id("message", key)


def test_slack_markup_in_a_text_stays_text() -> None:
    slack = Slack()
    slack_board(slack).post(Post("C0GENERAL", "<!channel> <http://x|y> &lt;", ("U1",), None), run())
    (asked,) = slack.asked
    sent = asked.json()
    assert sent["text"] == "<@U1> &lt;!channel&gt; &lt;http://x|y&gt; &amp;lt;"
    assert (sent["parse"], sent["link_names"], sent["unfurl_links"]) == ("none", False, False)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (Said(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": "30"}), Reason.RATE_LIMITED),
        (Said(200, {"ok": False, "error": "channel_not_found"}), Reason.NOT_FOUND),
        (Said(200, {"ok": False, "error": "invalid_auth"}), Reason.ACCESS_DENIED),
        (Said(200, {"ok": False, "error": "msg_too_long"}), Reason.REJECTED),
        (Said(200, {"ok": False, "error": "internal_error"}), Reason.OUTCOME_UNKNOWN),
        (Said(503, b"<html>"), Reason.OUTCOME_UNKNOWN),
        (Said(200, b"not json"), Reason.OUTCOME_UNKNOWN),
        (Said(200, [1, 2]), Reason.OUTCOME_UNKNOWN),
        (Said(200, {"ok": True}), Reason.OUTCOME_UNKNOWN),
        (Said(302, b"", {"location": "https://evil.example/"}), Reason.OUTCOME_UNKNOWN),
    ],
)
def test_what_slack_answers_to_a_post_is_told_apart(said: Said, expected: Reason) -> None:
    slack = Slack()
    slack.says = said
    with pytest.raises(Refused) as caught:
        slack_board(slack).post(Post("C0GENERAL", "x", (), None), run())
    assert caught.value.reason is expected
    assert len(slack.asked) == 1


def test_slack_says_how_long_to_wait() -> None:
    slack = Slack()
    slack.says = Said(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": "30"})
    with pytest.raises(Refused, match="30 seconds"):
        slack_board(slack).search(Wanted("x", None, None, 5), run())


async def test_a_post_without_an_answer_is_not_repeated() -> None:
    slack = Slack()
    slack.hangs_up = True
    said = {"channel": "C0GENERAL", "text": "Once", "idempotency_key": "k1"}
    async with Client(serving(slack_board(slack), remote=True)) as client:
        for _ in range(2):
            assert reason(await client.call_tool("message_post", said)) is Reason.OUTCOME_UNKNOWN
    assert len(slack.messages) == 1


def test_channels_that_the_settings_do_not_allow_are_not_searched() -> None:
    slack = Slack()
    slack_board(slack).post(Post("C0SECRET", "hidden", (), None), run())
    assert slack_board(slack).search(Wanted("hidden", None, None, 5), run()) == []


def test_the_family_is_off_until_it_is_switched_on(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {tool.name for family in build(ActionsSettings()).families for tool in family.tools}
    assert not {name for name in names if name.startswith("message_")}
    on = build(ActionsSettings(families=only("messaging")))
    (family,) = (one for one in on.families if one.is_on)
    assert len(family.tools) == 5
    monkeypatch.setenv("SLACK_TOKEN", TOKEN)
    slack = MessagingSettings(slack=SlackSettings(token="env:SLACK_TOKEN"))
    settings = ActionsSettings(families=only("messaging"), messaging=slack)
    (family,) = (one for one in build(settings).families if one.is_on)
    assert TOKEN not in family.line()
    assert all(tool.annotations and tool.annotations.open_world_hint for tool in family.tools)


def test_two_services_at_once_do_not_start() -> None:
    both = MessagingSettings(
        slack=SlackSettings(token="env:T"),
        xmpp=XmppSettings(jid="a@x.example", password="env:T", rooms="rooms.x.example"),
    )
    with pytest.raises(CannotStart, match="one of them"):
        build(ActionsSettings(families=only("messaging"), messaging=both))
