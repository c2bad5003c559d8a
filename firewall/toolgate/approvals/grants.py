"""Grants as they are kept: sealed with our key, compiled when they are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, Protocol, TypeAlias, cast

import orjson

from toolgate.core.canonical import canonical
from toolgate.core.conditions.values import same
from toolgate.core.model import JsonObject
from toolgate.core.policy import Condition
from toolgate.core.standing import Grant
from toolgate.core.wording import broad, reading
from toolgate.errors import SealBroken
from toolgate.ports import Granting, Kept, Keyring

_PURPOSE: Final = "grant"
_MOST: Final = 4096
_FIELDS: Final = ("id", "caller", "upstream", "target", "pin", "tier", "pattern", "uses")

# Compiles a pattern; raises ValueError for one that no policy could state.
Patterns: TypeAlias = Callable[[JsonObject], tuple[Condition, ...]]
GrantState: TypeAlias = Literal["live", "used-up", "expired", "revoked"]


class GrantShelf(Protocol):
    """What the book needs of a store."""

    async def granted(self, caller: str, upstream: str, target: str) -> list[Kept]: ...


@dataclass(frozen=True, slots=True)
class Granted:
    """A grant and what became of it. `words` say what it lets pass, one line each; `broad` where anything."""

    grant: Grant
    used: int
    state: GrantState
    words: tuple[str, ...]
    broad: tuple[str, ...]


class GrantBook:
    """`toolgate.ports.Grants`: what cannot be opened with our key, or says another call, is no grant."""

    def __init__(self, store: GrantShelf, keyring: Keyring, patterns: Patterns) -> None:
        self._store, self._keyring, self._patterns = store, keyring, patterns
        self._known: dict[bytes, Grant] = {}

    async def of(self, caller: str, upstream: str, tool: str) -> tuple[Grant, ...]:
        """The grants of one caller for one tool that have a use left."""
        found: list[Grant] = []
        for kept in await self._store.granted(caller, upstream, tool):
            grant = self.read(kept)
            if grant is None or (grant.caller, grant.upstream, grant.target) != (caller, upstream, tool):
                continue
            if grant.uses is None or kept.used < grant.uses:
                found.append(grant)
        return tuple(found)

    def read(self, kept: Kept) -> Grant | None:
        """The grant, None where it was not sealed by us."""
        known = self._known.get(kept.sealed)
        if known is not None:
            return known
        try:
            plain: Any = orjson.loads(self._keyring.unseal(_PURPOSE, kept.sealed))
        except (SealBroken, orjson.JSONDecodeError):
            return None
        grant = self.compiled(Grant(**cast("dict[str, Any]", plain)))
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[kept.sealed] = grant
        return grant

    def compiled(self, grant: Grant) -> Grant:
        """The same with its conditions. Raises ValueError, naming the argument, for no pattern."""
        return replace(grant, conditions=self._patterns(dict(grant.pattern)))

    def sealed(self, grant: Grant) -> Granting:
        """The grant as it is kept."""
        plain = {name: getattr(grant, name) for name in (*_FIELDS, "created", "expires", "by")}
        sealed = self._keyring.seal(_PURPOSE, canonical(plain))
        return Granting(grant.id, grant.caller, grant.upstream, grant.target, grant.expires, sealed)


def standing(grant: Grant, kept: Kept, now: float) -> Granted:
    """What became of a grant."""
    state: GrantState = "live"
    if kept.revoked:
        state = "revoked"
    elif grant.expires <= now:
        state = "expired"
    elif grant.uses is not None and kept.used >= grant.uses:
        state = "used-up"
    return Granted(grant, kept.used, state, reading(grant.pattern), broad(grant.pattern))


def foreign(pattern: Mapping[str, Any], arguments: JsonObject) -> str:
    """The first argument that `equals` bounds to another value than the call's own, empty where none is.

    It reads as "exactly what was approved", for nobody shall read a hidden value off a grant.
    """
    return next((name for name, spec in pattern.items() if _foreign(spec, arguments.get(name))), "")


def _foreign(spec: Any, value: Any) -> bool:
    if not isinstance(spec, dict):
        return False
    stated = cast("JsonObject", spec)
    if "equals" in stated and not same(value, stated["equals"]):
        return True
    items = cast("Sequence[Any]", value) if isinstance(value, list) else [None]
    return any(
        inner in stated and all(_foreign(stated[inner], one) for one in items) for inner in ("each", "any")
    )
