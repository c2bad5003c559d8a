"""A stand-in for Slack's Web API that refuses what the documentation does not describe.

https://docs.slack.dev/apis/web-api: requests, answers, rate limits; .../reference/methods for each method.
"""

from __future__ import annotations

import html
import re
from typing import Any

from wire_service import Asked, Said, WireService

TOKEN = "xoxp-1-2-3"
CHANNELS = ("C0GENERAL", "C0RANDOM", "C0SECRET")

# Each method's arguments and their types, and those that must be there.
BOOLEAN = re.compile(r"[01]|true|false")
NUMBER = re.compile(r"[0-9]+")
STAMP = re.compile(r"[0-9]{10}\.[0-9]{6}")
ANY = re.compile(r".+", re.DOTALL)
CHANNEL = re.compile(r"[CDG][A-Z0-9]+")
ARGUMENTS: dict[str, dict[str, re.Pattern[str]]] = {
    "conversations.list": {"cursor": ANY, "exclude_archived": BOOLEAN, "limit": NUMBER, "types": ANY},
    "conversations.history": {"channel": CHANNEL, "limit": NUMBER},
    "conversations.replies": {"channel": CHANNEL, "ts": STAMP, "limit": NUMBER},
    "search.messages": {"query": ANY, "count": NUMBER, "sort": ANY, "sort_dir": ANY},
    "chat.postMessage": {
        "channel": ANY,
        "text": ANY,
        "thread_ts": STAMP,
        "parse": re.compile("none|full"),
        "link_names": BOOLEAN,
        "unfurl_links": BOOLEAN,
        "unfurl_media": BOOLEAN,
    },
    "chat.delete": {"channel": CHANNEL, "ts": STAMP},
}
NEEDED = {
    "conversations.history": ("channel",),
    "conversations.replies": ("channel", "ts"),
    "search.messages": ("query",),
    "chat.postMessage": ("channel", "text"),
    "chat.delete": ("channel", "ts"),
}


class Slack(WireService):
    """One workspace; `says` overrides every answer."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[dict[str, Any]] = []
        self.says: Said | None = None

    def answer(self, asked: Asked) -> Said:
        method = asked.path.removeprefix("/api/")
        assert asked.method == "POST", "slack_sdk posts every call, which every method accepts"
        if self.says is not None:
            return self.says
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return _no("not_authed")
        arguments = _arguments(asked)
        known = ARGUMENTS.get(method)
        if known is None:
            return _no("unknown_method")
        for name, value in arguments.items():
            assert name in known, f"{method}: found {name}, expected one of {sorted(known)}"
            assert known[name].fullmatch(value), f"{method}: {name} is not what is documented"
        for name in NEEDED.get(method, ()):
            assert name in arguments, f"{method}: {name} is missing"
        return getattr(self, "do_" + method.replace(".", "_").lower())(arguments)  # type: ignore[no-any-return]  # a method of this class

    def do_conversations_list(self, arguments: dict[str, str]) -> Said:
        start, limit = int(arguments.get("cursor", "0")), int(arguments["limit"])
        page = [
            {"id": name, "name": name[2:].lower(), "is_channel": True, "topic": {"value": "a\ntopic"}}
            for name in CHANNELS[start : start + limit]
        ]
        following = str(start + limit) if start + limit < len(CHANNELS) else ""
        return _yes(channels=page, response_metadata={"next_cursor": following})

    def do_chat_postmessage(self, arguments: dict[str, str]) -> Said:
        channel = arguments["channel"]
        if channel not in CHANNELS:
            return _no("channel_not_found")
        thread = arguments.get("thread_ts")
        if thread and not any(one["ts"] == thread for one in self.messages):
            return _no("thread_not_found")
        stamp = f"{1_700_000_000 + len(self.messages)}.000100"
        message = {"type": "message", "user": "U0BOT", "text": arguments["text"], "ts": stamp}
        message |= {"thread_ts": thread} if thread else {}
        self.messages.append({**message, "channel": channel})
        return _yes(channel=channel, ts=stamp, message=message)

    def do_chat_delete(self, arguments: dict[str, str]) -> Said:
        for one in self.messages:
            if (one["channel"], one["ts"]) == (arguments["channel"], arguments["ts"]):
                self.messages.remove(one)
                return _yes(channel=arguments["channel"], ts=arguments["ts"])
        return _no("message_not_found")

    def do_conversations_history(self, arguments: dict[str, str]) -> Said:
        if arguments["channel"] not in CHANNELS:
            return _no("channel_not_found")
        there = [one for one in reversed(self.messages) if one["channel"] == arguments["channel"]]
        return _yes(messages=there[: int(arguments["limit"])], has_more=False)

    def do_conversations_replies(self, arguments: dict[str, str]) -> Said:
        there = [one for one in self.messages if arguments["ts"] in (one["ts"], one.get("thread_ts"))]
        return _yes(messages=there, has_more=False) if there else _no("thread_not_found")

    def do_search_messages(self, arguments: dict[str, str]) -> Said:
        assert arguments.get("sort") in ("score", "timestamp")
        assert arguments.get("sort_dir") in ("asc", "desc")
        assert int(arguments["count"]) <= 100
        words = arguments["query"].split()
        found = [
            {**one, "channel": {"id": one["channel"], "name": "x"}, "username": "bot"}
            for one in reversed(self.messages)
            if all(word in html.unescape(one["text"]) for word in words)
        ]
        return _yes(query=arguments["query"], messages={"total": len(found), "matches": found})


def _arguments(asked: Asked) -> dict[str, str]:
    kind = asked.headers.get("content-type", "")
    if kind == "application/json;charset=utf-8":
        content = asked.json()
        assert all(isinstance(value, str | bool) for value in content.values())
        return {
            name: str(value).lower() if value in (True, False) else value for name, value in content.items()
        }
    assert kind == "application/x-www-form-urlencoded" or not asked.body
    return asked.form()


def _yes(**content: Any) -> Said:
    return Said(body={"ok": True, **content})


def _no(error: str) -> Said:
    return Said(body={"ok": False, "error": error})
