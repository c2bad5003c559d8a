"""The console of an app: put together from its parts, served on an address of its own."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import time
from collections.abc import Generator
from dataclasses import replace
from functools import partial
from typing import Any, Final, cast

import uvicorn

from toolgate.announcing import deciding
from toolgate.app import App
from toolgate.console import Console, House, Look
from toolgate.console.oidc import Provider
from toolgate.core.model import JsonObject
from toolgate.errors import Malformed, PortDown, SettingsError
from toolgate.ingress.bounded import Bounded
from toolgate.policy.roles import approving_role
from toolgate.protocol.messages import request
from toolgate.protocol.versions import Era, own_meta
from toolgate.secrets.keyring import open_keyring
from toolgate.serving import bound
from toolgate.settings import Command, ConsoleSettings, Settings, Tcp, UpstreamSettings
from toolgate.upstream.catalogue import Catalogue, FetchPage
from toolgate.upstream.link import Link, Opening, unheard

_LOOK_SECONDS: Final = 20.0
_MOST_SHOWN: Final = 120


class Server(uvicorn.Server):
    """Serves beside other servers of this process: signals are theirs."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave the signals alone."""
        yield


def seated(settings: Settings, port: int | None = None) -> tuple[socket.socket, Settings]:
    """A socket for the console, and settings that say where it is; port 0 takes any. Raises SettingsError."""
    where = settings.console
    listen = where.listen if port is None else Tcp(where.listen.host, port)
    try:
        taken = bound(listen)
    except SettingsError as mistake:
        raise SettingsError(f"console.{mistake}") from None
    listen = Tcp(listen.host, int(taken.getsockname()[1]))
    return taken, replace(settings, console=replace(where, listen=listen))


class Serving:
    """The console of an app, served on a socket. `link` signs the local user in, once."""

    def __init__(self, app: App, taken: socket.socket) -> None:
        self._socket = taken
        self.url = app.settings.console.url
        self._console = Console(house(app, app.settings.console))
        self._server = Server(_config(self._console))
        self._task: asyncio.Task[None] | None = None
        self.link = self._console.link()

    def start(self) -> None:
        """Serve in the background."""
        self._task = asyncio.ensure_future(self._server.serve([self._socket]))

    async def ready(self) -> None:
        """Return once pages are served: a server that is told to end before it has begun ends badly."""
        for _ in range(500):
            if self._task is None or self._server.started or self._task.done():
                return
            await asyncio.sleep(0.01)

    async def close(self) -> None:
        """End every page and the server."""
        await self.ready()
        await self._console.room.live.close()
        self._server.should_exit = True
        if self._task is not None:
            with contextlib.suppress(TimeoutError, asyncio.CancelledError):
                await asyncio.wait_for(self._task, 5)
        self._socket.close()


def house(app: App, where: ConsoleSettings) -> House:
    """What the console stands in front of."""
    settings, desk = app.settings, app.desk("console")
    local = settings.identity.local
    return House(
        desk=desk,
        undoer=app.undoer(desk),
        policies=app.policies,
        policy_path=settings.policies,
        journal=settings.store,
        journal_keys=open_keyring(settings.master_key).all_journal_keys,
        keys=settings.identity.keys,
        upstreams={name: _where(one) for name, one in settings.upstreams.items()},
        look=Looker(app).look,
        record=app.record,
        clock=app.world.clock,
        public_url=where.url,
        listen=f"{where.listen.host}:{where.listen.port}",
        local=local.caller if local is not None else "local user",
        role=approving_role(app.policies.current),
        openid=_openid(app, where),
        elsewhere=partial(deciding, settings, app.secrets, app.world.keyring, app.world.clock, desk),
    )


class Looker:
    """Asks upstreams what they offer, as nobody in particular."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def look(self, name: str) -> Look:
        """What one answers; what goes wrong is part of the answer."""
        began = time.monotonic()
        now = self._app.world.clock.now()
        catalogue, listed = Catalogue(name), dict[str, JsonObject]()
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                link = await self._app.upstreams.open(name, Opening(Era.MODERN, "console"))
                try:
                    await catalogue.refresh(_fetching(name, link, listed), began)
                finally:
                    await link.close()
        except (TimeoutError, PortDown) as trouble:
            why = str(trouble) or f"{name}: no answer within {_LOOK_SECONDS:g} s"
            return Look(now, _ms(began), trouble=why)
        found = (catalogue.peek(tool, began) for tool in listed)
        return Look(now, _ms(began), tuple(tool for tool in found if tool is not None), listed)


def _fetching(name: str, link: Link, listed: dict[str, JsonObject]) -> FetchPage:
    """Pages of tools as an upstream lists them; what they say is kept in `listed`."""

    async def fetch(cursor: str | None) -> JsonObject:
        params: JsonObject = {"_meta": own_meta(), **({"cursor": cursor} if cursor else {})}
        note = await link.request(request("toolgate-look", "tools/list", params), unheard)
        answer: JsonObject = (note.message or {}) if note is not None else {}
        result: Any = answer.get("result")
        if not isinstance(result, dict):
            raise Malformed(f"{name}: tools/list: expected a result")
        page = cast("JsonObject", result)
        tools: Any = page.get("tools")
        for one in cast("list[object]", tools) if isinstance(tools, list) else []:
            tool = cast("JsonObject", one) if isinstance(one, dict) else {}
            if isinstance(tool.get("name"), str):
                listed[tool["name"]] = tool
        return page

    return fetch


def _where(upstream: UpstreamSettings) -> str:
    """Where an upstream is. Arguments of a program and headers may be secrets: they stay out."""
    if isinstance(upstream, Command):
        return f"{upstream.command[0]} with {len(upstream.command) - 1} arguments, share: {upstream.share}"
    return upstream.url.partition("?")[0][:_MOST_SHOWN]


def _ms(began: float) -> float:
    return (time.monotonic() - began) * 1000


def _openid(app: App, where: ConsoleSettings) -> Provider | None:
    said = where.openid
    if said is None:
        return None

    async def secret() -> str:
        if not said.secret:
            return ""
        found = await app.secrets.reveal("console.oidc", {"client_secret": said.secret})
        return found.texts["client_secret"]

    return Provider(said, f"{where.url}/sign-in/back", app.world.clock, secret)


def _config(console: Console) -> uvicorn.Config:
    return uvicorn.Config(
        console.app,
        http=Bounded,
        loop="none",
        ws="none",
        proxy_headers=False,
        lifespan="on",
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=True,
        timeout_graceful_shutdown=2,
        timeout_keep_alive=30,
    )


async def until_signal() -> None:
    """Wait for Ctrl-C or the end that a supervisor asks for."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows raises KeyboardInterrupt instead
            loop.add_signal_handler(number, ended.set)
    await ended.wait()
