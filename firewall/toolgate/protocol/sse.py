"""Server-sent events: a parser that assembles whole events, and how one is written."""

from __future__ import annotations

from dataclasses import dataclass

MAX_EVENT = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `data` is None for one that carries only an id or a retry time."""

    data: bytes | None
    id: str | None = None
    retry: int | None = None


class TooLong(ValueError):
    """One event exceeds the limit."""


class Parser:
    """Feed it chunks, take whole events. Lines end in LF, CR LF or CR; comments are dropped."""

    def __init__(self, most: int = MAX_EVENT) -> None:
        self._most = most
        self._rest = b""
        self._data: list[bytes] = []
        self._size = 0
        self._id: str | None = None
        self._retry: int | None = None

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that this chunk completes. Raises TooLong."""
        text = self._rest + chunk
        held = b""
        if text.endswith(b"\r"):
            text, held = text[:-1], b"\r"
        lines = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = lines.pop() + held
        if len(self._rest) + self._size > self._most:
            raise TooLong
        done: list[Event] = []
        for line in lines:
            event = self._line(line)
            if event is not None:
                done.append(event)
        return done

    def _line(self, line: bytes) -> Event | None:
        if not line:
            return self._dispatch()
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._size += len(value)
            if self._size > self._most:
                raise TooLong
            self._data.append(value)
        elif field == b"id" and b"\0" not in value:
            self._id = value.decode(errors="replace")
        elif field == b"retry" and value.isdigit():
            self._retry = int(value[:9])
        return None

    def _dispatch(self) -> Event | None:
        data = b"\n".join(self._data) if self._data else None
        event = Event(data or None, self._id, self._retry)
        self._data, self._size, self._id, self._retry = [], 0, None, None
        return None if event == Event(None) else event


def write(data: bytes | None, event_id: str | None = None, retry: int | None = None) -> bytes:
    """The wire form of one event. `data` is one line of JSON."""
    parts = [b"event: message\r\n"] if data is not None else []
    if event_id is not None:
        parts.append(b"id: %b\r\n" % event_id.replace("\r", "").replace("\n", "").encode())
    if retry is not None:
        parts.append(b"retry: %d\r\n" % retry)
    parts.append(b"data: %b\r\n\r\n" % (data or b""))
    return b"".join(parts)
