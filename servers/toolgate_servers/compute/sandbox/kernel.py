"""Python in the jail, seen from outside: pieces of code go in, texts and pictures come out."""

import base64
import binascii
import json
import os
import select
import time
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from toolgate_servers.compute.sandbox.cells import (
    MAX_OUTPUT,
    MAX_PICTURE_BYTES,
    MAX_PICTURES,
    Ran,
    limit_reached,
    sandbox_failed,
)
from toolgate_servers.compute.sandbox.jail import Jail, Limits, Mount, site_packages
from toolgate_servers.compute.sandbox.process import Jailed, Spawner
from toolgate_servers.errors import Refused
from toolgate_servers.running import Run

GRACE_SECONDS: Final = 1.0
LOOKING: Final = 0.05
MAX_ANSWER: Final = 4 * MAX_OUTPUT + MAX_PICTURES * MAX_PICTURE_BYTES * 2
PNG: Final = b"\x89PNG\r\n\x1a\n"
ENVIRONMENT: Final = {
    "MPLBACKEND": "Agg",
    "MPLCONFIGDIR": "/tmp/mpl",  # noqa: S108  # inside
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "POLARS_MAX_THREADS": "1",
}


class Answer(BaseModel):
    """What comes out of the jail; code inside may have made it up."""

    model_config = ConfigDict(extra="forbid", strict=True)

    value: Annotated[str | None, Field(max_length=MAX_OUTPUT)]
    output: Annotated[str, Field(max_length=MAX_OUTPUT)]
    error: Annotated[str | None, Field(max_length=MAX_OUTPUT)]
    truncated: bool
    limit: Literal["time", "memory"] | None
    pictures: Annotated[
        list[Annotated[str, Field(max_length=MAX_PICTURE_BYTES * 2)]], Field(max_length=MAX_PICTURES)
    ]


class Kernel:
    """One namespace of Python in a jail of its own."""

    def __init__(self, spawner: Spawner, limits: Limits, *, libraries: bool) -> None:
        folders = site_packages() if libraries else []
        self._packages = [str(folder) for folder in folders]
        self._began = 0.0
        mounts = tuple(Mount(folder, str(folder)) for folder in folders)
        self._jailed = Jailed(Jail(mounts=mounts, environment=ENVIRONMENT, limits=limits), spawner)

    @property
    def is_alive(self) -> bool:
        """Whether the namespace is still there."""
        return self._jailed.process.poll() is None

    def close(self) -> None:
        """End the jail."""
        self._jailed.end()

    def run(self, code: str, seconds: float, run: Run) -> Ran:
        """Run a piece of code.

        Raises:
            Refused: LIMIT_REACHED, SANDBOX_FAILED, CANCELLED or TIMED_OUT.
        """
        request = {"code": code, "seconds": seconds, "output": MAX_OUTPUT, "packages": self._packages}
        body = json.dumps(request).encode()
        self._began = time.monotonic()
        ends = self._began + seconds + GRACE_SECONDS
        try:
            self._send(len(body).to_bytes(4, "big") + body, ends, run)
            length = int.from_bytes(self._take(4, ends, run), "big")
            if length > MAX_ANSWER:
                raise sandbox_failed("an answer that is too long")
            answer = Answer.model_validate_json(self._take(length, ends, run))
        except (ValidationError, OSError) as problem:
            self.close()
            raise sandbox_failed(type(problem).__name__) from None
        except Refused:
            self.close()
            raise
        if answer.limit is not None:
            raise limit_reached(answer.limit)
        return Ran(
            answer.value, answer.output, answer.truncated, answer.error, tuple(pictures_in(answer.pictures))
        )

    def _send(self, body: bytes, ends: float, run: Run) -> None:
        assert self._jailed.process.stdin is not None
        pipe = self._jailed.process.stdin.fileno()
        os.set_blocking(pipe, False)
        while body:
            self._wait(ends, run, writing=pipe)
            body = body[os.write(pipe, body[:65536]) :]

    def _take(self, count: int, ends: float, run: Run) -> bytes:
        assert self._jailed.process.stdout is not None
        pipe = self._jailed.process.stdout.fileno()
        parts: list[bytes] = []
        while count:
            self._wait(ends, run, reading=pipe)
            part = os.read(pipe, min(count, 1 << 20))
            if not part:
                raise self._broken()
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def _wait(self, ends: float, run: Run, *, reading: int = -1, writing: int = -1) -> None:
        """Wait until a pipe is ready, while the caller waits and the jail keeps within its limits."""
        while True:
            run.check()
            if time.monotonic() > ends:
                raise limit_reached("time")
            self._jailed.look()
            run.progress(time.monotonic() - self._began, text="running")
            ready = select.select(
                [reading] if reading >= 0 else [], [writing] if writing >= 0 else [], [], LOOKING
            )
            if ready[0] or ready[1]:
                return

    def _broken(self) -> Refused:
        """Say what it means that nothing comes out any more."""
        return sandbox_failed(
            self._jailed.why() or "an end of the process: the code ended it, or used more than it may"
        )


def pictures_in(texts: list[str]) -> list[bytes]:
    """Read pictures; what is not one is left out."""
    found: list[bytes] = []
    for text in texts:
        try:
            content = base64.b64decode(text, validate=True)
        except binascii.Error:
            continue
        if content.startswith(PNG) and len(content) <= MAX_PICTURE_BYTES:
            found.append(content)
    return found
