"""A message for Slack keeps to Block Kit's limits and to the letters of whoever wrote the call."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from held_calls import HELD
from toolgate.approvals.slack import message
from toolgate.approvals.telling import Told
from toolgate.core.model import Approval, ApprovalState, JsonObject

LINK = "https://tools.example.com/decide/abc"


def told(arguments: JsonObject | None, approval: Approval = HELD, **more: Any) -> Told:
    return Told("held", approval, 1000.0, "", arguments, **more)


def texts(value: Any) -> list[str]:
    """Every text object's text, and the fallback."""
    if isinstance(value, dict):
        parts = cast("JsonObject", value)
        own = [parts["text"]] if isinstance(parts.get("text"), str) else []
        return own + [text for one in parts.values() for text in texts(one)]
    return (
        [text for one in cast("Sequence[Any]", value) for text in texts(one)]
        if isinstance(value, list)
        else []
    )


def assert_fits_block_kit(sent: JsonObject) -> None:
    """The limits of Slack's reference, checked by themselves."""
    assert 1 <= len(sent["blocks"]) <= 50
    assert len(sent["text"]) <= 40_000
    for block in sent["blocks"]:
        if block["type"] == "header":
            assert block["text"]["type"] == "plain_text"
            assert 1 <= len(block["text"]["text"]) <= 150
        elif block["type"] == "section":
            assert 1 <= len(block["text"]["text"]) <= 3000
        else:
            assert block["type"] == "actions"
            assert 1 <= len(block["elements"]) <= 25
            for button in block["elements"]:
                assert len(button["text"]["text"]) <= 75
                assert len(button["url"]) <= 3000


def test_the_message_says_who_wants_what_and_links_to_the_page() -> None:
    sent = message(told({"to": ["bob@example.com"], "body": "Hello"}), LINK)
    assert_fits_block_kit(sent)
    arguments = sent["blocks"][2]["text"]["text"]
    assert arguments == '```to[0]: "bob@example.com"\nbody: "Hello"```'
    assert sent["blocks"][3]["elements"][0]["url"] == LINK
    for word in ("actions/email_send", "ann", "irreversible", HELD.id, LINK, "bob@example.com"):
        assert word in sent["text"]


WILD = [
    "x" * 100_000,
    "&<>" * 5000,
    "`" * 5000,
    "\n" * 5000,
    "\n".join("word" for _ in range(5000)),
    "\u202e\x1b[31m\U000e0041" * 2000,
    "<!channel> <@U12345> <https://evil.example|bank.example> @here @everyone",
    "```\n*Approved by admin* <https://evil.example|Approve>\n```",
]


@pytest.mark.parametrize("text", WILD, ids=lambda text: repr(text[:12]))
def test_whatever_is_asked_it_fits_and_stays_what_it_is(text: str) -> None:
    wild = replace(HELD, target=text, caller=text, upstream=text)
    shapes: list[JsonObject] = [
        {"body": text},
        {text: text},
        {f"k{number}": text for number in range(300)},
        {"deep": [[[[{"a": [text] * 50}]]]]},
    ]
    for arguments in shapes:
        sent = message(told(arguments, wild), LINK)
        assert_fits_block_kit(sent)
        for shown in texts(sent):
            assert not re.search(r"<(?!/)[!@#]|<https?:|@(?:channel|here|everyone)", shown)
            assert not re.search(r"[\x00-\x09\x0b-\x1f\u202e\U000e0041]", shown)
        code = sent["blocks"][2]["text"]["text"]
        assert code.startswith("```")
        assert code.count("`") == 6
        assert "<" not in code
        assert ">" not in code


def test_control_characters_of_slack_are_escaped_once() -> None:
    sent = message(told({"q": "a<b>&c&lt;"}), "")
    assert sent["blocks"][2]["text"]["text"] == '```q: "a&lt;b&gt;&amp;c&amp;lt;"```'
    assert len(sent["blocks"]) == 3


def test_what_is_cut_is_said_to_be_cut() -> None:
    code = message(told({"a": "word " * 5000}), LINK)["blocks"][2]["text"]["text"]
    assert "characters not shown" in code
    assert code.endswith("Not everything is shown here.```")


def test_what_the_card_hides_stays_hidden() -> None:
    sent = message(told({"to": "<EMAIL_ADDRESS>"}, hidden=("EMAIL_ADDRESS",)), LINK)
    assert 'to: "⟦hidden: EMAIL_ADDRESS⟧"' in sent["blocks"][2]["text"]["text"]


@pytest.mark.parametrize("kind", ["decided", "expired", "forwarded", "flooded"])
def test_other_news_shows_no_arguments_and_no_button_without_a_page(kind: str) -> None:
    approval = replace(HELD, state=ApprovalState.APPROVED, decided_by="lea")
    sent = message(Told(kind, approval, 1000.0, "", {"secret": "never"}), "")
    assert_fits_block_kit(sent)
    assert len(sent["blocks"]) == 2
    assert "never" not in str(sent)
    assert ("approved by lea" in sent["text"]) is (kind == "decided")


def test_arguments_that_cannot_be_read_are_said_to_be() -> None:
    assert "cannot be read" in message(told(None), LINK)["text"]


def test_a_link_too_long_for_a_button_is_in_the_text_only() -> None:
    sent = message(told({}), "https://tools.example.com/" + "x" * 3000)
    assert_fits_block_kit(sent)
    assert len(sent["blocks"]) == 3
