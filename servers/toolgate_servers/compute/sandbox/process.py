"""Starting a jail, watching what it uses, and ending it: nothing of it outlives this process."""

import json
import os
import queue
import select
import signal
import subprocess
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Final

from toolgate_servers.compute.sandbox.bpf import seccomp_filter
from toolgate_servers.compute.sandbox.cells import limit_reached, sandbox_failed
from toolgate_servers.compute.sandbox.jail import Jail, command_line
from toolgate_servers.compute.sandbox.watching import watchdog

STARTING_SECONDS: Final = 10.0
MAX_FILES: Final = 20_000  # each takes a kilobyte of the kernel that is counted nowhere
SCRATCH: Final = "/tmp"  # noqa: S108  # inside
PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class Spawner:
    """Starts every jail from one thread that never ends.

    A jail dies with the thread that started it (PR_SET_PDEATHSIG), and worker threads come and go.
    """

    def __init__(self) -> None:
        self._work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        threading.Thread(target=self._forever, name="jails", daemon=True).start()

    def start(self, command: list[str], descriptors: tuple[int, ...]) -> subprocess.Popen[bytes]:
        """Start a process with pipes for its input, output and errors."""
        done: queue.SimpleQueue[subprocess.Popen[bytes] | OSError] = queue.SimpleQueue()

        def popen() -> None:
            try:
                done.put(
                    subprocess.Popen(
                        command,
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.PIPE,
                        pass_fds=descriptors,
                        env={},
                        cwd="/",
                        bufsize=0,
                        start_new_session=True,  # see _kill
                    )
                )
            except OSError as problem:
                done.put(problem)

        self._work.put(popen)
        started = done.get()
        if isinstance(started, OSError):
            raise started
        return started

    def _forever(self) -> None:
        while True:
            self._work.get()()


class Jailed:
    """A jail that runs; `end` it, or it ends with this object or this process."""

    def __init__(self, jail: Jail, spawner: Spawner) -> None:
        self._limits = jail.limits
        filtered = seccomp_filter(forks=jail.forks)
        seccomp, info, lifeline = os.pipe(), os.pipe(), os.pipe()
        try:
            os.write(seccomp[1], filtered)
            os.close(seccomp[1])
            watched = watchdog().pipe()
            command = command_line(
                jail, seccomp=seccomp[0], info=info[1], lifeline=lifeline[0], watched=watched
            )
            self.process = spawner.start(command, (seccomp[0], info[1], lifeline[0], watched))
            watchdog().watch(-self.process.pid)
        except OSError as problem:
            os.close(info[0])
            os.close(lifeline[1])
            raise sandbox_failed(type(problem).__name__) from problem
        finally:
            for inner in (seccomp[0], info[1], lifeline[0]):
                os.close(inner)
        self.end: Callable[[], object] = weakref.finalize(self, _end, self.process, lifeline[1])
        self._inside = self._first(info[0])

    def _first(self, info: int) -> int:
        """Give the first process inside, as it is called outside."""
        try:
            return int(json.loads(_object(info))["child-pid"])
        except (ValueError, KeyError) as problem:
            raise sandbox_failed(self.why() or "nothing said why") from problem
        finally:
            os.close(info)

    def why(self) -> str:
        """End it, and give the last line that it wrote as errors."""
        _kill(self.process)
        assert self.process.stderr is not None
        said = self.process.stderr.read(4000).decode("utf-8", "replace").strip().splitlines()
        self.end()
        return said[-1][:200] if said else ""

    def look(self) -> None:
        """Be sure that what is inside keeps within what no limit of the kernel counts.

        Raises:
            Refused: LIMIT_REACHED for memory or files.
        """
        if self._memory() > self._limits.memory:
            raise limit_reached("memory")
        if self._files() > MAX_FILES:
            raise limit_reached("files")

    def _files(self) -> int:
        try:
            folder = os.open(f"/proc/{self._inside}/root{SCRATCH}", os.O_PATH | os.O_DIRECTORY)
        except OSError:
            return 0  # it has ended
        try:
            # Until it has a root of its own, that is the folder of the machine.
            if os.fstat(folder).st_dev == Path(SCRATCH).stat().st_dev:
                return 0
            scratch = os.statvfs(folder)
            return scratch.f_files - scratch.f_ffree
        finally:
            os.close(folder)

    def _memory(self) -> int:
        total, pending = 0, [self._inside]
        while pending:
            pid = pending.pop()
            try:
                total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
                for task in Path(f"/proc/{pid}/task").iterdir():
                    pending += [int(child) for child in (task / "children").read_text().split()]
            except (OSError, ValueError, IndexError):
                continue  # it has ended meanwhile
        return total


def _end(process: subprocess.Popen[bytes], lifeline: int) -> None:
    os.close(lifeline)
    _kill(process)
    watchdog().forget(-process.pid)
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:
                pass  # unwritten input of a process that is gone


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a jail; what is inside dies with it (--die-with-parent), but only once it has begun.

    The group: killed while it starts, bubblewrap leaves a child that would wait for it for ever.
    """
    if process.poll() is None or process.returncode < 0:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it has ended meanwhile


def _object(descriptor: int) -> bytes:
    """Read one JSON object; the other end stays open in what waits inside, so there is no end to wait for."""
    said, ends = b"", time.monotonic() + STARTING_SECONDS
    while not said.rstrip().endswith(b"}"):
        ready, _, _ = select.select([descriptor], [], [], max(0.0, ends - time.monotonic()))
        part = os.read(descriptor, 4096) if ready else b""
        if not part:
            break
        said += part
    return said
