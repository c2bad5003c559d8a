"""Messages on a real XMPP server, prosody: posted, answered, found in the archive, and refused."""

from __future__ import annotations

import socket
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest

from prosodies import DOMAIN, PASSWORD, ROOMS, Prosody, prosody
from tool_calls import refused, run
from toolgate_servers.actions.messaging.board import Post, Wanted
from toolgate_servers.actions.messaging.settings import XmppSettings
from toolgate_servers.actions.messaging.xmpp import XmppBoard
from toolgate_servers.errors import Reason

pytestmark = [
    pytest.mark.servers,
    pytest.mark.skipif(sys.platform != "linux", reason="slixmpp has wheels for Linux only"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prosody]:
    with prosody(tmp_path_factory.mktemp("prosody"), ("bot", "ann")) as running:
        for room in ("general", "secret"):
            make_room(running, room)
        yield running


def board(server: Prosody, password: str = PASSWORD, *channels: str, **changed: Any) -> XmppBoard:
    settings: dict[str, Any] = {
        "jid": f"bot@{DOMAIN}",
        "password": "env:X",
        "rooms": ROOMS,
        "host": "127.0.0.1",
        "port": server.port,
        "authorities": server.authorities,
        "seconds": 10.0,
    }
    return XmppBoard(XmppSettings(**settings | changed), password, channels, "assistant")


def make_room(server: Prosody, name: str) -> None:
    """Ann opens a room, as people do."""
    other = board(server, jid=f"ann@{DOMAIN}")

    async def join(client: Any) -> None:
        room = f"{name}@{ROOMS}"
        await client.plugin["xep_0045"].join_muc_wait(room, "ann", maxstanzas=0, timeout=10)
        form = await client.plugin["xep_0045"].get_room_config(room)
        form.field["muc#roomconfig_persistentroom"]["value"] = True
        await client.plugin["xep_0045"].set_room_config(room, form)

    other._within(join, run())  # pyright: ignore[reportPrivateUsage]  # a room is made as the board connects


def test_a_message_is_posted_answered_and_found(server: Prosody) -> None:
    there = board(server)
    channels, following = there.channels(None, 10, run())
    assert ([one.id for one in channels], following) == (["general", "secret"], None)
    posted = there.post(Post("general", "The release <b/> is out", ("ann",), None), run("a"))
    reply = there.post(Post("general", "Thank you", (), posted.id), run("b"))
    assert reply.thread == posted.id
    latest = there.search(Wanted(None, "general", None, 10), run())
    assert [one.id for one in latest] == [reply.id, posted.id]
    assert latest[1].text == "ann, The release <b/> is out"
    assert (latest[1].author, latest[0].thread) == ("assistant", posted.id)
    assert [one.id for one in there.search(Wanted("release OUT", "general", None, 10), run())] == [posted.id]
    assert len(there.search(Wanted(None, "general", posted.id, 10), run())) == 2


def test_a_room_that_is_not_there_is_not_made(server: Prosody) -> None:
    there = board(server)
    assert refused(lambda: there.post(Post("nowhere", "x", (), None), run())) is Reason.NOT_FOUND
    assert "nowhere" not in [one.id for one in there.channels(None, 10, run())[0]]


def test_an_answer_to_no_message_is_refused(server: Prosody) -> None:
    there = board(server)
    assert refused(lambda: there.post(Post("general", "x", (), "nothing"), run())) is Reason.NOT_FOUND


def test_only_the_channels_of_the_settings_are_listed(server: Prosody) -> None:
    channels, _ = board(server, PASSWORD, "general").channels(None, 10, run())
    assert [one.id for one in channels] == ["general"]


def test_a_wrong_password_is_denied(server: Prosody) -> None:
    there = board(server, "wrong")
    assert refused(lambda: there.channels(None, 10, run())) is Reason.ACCESS_DENIED


def test_a_certificate_that_nobody_vouches_for_is_refused(server: Prosody) -> None:
    there = board(server, authorities=None)
    assert refused(lambda: there.channels(None, 10, run())) in (Reason.UNREACHABLE, Reason.TIMED_OUT)


def test_a_port_where_nobody_listens_is_unreachable(server: Prosody) -> None:
    assert refused(lambda: board(server, port=1).channels(None, 10, run())) is Reason.UNREACHABLE


def test_a_server_that_never_answers_is_timed_out(server: Prosody) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        there = board(server, port=silent.getsockname()[1], seconds=0.5)
        assert refused(lambda: there.channels(None, 10, run())) is Reason.TIMED_OUT


HEADER = (
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' version='1.0' from='xmpp.example' id='1' "
    "xmlns:stream='http://etherx.jabber.org/streams'>"
)
LOGIN = (
    "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>{}</mechanism>"
    "</mechanisms></stream:features>"
)
HOSTILE = {
    "a flood": (HEADER + "<a>" + "x" * 6_000_000).encode(),
    "entities that grow": b"<!DOCTYPE a [<!ENTITY b 'xxxx'><!ENTITY c '&b;&b;'>]><a>&c;</a>",
    "no XML": b"HTTP/1.1 200 OK\r\n\r\n",
    "a plain login without encryption": (HEADER + LOGIN.format("PLAIN")).encode(),
    "a login without encryption": (HEADER + LOGIN.format("SCRAM-SHA-1")).encode(),
}


@pytest.mark.parametrize("sent", HOSTILE.values(), ids=list(HOSTILE))
def test_a_hostile_server_gets_no_password_and_no_memory(server: Prosody, sent: bytes) -> None:
    heard = b""

    def answer(listening: socket.socket) -> None:
        nonlocal heard
        connection, _ = listening.accept()
        with connection:
            try:
                connection.sendall(sent)
                while chunk := connection.recv(65536):
                    heard += chunk
            except OSError:
                pass  # the client has had enough

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=answer, args=(listening,))
        thread.start()
        there = board(server, port=listening.getsockname()[1], seconds=2.0)
        said = refused(lambda: there.channels(None, 10, run()))
        thread.join()
    assert said in (Reason.UNREACHABLE, Reason.TIMED_OUT, Reason.BAD_ANSWER, Reason.ACCESS_DENIED)
    assert b"<auth" not in heard
    assert b64encode(f"\0bot\0{PASSWORD}".encode()) not in heard
