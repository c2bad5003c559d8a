"""The HTTP front on uvicorn: started, swept while it runs, and ended with everything it started."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import socket
from collections.abc import Awaitable, Callable, Generator
from contextlib import suppress

import uvicorn

from toolgate.app import App
from toolgate.core.model import Caller
from toolgate.errors import SettingsError
from toolgate.ingress.guard import Origins
from toolgate.ingress.http import HttpFront
from toolgate.ingress.identity import Identity, Keys
from toolgate.ingress.rest import rest
from toolgate.ingress.sessions import Sessions
from toolgate.ingress.wire import patient
from toolgate.settings import Tcp, Unix

_SWEEP_SECONDS = 30.0
_BACKLOG = 1024


def identity_of(app: App) -> Identity:
    """Who may call, as the settings say."""
    settings, clock = app.settings, app.world.clock
    known = settings.identity.anonymous
    if known is None and isinstance(settings.listen, Unix):
        known = settings.identity.local
    nobody = Caller(known.caller, known.roles, f"local:{known.caller}") if known else None
    tokens = None
    if settings.identity.jwt is not None:
        from toolgate.ingress.tokens import Tokens  # only where an issuer is configured

        tokens = Tokens(settings.identity.jwt, clock)
    return Identity(Keys(settings.identity.keys, clock), tokens, nobody, settings.public_url)


class Server(uvicorn.Server):
    """A signal ends it and nothing else: raised once more, as uvicorn does, it would cut off the closing."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None] | None) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        settle()
        if self.started and self._ready is not None:
            self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Take the signals while it serves."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()


def bound(listen: Tcp) -> socket.socket:
    """A socket on this address, port 0 for any free one. Raises SettingsError."""
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    try:
        return socket.create_server((listen.host, listen.port), family=family, backlog=_BACKLOG)
    except OSError as trouble:
        taken = trouble.errno == errno.EADDRINUSE
        why = "an address that another program listens on" if taken else "an address that cannot be had"
        found = f"{listen.host}:{listen.port}"
        raise SettingsError(f"listen: found {found}, {why}, expected a free port") from None


async def serve(
    app: App,
    ready: Callable[[], None] | None = None,
    listener: socket.socket | None = None,
    ending: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Serve HTTP until a signal ends it, on the listener where there is one. Raises Misuse.

    `ending` is awaited before the app is closed: what else runs on it ends there.
    """
    settings = app.settings
    await app.start()
    if listener is None and isinstance(settings.listen, Tcp):
        listener = bound(settings.listen)
    identity = identity_of(app)
    sessions = Sessions(settings.limits.sessions)
    address = (
        f"{settings.listen.host}:{settings.listen.port}" if isinstance(settings.listen, Tcp) else "localhost"
    )
    origins = Origins(address, settings.public_url)
    front = HttpFront(app.gateway, identity, sessions, origins, settings.limits.body, rest(identity))
    server = Server(_config(app, front), ready)
    app.record("start", status="http")
    app.notifier.start()
    sweeping = asyncio.ensure_future(_sweep(app, sessions))
    watching = asyncio.ensure_future(app.policies.watch())
    try:
        await server.serve([listener] if listener is not None else None)
    finally:
        for task in (sweeping, watching):
            task.cancel()
        if ending is not None:
            await ending()
        with suppress(TimeoutError):
            await asyncio.wait_for(sessions.close(), 10)
        app.record("stop", status="http")
        await app.close()


def _config(app: App, front: HttpFront) -> uvicorn.Config:
    listen = app.settings.listen
    return uvicorn.Config(
        front,
        host=listen.host if isinstance(listen, Tcp) else "127.0.0.1",
        port=listen.port if isinstance(listen, Tcp) else 0,
        uds=str(listen.path) if isinstance(listen, Unix) else None,
        http=patient(app.settings.limits.body_within),
        loop="none",
        ws="none",
        proxy_headers=False,
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=3,
        backlog=_BACKLOG,
    )


def settle() -> None:
    """Take what was loaded at start out of the garbage collector's way: it stays anyway."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


async def _sweep(app: App, sessions: Sessions) -> None:
    while True:
        await asyncio.sleep(_SWEEP_SECONDS)
        with contextlib.suppress(Exception):
            await sessions.sweep(app.world.clock.monotonic())
