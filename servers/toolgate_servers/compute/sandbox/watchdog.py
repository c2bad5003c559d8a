"""Run as a script: kills what is at work when the process that started it is gone, however it ended.

Reads `+PID` and `-PID`, one to a line, a group of processes as a negative PID; when the other end closes,
what is left is killed.
"""

import os
import signal
import sys


def main() -> None:
    """Remember what is at work, and end it when nobody is left."""
    working: set[int] = set()
    for line in sys.stdin:
        pid = int(line[1:])
        if line.startswith("+"):
            working.add(pid)
        else:
            working.discard(pid)
    for pid in working:
        try:
            os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))
        except OSError:
            continue  # it has ended by itself


if __name__ == "__main__":
    main()
