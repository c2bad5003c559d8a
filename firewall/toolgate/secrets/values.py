"""What references stand for: read once for all who wait, kept while it counts, read again when due."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from toolgate.errors import SecretUnavailable, SettingsError
from toolgate.ports import Revealed
from toolgate.secrets import local
from toolgate.secrets.references import Reference, Stored, Variable, parts, references

if TYPE_CHECKING:
    from toolgate.secrets.vault_api import Contents

# Where a value comes from: a file or variable by its reference, everything at one path in Vault by the path.
Source: TypeAlias = "Reference | str"

# A changed file is noticed within this many seconds.
LOCAL_SECONDS: Final = 5.0
# Of a value's life: from here on it is read again while the old one is still used.
_SOON: Final = 2 / 3
_SHORTEST: Final = 1.0
# An upstream that refuses everything makes nobody read more often than this.
_DOUBT_SECONDS: Final = 5.0


class Remote(Protocol):
    """What keeps secrets elsewhere: `toolgate.secrets.vault.Vault`. Its methods raise SecretUnavailable."""

    @property
    def refresh(self) -> float:
        """The longest that a value may be used, in seconds."""
        ...

    async def read(self, path: str) -> Contents: ...

    async def enter(self) -> None: ...

    async def close(self) -> None: ...


@dataclass(slots=True)
class _Kept:
    values: Mapping[str, str] = field(repr=False)
    read: float
    life: float
    registered: set[str] = field(default_factory=set[str])

    @property
    def soon(self) -> float:
        return self.read + self.life * _SOON

    @property
    def until(self) -> float:
        return self.read + self.life


class Values:
    """`toolgate.ports.Secrets`. Paths start at `base`; `register` gets every value before its use."""

    def __init__(
        self,
        base: Path,
        register: Callable[[str], object],
        now: Callable[[], float],
        vault: Remote | None = None,
    ) -> None:
        self._base = base
        self._register = register
        self._now = now
        self._vault = vault
        self._kept: dict[Source, _Kept] = {}
        self._reading: dict[Source, asyncio.Task[_Kept]] = {}
        self._doubted: dict[Source, float] = {}

    async def reveal(self, place: str, texts: Mapping[str, str]) -> Revealed:
        """The texts with their values. Raises SecretUnavailable, which names the reference."""
        for key, reference in _all(texts):
            try:
                await self._settled(reference)
            except SecretUnavailable as why:
                raise _named(why, place, key, reference) from None
        return self._revealed(place, texts)

    async def reread(self, place: str, texts: Mapping[str, str]) -> Revealed:
        """The same, every value read again unless that was done a moment ago."""
        for key, reference in _all(texts):
            try:
                await self._doubt(reference)
            except SecretUnavailable as why:
                raise _named(why, place, key, reference) from None
        return self._revealed(place, texts)

    def try_local(self, place: str, texts: Mapping[str, str]) -> None:
        """Read the variables and files of texts, to know at the start that they are there.

        Raises SettingsError. Vault is left out: it may come up later.
        """
        for key, reference in _all(texts):
            if isinstance(reference, Stored):
                continue
            try:
                self._take(self._local(reference), "")
            except SecretUnavailable as why:
                raise SettingsError(str(_named(why, place, key, reference))) from None

    async def enter(self) -> None:
        """Log in at Vault, where there is one, to know that it works. Raises SecretUnavailable."""
        if self._vault is not None:
            await self._vault.enter()

    async def close(self) -> None:
        """Stop reading."""
        for task in self._reading.values():
            task.cancel()
        if self._vault is not None:
            await self._vault.close()

    def _revealed(self, place: str, texts: Mapping[str, str]) -> Revealed:
        filled: dict[str, str] = {}
        until = math.inf
        for key, text in texts.items():
            filled[key] = ""
            for part in parts(text):
                if isinstance(part, str):
                    filled[key] += part
                    continue
                kept = self._kept[_source(part)]
                try:
                    filled[key] += self._take(kept, part.key if isinstance(part, Stored) else "")
                except SecretUnavailable as why:
                    raise _named(why, place, key, part) from None
                # Whoever comes late asks at the end, whoever comes early when it is soon due.
                until = min(until, kept.soon if self._now() < kept.soon else kept.until)
        return Revealed(filled, until)

    def _take(self, kept: _Kept, key: str) -> str:
        value = kept.values.get(key, "")
        if not value:
            raise SecretUnavailable("found no text under this key, expected the secret")
        if key not in kept.registered:
            self._register(value)
            kept.registered.add(key)
        return value

    async def _settled(self, reference: Reference) -> None:
        """See to it that a value is there that still counts."""
        source, now = _source(reference), self._now()
        kept = self._kept.get(source)
        if kept is None or now >= kept.until:
            await self._read(reference)
        elif now >= kept.soon and isinstance(reference, Stored) and source not in self._reading:
            self._start(reference).add_done_callback(_quiet)

    async def _doubt(self, reference: Reference) -> None:
        source, now = _source(reference), self._now()
        if source in self._reading or now - self._doubted.get(source, -math.inf) >= _DOUBT_SECONDS:
            await self._read(reference)
            self._doubted[source] = now
        else:
            await self._settled(reference)

    async def _read(self, reference: Reference) -> None:
        if not isinstance(reference, Stored):
            self._local(reference)
            return
        reading = self._reading.get(reference.path) or self._start(reference)
        await asyncio.shield(reading)  # whoever leaves does not take it from the others

    def _start(self, reference: Stored) -> asyncio.Task[_Kept]:
        task = self._reading[reference.path] = asyncio.create_task(self._stored(reference.path))
        return task

    async def _stored(self, path: str) -> _Kept:
        try:
            if self._vault is None:
                raise SecretUnavailable("found no Vault in the settings, expected secrets.vault")
            began = self._now()
            found = await self._vault.read(path)
            life = self._vault.refresh
            if found.lease > 0:
                life = max(_SHORTEST, min(life, found.lease))
            kept = self._kept[path] = _Kept(found.values, began, life)
            return kept
        finally:
            del self._reading[path]

    def _local(self, reference: Reference) -> _Kept:
        """A file or variable, read at once."""
        assert not isinstance(reference, Stored)
        life = math.inf if isinstance(reference, Variable) else LOCAL_SECONDS
        value, known = local.value(reference, self._base), self._kept.get(reference)
        kept = self._kept[reference] = _Kept({"": value}, self._now(), life)
        if known is not None and known.values == kept.values:
            kept.registered = known.registered
        return kept


def _all(texts: Mapping[str, str]) -> Iterable[tuple[str, Reference]]:
    return ((key, reference) for key, text in texts.items() for reference in references(text))


def _source(reference: Reference) -> Source:
    return reference.path if isinstance(reference, Stored) else reference


def _named(why: SecretUnavailable, place: str, key: str, reference: Reference) -> SecretUnavailable:
    return type(why)(f"{place}.{key}: {reference}: {why}")


def _quiet(task: asyncio.Task[_Kept]) -> None:
    """What fails in the background fails again for whoever needs it."""
    with suppress(asyncio.CancelledError, SecretUnavailable):
        task.result()
