"""Answers that go out together: one client that is gone takes nothing away from the others."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, cast

from uvicorn.protocols.http.flow_control import FlowControl

from toolgate.ingress.wire import Bell, Lean, written


class Line(asyncio.Transport):
    """A connection that, like uvloop's, raises when it is written to after its end."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.ended = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self.ended:
            raise RuntimeError("the handler is closed")
        self.sent += data

    def is_closing(self) -> bool:
        return self.ended

    def close(self) -> None:
        self.ended = True


def begun(line: Line, done: list[Line]) -> Lean:
    loop = asyncio.get_running_loop()
    return Lean(
        scope=cast("Any", {"type": "http", "method": "POST", "path": "/mcp", "headers": []}),
        transport=line,
        flow=FlowControl(line),
        logger=logging.getLogger("test"),
        access_logger=logging.getLogger("test"),
        access_log=False,
        default_headers=[],
        message_event=cast("asyncio.Event", Bell(loop)),
        expect_100_continue=False,
        keep_alive=True,
        on_response=lambda: done.append(line),
    )


async def test_a_client_that_left_before_its_answer_keeps_none_from_theirs() -> None:
    lines = [Line(), Line(), Line()]
    done: list[Line] = []
    for line in lines:
        assert written(begun(line, done).send, 200, [], b"an answer")
    lines[0].close()
    await asyncio.sleep(0)
    assert [line.sent.endswith(b"an answer") for line in lines] == [False, True, True]
    assert done == lines
