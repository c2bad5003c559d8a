"""Messages on their way to a receiver, and how long a failed one waits."""

from __future__ import annotations

from typing import Final

from toolgate.core.values import value

# The first wait in seconds; each further one is twice as long, up to the longest.
FIRST: Final = 2.0
LONGEST: Final = 900.0


@value
class Delivery:
    """One message for one receiver. `sealed` is its body, encrypted; times are seconds since the epoch.

    Deliveries of one `subject` (an approval) reach a receiver in the order of `created`. `attempts` counts
    those begun. `why` says what went wrong last; a dead one is tried again only when a person says so.
    """

    id: str
    target: str
    subject: str
    event: str
    created: float
    sealed: bytes
    attempts: int = 0
    due: float = 0.0
    dead: bool = False
    why: str = ""


def pause(attempts: int, chance: float, told: float | None = None) -> float:
    """Seconds until the next attempt after so many. `chance`, 0 to 1, spreads receivers' load by half.

    `told` is what the receiver asked for; it is never undercut.
    """
    full = min(FIRST * 2.0 ** min(max(attempts, 1) - 1, 30), LONGEST)
    return max(full * (0.5 + chance / 2), told or 0.0)
