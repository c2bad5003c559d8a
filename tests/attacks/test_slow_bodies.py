"""A client that never finishes its message does not keep its connection."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from gate import Gate, gate, piped, until
from toolgate.core.reasons import Reason
from wires import Client, reason

pytestmark = pytest.mark.usefixtures("connections")

BEGUN = b'{"jsonrpc":"2.0","id":1,'
WAYS = {
    "small, of known length": ("content-length", "1000", BEGUN),
    "large, of known length": ("content-length", "1000000", BEGUN),
    "large, most of it there": ("content-length", "1000000", BEGUN + b" " * 900_000),
    "in chunks": ("transfer-encoding", "chunked", b"18\r\n" + BEGUN + b"\r\n"),
    "in chunks, none of it there": ("transfer-encoding", "chunked", b""),
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Generator[Gate]:
    folder: Path = tmp_path_factory.mktemp("slow")
    with gate(folder, {"puppet": piped(folder, "puppet")}, body_within="1s") as started:
        yield started


@pytest.mark.parametrize("way", WAYS)
async def test_a_body_that_does_not_come_is_refused_and_the_connection_ended(running: Gate, way: str) -> None:
    header, value, begun = WAYS[way]
    before = running.refusals()
    client = Client(running)
    exchange = await client.begin([*client.headers().items(), (header, value)], begun)
    assert reason((await exchange.next()) or {}) == Reason.TOO_SLOW
    assert (exchange.status, exchange.headers["connection"]) == (408, "close")
    assert not await exchange.more()
    await until(lambda: running.refusals() > before)


async def test_a_stranger_who_trickles_is_cut_off_too(running: Gate) -> None:
    client = Client(running, who="tg_nobody")
    exchange = await client.begin([*client.headers().items(), ("content-length", "1000")], BEGUN)
    assert await exchange.head() == 401
    assert not await exchange.more()


async def test_whoever_sends_no_request_at_all_is_let_go(running: Gate) -> None:
    exchange = await Client(running).begin([], b"")
    assert not await exchange.more()
