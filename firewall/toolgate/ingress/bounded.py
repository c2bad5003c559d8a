"""uvicorn's HTTP protocol with a limit to what may come before the body: request line and headers."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD = 64 * 1024
_MOST_READ = 256 * 1024  # what one read may bring of the body beside the head


class Bounded(HttpToolsProtocol):
    """What `uvicorn.Config(http=…)` takes. A client whose headers never end is cut off."""

    _head_bytes = 0
    _in_head = True

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
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """What comes next is a head again."""
        self._in_head = True
        super().on_message_complete()
