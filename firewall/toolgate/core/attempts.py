"""How many refusals a credential or an address may collect before it is not judged any more."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from toolgate.core.model import Limit

_MOST_KEYS = 10_000


class Attempts:
    """A GCRA bucket per key, in memory; the least recently used keys are forgotten beyond 10,000."""

    def __init__(self, limit: Limit) -> None:
        self._interval = limit.per / limit.count
        self._window = limit.per
        self._due: OrderedDict[str, float] = OrderedDict()

    def blocked(self, key: str, clock: Callable[[], float]) -> float | None:
        """Seconds until `key` is judged again, None while it is. The clock is only read for a known key."""
        due = self._due.get(key)
        if due is None:
            return None
        wait = due + self._interval - clock() - self._window
        return wait if wait > 0 else None

    def failed(self, key: str, now: float) -> None:
        """Count one refusal against `key`."""
        due = max(self._due.get(key, now), now) + self._interval
        self._due[key] = min(due, now + self._window + self._interval)
        self._due.move_to_end(key)
        if len(self._due) > _MOST_KEYS:
            self._due.popitem(last=False)
