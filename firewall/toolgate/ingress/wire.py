"""Whole answers written past uvicorn's message protocol: one system call and no intermediate events.

uvicorn takes a response apart into two messages and writes them one by one, which costs as much as
judging the call. Where its request cycle is not the one known here, the ordinary way is taken.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle


def written(send: Any, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> bool:
    """Whether the response went out at once through the server behind `send`."""
    cycle = getattr(send, "__self__", None)
    if type(cycle) is not RequestResponseCycle or cycle.response_started or cycle.waiting_for_100_continue:
        return False
    if cycle.disconnected:
        return True
    parts = [STATUS_LINE[status]]
    for name, value in headers:
        parts += (name, b": ", value, b"\r\n")
    if not cycle.keep_alive:
        parts.append(b"connection: close\r\n")
    parts += (b"\r\n", body)
    cycle.transport.write(b"".join(parts))
    cycle.response_started = cycle.response_complete = True
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
    return True
