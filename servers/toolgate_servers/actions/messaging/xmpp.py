"""Rooms on an XMPP server: XEP-0045 (rooms), XEP-0313 (archive), XEP-0359 (ids), XEP-0461 (replies).

Each call has a connection of its own, encrypted and authenticated, that ends with it.
"""

import asyncio
import logging
import re
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

from toolgate_servers.actions.messaging.board import (
    Channel,
    Message,
    Post,
    Wanted,
    no_such_channel,
    no_such_message,
)
from toolgate_servers.actions.messaging.settings import XmppSettings
from toolgate_servers.actions.plaintext import one_line, plain
from toolgate_servers.actions.sending import unknown
from toolgate_servers.errors import CannotStart, Reason, Refused
from toolgate_servers.extras import need
from toolgate_servers.idempotency import stable_id
from toolgate_servers.net import bad_answer
from toolgate_servers.running import Run

MAX_BYTES = 5_000_000
MAX_ARCHIVE = 500
PAGE = 100
CHANNEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
MESSAGE = re.compile(r"[A-Za-z0-9._:-]{1,128}")
PLUGINS = ("xep_0030", "xep_0045", "xep_0313", "xep_0359", "xep_0461")
# A server, or whoever stands before it, that offers no encryption gets no login of any kind.
ENCRYPTED = {
    "feature_mechanisms": {
        "unencrypted_plain": False,
        "unencrypted_digest": False,
        "unencrypted_cram": False,
        "unencrypted_scram": False,
    }
}
ABSENT = frozenset({"item-not-found", "remote-server-not-found", "gone"})
DENIED = frozenset(
    {"forbidden", "not-allowed", "not-authorized", "registration-required", "conflict", "not-acceptable"}
)

FoundT = TypeVar("FoundT")


class XmppBoard:
    """The rooms of one service, as one account sees them."""

    def __init__(self, settings: XmppSettings, password: str, channels: tuple[str, ...], sender: str) -> None:
        self._slixmpp: Any = need("slixmpp", "messaging")
        self._settings = settings
        self._password = password
        self._channels = channels
        self._sender = sender
        self._encryption = _encryption(settings)
        logging.getLogger("slixmpp").setLevel(logging.CRITICAL + 1)  # it would log what a server sends
        self.deletes = False
        self.about = f"XMPP rooms on {settings.rooms}"

    def channels(self, cursor: str | None, limit: int, run: Run) -> tuple[list[Channel], str | None]:
        """Give a page of the public rooms, or of those that the settings name.

        Raises:
            Refused: As every method here: ACCESS_DENIED, NOT_FOUND, UNREACHABLE, TIMED_OUT, TOO_LARGE,
                BAD_ANSWER; for what writes, REJECTED and OUTCOME_UNKNOWN.
        """

        async def listed(client: Any) -> list[Channel]:
            answer = await client.plugin["xep_0030"].get_items(jid=self._settings.rooms)
            named = [(self._slixmpp.JID(jid), name) for jid, _, name in answer["disco_items"]["items"]]
            return [
                Channel(str(jid.local), one_line(name or "", 80), "")
                for jid, name in named
                if jid.domain == self._settings.rooms and self._offers(str(jid.local))
            ]

        found = sorted(self._within(listed, run), key=lambda channel: channel.id)
        after = [channel for channel in found if cursor is None or channel.id > cursor]
        return after[:limit], after[limit - 1].id if len(after) > limit else None

    def search(self, wanted: Wanted, run: Run) -> list[Message]:
        """Look through the latest of a room's archive; XEP-0313 knows no search by words."""
        if wanted.channel is None:
            raise Refused(
                Reason.ARGUMENT_NOT_VALID, "channel", found="nothing", expected="the id of a channel"
            )
        channel, words = wanted.channel, (wanted.query or "").lower().split()

        def matches(message: Message) -> bool:
            said = message.text.lower()
            return wanted.thread in (None, message.id, message.thread) and all(word in said for word in words)

        async def found(client: Any) -> list[Message]:
            matching: list[Message] = []
            async for message in self._archived(client, channel):
                matching += [message] if matches(message) else []
                if len(matching) == wanted.limit:
                    break
            return matching

        return self._within(found, run)

    def post(self, post: Post, run: Run) -> Message:
        """Post to a room that is there, and wait until the room has taken it."""

        async def posted(client: Any) -> Message:
            room = self._room(post.channel)
            await client.plugin["xep_0030"].get_info(
                jid=room
            )  # joining a room that is not there would make it
            root, author = None, ""
            if post.thread is not None:
                root, author = await self._answered(client, post.channel, post.thread)
            await client.plugin["xep_0045"].join_muc_wait(
                room, self._sender, maxstanzas=0, timeout=self._settings.seconds
            )
            stanza = client.make_message(mto=room, mbody=_told(post), mtype="groupchat")
            stanza["id"] = stable_id("message", run.idempotency_key)
            if root is not None:
                stanza["thread"] = root
                stanza["reply"]["id"] = post.thread
                stanza["reply"]["to"] = f"{room}/{author}"
            return await self._taken(client, stanza, post, root)

        return self._within(posted, run)

    def delete(self, channel: str, message_id: str, run: Run) -> Message | None:
        """Not offered: a room forgets nothing that its members have received."""
        raise Refused(
            Reason.REJECTED, "message_id", found="a message in an XMPP room", expected="no deletion there"
        )

    async def _taken(self, client: Any, stanza: Any, post: Post, root: str | None) -> Message:
        """Send, and wait for the room's own copy of it (XEP-0045 7.4), which has the id of the archive."""
        copy: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def seen(answer: Any) -> None:
            if answer["id"] == stanza["id"] and answer["from"].bare == str(stanza["to"]) and not copy.done():
                copy.set_result(answer)

        def lost(_: object) -> None:
            copy.cancel()

        client.add_event_handler("groupchat_message", seen)
        client.add_event_handler("message_error", seen)
        client.add_event_handler("disconnected", lost)
        stanza.send()
        try:
            answer = await asyncio.wait_for(copy, self._settings.seconds)
        except (TimeoutError, asyncio.CancelledError):
            raise unknown("no word from the room after the message was sent") from None
        if answer["type"] == "error":
            raise Refused(
                Reason.REJECTED,
                "the room",
                found="a message that it does not take",
                expected="a room in which this account may speak",
            )
        message_id = str(answer["stanza_id"]["id"] or stanza["id"])
        if MESSAGE.fullmatch(message_id) is None:
            raise unknown("an id that cannot be used")
        at = datetime.now(UTC).isoformat(timespec="seconds")
        return Message(message_id, post.channel, self._sender, str(stanza["body"]), at, root)

    async def _answered(self, client: Any, channel: str, message_id: str) -> tuple[str, str]:
        """Give the root of a message's thread, and the message's author."""
        async for message in self._archived(client, channel):
            if message.id == message_id:
                return message.thread or message.id, message.author
        raise no_such_message()

    async def _archived(self, client: Any, channel: str) -> AsyncGenerator[Message]:
        pages = client.plugin["xep_0313"].retrieve(
            jid=self._room(channel), reverse=True, iterator=True, rsm={"max": PAGE}
        )
        seen = 0
        async for page in pages:
            for result in reversed(list(page["mam"]["results"])):
                seen += 1
                message = _message(result["mam_result"], channel, self._settings.rooms)
                if message is not None:
                    yield message
            if seen >= MAX_ARCHIVE:
                return

    def _room(self, channel: str) -> str:
        return f"{channel}@{self._settings.rooms}"

    def _offers(self, channel: str) -> bool:
        return CHANNEL.fullmatch(channel) is not None and (not self._channels or channel in self._channels)

    def _within(self, work: Callable[[Any], Awaitable[FoundT]], run: Run) -> FoundT:
        """Work with a connection, from the thread of a tool."""
        exceptions = self._slixmpp.exceptions

        async def connected() -> FoundT:
            async with (
                asyncio.timeout(min(self._settings.seconds, run.remaining())),
                self._client() as client,
            ):
                return await work(client)

        try:
            return asyncio.run(connected())
        except (exceptions.IqError, exceptions.PresenceError) as error:
            raise _refusal(str(error.condition)) from None
        except (exceptions.IqTimeout, TimeoutError):
            raise Refused(
                Reason.TIMED_OUT,
                "the XMPP server",
                found="no whole answer in time",
                expected="a faster server; try again later",
            ) from None
        except (KeyError, ValueError, exceptions.XMPPError):
            raise bad_answer(
                "something that is not what was asked for", "an answer of an XMPP server"
            ) from None

    @asynccontextmanager
    async def _client(self) -> AsyncGenerator[Any]:
        client = self._slixmpp.ClientXMPP(self._settings.jid, self._password, plugin_config=ENCRYPTED)
        client.ssl_context = self._encryption
        client.enable_plaintext = client.enable_direct_tls = False
        for plugin in PLUGINS:
            client.register_plugin(plugin)
        started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        _settle(client, started)
        _bound(client, started)
        client.connect(self._settings.host or self._settings.jid.partition("@")[2], self._settings.port)
        try:
            await started
            client.send_presence()
            yield client
        finally:
            client.cancel_connection_attempt()
            await client.disconnect(wait=0.5) if client.is_connected() else None
            client.abort()


def _settle(client: Any, started: "asyncio.Future[None]") -> None:
    """Note whether the connection comes about."""

    def begun(_: object) -> None:
        if not started.done():
            started.set_result(None)

    def failed(reason: Reason, found: str, expected: str) -> Callable[[Any], None]:
        problem = Refused(reason, "the XMPP server", found=found, expected=expected)
        return lambda _: None if started.done() else started.set_exception(problem)

    unreachable = failed(
        Reason.UNREACHABLE, "no encrypted connection", "a server with a certificate that is trusted"
    )
    client.add_event_handler("session_start", begun)
    client.add_event_handler(
        "failed_all_auth",
        failed(
            Reason.ACCESS_DENIED, "an account that is not let in", "the operator to look at jid and password"
        ),
    )
    for event in ("connection_failed", "disconnected", "stream_error", "ssl_invalid_chain"):
        client.add_event_handler(event, unreachable)


def _bound(client: Any, started: "asyncio.Future[None]") -> None:
    """Take so many bytes of a server and no more."""
    receive = client.data_received
    received = 0

    def counted(data: bytes) -> None:
        nonlocal received
        received += len(data)
        if received <= MAX_BYTES:
            receive(data)
            return
        client.abort()
        if not started.done():
            started.set_exception(bad_answer("more than the server may send", "less"))

    client.data_received = counted


def _told(post: Post) -> str:
    return " ".join((*(f"{name}," for name in post.mentions), post.text))


def _message(result: Any, channel: str, rooms: str) -> Message | None:
    """Read one entry of an archive; what is not a message of this room is left out."""
    stanza = result["forwarded"]["stanza"]
    message_id = str(result["id"])
    if not stanza["body"] or MESSAGE.fullmatch(message_id) is None:
        return None
    if stanza["from"].bare != f"{channel}@{rooms}":
        return None
    sent = result["forwarded"]["delay"]["stamp"]
    at = sent.astimezone(UTC).isoformat(timespec="seconds") if isinstance(sent, datetime) else ""
    thread = str(stanza["thread"])
    author = one_line(str(stanza["from"].resource), 80)
    root = thread if MESSAGE.fullmatch(thread) else None
    return Message(message_id, channel, author, plain(str(stanza["body"]), 40_000), at, root)


def _refusal(condition: str) -> Refused:
    """Say what a stanza error means: RFC 6120 8.3.3."""
    if condition in ABSENT:
        return no_such_channel()
    if condition in DENIED:
        return Refused(
            Reason.ACCESS_DENIED,
            "the room",
            found="a room that this account may not use",
            expected="another one; the operator can let the account in",
        )
    return Refused(
        Reason.REJECTED, "the room", found="something that it does not do", expected="another room or call"
    )


def _encryption(settings: XmppSettings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=settings.authorities)
    except OSError as problem:  # also ssl.SSLError
        raise CannotStart(
            f"messaging.xmpp.authorities: found {type(problem).__name__}, expected certificates in PEM"
        ) from problem
