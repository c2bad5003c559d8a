"""The stdio front on this process's standard input and output, until the client closes it."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import suppress

from toolgate.app import App
from toolgate.core.model import Caller
from toolgate.ingress.stdio import StdioFront, lines, standard_input, write_line


async def pipe(app: App, scope: str | None, caller: Caller) -> None:
    """Serve one client: one upstream under its own names, or all of them where `scope` is None."""
    limit = app.settings.limits.body
    front = StdioFront(app.gateway, caller, scope, limit, write_line)
    app.record("start", status="stdio")
    reading = asyncio.ensure_future(lines(front, await standard_input(), limit))
    _end_on_signals(reading)
    try:
        with suppress(asyncio.CancelledError):
            await reading
    finally:
        await front.close()
        app.record("stop", status="stdio")
        await app.close()


def _end_on_signals(reading: asyncio.Future[None]) -> None:
    if sys.platform == "win32":
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, reading.cancel)
