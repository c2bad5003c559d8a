"""`toolgate approvals watch`: held calls as they come, one key for each decision."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from toolgate.approvals.card import card_text
from toolgate.approvals.desk import Declined
from toolgate.core.model import Approval, ApprovalState
from toolgate.errors import Misuse

if TYPE_CHECKING:
    from toolgate.approvals.desk import Approver, Desk

POLL: Final = 0.5
_KEYS: Final = "[a] approve  [d] deny  [s] skip  [q] end"

# Gives the next key, or "" when none came within so many seconds.
Keys = Callable[[float], Awaitable[str]]
# Keys typed so soon after a card came up were meant for the one before, or are held down.
_SETTLE: Final = 0.4


@dataclass(frozen=True, slots=True)
class Terminal:
    """What is typed and shown. `settle` forgets every key that came before the card could be read."""

    key: Keys
    settle: Callable[[], Awaitable[None]]
    say: Callable[[str], None]


async def watched(desk: Desk, approver: Approver) -> Approval | Declined | None:
    """Watch in this terminal until `q`. Raises Misuse where there is none."""
    if not sys.stdin.isatty():
        raise Misuse("watch: found no terminal, expected one; for programs: toolgate approvals list --json")
    with _unbuffered():
        await watching(desk, approver, Terminal(_key, _settle, _say), time.time)
    return None


async def watching(desk: Desk, approver: Approver, terminal: Terminal, now: Callable[[], float]) -> None:
    """Show each held call once, the oldest first, and do what the keys say."""
    skipped: set[str] = set()
    say = terminal.say
    say(f"Waiting for held calls. {_KEYS}")
    while True:
        pending = [one for one in await desk.listing(ApprovalState.PENDING) if one.expires > now()]
        waiting = [one for one in reversed(pending) if one.id not in skipped]
        if not waiting:
            if await terminal.key(POLL) == "q":
                return
            continue
        current = waiting[0]
        card = await desk.card(current.id)
        if card is not None:
            say("\a\n" + card_text(card, now()) + f"\n{_KEYS}")
            await terminal.settle()
        pressed = await _decision(desk, current, terminal, now)
        if pressed == "q":
            return
        skipped.add(current.id)
        if pressed in ("a", "d"):
            act = desk.approve if pressed == "a" else desk.deny
            done = await act(approver, current.id)
            say(f"not done: {done.why}" if isinstance(done, Declined) else f"{done.id}: {done.state.value}")


async def _decision(desk: Desk, current: Approval, terminal: Terminal, now: Callable[[], float]) -> str:
    """The key pressed for this call; "s" where it was decided elsewhere or ran out meanwhile."""
    while True:
        pressed = await terminal.key(POLL)
        if pressed in ("a", "d", "s", "q"):
            return pressed
        card = await desk.card(current.id)
        state = card.approval.state if card is not None else None
        if state is not ApprovalState.PENDING or current.expires <= now():
            elsewhere = state is not ApprovalState.PENDING
            terminal.say(f"{current.id}: decided elsewhere" if elsewhere else f"{current.id}: it expired")
            return "s"


def _say(text: str) -> None:
    sys.stdout.write(text.replace("\n", "\r\n") + "\r\n")
    sys.stdout.flush()


async def _key(seconds: float) -> str:
    return await asyncio.to_thread(_pressed, seconds)


async def _settle() -> None:
    await asyncio.sleep(_SETTLE)
    _forget()


if sys.platform == "win32":
    import msvcrt

    @contextlib.contextmanager
    def _unbuffered() -> Generator[None]:
        yield

    def _forget() -> None:
        while msvcrt.kbhit():
            msvcrt.getwch()

    def _pressed(seconds: float) -> str:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if msvcrt.kbhit():
                return msvcrt.getwch().lower()
            time.sleep(0.05)
        return ""

else:
    import select
    import termios
    import tty

    @contextlib.contextmanager
    def _unbuffered() -> Generator[None]:
        """One key at a time, and the terminal as it was afterwards."""
        before = termios.tcgetattr(sys.stdin)
        try:
            tty.setcbreak(sys.stdin)
            yield
        finally:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)

    def _forget() -> None:
        termios.tcflush(sys.stdin, termios.TCIFLUSH)

    def _pressed(seconds: float) -> str:
        """Unbuffered: what Python had read ahead could not be forgotten."""
        ready, _, _ = select.select([sys.stdin], [], [], seconds)
        if not ready:
            return ""
        return os.read(sys.stdin.fileno(), 1).decode("ascii", "replace").lower() or "q"
