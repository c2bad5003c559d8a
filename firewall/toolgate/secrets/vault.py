"""Vault for the event loop: one worker thread at a time, a deadline for each visit, a token kept alive."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from toolgate.errors import SecretUnavailable
from toolgate.secrets import local
from toolgate.secrets.places import VaultPlace

if TYPE_CHECKING:
    from toolgate.secrets.vault_api import Contents, VaultApi

T = TypeVar("T")
# A visit is at most a login, the question for the mount and the reading.
_VISITS: Final = 3
_RETRY_SECONDS: Final = 10.0


class Vault:
    """Reads secrets. `register` gets every credential it uses or is given, on the event loop.

    hvac is imported with the first visit.
    """

    def __init__(
        self,
        place: VaultPlace,
        base: Path,
        register: Callable[[str], object],
        now: Callable[[], float],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._place = place
        self._base = base
        self._register = register
        self._now = now
        self._pause = pause
        self._turn = asyncio.Lock()
        self._api: VaultApi | None = None
        self._learned: list[str] = []
        self._keeping: asyncio.Task[None] | None = None

    @property
    def refresh(self) -> float:
        """The longest that a value may be used, in seconds."""
        return self._place.refresh

    async def read(self, path: str) -> Contents:
        """Every text at a path. Raises SecretUnavailable."""
        return await self._visit(lambda api: api.read(path))

    async def enter(self) -> None:
        """Log in, to know that it works. Raises SecretUnavailable."""
        await self._visit(lambda api: api.enter())

    async def close(self) -> None:
        """Stop keeping the token alive; Vault lets it end by itself."""
        if self._keeping is not None:
            self._keeping.cancel()

    async def _visit(self, work: Callable[[VaultApi], T]) -> T:
        async with self._turn:
            try:
                async with asyncio.timeout(_VISITS * self._place.timeout):
                    found = await _in_thread(lambda: work(self._opened()))
            except TimeoutError:
                self._api = None  # its thread still hangs in there
                raise SecretUnavailable("found no answer of Vault in time, expected one") from None
            except asyncio.CancelledError:
                self._api = None
                raise
            finally:
                while self._learned:
                    self._register(self._learned.pop())
            if self._keeping is None:
                self._keeping = asyncio.create_task(self._keep())
            return found

    def _opened(self) -> VaultApi:
        """In the worker thread: what speaks to Vault, loaded when it is first needed."""
        if self._api is None:
            from toolgate.secrets.vault_api import VaultApi

            self._api = VaultApi(self._place, self._fill, self._learned.append, self._now)
        return self._api

    def _fill(self, text: str) -> str:
        filled, found = local.filled(text, self._base)
        self._learned += found
        return filled

    async def _keep(self) -> None:
        """Renew the token whenever it is due."""
        wait = self._until_due()
        while True:
            await self._pause(wait)
            if self._until_due() > 0:
                wait = self._until_due()
                continue
            try:
                await self._visit(lambda api: api.renew())
                wait = self._until_due()
            except SecretUnavailable:
                wait = _RETRY_SECONDS  # a read meanwhile logs in by itself

    def _until_due(self) -> float:
        """Seconds until the token must be renewed; where there is nothing to renew, until to look again."""
        due = self._api.due if self._api is not None else None
        return max(0.0, due - self._now()) if due is not None else _RETRY_SECONDS


async def _in_thread(work: Callable[[], T]) -> T:
    """Run in a thread that does not keep the process from ending."""
    done: concurrent.futures.Future[T] = concurrent.futures.Future()

    def run() -> None:
        if not done.set_running_or_notify_cancel():
            return
        try:
            found = work()
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits for it
            done.set_exception(error)
        else:
            done.set_result(found)

    threading.Thread(target=run, name="toolgate-vault", daemon=True).start()
    return await asyncio.wrap_future(done)
