"""Requests and programs get what their references stand for now, and a refused request goes once more."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

import pytest

from toolgate.errors import SecretUnavailable
from toolgate.ports import Revealed
from toolgate.upstream.keyed import Address, Keyed, Located
from toolgate.upstream.pool import Answer

CRM = Address(60.0, url="http://crm/mcp", headers={"Authorization": "Bearer secret:vault:kv/crm#t", "X": "y"})


class Secrets:
    """`toolgate.ports.Secrets` with one value; notes who asked for what."""

    def __init__(self, value: str = "one") -> None:
        self.value = value
        self.newer = ""
        self.until = math.inf
        self.asked: list[str] = []
        self.down = False

    async def reveal(self, place: str, texts: Mapping[str, str]) -> Revealed:
        self.asked.append(f"reveal {place}")
        return self._given(texts)

    async def reread(self, place: str, texts: Mapping[str, str]) -> Revealed:
        self.asked.append(f"reread {place}")
        self.value = self.newer or self.value
        return self._given(texts)

    def _given(self, texts: Mapping[str, str]) -> Revealed:
        if self.down:
            raise SecretUnavailable("down")
        filled = {key: text.replace("secret:vault:kv/crm#t", self.value) for key, text in texts.items()}
        return Revealed(filled, self.until)


class Wire:
    """A pool that keeps what it is asked to send and answers 401 to every token but the right one."""

    def __init__(self, right: str, status: int = 401) -> None:
        self.right = right
        self.status = status
        self.sent: list[tuple[bytes, bytes, bytes]] = []

    async def send(self, method: bytes, headers: bytes, body: bytes) -> Answer:
        self.sent.append((method, headers, body))
        status = 200 if f"Bearer {self.right}\r\n".encode() in headers else self.status
        return Answer(cast("Any", self), status, {}, streaming=False)

    def abort(self) -> None:
        """What an answer that is left asks of its connection."""


async def test_every_request_carries_the_headers_with_their_values() -> None:
    secrets, wire = Secrets(), Wire("one")
    keyed = Keyed(wire, Located("crm", CRM, secrets))
    for _ in range(2):
        await keyed.send(b"POST", b"accept: x\r\n", b"{}")
    assert wire.sent == [(b"POST", b"Authorization: Bearer one\r\nX: y\r\naccept: x\r\n", b"{}")] * 2
    assert secrets.asked == ["reveal upstreams.crm"]


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_request_is_sent_once_more_with_the_rotated_value(status: int) -> None:
    secrets, wire = Secrets(), Wire("two", status)
    secrets.newer = "two"
    keyed = Keyed(wire, Located("crm", CRM, secrets))
    assert (await keyed.send(b"POST", b"", b"{}")).status == 200
    assert [headers.split(b"\r\n")[0] for _, headers, _ in wire.sent] == [
        b"Authorization: Bearer one",
        b"Authorization: Bearer two",
    ]
    assert (await keyed.send(b"POST", b"", b"{}")).status == 200
    assert secrets.asked == ["reveal upstreams.crm", "reread upstreams.crm"]


async def test_a_refused_request_is_not_repeated_where_nothing_has_changed_or_can_be_known() -> None:
    secrets, wire = Secrets(), Wire("two")
    keyed = Keyed(wire, Located("crm", CRM, secrets))
    assert (await keyed.send(b"POST", b"", b"{}")).status == 401
    assert len(wire.sent) == 1
    secrets.down = True
    assert (await keyed.send(b"POST", b"", b"{}")).status == 401
    assert len(wire.sent) == 2


async def test_whatever_else_an_upstream_answers_asks_nobody() -> None:
    secrets, wire = Secrets(), Wire("two", 500)
    assert (await Keyed(wire, Located("crm", CRM, secrets)).send(b"POST", b"", b"{}")).status == 500
    assert secrets.asked == ["reveal upstreams.crm"]


async def test_who_was_refused_with_an_old_value_goes_on_with_the_one_another_request_found() -> None:
    secrets = Secrets()
    located = Located("crm", CRM, secrets)
    old = await located.now()
    secrets.newer = "two"
    assert await located.again(old) is not None
    newer = await located.again(old)
    assert newer is not None
    assert newer.headers["Authorization"] == "Bearer two"
    assert secrets.asked.count("reread upstreams.crm") == 1


async def test_an_address_is_asked_for_again_when_its_time_is_over_and_stays_the_same_object() -> None:
    now = [100.0]
    secrets = Secrets()
    secrets.until = 110.0
    located = Located("crm", CRM, secrets, lambda: now[0])
    first = await located.now()
    assert await located.now() is first
    now[0] = 110.0
    assert await located.now() is first
    assert len(secrets.asked) == 2
    secrets.value = "two"
    assert (await located.now()).headers["Authorization"] == "Bearer two"


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "tok\x00en", "tök"])
async def test_a_value_that_would_break_out_of_its_header_refuses(value: str) -> None:
    wire = Wire("one")
    with pytest.raises(SecretUnavailable, match=r"^upstreams\.crm\.headers\.Authorization: found") as caught:
        await Keyed(wire, Located("crm", CRM, Secrets(value))).send(b"POST", b"", b"{}")
    assert value not in str(caught.value)
    assert wire.sent == []


async def test_a_value_with_a_nul_is_given_to_no_program() -> None:
    git = Address(60.0, command=("git-server", "--k=secret:vault:kv/crm#t"), env={"T": "x"})
    found = await Located("git", git, Secrets("line\nline")).now()
    assert found.command == ("git-server", "--k=line\nline")
    with pytest.raises(SecretUnavailable, match=r"^upstreams\.git\.command\[1\]: found"):
        await Located("git", git, Secrets("a\0b")).now()


async def test_without_secrets_text_that_looks_like_a_reference_stays_as_it_is() -> None:
    wrapped = Address(60.0, command=("x",), env={"NOTE": "secret:env:HOME"})
    located = Located("wrapped", wrapped, None)
    assert located.constant
    assert await located.now() is wrapped
    assert not Located("crm", CRM, Secrets()).constant


def test_an_address_shows_no_header_and_no_variable() -> None:
    assert "secret:" not in repr(CRM)
