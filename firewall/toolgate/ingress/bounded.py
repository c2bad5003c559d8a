"""uvicorn's HTTP protocol with limits to what a client may hold without getting on: head, body, silence."""

from __future__ import annotations

from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

MAX_HEAD = 64 * 1024
_MOST_READ = 256 * 1024  # what one read may bring of the body beside the head
_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Bounded(HttpToolsProtocol):
    """What `uvicorn.Config(http=…)` takes. One timer per connection watches for silence and for trickles."""

    # Seconds in which a body has to be there, counted from its headers.
    body_within = 30.0

    _head_bytes = 0
    _in_head = True

    def connection_made(self, transport: Any) -> None:
        """Start watching."""
        super().connection_made(transport)
        self._answered_at = self._body_since = self.loop.time()
        self._timer = self.loop.call_later(min(self.timeout_keep_alive, self.body_within), self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop watching."""
        self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what comes until the headers are complete; nobody is known yet who could be told why."""
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD + _MOST_READ:
                self.transport.abort()
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """A new request."""
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The body follows."""
        self._in_head, self._head_bytes = False, 0
        self._body_since = self.loop.time()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """What comes next is a head again."""
        self._in_head = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The next request of the connection may come."""
        self._answered_at = self.loop.time()
        super().on_response_complete()

    def _busy(self) -> bool:
        """Whether a request of this connection is under way."""
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return cycle is not None and not cycle.response_complete

    def _gathering(self) -> bool:
        """Whether a body is on its way that somebody waits for."""
        return not self._in_head and self._busy()

    def _look(self) -> None:
        """Close a connection on which nothing happened for the keep-alive time, or whose body trickles."""
        if self.transport.is_closing():
            return
        now = self.loop.time()
        rest = self._answered_at + self.timeout_keep_alive - now
        if self._gathering():
            rest = self._body_since + self.body_within - now
            if rest <= 0:
                rest = self._give_up()
        elif rest <= 0 and not self._busy():
            self.transport.close()
            return
        self._timer = self.loop.call_later(min(max(rest, 1.0), self.body_within), self._look)

    def _give_up(self) -> float:
        """End a request whose body does not come; in how many seconds to look again."""
        if not self.cycle.response_started:
            self.transport.write(_TOO_SLOW)
        self.transport.close()
        return self.timeout_keep_alive
