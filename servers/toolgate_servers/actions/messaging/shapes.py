"""What the messaging tools take and give, as their schemas."""

from typing import Annotated, Literal

from pydantic import Field

from toolgate_servers.actions.messaging.board import MAX_MENTIONS, MAX_TEXT
from toolgate_servers.strict import Arguments, Outcome, Write, Written

ChannelId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=80,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="The id of a channel, from message_list_channels.",
    ),
]
MessageId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=128,
        pattern=r"^[A-Za-z0-9._:-]+$",
        description="The id of a message, from message_search or message_post.",
    ),
]
PersonId = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Text = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_TEXT,
        description="Plain text. @here and @channel are refused; markup of links and mentions stays text.",
    ),
]
Mentions = Annotated[
    list[PersonId],
    Field(
        max_length=MAX_MENTIONS,
        default_factory=list,
        description="Ids of people who are told of the message, at most five.",
    ),
]
Time = Annotated[str, Field(description="ISO 8601, UTC.", json_schema_extra={"format": "date-time"})]


class ListChannels(Arguments):
    """What `message_list_channels` takes."""

    cursor: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=512,
            pattern=r"^[A-Za-z0-9+/=_.:-]+$",
            description="next_cursor of the page before; null for the first.",
        ),
    ] = None
    limit: Annotated[int, Field(ge=1, le=200, description="How many channels to give at most.")] = 100


class ChannelItem(Outcome):
    """One channel of a list."""

    id: ChannelId
    name: str
    topic: str


class ChannelList(Outcome):
    """What `message_list_channels` gives."""

    channels: list[ChannelItem]
    next_cursor: Annotated[str | None, Field(description="The cursor of the next page; null at the end.")]


class Search(Arguments):
    """What `message_search` takes."""

    query: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=200,
            description="Words that the text has; null for the latest of a channel or thread.",
        ),
    ] = None
    channel: Annotated[
        ChannelId | None, Field(description="Only in this channel; needed without a query.")
    ] = None
    thread: Annotated[
        MessageId | None, Field(description="Only this message and its replies; needs a channel.")
    ] = None
    limit: Annotated[int, Field(ge=1, le=100, description="How many messages to give at most.")] = 20


class MessageItem(Outcome):
    """One message."""

    id: str
    channel: str
    author: str
    text: str
    at: Time
    thread: Annotated[str | None, Field(description="The message that it replies to.")]


class MessageList(Outcome):
    """What `message_search` gives."""

    messages: Annotated[list[MessageItem], Field(description="Newest first; what others wrote.")]


class PostMessage(Write):
    """What `message_post` takes."""

    channel: ChannelId
    text: Text
    mentions: Mentions


class Reply(Write):
    """What `message_reply` takes."""

    channel: ChannelId
    message_id: MessageId
    text: Text
    mentions: Mentions


class Posted(Written):
    """What `message_post` and `message_reply` give; channel and message_id are what message_delete takes."""

    message_id: MessageId
    channel: ChannelId
    at: Time
    thread: str | None


class Delete(Write):
    """What `message_delete` takes."""

    channel: ChannelId
    message_id: MessageId


class Deleted(Written):
    """What `message_delete` gives."""

    channel: ChannelId
    message_id: MessageId
    status: Literal["deleted"]
    text: Annotated[str | None, Field(description="What it said, if that is known, to post it again.")]
