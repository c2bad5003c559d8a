"""`toolgate approvals watch`: held calls as they come, one key for each decision."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Awaitable, Callable, Generator
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


async def watched(desk: Desk, approver: Approver) -> Approval | Declined | None:
    """Watch in this terminal until `q`. Raises Misuse where there is none."""
    if not sys.stdin.isatty():
        raise Misuse("watch: found no terminal, expected one; for programs: toolgate approvals list --json")
    with _unbuffered():
        await watching(desk, approver, _key, _say, time.time)
    return None


async def watching(
    desk: Desk, approver: Approver, key: Keys, say: Callable[[str], None], now: Callable[[], float]
) -> None:
    """Show each held call once, the oldest first, and do what the keys say."""
    skipped: set[str] = set()
    say(f"Waiting for held calls. {_KEYS}")
    while True:
        pending = [one for one in await desk.listing(ApprovalState.PENDING) if one.expires > now()]
        waiting = [one for one in reversed(pending) if one.id not in skipped]
        if not waiting:
            if await key(POLL) == "q":
                return
            continue
        current = waiting[0]
        card = await desk.card(current.id)
        if card is not None:
            say("\a\n" + card_text(card, now()) + f"\n{_KEYS}")
        pressed = await _decision(desk, current, key, say, now)
        if pressed == "q":
            return
        skipped.add(current.id)
        if pressed in ("a", "d"):
            act = desk.approve if pressed == "a" else desk.deny
            done = await act(approver, current.id)
            say(f"not done: {done.why}" if isinstance(done, Declined) else f"{done.id}: {done.state.value}")


async def _decision(
    desk: Desk, current: Approval, key: Keys, say: Callable[[str], None], now: Callable[[], float]
) -> str:
    """The key pressed for this call; "s" where it was decided elsewhere or ran out meanwhile."""
    while True:
        pressed = await key(POLL)
        if pressed in ("a", "d", "s", "q"):
            return pressed
        card = await desk.card(current.id)
        state = card.approval.state if card is not None else None
        if state is not ApprovalState.PENDING or current.expires <= now():
            say(f"{current.id}: decided elsewhere" if state is not ApprovalState.PENDING else "it expired")
            return "s"


def _say(text: str) -> None:
    sys.stdout.write(text.replace("\n", "\r\n") + "\r\n")
    sys.stdout.flush()


async def _key(seconds: float) -> str:
    return await asyncio.to_thread(_pressed, seconds)


if sys.platform == "win32":
    import msvcrt

    @contextlib.contextmanager
    def _unbuffered() -> Generator[None]:
        yield

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
            termios.tcflush(sys.stdin, termios.TCIFLUSH)  # what was typed before a card counts for none
            yield
        finally:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)

    def _pressed(seconds: float) -> str:
        ready, _, _ = select.select([sys.stdin], [], [], seconds)
        return sys.stdin.read(1).lower() if ready else ""
