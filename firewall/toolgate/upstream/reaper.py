"""Ends the process groups of upstreams when toolgate itself is killed and cannot."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress

# Reads `+ GROUP` and `- GROUP` until toolgate is gone, then ends every group that is left.
_SCRIPT = """
groups=
while read -r word group; do
  rest=
  for one in $groups; do [ "$one" = "$group" ] || rest="$rest $one"; done
  groups=$rest
  [ "$word" = - ] || groups="$groups $group"
done
for one in $groups; do kill -KILL "-$one"; done
"""


class Reaper:
    """One small shell beside toolgate, started with the first upstream. Windows has none."""

    def __init__(self) -> None:
        self._shell: subprocess.Popen[bytes] | None = None
        self._groups: set[int] = set()

    def watch(self, group: int) -> None:
        """End this process group when toolgate ends without having done so."""
        self._groups.add(group)
        self._tell(b"+ %d\n" % group)

    def forget(self, group: int) -> None:
        """This process group has ended."""
        if group in self._groups:
            self._groups.discard(group)
            self._tell(b"- %d\n" % group)

    def close(self) -> None:
        """Let the shell end what is left, and itself."""
        shell, self._shell = self._shell, None
        if shell is None or shell.stdin is None:
            return
        with suppress(BrokenPipeError):
            shell.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            shell.wait(1)

    def _tell(self, line: bytes) -> None:
        if sys.platform == "win32":
            return
        if self._shell is None or self._shell.poll() is not None:
            self._shell = _started()
            line = b"".join(b"+ %d\n" % group for group in self._groups)
        with suppress(BrokenPipeError):  # it was killed this very moment; the next word starts it anew
            if self._shell.stdin is not None:
                self._shell.stdin.write(line)


def _started() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["/bin/sh", "-c", _SCRIPT],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        start_new_session=True,
    )
