"""A held call as a message for Slack and what takes the same JSON: Block Kit, and the whole of it as text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from toolgate.approvals.telling import Told
from toolgate.core.layout import Bounds, lay_out, written
from toolgate.core.model import JsonObject
from toolgate.core.shown import CLOSING, OPENING, row_of, spelled

# Slack, Block Kit reference: a header has at most 150 characters, a text 3000, a URL 3000, a button 75.
_HEADER: Final = 150
TEXT: Final = 3000
_URL: Final = 3000
_LONGEST_FACT: Final = 350
# Tried one after the other until the text fits: escaping makes it longer by what nobody knows before.
_BOUNDS: Final = tuple(
    Bounds(values=values, characters=800, rows=20, total=total)
    for values, total in ((60, 2400), (40, 1200), (20, 600), (8, 200))
)
# What Mattermost and Discord take for a call to everybody, in any text.
_EVERYBODY: Final = re.compile(r"@(?=channel|here|everyone|all\b|&|!)", re.IGNORECASE)
_TITLES: Final = {
    "held": "A call waits for a decision",
    "decided": "A held call was decided",
    "expired": "A held call expired",
    "forwarded": "A reversible call went ahead",
    "flooded": "A caller holds more calls than the policy lets people be asked about",
}


def message(told: Told, link: str) -> JsonObject:
    """The JSON for an incoming webhook. `link` leads to the page where a person decides, "" for none."""
    title = _TITLES[told.kind]
    facts = "\n".join(f"*{name}*  `{_code(value)}`" for name, value in _facts(told))
    blocks: list[JsonObject] = [
        {"type": "header", "text": _plain(title, _HEADER)},
        {"type": "section", "text": {"type": "mrkdwn", "text": facts, "verbatim": True}},
    ]
    arguments = _arguments(told)
    if arguments:
        text = f"```{arguments}```"
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}})
    if link and len(link) <= _URL:
        button = {"type": "button", "text": _plain("Look and decide", 75), "url": link, "action_id": "open"}
        blocks.append({"type": "actions", "elements": [button]})
    return {"text": _text(told, title, arguments, link), "blocks": blocks, "unfurl_links": False}


def escaped(text: str) -> str:
    """Text in which Slack finds no link, mention or entity, and nobody's names call everybody.

    Slack, "Formatting text for app surfaces": &, < and > are the control characters. A backtick would end
    the code that all of a stranger's text stands in.
    """
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    safe = safe.replace("`", f"{OPENING}U+0060{CLOSING}")
    return _EVERYBODY.sub("@\u200b", safe)


def _facts(told: Told) -> Iterator[tuple[str, str]]:
    approval = told.approval
    yield "Tool", f"{approval.upstream}/{approval.target}"
    yield "Caller", approval.caller
    yield "Tier", approval.tier.value if approval.tier else "not listed in the policy"
    if told.kind == "decided":
        yield "Decision", f"{approval.state.value} by {approval.decided_by}"
    if told.kind == "held":
        yield "Held because of", approval.why
        yield "Open until", f"{datetime.fromtimestamp(approval.expires, UTC):%Y-%m-%d %H:%M:%S} UTC"
    if approval.id:
        yield "Approval", approval.id


def _arguments(told: Told) -> str:
    """The arguments in code, short enough for one block; "" where there are none to show."""
    if told.kind != "held":
        return ""
    if told.arguments is None:
        return "the arguments cannot be read"
    room = TEXT - len("``````") - 2 - len(_CUT)
    for bounds in _BOUNDS:
        layout = lay_out(told.arguments, bounds=bounds, masked=told.hidden)
        shown = escaped("\n".join(written(layout)))
        if len(shown) <= room:
            return shown if layout.whole else f"{shown}\n{_CUT}"
    return "too long to be shown here"


_CUT: Final = "Not everything is shown here."


def _text(told: Told, title: str, arguments: str, link: str) -> str:
    """For Mattermost, Discord and notifications, which show no blocks."""
    lines = [f"*{title}*", *(f"{name}: `{_code(value)}`" for name, value in _facts(told))]
    if arguments:
        lines += ["```", arguments, "```"]
    if link:
        lines.append(link)
    return "\n".join(lines)


def _code(value: str) -> str:
    """A stranger's word, short enough that seven of them fit into one block."""
    shown = (escaped(spelled(row_of(value, limit=limit))) for limit in (200, 60, 20))
    return next((one for one in shown if len(one) <= _LONGEST_FACT), "") or " "


def _plain(text: str, most: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": text[:most], "emoji": False}
