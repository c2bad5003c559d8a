"""The messaging tools."""

from mcp.server.mcpserver.tools import Tool

from toolgate_servers.actions.kinds import Kinds
from toolgate_servers.actions.messaging.board import (
    Board,
    Message,
    Post,
    Wanted,
    check_channel,
    check_post,
    no_such_channel,
)
from toolgate_servers.actions.messaging.shapes import (
    ChannelItem,
    ChannelList,
    Delete,
    Deleted,
    ListChannels,
    MessageItem,
    MessageList,
    Posted,
    PostMessage,
    Reply,
    Search,
)
from toolgate_servers.errors import Reason, Refused
from toolgate_servers.idempotency import Once
from toolgate_servers.running import Run
from toolgate_servers.strict import described, strict_tool

CHANNEL, MESSAGE = "general", "00000000000000a1"


def tools(board: Board, channels: tuple[str, ...], once: Once, *, remote: bool) -> list[Tool]:
    """Make the tools over a board; `channels` are those that are allowed, none given: all."""
    kinds = Kinds(remote=remote)
    found = [
        _list_channels(board, kinds),
        _search(board, channels, kinds),
        _post(board, channels, once, kinds),
        _reply(board, channels, once, kinds),
    ]
    return [*found, _delete(board, channels, once, kinds)] if board.deletes else found


def _list_channels(board: Board, kinds: Kinds) -> Tool:
    def message_list_channels(arguments: ListChannels, run: Run) -> ChannelList:
        page, following = board.channels(arguments.cursor, arguments.limit, run)
        items = [ChannelItem(id=one.id, name=one.name, topic=one.topic) for one in page]
        return ChannelList(channels=items, next_cursor=following)

    return strict_tool(
        message_list_channels,
        name="message_list_channels",
        takes=ListChannels,
        gives=ChannelList,
        title="List channels",
        description=described(
            "List the channels that messages can be posted to, with their ids.",
            use="you know a channel by its name only",
            not_for="the messages in a channel: message_search gives those",
            example={"limit": 20},
        ),
        annotations=kinds.reads,
    )


def _search(board: Board, channels: tuple[str, ...], kinds: Kinds) -> Tool:
    def message_search(arguments: Search, run: Run) -> MessageList:
        if arguments.channel is None and (arguments.query is None or arguments.thread is not None):
            raise Refused(
                Reason.ARGUMENT_NOT_VALID,
                "channel",
                found="nothing",
                expected="the id of a channel; only a query alone searches all channels",
            )
        if arguments.channel is not None:
            check_channel(arguments.channel, channels)
        wanted = Wanted(arguments.query, arguments.channel, arguments.thread, arguments.limit)
        return MessageList(messages=[_item(message) for message in board.search(wanted, run)])

    return strict_tool(
        message_search,
        name="message_search",
        takes=Search,
        gives=MessageList,
        title="Search messages",
        description=described(
            "Find messages by words, or give the latest of a channel or thread, newest first.",
            use="you need what was said, or the id of a message to reply to",
            not_for="mail, which email_search finds",
            example={"query": "release", "channel": CHANNEL},
        ),
        annotations=kinds.reads,
    )


def _post(board: Board, channels: tuple[str, ...], once: Once, kinds: Kinds) -> Tool:
    def message_post(arguments: PostMessage, run: Run) -> Posted:
        post = Post(arguments.channel, arguments.text, tuple(arguments.mentions), None)
        check_post(post, channels)
        return _posted(board.post(post, run))

    return strict_tool(
        message_post,
        name="message_post",
        takes=PostMessage,
        gives=Posted,
        title="Post a message",
        description=described(
            "Post a message to a channel, where everybody in it reads it at once.",
            use="people in a channel should know something now",
            not_for="answering a message: message_reply keeps the thread",
            example={"channel": CHANNEL, "text": "The release is out.", "idempotency_key": "release-out"},
        ),
        annotations=kinds.sends,
        once=once,
        repeatable=not kinds.remote,
    )


def _reply(board: Board, channels: tuple[str, ...], once: Once, kinds: Kinds) -> Tool:
    def message_reply(arguments: Reply, run: Run) -> Posted:
        post = Post(arguments.channel, arguments.text, tuple(arguments.mentions), arguments.message_id)
        check_post(post, channels)
        return _posted(board.post(post, run))

    return strict_tool(
        message_reply,
        name="message_reply",
        takes=Reply,
        gives=Posted,
        title="Reply to a message",
        description=described(
            "Answer a message in its thread, where everybody in the channel can read it.",
            use="what you say belongs to a message that is there",
            not_for="something new: message_post begins it",
            example={"channel": CHANNEL, "message_id": MESSAGE, "text": "Thank you, it works."},
        ),
        annotations=kinds.sends,
        once=once,
        repeatable=not kinds.remote,
    )


def _delete(board: Board, channels: tuple[str, ...], once: Once, kinds: Kinds) -> Tool:
    def message_delete(arguments: Delete, run: Run) -> Deleted:
        if channels and arguments.channel not in channels:
            raise no_such_channel()
        gone = board.delete(arguments.channel, arguments.message_id, run)
        return Deleted(
            channel=arguments.channel,
            message_id=arguments.message_id,
            status="deleted",
            text=None if gone is None else gone.text,
        )

    return strict_tool(
        message_delete,
        name="message_delete",
        takes=Delete,
        gives=Deleted,
        title="Delete a message",
        description=described(
            "Delete a message for everybody; who has read it has read it.",
            use="a message of yours was wrong",
            not_for="messages of others, which stay",
            example={"channel": CHANNEL, "message_id": MESSAGE},
        ),
        annotations=kinds.changes,
        once=once,
    )


def _item(message: Message) -> MessageItem:
    return MessageItem(
        id=message.id,
        channel=message.channel,
        author=message.author,
        text=message.text,
        at=message.at,
        thread=message.thread,
    )


def _posted(message: Message) -> Posted:
    return Posted(message_id=message.id, channel=message.channel, at=message.at, thread=message.thread)
