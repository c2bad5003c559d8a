"""How the two processes talk: a length, a JSON object, and bytes that go with it."""

import json
import struct
from typing import Any, BinaryIO

HEADER = struct.Struct("!II")
MAX_MESSAGE = 256 * 1024 * 1024


def send(stream: BinaryIO, message: dict[str, Any], blob: bytes = b"") -> None:
    """Write one message."""
    text = json.dumps(message).encode()
    stream.write(HEADER.pack(len(text), len(blob)) + text)
    stream.write(blob)
    stream.flush()


def receive(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """Read one message, or None when the other side has closed."""
    header = stream.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    size, extra = HEADER.unpack(header)
    if size + extra > MAX_MESSAGE:
        return None
    text, blob = stream.read(size), stream.read(extra)
    if len(text) < size or len(blob) < extra:
        return None
    return json.loads(text), blob
