"""Every upstream of the settings: what it speaks is found out, links to it are opened, shared and bridged."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from toolgate.core.model import JsonObject
from toolgate.errors import UpstreamDown
from toolgate.ports import Keyring, Secrets
from toolgate.protocol.messages import request
from toolgate.protocol.versions import MODERN, Era, own_meta
from toolgate.upstream.bridge_legacy import OverLegacy
from toolgate.upstream.bridge_modern import NativeFirst, OverModern
from toolgate.upstream.by_capability import ByCapability
from toolgate.upstream.complaints import Clean, Complaints, to_stderr
from toolgate.upstream.keyed import Address, Keyed, Located, Sender
from toolgate.upstream.link import Link, Opening, unheard
from toolgate.upstream.pipe import Pipe
from toolgate.upstream.process import Process
from toolgate.upstream.reaper import Reaper
from toolgate.upstream.stdio import StdioLink

if TYPE_CHECKING:
    from toolgate.upstream.http import HttpLink
    from toolgate.upstream.pool import Pool

_PROBE_SECONDS = 20.0


class Upstream:
    """One upstream: its connection pool or its processes, and the era it speaks once somebody found out."""

    def __init__(
        self,
        name: str,
        address: Address,
        keyring: Keyring,
        reaper: Reaper,
        secrets: Secrets | None = None,
        clean: Clean = str,
    ) -> None:
        self.name = name
        self._clean = clean
        self._located = Located(name, address, secrets)
        self._keyring = keyring
        self._reaper = reaper
        self._address = address
        self._pool: Pool | None = None
        self._sender: Sender | None = None
        self._pipes: dict[tuple[object, ...], Pipe] = {}
        self._modern: bool | None = None
        self._modern_only = False
        self._probing = asyncio.Lock()
        self._ids = itertools.count(1)
        self._shared: HttpLink | None = None

    @property
    def timeout(self) -> float:
        """Seconds a call may take."""
        return self._address.timeout

    async def open(self, opening: Opening) -> Link:
        """A link in the client's era. Raises UpstreamDown."""
        try:
            async with asyncio.timeout(self.timeout):
                return await (
                    self._legacy(opening) if opening.era is Era.LEGACY else self._for_modern(opening)
                )
        except TimeoutError:
            raise UpstreamDown(f"{self.name}: no answer within {self.timeout:g} s") from None

    async def close(self) -> None:
        """End idle connections; links are closed by the sessions that hold them."""
        if self._pool is not None:
            self._pool.close()

    async def _legacy(self, opening: Opening) -> Link:
        if self._modern_only:
            return OverModern(await self._native(Era.MODERN, opening))

        async def modern() -> Link:
            return await self._native(Era.MODERN, opening)

        def found(*, modern_only: bool) -> None:
            self._modern_only = modern_only

        return NativeFirst(await self._native(Era.LEGACY, opening), modern, found)

    async def _for_modern(self, opening: Opening) -> Link:
        link = await self._modern_now(opening)
        return link or ByCapability(
            self.name,
            lambda client, offered: self._bridged(opening, client, offered),
            lambda: self._modern_now(opening),
        )

    async def _modern_now(self, opening: Opening) -> Link | None:
        """A link in the per-request era, if the upstream speaks it."""
        link = await self._native(Era.MODERN, opening)
        try:
            found = await self._found_modern(link)
        except BaseException:
            await link.close()
            raise
        if found:
            return link
        await link.close()
        return None

    async def _found_modern(self, link: Link) -> bool:
        """Whether it speaks 2026-07-28. That it does not is only believed once a handshake has worked."""
        async with self._probing:
            if self._modern is None and await _speaks_modern(link, min(_PROBE_SECONDS, self.timeout / 2)):
                self._modern = True
        return self._modern is True

    async def _bridged(self, opening: Opening, client: JsonObject, capabilities: JsonObject) -> OverLegacy:
        """A legacy session of its own, its handshake done for these capabilities."""
        own = Opening(Era.LEGACY, opening.caller, capabilities, client)
        bridge = OverLegacy(await self._native(Era.LEGACY, own), own, self._keyring)
        try:
            await bridge.handshake()
        except (UpstreamDown, asyncio.CancelledError):
            await bridge.close()
            raise
        self._modern = self._modern or False
        return bridge

    async def _native(self, era: Era, opening: Opening) -> Link:
        if self._address.url:
            return self._http(era)
        return StdioLink(self._pipe(era, opening, await self._located.now()))

    def _http(self, era: Era) -> HttpLink:
        from toolgate.upstream.http import HttpLink  # a wrapped server has none

        sender = self._sender = self._sender or self._sending()
        if era is Era.LEGACY:
            return HttpLink(self.name, sender, era)
        if self._shared is None:
            self._shared = HttpLink(self.name, sender, era)
        return self._shared

    def _sending(self) -> Sender:
        from toolgate.upstream.pool import Pool  # as above

        if self._located.constant:
            self._pool = Pool(self.name, self._address.url, self._address.headers)
            return self._pool
        self._pool = Pool(self.name, self._address.url, {})
        return Keyed(self._pool, self._located)

    def _pipe(self, era: Era, opening: Opening, address: Address) -> Pipe:
        """The process for this client; one that was started with other secrets is not joined any more."""
        whose = {"all": "", "caller": opening.caller, "session": str(next(self._ids))}[address.share]
        key = (era, whose, address.command, tuple(address.env.items()))
        self._pipes = {known: pipe for known, pipe in self._pipes.items() if not pipe.idle}
        pipe = self._pipes.get(key)
        if pipe is None:
            if len(self._pipes) >= address.max_processes:
                raise UpstreamDown(
                    f"{self.name}: found {len(self._pipes)} processes, expected fewer: max_processes"
                )
            pipe = self._pipes[key] = Pipe(self.name, era, self._spawn, address.share == "session")
        return pipe

    async def _spawn(self, heard: Callable[[bytes], None], ended: Callable[[int | None], None]) -> Process:
        address = await self._located.now()
        complaints = Complaints(self.name, self._clean, to_stderr, time.monotonic)
        process = Process(self.name, heard, ended, complaints, self._reaper)
        await process.start(address.command, address.env, address.cwd)
        return process


class Upstreams:
    """The upstreams of the settings, by name. `clean` masks what their processes write to standard error."""

    def __init__(
        self,
        addresses: Mapping[str, Address],
        keyring: Keyring,
        secrets: Secrets | None = None,
        clean: Clean = str,
    ) -> None:
        reaper = self._reaper = Reaper()
        self._upstreams = {
            name: Upstream(name, address, keyring, reaper, secrets, clean)
            for name, address in addresses.items()
        }

    def names(self) -> tuple[str, ...]:
        """Every upstream."""
        return tuple(self._upstreams)

    def timeout(self, upstream: str) -> float:
        """Seconds a call may take there."""
        return self._upstreams[upstream].timeout

    async def open(self, upstream: str, opening: Opening) -> Link:
        """A link in the client's era. Raises UpstreamDown."""
        return await self._upstreams[upstream].open(opening)

    async def close(self) -> None:
        """Close what is idle."""
        for upstream in self._upstreams.values():
            await upstream.close()
        self._reaper.close()


async def _speaks_modern(link: Link, seconds: float) -> bool:
    """Whether an upstream answers `server/discover`; any error at all means that it does not."""
    message = request("toolgate-probe", "server/discover", {"_meta": own_meta()})
    try:
        note = await asyncio.wait_for(link.request(message, unheard), seconds)
    except (TimeoutError, UpstreamDown):
        return False
    answer: JsonObject = (note.message or {}) if note else {}
    versions: object = answer.get("result", {}).get("supportedVersions")
    return isinstance(versions, list) and MODERN in versions
