"""Messages in channels, what makes one acceptable, and what keeps them; no I/O."""

import re
from dataclasses import dataclass
from typing import Protocol

from toolgate_servers.actions.plaintext import check_text
from toolgate_servers.errors import Reason, Refused
from toolgate_servers.running import Run

MAX_TEXT = 4000
MAX_MENTIONS = 5
MENTION = re.compile(r"(?<![\w@])@([\w.-]+)")
# Words that reach everybody at once, in one service or another.
EVERYBODY = frozenset({"all", "channel", "everyone", "group", "here", "room"})


@dataclass(frozen=True, slots=True)
class Channel:
    """A place for messages."""

    id: str
    name: str
    topic: str


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it is kept: `at` in ISO 8601 and UTC, `thread` the id of the message that it answers."""

    id: str
    channel: str
    author: str
    text: str
    at: str
    thread: str | None


@dataclass(frozen=True, slots=True)
class Post:
    """A message to be posted; `mentions` are ids of people who are told of it."""

    channel: str
    text: str
    mentions: tuple[str, ...]
    thread: str | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which messages are looked for."""

    query: str | None
    channel: str | None
    thread: str | None
    limit: int


class Board(Protocol):
    """What keeps messages; `about` says what it is, `deletes` whether it can. All of it may raise Refused."""

    about: str
    deletes: bool

    def channels(self, cursor: str | None, limit: int, run: Run) -> tuple[list[Channel], str | None]:
        """Give a page of channels, and the cursor of the next one."""
        ...

    def search(self, wanted: Wanted, run: Run) -> list[Message]:
        """Give messages, newest first."""
        ...

    def post(self, post: Post, run: Run) -> Message:
        """Put a message into a channel."""
        ...

    def delete(self, channel: str, message_id: str, run: Run) -> Message | None:
        """Take back a message of our own, and give it if it is known."""
        ...


def check_post(post: Post, channels: tuple[str, ...]) -> None:
    """Refuse a message to a channel that is not allowed, or one that shouts.

    Raises:
        Refused: ARGUMENT_NOT_VALID, TOO_LARGE, CONTROL_CHARACTER, TOO_MANY_RECIPIENTS or ACCESS_DENIED.
    """
    check_channel(post.channel, channels)
    check_text("text", post.text, MAX_TEXT)
    named = {name.rstrip(".-").lower() for name in MENTION.findall(post.text)}
    if named & EVERYBODY:
        raise Refused(
            Reason.TOO_MANY_RECIPIENTS,
            "text",
            found="a mention of everybody",
            expected="a text without it; name single people in mentions",
        )
    if len(named) + len(post.mentions) > MAX_MENTIONS:
        raise Refused(
            Reason.TOO_MANY_RECIPIENTS,
            "text and mentions",
            found=f"{len(named) + len(post.mentions)} people mentioned",
            expected=f"at most {MAX_MENTIONS} together",
        )


def check_channel(channel: str, channels: tuple[str, ...]) -> None:
    """Refuse a channel that the settings do not name, if they name any.

    Raises:
        Refused: ACCESS_DENIED.
    """
    if channels and channel not in channels:
        raise Refused(
            Reason.ACCESS_DENIED,
            "channel",
            found="a channel that the settings do not allow",
            expected="an id that message_list_channels gives",
        )


def no_such_message() -> Refused:
    """Make the refusal for a message that is not there."""
    return Refused(
        Reason.NOT_FOUND,
        "message_id",
        found="no such message in this channel",
        expected="an id that message_search gives",
    )


def no_such_channel() -> Refused:
    """Make the refusal for a channel that is not there."""
    return Refused(
        Reason.NOT_FOUND,
        "channel",
        found="no such channel",
        expected="an id that message_list_channels gives",
    )
