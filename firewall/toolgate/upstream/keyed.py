"""Where an upstream is right now: its references resolved, again when they are due or it refuses them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Protocol

from toolgate.errors import SecretUnavailable
from toolgate.ports import Revealed, Secrets

if TYPE_CHECKING:
    from toolgate.upstream.pool import Answer

_REFUSED: Final = (401, 403)
_COMMAND: Final = "command[{}]"


@dataclass(frozen=True, slots=True)
class Address:
    """Where an upstream is: a URL with headers, or a command with its environment.

    `headers`, `command` and `env` may hold references where `Located` is given secrets.
    """

    timeout: float
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    cwd: Path | None = None
    share: Literal["session", "caller", "all"] = "session"
    max_processes: int = 8

    def texts(self) -> dict[str, str]:
        """Everything that may hold a reference, by its place below the upstream in the settings."""
        return {
            **{f"headers.{key}": text for key, text in self.headers.items()},
            **{_COMMAND.format(index): word for index, word in enumerate(self.command)},
            **{f"env.{key}": text for key, text in self.env.items()},
        }

    def filled(self, texts: Mapping[str, str]) -> Address:
        """The same with these texts in their places."""
        return replace(
            self,
            headers={key: texts[f"headers.{key}"] for key in self.headers},
            command=tuple(texts[_COMMAND.format(index)] for index in range(len(self.command))),
            env={key: texts[f"env.{key}"] for key in self.env},
        )


class Located:
    """An address whose references are resolved at the last moment. Without `secrets` it is as it stands."""

    def __init__(
        self,
        name: str,
        address: Address,
        secrets: Secrets | None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.address = address
        self._name = name
        self._secrets = secrets
        self._texts = address.texts()
        self._monotonic = monotonic
        self._now = address
        self._until = -math.inf if secrets is not None and _referring(self._texts) else math.inf

    @property
    def constant(self) -> bool:
        """Whether it holds no reference, so that it never changes."""
        return self._secrets is None or not _referring(self._texts)

    async def now(self) -> Address:
        """The address with its values. Costs next to nothing while they count. Raises SecretUnavailable."""
        if self._monotonic() >= self._until and self._secrets is not None:
            self._taken(await self._secrets.reveal(f"upstreams.{self._name}", self._texts))
        return self._now

    async def again(self, used: Address) -> Address | None:
        """After the upstream refused `used`: the address where it is another now, else None."""
        if self._now is not used or self._secrets is None:
            return None if self._now == used else self._now
        try:
            self._taken(await self._secrets.reread(f"upstreams.{self._name}", self._texts))
        except SecretUnavailable:
            return None  # what the upstream said counts
        return None if self._now == used else self._now

    def _taken(self, revealed: Revealed) -> None:
        found = self.address.filled(revealed.texts)
        self._check(found)
        self._until = revealed.until
        if found != self._now:
            self._now = found

    def _check(self, found: Address) -> None:
        for key, text in found.headers.items():
            if not (text.isascii() and text.isprintable()):
                raise self._unfit(f"headers.{key}", "a header can hold, expected ASCII on one line")
        for key, text in found.texts().items():
            if "\0" in text:
                raise self._unfit(key, "a program can be given, expected text without NUL")

    def _unfit(self, key: str, what: str) -> SecretUnavailable:
        return SecretUnavailable(f"upstreams.{self._name}.{key}: found a value that is nothing {what}")


class Sender(Protocol):
    """What a link sends its requests through."""

    async def send(self, method: bytes, headers: bytes, body: bytes) -> Answer:
        """One exchange. `headers` are whole lines. Raises UpstreamDown; cancelling drops the connection."""
        ...


class Keyed:
    """A pool whose every request carries the headers of an address as they are now.

    A request that the upstream refuses is sent once more if the headers have changed meanwhile.
    """

    def __init__(self, pool: Sender, located: Located) -> None:
        self._pool = pool
        self._located = located
        self._address: Address | None = None
        self._lines = b""

    async def send(self, method: bytes, headers: bytes, body: bytes) -> Answer:
        """One exchange. Raises UpstreamDown, SecretUnavailable where a header cannot be had."""
        address = await self._located.now()
        answer = await self._pool.send(method, self._written(address) + headers, body)
        if answer.status not in _REFUSED:
            return answer
        other = await self._located.again(address)
        if other is None:
            return answer
        answer.close()
        return await self._pool.send(method, self._written(other) + headers, body)

    def _written(self, address: Address) -> bytes:
        if address is not self._address:
            lines = "".join(f"{key}: {value}\r\n" for key, value in address.headers.items())
            self._address, self._lines = address, lines.encode("ascii")
        return self._lines


def _referring(texts: Mapping[str, str]) -> bool:
    return any("secret:" in text for text in texts.values())
