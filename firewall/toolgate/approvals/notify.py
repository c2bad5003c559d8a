"""Tells people of held calls: on the desktop, and through an outbox everybody else; no call waits for it."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from toolgate.core.delivery import Delivery, pause
from toolgate.core.records import event
from toolgate.errors import SealBroken, ToolgateError
from toolgate.ports import Entry, Journal, Keyring, News

if TYPE_CHECKING:
    from toolgate.approvals.desktop import Desktop
    from toolgate.approvals.outbox import Outbox
    from toolgate.approvals.receivers import Receiver
    from toolgate.approvals.telling import Shown, Told

# News that wait to be written down; more come only from a flood, and are counted on record.
BACKLOG: Final = 1000
# What other processes left behind is looked for this often, in seconds.
POLL: Final = 30.0
PURPOSE: Final = "delivery"
_CLOSING: Final = 3.0


@dataclass(frozen=True, slots=True)
class Ground:
    """What the notifier stands on. `look` reads a card, `sleep` waits, `chance` is a number from 0 to 1."""

    outbox: Outbox
    journal: Journal
    keyring: Keyring
    now: Callable[[], float]
    look: Callable[[str], Awaitable[Shown | None]]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = random.random
    attempts: int = 10


class Notifier:
    """`toolgate.ports.Announcer`."""

    def __init__(
        self, ground: Ground, receivers: Sequence[Receiver] = (), desktop: Desktop | None = None
    ) -> None:
        self._ground, self._receivers, self._desktop = ground, receivers, desktop
        self._news: deque[News] = deque()
        self._writing: asyncio.Task[None] | None = None
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._woken: dict[str, asyncio.Event] = {one.target: asyncio.Event() for one in receivers}
        self._saying: set[asyncio.Task[None]] = set()
        self._staying = self._hurried = self._closed = False
        self._lost = 0

    def announce(self, news: News) -> None:
        """Take it and return. Outside of an event loop there is nobody to deliver it, which is on record."""
        if self._closed or len(self._news) >= BACKLOG:
            self._lost += 1
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._record("lost", approval=news.approval.id, why="no event loop")
            return
        self._news.append(news)
        if self._writing is None or self._writing.done():
            self._writing = loop.create_task(self._write())

    def start(self) -> None:
        """From now on also deliver what other processes, or this one before a restart, left behind."""
        self._staying = True
        for receiver in self._receivers:
            self._wake(receiver)

    async def flush(self) -> None:
        """Write down all news and try everything that is due once."""
        await self._settle(None)

    async def close(self) -> None:
        """Write down the news and try each once, for three seconds at most. The outbox keeps the rest."""
        self._closed = True
        await self._settle(_CLOSING)
        running = [*self._sending.values(), *self._saying, *([self._writing] if self._writing else [])]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _settle(self, seconds: float | None) -> None:
        staying, self._staying = self._staying, False
        self._hurried = True
        until = None if seconds is None else self._loop_time() + seconds
        if self._writing is not None:
            await asyncio.wait([self._writing], timeout=seconds)
        for receiver in self._receivers:
            self._wake(receiver)
        left = None if until is None else max(0.0, until - self._loop_time())
        pending = [*self._sending.values(), *self._saying]
        if pending:
            await asyncio.wait(pending, timeout=left)
        self._staying, self._hurried = staying, False

    def _loop_time(self) -> float:
        return asyncio.get_running_loop().time()

    async def _write(self) -> None:
        """Put every piece of news into the outbox, in order."""
        while self._news:
            news = self._news.popleft()
            try:
                await self._take(news)
            except Exception as error:  # noqa: BLE001 - the outermost of this task: no news may end it
                self._record("lost", approval=news.approval.id, why=type(error).__name__)
        if self._lost:
            lost, self._lost = self._lost, 0
            self._record("lost", why=f"{lost} more, too many at once")

    async def _take(self, news: News) -> None:
        if news.kind == "held" and self._desktop is not None:
            self._keep(asyncio.create_task(self._desktop.held(news.approval)))
        receivers = [
            one for one in self._receivers if news.kind in one.events and one.channel in news.channels
        ]
        if not receivers:
            return
        told = await self._told(news)
        for receiver in receivers:
            await self._post(receiver, told)

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._saying.add(task)
        task.add_done_callback(self._saying.discard)

    async def _told(self, news: News) -> Told:
        """The news with the card as people see it now."""
        from toolgate.approvals.telling import Told  # a wrapped server starts without it

        told = Told(news.kind, news.approval, news.at, news.page)
        card = await self._ground.look(news.approval.id) if news.kind == "held" else None
        if card is None:
            return told
        return Told(news.kind, news.approval, news.at, news.page, card.arguments, tuple(card.hidden))

    async def _post(self, receiver: Receiver, told: Told) -> None:
        ground = self._ground
        # Four megabytes of arguments take a second to lay out, which no call shall wait for.
        message = await asyncio.to_thread(receiver.write, told)
        sealed = ground.keyring.seal(PURPOSE, message)
        ident = f"msg_{secrets.token_urlsafe(18)}"
        # News about no approval in particular stand in nobody's way.
        subject = told.approval.id or ident
        delivery = Delivery(ident, receiver.target, subject, told.kind, ground.now(), sealed)
        if await ground.outbox.put(delivery):
            self._wake(receiver)
        else:
            self._record("lost", approval=told.approval.id, receiver=receiver.target, why="too many wait")

    def _wake(self, receiver: Receiver) -> None:
        self._woken[receiver.target].set()
        task = self._sending.get(receiver.target)
        if task is None or task.done():
            self._sending[receiver.target] = asyncio.create_task(self._send(receiver))

    async def _send(self, receiver: Receiver) -> None:
        """Deliver what is due, one after the other, until nothing waits."""
        woken = self._woken[receiver.target]
        while woken.is_set() or self._staying:
            woken.clear()
            try:
                while delivery := await self._ground.outbox.claim(receiver.target):
                    await self._attempt(receiver, delivery)
                due = await self._ground.outbox.next_due(receiver.target)
            except ToolgateError as error:
                self._record("failed", receiver=receiver.target, why=type(error).__name__)
                due = self._ground.now() + POLL
            await self._rest(woken, due)

    async def _rest(self, woken: asyncio.Event, due: float | None) -> None:
        """Wait for the next one to be due, for news, or for what others may have left."""
        if self._hurried or woken.is_set() or (due is None and not self._staying):
            return
        seconds = POLL if due is None else min(max(due - self._ground.now(), 0.05), POLL)
        waits = [asyncio.ensure_future(self._ground.sleep(seconds)), asyncio.ensure_future(woken.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        woken.set()

    async def _attempt(self, receiver: Receiver, delivery: Delivery) -> None:
        from toolgate.approvals.reaching import Unreachable

        outbox, limit = self._ground.outbox, self._ground.attempts
        try:
            message = self._ground.keyring.unseal(PURPOSE, delivery.sealed)
            await receiver.deliver(delivery, message)
        except SealBroken:
            await self._bury(delivery, "it was sealed under another master key")
        except Unreachable as why:
            if why.final or delivery.attempts >= limit:
                await self._bury(delivery, str(why))
                return
            wait = pause(delivery.attempts, self._ground.chance(), why.retry_after)
            self._failed("failed", delivery, str(why))
            await outbox.later(delivery.id, self._ground.now() + wait, str(why))
        else:
            await outbox.done(delivery.id)

    async def _bury(self, delivery: Delivery, why: str) -> None:
        self._failed("dead", delivery, why)
        await self._ground.outbox.bury(delivery.id, why)

    def _failed(self, status: str, delivery: Delivery, why: str) -> None:
        about = {"approval": delivery.subject} if delivery.subject != delivery.id else {}
        self._record(status, delivery=delivery.id, receiver=delivery.target, why=why, **about)

    def _record(self, status: str, **fields: object) -> None:
        body = event("delivery", self._ground.now(), status=status, **fields)
        self._ground.journal.note(Entry(body))
