"""Real sockets: receivers that verify signatures with code of their own, and receivers that misbehave."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from certificates import self_signed
from held_calls import HELD
from toolgate.approvals.places import SlackPlace, WebhookPlace
from toolgate.approvals.posting import Post
from toolgate.approvals.reaching import Unreachable, allowed, target_of
from toolgate.approvals.receivers import Reach, Slack, Webhook
from toolgate.approvals.telling import Told
from toolgate.core.delivery import Delivery
from toolgate.secrets.keyring import Keyring
from toolgate.secrets.values import Values

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
LATER = replace(HELD, created=1_700_000_000.0, expires=1_700_000_900.0)
TOLD = Told(
    "held", LATER, 1_700_000_001.0, "https://c.example/approvals/ap-1", {"to": "<US_SSN>"}, ("US_SSN",)
)
Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Seen:
    """A receiver: what came, and what it answers."""

    answer: bytes = b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n"
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list[tuple[dict[str, str], bytes]])

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            lines = [line.split(": ", 1) for line in head.split("\r\n")[1:] if line]
            headers = {name.lower(): value for name, value in lines}
            self.requests.append((headers, await reader.readexactly(int(headers["content-length"]))))
            writer.write(self.answer)
            await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            writer.transport.abort()
        writer.close()

    def verified(self) -> dict[str, Any]:
        """The last body, its signature checked as the standard says, with nothing of toolgate's."""
        headers, body = self.requests[-1]
        content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        mac = hmac.new(base64.b64decode(SECRET[6:]), content, hashlib.sha256).digest()
        assert headers["webhook-signature"] == "v1," + base64.b64encode(mac).decode()
        found: dict[str, Any] = json.loads(body)
        return found


@asynccontextmanager
async def listening(handle: Handle, tls: ssl.SSLContext | None = None) -> AsyncGenerator[str]:
    """The base URL of a receiver on this machine."""
    writers: list[asyncio.StreamWriter] = []
    tasks: list[asyncio.Task[None]] = []

    async def kept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        tasks.append(asyncio.ensure_future(_ended(handle, reader, writer)))

    server = await asyncio.start_server(kept, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _ended(handle: Handle, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await handle(reader, writer)


def reach(post: Post, tmp_path: Path) -> Reach:
    return Reach(
        post,
        Values(tmp_path, lambda _: None, lambda: 0.0),
        Keyring(b"s" * 32),
        lambda: 1_700_000_002.0,
        "https://c.example",
    )


async def send(url: str, post: Post | None = None, *, private: bool = True) -> int:
    return (await (post or Post(timeout=2)).send(url, {}, b"{}", private=private)).status


async def test_a_webhook_is_signed_so_that_independent_code_verifies_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Seen()
    async with listening(seen.handle) as url:
        monkeypatch.setenv("HOOK_SECRET", SECRET)
        monkeypatch.setenv("HOOK_URL", f"{url}/hook?tenant=1")
        place = WebhookPlace(
            "secret:env:HOOK_URL", "secret:env:HOOK_SECRET", allow_private=True, approver="lea"
        )
        webhook = Webhook(place, reach(Post(timeout=2), tmp_path))
        message = webhook.write(TOLD)
        for _ in range(2):
            await webhook.deliver(Delivery("msg_1", webhook.target, "ap-1", "held", 0.0, b""), message)
    said = seen.verified()
    assert said["type"] == "approval.held"
    assert said["data"]["approval"]["tool"] == "email_send"
    assert said["data"]["card"] == [{"path": "to", "rows": ['"⟦hidden: US_SSN⟧"']}]
    assert said["data"]["decisions"] == "https://c.example/hooks/decisions"
    assert {headers["webhook-id"] for headers, _ in seen.requests} == {"msg_1"}
    assert seen.requests[0][1] == seen.requests[1][1]


async def test_slack_gets_its_json_and_a_link_of_its_own(tmp_path: Path) -> None:
    seen = Seen(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
    async with listening(seen.handle) as url:
        slack = Slack(SlackPlace(url, allow_private=True), reach(Post(timeout=2), tmp_path))
        await slack.deliver(Delivery("m", slack.target, "ap-1", "held", 0.0, b""), slack.write(TOLD))
    headers, body = seen.requests[0]
    assert headers["content-type"] == "application/json"
    said = json.loads(body)
    assert said["blocks"][-1]["elements"][0]["url"].startswith("https://c.example/decide/")
    assert "webhook-signature" not in headers


@pytest.mark.parametrize(
    ("answer", "final"),
    [
        (b"HTTP/1.1 301 Moved\r\nlocation: http://169.254.169.254/latest\r\n\r\n", True),
        (b"HTTP/1.1 307 Again\r\nlocation: http://127.0.0.1:1/\r\n\r\n", True),
        (b"HTTP/1.1 410 Gone\r\n\r\n", True),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", True),
        (b"HTTP/1.1 429 Slow\r\nretry-after: 30\r\n\r\n", False),
        (b"HTTP/1.1 500 Oops\r\n\r\n", False),
        (b"HTTP/1.1 503 Busy\r\nretry-after: 999999999\r\n\r\n", False),
    ],
)
async def test_only_a_2xx_takes_the_message_and_no_redirect_is_followed(
    tmp_path: Path, answer: bytes, final: bool
) -> None:
    seen = Seen(answer)
    async with listening(seen.handle) as url:
        slack = Slack(SlackPlace(url, allow_private=True), reach(Post(timeout=2), tmp_path))
        with pytest.raises(Unreachable) as caught:
            await slack.deliver(Delivery("m", slack.target, "", "held", 0.0, b""), b"{}")
    assert caught.value.final is final
    assert caught.value.retry_after in (None, 30.0, 3600.0)
    assert len(seen.requests) == 1
    assert url not in str(caught.value)


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        await reader.read()
    writer.transport.abort()


async def _dying(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def _rambling(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000)
        await writer.drain()
    writer.close()


async def _foreign(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example ESMTP\r\n")
    await writer.drain()
    writer.close()


@pytest.mark.parametrize("handle", [_silent, _dying, _rambling, _foreign])
async def test_a_receiver_that_misbehaves_costs_its_time_and_is_tried_again(handle: Handle) -> None:
    async with listening(handle) as url:
        began = asyncio.get_running_loop().time()
        with pytest.raises(Unreachable) as caught:
            await send(url, Post(timeout=0.5))
    assert not caught.value.final
    assert asyncio.get_running_loop().time() - began < 2


async def test_an_interim_answer_is_not_the_answer() -> None:
    seen = Seen(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 202 Accepted\r\n\r\n")
    async with listening(seen.handle) as url:
        assert await send(url) == 202


async def test_an_address_of_ours_is_reached_only_where_the_settings_allow_it() -> None:
    seen = Seen()
    async with listening(seen.handle) as url:
        with pytest.raises(Unreachable) as caught:
            await send(url, private=False)
        port = url.rpartition(":")[2]
        with pytest.raises(Unreachable):
            await send(f"https://127.0.0.1:{port}/", private=False)
        assert caught.value.final
        assert seen.requests == []
        assert await send(url) == 204


@pytest.mark.parametrize(
    "found", [["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["::ffff:10.0.0.1"], ["169.254.169.254"]]
)
async def test_a_name_that_leads_to_an_address_of_ours_is_not_called(found: list[str]) -> None:
    async def resolve(_: str, __: int) -> list[str]:
        return found

    with pytest.raises(Unreachable) as caught:
        await send("https://rebound.example/", Post(timeout=2, resolve=resolve), private=False)
    assert caught.value.final


async def test_a_name_is_asked_for_once_and_the_checked_address_is_the_one_called() -> None:
    seen, asked = Seen(), list[str]()

    async with listening(seen.handle) as url:

        async def resolve(host: str, _: int) -> list[str]:
            asked.append(host)
            return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

        port = url.rpartition(":")[2]
        assert await send(f"http://hooks.example:{port}/x", Post(timeout=2, resolve=resolve)) == 204
    assert asked == ["hooks.example"]
    assert seen.requests[0][0]["host"] == f"hooks.example:{port}"


async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    seen = Seen()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*self_signed(tmp_path))
    async with listening(seen.handle, context) as url:
        with pytest.raises(Unreachable, match="TLS"):
            await send(url)
    assert seen.requests == []


async def test_a_name_nobody_knows_is_tried_again_later() -> None:
    async def resolve(_: str, __: int) -> Sequence[str]:
        raise OSError("no such name")

    with pytest.raises(Unreachable) as caught:
        await send("https://gone.example/", Post(timeout=2, resolve=resolve))  # type: ignore[arg-type] # only ever raises
    assert not caught.value.final


@pytest.mark.parametrize(
    "url",
    [
        "ftp://hooks.example/",
        "https://user:pass@hooks.example/",
        "https://hooks.example\\@10.0.0.1/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://hooks.example/a b",
        "https://hooks.example/\r\nx: y",
        "https://",
        "https://hooks.example:99999/",
        "https://hooks.example/" + "x" * 3000,
        "http://hooks.example/",
    ],
)
def test_an_odd_url_goes_nowhere_and_is_not_quoted(url: str) -> None:
    with pytest.raises(Unreachable) as caught:
        target_of(url, private=False)
    assert caught.value.final
    assert "hooks.example" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "public", "private"),
    [
        ("8.8.8.8", True, True),
        ("2606:4700::1111", True, True),
        ("127.0.0.1", False, True),
        ("10.1.2.3", False, True),
        ("192.168.0.1", False, True),
        ("fd00::1", False, True),
        ("::1", False, True),
        ("100.64.0.1", False, False),
        ("169.254.169.254", False, False),
        ("fd00:ec2::254", False, False),
        ("0.0.0.0", False, False),
        ("224.0.0.1", False, False),
        ("255.255.255.255", False, False),
        ("::ffff:169.254.169.254", False, False),
        ("64:ff9b::a9fe:a9fe", False, False),
        ("2002:a00:1::1", False, False),
        ("fe80::1", False, False),
    ],
)
def test_which_addresses_may_be_called(address: str, public: bool, private: bool) -> None:
    import ipaddress

    found = ipaddress.ip_address(address)
    assert (allowed(found, private=False), allowed(found, private=True)) == (public, private)
