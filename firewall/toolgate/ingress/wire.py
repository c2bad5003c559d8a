"""uvicorn's HTTP protocol, lean on the path that every call takes.

A POST to an MCP endpoint with a small body of known length starts when it is whole, carries only what
the front reads, and is answered with one write. Everything else takes uvicorn's ordinary way.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from toolgate.ingress.bounded import Bounded


class Bell:
    """What uvicorn needs of an asyncio.Event, without a future until somebody waits."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._rung = True
        self._waiting: asyncio.Future[None] | None = None

    def set(self) -> None:
        """Wake whoever waits."""
        self._rung = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def clear(self) -> None:
        """From now on `wait` waits."""
        self._rung = False

    async def wait(self) -> bool:
        """Until it rings."""
        while not self._rung:
            self._waiting = self.loop.create_future()
            await self._waiting
        return True


class Lean(RequestResponseCycle):
    """A request whose body is whole before it starts."""

    whole = b""
    late = False

    async def run_asgi(self, app: Any) -> None:
        """Run the application, which answers its own errors; one that got past it ends the connection."""
        try:
            await app(self.scope, self.receive, self.send)
        finally:
            if not self.response_complete and not self.disconnected:
                self.transport.close()


class Wire(Bounded):
    """What `uvicorn.Config(http=…)` takes."""

    _body = b""
    _lean = False

    def on_message_begin(self) -> None:
        """Keep nothing that the lean way does not read."""
        self.url, self.headers, self.expect_100_continue = b"", [], False
        self._in_head, self._lean = True, False

    def on_headers_complete(self) -> None:
        """Take the lean way where it leads, else uvicorn's own."""
        self._lean = self._takes_lean_way()
        if self._lean:
            self._in_head, self._head_bytes, self._body_since = False, 0, self.loop.time()
            return
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.headers.extend(headers)
        self.url, self.expect_100_continue = url, expects
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Gather the body."""
        if self._lean:
            self._body = self._body + body if self._body else body
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Start a lean request; it is whole."""
        if not self._lean:
            super().on_message_complete()
            return
        self._in_head, self._lean = True, False
        self._begin()

    def on_response_complete(self) -> None:
        """The next request of the connection may come."""
        self._answered_at = self.loop.time()
        if self.pipeline:
            super().on_response_complete()
        else:
            self.server_state.total_requests += 1
            if not self.transport.is_closing():
                self.flow.resume_reading()

    def _takes_lean_way(self) -> bool:
        parser = cast("Any", self.parser)
        if parser.get_method() != b"POST" or not self.url.endswith(b"/mcp") or self.expect_100_continue:
            return False
        if self._busy():
            return False
        length = next((value for name, value in self.headers if name == b"content-length"), b"")
        if not length.isdigit() or int(length) > HIGH_WATER_LIMIT or parser.should_upgrade():
            return False
        self._body = b""
        return b"%" not in self.url and b"?" not in self.url

    def _begin(self) -> None:
        cycle = self.cycle = self._cycle()
        self._start_asgi_task(cycle, cast("Any", self).app)

    def _cycle(self) -> Lean:
        path = self.url.decode("latin-1")
        scope: Any = {
            "type": "http",
            "method": "POST",
            "path": path,
            "headers": self.headers,
            "client": self.client,
            "scheme": self.scheme,
        }
        cycle = Lean(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=cast("asyncio.Event", Bell(self.loop)),
            expect_100_continue=False,
            keep_alive=cast("Any", self.parser).should_keep_alive(),
            on_response=self.on_response_complete,
        )
        cycle.whole = self._body
        cycle.body = bytearray(self._body)
        cycle.more_body = False
        return cycle

    def _gathering(self) -> bool:
        """Whether a body is on its way that somebody waits for, or will."""
        return self._lean or super()._gathering()

    def _give_up(self) -> float:
        """Have the application refuse it in its own words; where it does not, end it as any other."""
        if self._lean:
            self._lean = False
            self._begin()
        elif is_late(self.cycle):
            return super()._give_up()
        cast("Any", self.cycle).late = True
        self.cycle.keep_alive = False
        self.cycle.more_body = True
        self.cycle.message_event.set()
        return self.timeout_keep_alive


def patient(seconds: float) -> type[Wire]:
    """The protocol that waits so long for a body."""
    return type("Patient", (Wire,), {"body_within": seconds})


def whole_body(receive: Any) -> bytes | None:
    """The body behind `receive` where it is there already; None where it has to be waited for."""
    cycle = getattr(receive, "__self__", None)
    return cycle.whole if type(cycle) is Lean and not (cycle.disconnected or cycle.late) else None


def is_late(cycle: object) -> bool:
    """Whether the body of a request did not come in time."""
    return getattr(cycle, "late", False) is True


def late(receive: Any) -> bool:
    """Whether the body behind `receive` did not come in time, and will not."""
    return is_late(getattr(receive, "__self__", None))


def written(send: Any, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> bool:
    """Whether a whole response went out at once through the server behind `send`."""
    cycle = getattr(send, "__self__", None)
    if not isinstance(cycle, RequestResponseCycle) or cycle.response_started:
        return False
    if cycle.waiting_for_100_continue:
        return False
    if cycle.disconnected:
        return True
    parts = [STATUS_LINE[status]]
    for name, value in headers:
        parts += (name, b": ", value, b"\r\n")
    if not cycle.keep_alive:
        parts.append(b"connection: close\r\n")
    parts += (b"\r\n", body)
    cycle.response_started = cycle.response_complete = True
    cycle.message_event.set()
    _OUTBOX.put(cycle, b"".join(parts))
    return True


class Outbox:
    """Answers of one turn of the loop, written one after the other at its end.

    A write to a client that sleeps wakes it, which costs more than the write; a second one straight
    after finds it awake.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[RequestResponseCycle, bytes]] = []

    def put(self, cycle: RequestResponseCycle, data: bytes) -> None:
        """Write at the end of this turn."""
        if not self._waiting:
            loop = cast("Any", cycle.message_event).loop if isinstance(cycle, Lean) else None
            (loop or asyncio.get_running_loop()).call_soon(self._flush)
        self._waiting.append((cycle, data))

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        for cycle, data in waiting:
            # A client that left within this turn must not keep the others from their answers.
            if not cycle.transport.is_closing():
                cycle.transport.write(data)
        for cycle, _ in waiting:
            if not cycle.keep_alive:
                cycle.transport.close()
            cycle.on_response()


_OUTBOX = Outbox()
