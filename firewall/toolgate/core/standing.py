"""What people said beforehand and what stands until they take it back: grants and pauses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from toolgate.core.values import value


@value
class Grant:
    """Calls of one caller to one tool that need not be asked about; every other check still holds.

    `pattern` says per argument what it must be: `"any"`, or matchers as a policy states them. An argument
    that it does not name must be absent, so that a grant is never broader than it reads. `conditions` are
    the same, compiled. `uses` is None where only time ends it. Times are seconds since the epoch.
    """

    id: str
    caller: str
    upstream: str
    target: str
    pin: str
    tier: str
    pattern: Mapping[str, Any]
    uses: int | None
    created: float
    expires: float
    by: str
    conditions: tuple[Callable[[dict[str, Any]], str | None], ...] = ()


@value
class Pause:
    """Calls that are refused until it is lifted; all parts empty: every call. `tool` needs `upstream`."""

    id: str
    upstream: str = ""
    caller: str = ""
    tool: str = ""
    by: str = ""
    at: float = 0.0

    def stops(self, upstream: str, caller: str, tool: str) -> bool:
        """Whether it stops this call."""
        return self.upstream in ("", upstream) and self.caller in ("", caller) and self.tool in ("", tool)

    def words(self) -> str:
        """What is paused, as `pause` was told."""
        parts = (("upstream", self.upstream), ("tool", self.tool), ("caller", self.caller))
        return " ".join(f"{name} {text}" for name, text in parts if text) or "everything"


@value
class Pauses:
    """Every pause in force. The number grows with each change, so that an older one can be told."""

    generation: int
    stops: tuple[Pause, ...] = ()


NO_PAUSES: Final = Pauses(0)


def covering(
    grants: Iterable[Grant], *, pin: str, tier: str, arguments: dict[str, Any], now: float
) -> Grant | None:
    """The first grant that covers a call that would send these arguments to this definition of its tool."""
    for grant in grants:
        if grant.pin != pin or grant.tier != tier or grant.expires <= now:
            continue
        if not arguments.keys() <= grant.pattern.keys():
            continue
        for condition in grant.conditions:
            if condition(arguments) is not None:
                break
        else:
            return grant
    return None
