"""What an upstream's process writes to its standard error: passed on by the line, and only as text."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable
from typing import Final, TypeAlias

from toolgate.core.plain import plain

# A line is cut after so many characters, and what has no end of line long after that counts as one.
LONGEST: Final = 2000
# POSIX: so much goes into a pipe at once, or waits as a whole.
_PIPE_BUF: Final = 4096
# So many lines are passed on at once, and afterwards so many a second.
BURST: Final = 200
PER_SECOND: Final = 20

Clean: TypeAlias = Callable[[str], str]
Tell: TypeAlias = Callable[[str], bool]


class Complaints:
    """Passes lines on: named, without secrets, nothing in them for a terminal to act on, and never a flood.

    `clean` masks what must not be shown, `tell` writes one line or says that it could not, `now` gives
    seconds.
    """

    def __init__(self, name: str, clean: Clean, tell: Tell, now: Callable[[], float]) -> None:
        self._name, self._clean, self._tell, self._now = name, clean, tell, now
        self._rest = b""
        self._left, self._at = float(BURST), now()
        self._dropped = 0

    def heard(self, data: bytes) -> None:
        """More of what it writes."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._line(line)
        if len(self._rest) > LONGEST * 4:
            line, self._rest = self._rest, b""
            self._line(line)

    def ended(self) -> None:
        """Nothing more comes."""
        line, self._rest = self._rest, b""
        self._line(line)
        self._own_up()

    def _line(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace").replace("\t", "    ").rstrip()
        if not text:
            return
        now = self._now()
        self._left = min(float(BURST), self._left + (now - self._at) * PER_SECOND)
        self._at = now
        if self._left < 1.0:
            self._dropped += 1
            return
        self._left -= 1.0
        self._own_up()
        cut = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
        if not self._tell(f"{self._name}: {plain(self._clean(cut))}"):
            self._dropped += 1

    def _own_up(self) -> None:
        if self._dropped and self._tell(f"{self._name}: {self._dropped} more lines, too many to be shown"):
            self._dropped = 0


def to_stderr(line: str) -> bool:
    """Write a line to our own standard error, unless whoever should read it does not: nobody waits for it."""
    data = line.encode("utf-8", "replace")[: _PIPE_BUF - 1] + b"\n"
    try:
        sys.stderr.flush()
        number = sys.stderr.fileno()
        if not _takes(number):
            return False
        os.write(number, data)
    except (OSError, ValueError):
        return False  # closed, or no file at all
    return True


def _takes(number: int) -> bool:
    """Whether a write of at most PIPE_BUF bytes returns at once."""
    if sys.platform == "win32":
        return True
    waiting = select.poll()
    waiting.register(number, select.POLLOUT)
    return bool(waiting.poll(0))
