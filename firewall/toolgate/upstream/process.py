"""A child process that speaks newline-delimited JSON-RPC: spawned lean, ended with all it started."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import cast

from toolgate.errors import UpstreamDown
from toolgate.upstream.complaints import Complaints
from toolgate.upstream.reaper import Reaper

MAX_LINE = 16 * 1024 * 1024
MAX_UNREAD = 64 * 1024 * 1024
_GRACE_SECONDS = 2.0
_STDOUT, _STDERR = 1, 2
_PR_SET_PDEATHSIG = 1
# What a program needs to start at all; everything else comes from the settings.
_INHERITED = (
    "HOME LOGNAME PATH SHELL TERM USER LANG LC_ALL TMPDIR SSL_CERT_FILE SSL_CERT_DIR NODE_EXTRA_CA_CERTS "
    "APPDATA HOMEDRIVE HOMEPATH LOCALAPPDATA PATHEXT PROCESSOR_ARCHITECTURE SYSTEMDRIVE SYSTEMROOT "
    "TEMP USERPROFILE"
).split()

Heard = Callable[[bytes], None]
Ended = Callable[[int | None], None]


class Process(asyncio.SubprocessProtocol):
    """One child. Lines of its standard output go to `heard`, its end to `ended`, stderr to `complaints`."""

    def __init__(self, name: str, heard: Heard, ended: Ended, complaints: Complaints, reaper: Reaper) -> None:
        self._name = name
        self._reaper = reaper
        self._pid = 0
        self._heard = heard
        self._ended = ended
        self._complaints = complaints
        self._rest = bytearray()
        self._stopping = False
        self.killed_because = ""
        self._exited: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.SubprocessTransport | None = None

    @property
    def alive(self) -> bool:
        """Whether the child still runs."""
        return self._transport is not None and self._transport.get_returncode() is None

    async def start(self, command: Sequence[str], env: Mapping[str, str], cwd: Path | None) -> None:
        """Spawn the child in a session of its own. Raises UpstreamDown, naming the program."""
        loop = asyncio.get_running_loop()
        inherited = {key: os.environ[key] for key in _INHERITED if key in os.environ}
        try:
            await loop.subprocess_exec(
                lambda: self,
                *command,
                cwd=cwd,
                env={**inherited, **env},
                start_new_session=True,
                preexec_fn=_leash if sys.platform == "linux" else None,
            )
        except OSError as error:
            why = "not found" if isinstance(error, FileNotFoundError) else type(error).__name__
            raise UpstreamDown(f"{self._name}: cannot start {command[0]}: {why}") from error

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.SubprocessTransport", transport)
        self._pid = self._transport.get_pid()
        self._reaper.watch(self._pid)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == _STDERR:
            self._complaints.heard(data)
            return
        rest = self._rest
        rest += data
        if b"\n" not in data:
            if len(rest) > MAX_LINE:
                rest.clear()
                self.kill(f"it wrote a line of more than {MAX_LINE} bytes")
            return
        *lines, last = bytes(rest).split(b"\n")
        self._rest = bytearray(last)
        for line in lines:
            if line.strip():
                self._heard(line)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd == _STDERR:
            self._complaints.ended()
        elif fd == _STDOUT and not self._exited.done() and not self._stopping:
            self.kill("it closed its standard output")

    def process_exited(self) -> None:
        self._finish()

    def connection_lost(self, exc: Exception | None) -> None:
        self._finish()

    def write(self, line: bytes) -> None:
        """One message to the child. Raises UpstreamDown when it is gone."""
        stdin = self._transport.get_pipe_transport(0) if self._transport is not None else None
        if stdin is None or stdin.is_closing() or not self.alive:
            raise UpstreamDown(f"{self._name}: the process has ended")
        pipe = cast("asyncio.WriteTransport", stdin)
        if pipe.get_write_buffer_size() > MAX_UNREAD:
            raise UpstreamDown(f"{self._name}: the process does not read what it is sent")
        pipe.write(line + b"\n")

    async def stop(self) -> None:
        """Close its input, wait, then end the whole process group; at once if there is no time left."""
        if self._transport is None:
            return
        self._stopping = True
        try:
            await self._asked_to_end(self._transport)
        finally:
            # The leader may be gone while what it started is not.
            self._signal(signal.SIGKILL)
            self._transport.close()
            self._reaper.forget(self._pid)

    async def _asked_to_end(self, transport: asyncio.SubprocessTransport) -> None:
        stdin = transport.get_pipe_transport(0)
        if stdin is not None:
            stdin.close()
        for force in (None, signal.SIGTERM, signal.SIGKILL):
            if force is not None:
                self._signal(force)
            if self._exited.done():
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._exited), _GRACE_SECONDS)

    def kill(self, why: str) -> None:
        """End the whole process group at once, for a reason that its callers are told."""
        self.killed_because = why
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        if not self._pid:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pid, number)

    def _finish(self) -> None:
        if not self._exited.done():
            self._exited.set_result(None)
            if not self._stopping:
                self._signal(signal.SIGKILL)  # what it started and left behind
                self._reaper.forget(self._pid)
            self._ended(self._transport.get_returncode() if self._transport is not None else None)


def _load_libc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if sys.platform == "linux" else None


_LIBC = _load_libc()


def _leash() -> None:
    """Runs in the child before exec: when toolgate dies, however it dies, so does the child."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
